// lnxData: `lnx data`: text to a token file in llm.c's format.
// With --val the end of the text goes to a second file, split at a character as nanoGPT does.
#include "lnxCommand.h"

#include "lnx/train/progress.h"

#include <filesystem>
#include <fmt/format.h>

namespace lnx::tool {

namespace {

struct DataOptions {
  std::string input, output, heldOut;
  double share = 0.9;
  TokenizerChoice tokenizer;
  bool json = false;
};

} // namespace

// Whether two names are one file, or would be; devices and pipes may serve twice.
static bool isSameFile(const std::string &a, const std::string &b) {
  namespace fs = std::filesystem;
  std::error_code missing;
  if (a.empty() || b.empty() || (fs::exists(a, missing) && !fs::is_regular_file(a, missing)))
    return false;
  return fs::weakly_canonical(a, missing) == fs::weakly_canonical(b, missing) ||
         fs::equivalent(a, b, missing);
}

// Files that would be written over what is read or written besides.
static std::optional<Error> checkPaths(const DataOptions &options) {
  for (const std::string *output : {&options.output, &options.heldOut})
    if (isSameFile(*output, options.input) || isSameFile(*output, options.tokenizer.alphabetPath))
      return Error{fmt::format("'{}' is read and cannot be written as well", *output), Exit::usage};
  if (isSameFile(options.output, options.heldOut))
    return Error{fmt::format("'{}' cannot be the file of both parts", options.output), Exit::usage};
  if (!(options.share >= 0 && options.share <= 1))
    return Error{fmt::format("'split' is {}, it must be between 0 and 1", options.share),
                 Exit::usage};
  return std::nullopt;
}

static Result<int64_t> writePart(std::string_view text, const std::string &path,
                                 const Tokenizer &tokenizer) {
  Result<Tokens> tokens = Tokens::fromText(text, tokenizer);
  if (!tokens)
    return tokens.error();
  if (auto error = writeTokens(path, *tokens, tokenizer.vocabulary()))
    return *error;
  return tokens->size();
}

static Exit runData(const DataOptions &options) {
  if (auto error = checkPaths(options))
    return fail(*error);
  Result<std::string> text = readText(options.input);
  if (!text)
    return fail(text.error());
  auto tokenizer = openTokenizer(options.tokenizer, *text);
  if (!tokenizer)
    return fail(tokenizer.error());
  std::string_view all = *text;
  size_t point = options.heldOut.empty() ? all.size() : splitPoint(all, options.share);
  Result<int64_t> training = writePart(all.substr(0, point), options.output, **tokenizer);
  if (!training)
    return fail(training.error());
  Result<int64_t> heldOut = 0;
  if (!options.heldOut.empty())
    if (heldOut = writePart(all.substr(point), options.heldOut, **tokenizer); !heldOut)
      return fail(heldOut.error());
  if (options.json) {
    say(stdout,
        fmt::format(R"({{"tokenizer":"{}","vocabulary":{},"bytes":{},"tokens":{},"val_tokens":{}}})"
                    "\n",
                    (*tokenizer)->name(), (*tokenizer)->vocabulary(), all.size(), *training,
                    *heldOut));
    return Exit::done;
  }
  say(stdout,
      fmt::format("{}: {} tokens, vocabulary {} ({})\n", options.output, withThousands(*training),
                  withThousands((*tokenizer)->vocabulary()), (*tokenizer)->name()));
  if (!options.heldOut.empty())
    say(stdout, fmt::format("{}: {} tokens held out\n", options.heldOut, withThousands(*heldOut)));
  return Exit::done;
}

void addData(CLI::App &app, Action &action) {
  auto options = std::make_shared<DataOptions>();
  CLI::App *command = app.add_subcommand("data", "turn text into a token file");
  command->add_option("text", options->input, "text file, or - for standard input")->required();
  command->add_option("-o,--output", options->output, "token file to write, llm.c's .bin")
      ->required();
  command->add_option("--val", options->heldOut, "second token file, for the end of the text");
  command->add_option("--split", options->share, "share of the characters before --val's")
      ->capture_default_str();
  addTokenizerOptions(*command, options->tokenizer);
  command->add_flag("--json", options->json, "print the counts as JSON");
  command->footer(
      "Examples:\n"
      "  lnx data book.txt -o book.bin\n"
      "  lnx data book.txt -o train.bin --val val.bin --tokenizer gpt2 --vocab-dir gpt2\n"
      "  bible -f gen1:1-rev22:21 | lnx data - -o bible.bin");
  command->callback([options, &action] {
    action = [options](const CommandLine &) { return runData(*options); };
  });
}

} // namespace lnx::tool
