// lnxCommand.h: what the subcommands of `lnx` share: opening models and data, talking, failing.
// Only tools include it; results go to stdout, talk to stderr where --json asks for data.
#pragma once

#include "lnx/runtime.h"
#include "lnx/train/tokens.h"
#include "lnx/train/trainer.h"

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace lnx::tool {

// What the chosen subcommand does once all arguments are read; given the whole command line.
using CommandLine = std::vector<std::string>;
using Action = std::function<Exit(const CommandLine &)>;

// Each declares one subcommand and sets `action` when it is chosen.
void addData(CLI::App &app, Action &action);
void addTrain(CLI::App &app, Action &action);
void addEval(CLI::App &app, Action &action);
void addSample(CLI::App &app, Action &action);
void addDemo(CLI::App &app, Action &action);
void addDoctor(CLI::App &app, Action &action);
void addPlan(CLI::App &app, Action &action);
void addVerify(CLI::App &app, Action &action);

void say(std::FILE *stream, const std::string &text);
// Why something said on stdout is lost, such as a full disk; nothing when only its reader left.
std::optional<Error> lostOutput();
// Prints "error: message" and returns the exit code of the error.
Exit fail(const Error &error);

// A number with its unit: "1.05 M", "124 M".
std::string shortCount(int64_t number);
std::string shortBytes(size_t bytes);

// True once a signal asked the run to end; a second signal ends the process at once.
const std::atomic<bool> &stopOnSignals();

// Which model: a compiled model.so, or a .lnx file that is compiled in memory.
struct ModelChoice {
  std::string path;
  std::vector<std::string> settings; // NAME=VALUE, for .lnx files
  std::string device = "cpu";        // what runs it: cpu or cuda
  std::string precision = {};        // of rows, for .lnx files: f32 or bf16; empty: the device's
};
void addModelOptions(CLI::App &command, ModelChoice &choice);
using Settings = std::vector<std::pair<std::string, std::string>>;
Result<Settings> settingsOf(const ModelChoice &choice);
Result<Program> openModel(const ModelChoice &choice);
int64_t parameterCount(const lnx_program &program);

// Lets training evaluate what the hidden states cannot exceed, every `every` steps. Returns a line
// that says why where it cannot, else nothing. `session` outlives the training.
std::string boundHidden(TrainOptions &options, Session &session, int64_t every, int threads);

// Which vocabulary.
struct TokenizerChoice {
  std::string name = "byte";
  std::string vocabularyFolder; // gpt2
  std::string alphabetPath;     // char: a text with all characters
};
void addTokenizerOptions(CLI::App &command, TokenizerChoice &choice);
// `sample` is the text whose characters make up a character vocabulary without an alphabet file.
Result<std::unique_ptr<Tokenizer>> openTokenizer(const TokenizerChoice &choice,
                                                 std::string_view sample);
// The same, with the file at `dataPath` as the sample.
Result<std::unique_ptr<Tokenizer>> openTokenizerFor(const TokenizerChoice &choice,
                                                    const std::string &dataPath);
Result<std::string> readText(const std::string &path); // "-" is stdin

// How to generate text.
struct TextChoice {
  std::string prompt = "\n";
  int64_t tokens = 200;
  double temperature = 0.8;
  int64_t topK = 0;
  uint64_t seed = 1;
};
void addTextOptions(CLI::App &command, TextChoice &choice);
// `tokensName` is the option that says how many tokens.
std::optional<Error> checkTextOptions(const TextChoice &choice, const char *tokensName);
// Hands each piece of text over as soon as it is generated; the prompt is the first.
std::optional<Error> generate(Session &session, const Tokenizer &tokenizer,
                              const TextChoice &choice, int64_t window,
                              const std::function<void(std::string_view)> &write);

} // namespace lnx::tool
