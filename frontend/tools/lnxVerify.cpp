// lnxVerify: `lnx verify`: what can be said about a model's stability before it is trained.
// The report goes to stdout; the exit code says how the model's `check` statements ended.
#include "lnxCommand.h"

#include "frontend/VerifyFile.h"

#include <fmt/format.h>
#include <unistd.h>

namespace lnx::tool {
namespace {
struct VerifyCommand {
  ModelChoice model;
  VerifyRequest request;
};

Exit runVerify(VerifyCommand &command) {
  if (command.model.path.empty() && command.request.replay.empty())
    return fail(Error{"a .lnx file is needed", Exit::usage});
  if (command.model.path.ends_with(".so"))
    return fail(Error{fmt::format("'{}' is compiled, 'lnx verify' reads the .lnx file it was "
                                  "made from",
                                  command.model.path),
                      Exit::usage});
  Result<Settings> settings = settingsOf(command.model);
  if (!settings)
    return fail(settings.error());
  command.request.path = command.model.path;
  command.request.witnesses = true;
  command.request.settings = std::move(*settings);
  bool isShown = false;
  if (::isatty(STDERR_FILENO))
    command.request.progress = [&isShown](const std::string &text) {
      say(stderr, "\r" + text + "\033[K");
      isShown = true;
    };
  const Result<Verified> verified = verifyFile(command.request);
  if (isShown)
    say(stderr, "\r\033[K");
  if (!verified)
    return fail(verified.error());
  say(stdout, verified->report);
  if (!verified->certificate.empty())
    say(command.request.json ? stderr : stdout,
        fmt::format("certificate  {}\n", verified->certificate));
  if (!verified->problem)
    return verified->exit;
  const Exit exit = fail(*verified->problem);
  return verified->exit == Exit::done ? exit : verified->exit;
}
} // namespace

void addVerify(CLI::App &app, Action &action) {
  auto command = std::make_shared<VerifyCommand>();
  CLI::App *verify = app.add_subcommand(
      "verify", "say what can be proved about a model's stability, and what cannot");
  verify->add_option("model", command->model.path, "a .lnx file");
  verify->add_option("--model", command->request.model,
                     "the model to verify (default: the last of the file)");
  verify->add_option("--set", command->model.settings, "NAME=VALUE of a parameter of the model")
      ->allow_extra_args(false);
  verify
      ->add_option("--property", command->request.properties,
                   "only this property, such as forward.bound; may be given again")
      ->allow_extra_args(false);
  verify
      ->add_option("--baseline", command->request.baseline,
                   "say what differs from this .lnx file's model, or from FILE:MODEL")
      ->type_name("FILE");
  verify->add_flag("--json", command->request.json, "the report as JSON");
  verify
      ->add_option("--certificate", command->request.certificate,
                   "write how each PROVED was derived, for lnx-certify to check again (default: "
                   "MODEL.certificate.json)")
      ->expected(0, 1);
  verify
      ->add_option("--replay", command->request.replay,
                   "evaluate this witness of a REFUTED property and show the violation; the model "
                   "is the file it names unless given")
      ->check(CLI::ExistingFile)
      ->excludes("--model")
      ->excludes("--set")
      ->excludes("--property")
      ->excludes("--baseline")
      ->excludes("--json");
  verify->footer("For each REFUTED property, weights and an input that violate it are written to\n"
                 "MODEL.PROPERTY.witness.json in the current directory.\n"
                 "Exit code 0, or by the model's check statements: 3 one is REFUTED, 4 one is "
                 "UNKNOWN.\n"
                 "With --replay: 0 the violation is shown, 4 it is not, 1 the witness does not fit "
                 "the model.\n"
                 "Examples:\n"
                 "  lnx verify gpt2_peri.lnx\n"
                 "  lnx verify gpt2_peri.lnx --set depth=1000 --property growth\n"
                 "  lnx verify gpt2_peri.lnx --json > verdict.json\n"
                 "  lnx verify --replay gpt2.forward.growth.witness.json");
  verify->callback([&action, command] {
    action = [command](const CommandLine &) { return runVerify(*command); };
  });
}

} // namespace lnx::tool
