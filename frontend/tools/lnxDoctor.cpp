// lnxDoctor: `lnx doctor`: what this machine has, whether each device works, and what to do.
// A check that fails decides the exit code only where the chosen device needs it.
#include "lnxCommand.h"

#include "frontend/SelfTest.h"
#include "lnx/machine.h"

#include <fmt/format.h>
#include <langinfo.h>
#include <locale.h>
#include <nlohmann/json.hpp>
#include <sys/statvfs.h>
#include <unistd.h>

namespace lnx::tool {
namespace {

struct DoctorCommand {
  std::string device = "cpu";
  std::string vocabularyFolder;
  bool json = false;
};

enum class Status { ok, note, fails };

struct Finding {
  Status status = Status::ok;
  std::string name, found, next;
  Exit exit = Exit::done; // where it fails
};

const char *wordOf(Status status) {
  return status == Status::ok ? "ok" : status == Status::note ? "note" : "fails";
}

Finding checkCpu(const Machine &machine) {
  Finding finding{Status::ok, "processor",
                  fmt::format("{}, kernels for {}, {} of {} processors", machine.cpu,
                              machine.kernels, machine.usable, machine.processors),
                  ""};
  if (machine.quota && *machine.quota < machine.usable) {
    finding.status = Status::note;
    finding.found += fmt::format(", its control group may use {:.3g} of them", *machine.quota);
    finding.next = fmt::format("'--threads {}' avoids waiting for processors that are not given",
                               std::max(1, static_cast<int>(*machine.quota)));
  }
  return finding;
}

Finding checkMemory(const Machine &machine) {
  constexpr size_t little = size_t{1} << 30; // GPT-2 124M takes 2 GB before the first activation
  const bool isLittle = machine.availableMemory < little;
  return {isLittle ? Status::note : Status::ok, "memory",
          fmt::format("{} of {} available", shortBytes(machine.availableMemory),
                      shortBytes(machine.memory)),
          isLittle ? "'lnx plan MODEL' says what a model needs" : ""};
}

Finding checkDisk() {
  struct statvfs disk{};
  if (statvfs(".", &disk) != 0)
    return {Status::note, "disk", "the current folder cannot be read", "change to another one"};
  constexpr size_t little = size_t{1} << 30; // one checkpoint of GPT-2 124M is 1.5 GB
  const size_t available = static_cast<size_t>(disk.f_bavail) * disk.f_frsize;
  const bool isWritable = access(".", W_OK) == 0;
  std::string next;
  if (!isWritable)
    next = "run where files can be written, or give '--out' another folder";
  else if (available < little)
    next = "checkpoints take 12 bytes a parameter: make room";
  return {next.empty() ? Status::ok : Status::note, "disk",
          fmt::format("{} free in the current folder{}", shortBytes(available),
                      isWritable ? "" : ", which cannot be written"),
          next};
}

// Generated text is UTF-8, whatever the terminal expects.
Finding checkLocale() {
  locale_t locale = newlocale(LC_CTYPE_MASK, "", nullptr);
  const std::string codeset = locale ? nl_langinfo_l(CODESET, locale) : "unknown";
  if (locale)
    freelocale(locale);
  if (codeset == "UTF-8")
    return {Status::ok, "locale", "UTF-8", ""};
  return {Status::note, "locale", codeset + ", generated text is UTF-8",
          "'export LC_ALL=C.UTF-8' shows it as it is"};
}

Finding checkTokenizer(const std::string &folder) {
  if (folder.empty())
    return {Status::ok, "tokenizer",
            "byte and char need no file; '--vocab-dir DIR' checks those of gpt2", ""};
  const char *const next = "give the folder of GPT-2's encoder.json and vocab.bpe";
  auto tokenizer = gpt2Tokenizer(folder);
  if (!tokenizer)
    return {Status::fails, "tokenizer", tokenizer.error().message, next, tokenizer.error().exit};
  const Result<std::vector<int32_t>> ids = (*tokenizer)->encode("Hello world");
  if (!ids || *ids != std::vector<int32_t>{15496, 995})
    return {Status::fails, "tokenizer",
            fmt::format("the files of '{}' are not GPT-2's: 'Hello world' has other ids", folder),
            next, Exit::data};
  return {Status::ok, "tokenizer", fmt::format("gpt2 of '{}'", folder), ""};
}

Finding runSelfTest(const std::string &device, bool isNeeded) {
  const Result<SelfTest> test = selfTest(device);
  if (test)
    return {
        Status::ok, device,
        fmt::format("three training steps compiled and run in {:.1f} s, its losses {:.4f} and {:.4f} "
                    "within {:.1g} of the reference",
                    test->seconds, test->before, test->after, test->difference),
        ""};
  // The last line of a message may be the next step.
  const std::string &message = test.error().message;
  constexpr std::string_view mark = "\nhelp: ";
  const size_t help = message.find(mark);
  return {isNeeded ? Status::fails : Status::note, device, message.substr(0, help),
          help == std::string::npos ? "report it together with this page"
                                    : message.substr(help + mark.size()),
          test.error().exit};
}

Finding asFinding(const Check &check, bool isNeeded) {
  const Status failed = isNeeded ? Status::fails : Status::note;
  return {check.works ? Status::ok : failed, check.name, check.found, check.help, Exit::device};
}

// Driver, GPU, cuBLASLt and, where all three work, a step on it.
void checkGpu(bool isNeeded, std::vector<Finding> &findings) {
  for (const Check &check : checkCuda())
    findings.push_back(asFinding(check, isNeeded));
  const Finding last = findings.back();
  findings.push_back(asFinding(checkNccl(), false));
  findings.back().status = Status::ok; // nothing needs it
  if (last.status == Status::ok)
    findings.push_back(runSelfTest("cuda", isNeeded));
  else
    findings.push_back({last.status, "cuda", fmt::format("does not work without its {}", last.name),
                        "", Exit::device});
}

std::string page(const std::vector<Finding> &findings) {
  std::string text = "lnx " LNX_VERSIONS "\n";
  constexpr int indent = 18;
  for (const Finding &finding : findings) {
    std::string found = finding.found;
    for (size_t end = 0; (end = found.find('\n', end)) != std::string::npos;)
      found.replace(end, 1, fmt::format("\n{:{}}", "", indent)), end += indent;
    text += fmt::format("{:<6} {:<10} {}\n", wordOf(finding.status), finding.name, found);
    if (!finding.next.empty())
      text += fmt::format("{:{}}next: {}\n", "", indent, finding.next);
  }
  return text;
}

using Json = nlohmann::ordered_json;

std::string json(const std::vector<Finding> &findings, Exit exit) {
  Json checks = Json::array();
  for (const Finding &finding : findings) {
    Json check = {
        {"name", finding.name}, {"status", wordOf(finding.status)}, {"found", finding.found}};
    if (!finding.next.empty())
      check["next"] = finding.next;
    checks.push_back(check);
  }
  const Json all = {
      {"version", LNX_VERSIONS}, {"checks", checks}, {"exit", static_cast<int>(exit)}};
  return all.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Exit runDoctor(const DoctorCommand &command) {
  const Machine machine = describeMachine();
  std::vector<Finding> findings = {checkCpu(machine),
                                   checkMemory(machine),
                                   checkDisk(),
                                   checkLocale(),
                                   checkTokenizer(command.vocabularyFolder),
                                   runSelfTest("cpu", true)};
  checkGpu(command.device == "cuda", findings);
  Exit exit = Exit::done;
  for (const Finding &finding : findings)
    if (finding.status == Status::fails && exit == Exit::done)
      exit = finding.exit;
  say(stdout, command.json ? json(findings, exit) : page(findings));
  return exit;
}

} // namespace

void addDoctor(CLI::App &app, Action &action) {
  auto options = std::make_shared<DoctorCommand>();
  CLI::App *command = app.add_subcommand("doctor", "check this machine, and say what to do");
  command->add_option("--device", options->device, "the device that must work, cpu or cuda")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
  command->add_option("--vocab-dir", options->vocabularyFolder,
                      "also check GPT-2's encoder.json and vocab.bpe in this folder");
  command->add_flag("--json", options->json, "print the checks as JSON");
  command->footer(
      "Each line is 'ok', a 'note' about what the device does not need, or 'fails'.\n"
      "Examples:\n"
      "  lnx doctor\n"
      "  lnx doctor --device cuda     # would training on the GPU work?\n"
      "  lnx doctor --vocab-dir gpt2 --json\n"
      "Exit codes: 0 the device works, 5 tokenizer files, 7 the GPU, 70 the self-test.");
  command->callback([options, &action] {
    action = [options](const CommandLine &) { return runDoctor(*options); };
  });
}

} // namespace lnx::tool
