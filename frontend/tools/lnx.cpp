// lnx: the user's front: make token files, verify, train, evaluate, sample, plan, check the machine.
// Reads the arguments and hands over to one subcommand; exit codes are those of lnx/result.h.
#include "lnxCommand.h"

#include <algorithm>
#include <csignal>
#include <fmt/format.h>
#include <numeric>
#include <optional>
#include <sstream>

using namespace lnx;
using namespace lnx::tool;

// Levenshtein distance.
static size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

// Prints the error, and the nearest of `known` at a distance of 2 or less.
static Exit unknown(std::string_view what, const std::string &name,
                    const std::vector<std::string> &known) {
  say(stderr, fmt::format("error: unknown {} '{}'\n", what, name));
  const std::string *nearest = nullptr;
  size_t least = 3;
  for (const std::string &candidate : known)
    if (size_t distance = editDistance(name, candidate); distance < least) {
      least = distance;
      nearest = &candidate;
    }
  if (nearest)
    say(stderr, fmt::format("help: did you mean '{}'?\n", *nearest));
  return Exit::usage;
}

static std::vector<std::string> commandNames(const CLI::App &app) {
  std::vector<std::string> names;
  for (const CLI::App *command : app.get_subcommands([](const CLI::App *) { return true; }))
    names.push_back(command->get_name());
  return names;
}

static std::vector<std::string> flagNames(const CLI::App &command) {
  std::vector<std::string> names;
  for (const CLI::Option *option : command.get_options())
    for (const std::string &name : option->get_lnames())
      names.push_back("--" + name);
  return names;
}

// The first long option that `command` does not have; CLI11 would complain about others first.
static std::optional<std::string> unknownOption(const CLI::App &command, int argc, char **argv) {
  std::vector<std::string> known = flagNames(command);
  for (int i = 2; i < argc && std::string_view(argv[i]) != "--"; ++i) {
    std::string name(argv[i]);
    name = name.substr(0, name.find('='));
    if (name.starts_with("--") && std::find(known.begin(), known.end(), name) == known.end())
      return name;
  }
  return std::nullopt;
}

// What CLI11 refuses, in our style.
static Exit refuse(const CLI::App &app, const CLI::ParseError &error) {
  std::string message = error.what(), command = "lnx ";
  if (message.size() > 1 && !std::isupper(static_cast<unsigned char>(message[1])))
    message[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(message[0])));
  for (const CLI::App *chosen : app.get_subcommands())
    command += chosen->get_name() + " ";
  say(stderr, fmt::format("error: {}\nhelp: '{}--help' shows what it takes\n", message, command));
  return Exit::usage;
}

static Exit run(int argc, char **argv) {
  CLI::App app("lnx trains Transformers that are written as equations", "lnx");
  Action action;
  app.require_subcommand(1);
  app.set_version_flag("--version", "lnx " LNX_VERSIONS);
  for (auto add : {addData, addVerify, addTrain, addEval, addSample, addPlan, addDoctor, addDemo})
    add(app, action);
  app.footer("Examples:\n"
             "  lnx demo\n"
             "  lnx verify gpt2_peri.lnx\n"
             "  lnx data book.txt -o book.bin\n"
             "  lnx train lnx-demo/peri_ln.lnx --data book.txt --steps 500 --sample 200\n"
             "  lnx plan gpt2.lnx --gpu h100\n"
             "  lnx doctor\n"
             "'lnx COMMAND --help' says more.");
  if (argc == 1) {
    say(stderr, app.help());
    return Exit::usage;
  }
  if (argv[1][0] != '-') {
    std::vector<std::string> commands = commandNames(app);
    if (std::find(commands.begin(), commands.end(), argv[1]) == commands.end())
      return unknown("command", argv[1], commands);
    const CLI::App &command = *app.get_subcommand(argv[1]);
    if (auto option = unknownOption(command, argc, argv))
      return unknown("option", *option, flagNames(command));
  }
  // CLI11 reports by exception; none leaves this function.
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success &success) {
    std::ostringstream page;
    app.exit(success, page, page);
    say(stdout, page.str());
    return Exit::done;
  } catch (const CLI::ParseError &error) {
    return refuse(app, error);
  }
  return action(CommandLine(argv, argv + argc));
}

int main(int argc, char **argv) {
  // A reader that goes away must not end a training run.
  std::signal(SIGPIPE, SIG_IGN);
  Exit exit = run(argc, argv);
  if (std::optional<Error> lost = lostOutput(); lost && exit == Exit::done)
    exit = fail(*lost);
  return static_cast<int>(exit);
}
