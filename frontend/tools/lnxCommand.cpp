// lnxCommand.cpp: opening models and vocabularies, and generating text, for all subcommands.
// The one place where a .lnx file becomes a program in memory is openModel.
#include "lnxCommand.h"
#include "frontend/Compile.h"

#include "lnx/monitor.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <fstream>

namespace lnx::tool {

static int stdoutFailure = 0; // errno of the first

void say(std::FILE *stream, const std::string &text) {
  // A failure changes nothing about a run; it is told when the command ends.
  bool written = std::fwrite(text.data(), 1, text.size(), stream) == text.size();
  if ((std::fflush(stream) != 0 || !written) && stream == stdout && stdoutFailure == 0)
    stdoutFailure = errno;
}

std::optional<Error> lostOutput() {
  if (stdoutFailure == 0 || stdoutFailure == EPIPE || stdoutFailure == EBADF)
    return std::nullopt;
  return Error{fmt::format("cannot write the output: {}", std::strerror(stdoutFailure)), Exit::io};
}

Exit fail(const Error &error) {
  // The compiler's diagnostics arrive rendered, with their places.
  bool rendered = error.message.find("error: ") != std::string::npos;
  say(stderr, fmt::format("{}{}{}", rendered ? "" : "error: ", error.message,
                          error.message.ends_with("\n") ? "" : "\n"));
  return error.exit;
}

static std::string scaled(double value, double base, std::string_view units) {
  size_t unit = 0;
  for (; value >= base && unit + 1 < units.size(); ++unit)
    value /= base;
  if (unit == 0)
    return fmt::format("{:.0f}", value);
  return fmt::format("{:.{}f} {}", value, value < 10 ? 2 : value < 100 ? 1 : 0, units[unit]);
}

std::string shortCount(int64_t number) { return scaled(static_cast<double>(number), 1e3, " kMGT"); }

std::string shortBytes(size_t bytes) {
  std::string text = scaled(static_cast<double>(bytes), 1024, " KMGT");
  return text + (bytes >= 1024 ? "iB" : " B");
}

void addModelOptions(CLI::App &command, ModelChoice &choice) {
  command.add_option("model", choice.path, "model.so, or a .lnx file to compile")->required();
  command.add_option("--set", choice.settings, "NAME=VALUE of a parameter of the .lnx model");
  command.add_option("--precision", choice.precision,
                     "of rows of the .lnx model: f32 or bf16 (default: bf16 on cuda)")
      ->check(CLI::IsMember({"f32", "bf16"}));
}

// Compiled models may have any name; no .lnx file begins like one.
static bool isCompiled(const std::string &path) {
  char start[4] = {};
  std::ifstream(path, std::ios::binary).read(start, sizeof start);
  return path.ends_with(".so") || std::string_view(start, sizeof start) == "\x7f"
                                                                           "ELF";
}

Result<Settings> settingsOf(const ModelChoice &choice) {
  Settings settings;
  for (const std::string &text : choice.settings) {
    size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      return Error{fmt::format("'--set {}' is not NAME=VALUE", text), Exit::usage};
    settings.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return settings;
}

Result<Program> openModel(const ModelChoice &choice) {
  if (isCompiled(choice.path)) {
    if (!choice.settings.empty())
      return Error{fmt::format("'{}' is compiled already, '--set' needs a .lnx file", choice.path),
                   Exit::usage};
    if (!choice.precision.empty())
      return Error{
          fmt::format("'{}' is compiled already, '--precision' needs a .lnx file", choice.path),
          Exit::usage};
    return Program::load(choice.path);
  }
  Result<Settings> settings = settingsOf(choice);
  if (!settings)
    return settings.error();
  return compileToMemory(choice.path, *settings, choice.device, choice.precision);
}

int64_t parameterCount(const lnx_program &program) {
  int64_t count = 0;
  for (int32_t i = 0; i < program.parameter_count; ++i) {
    const lnx_parameter &parameter = program.parameters[i];
    int64_t size = parameter.layers;
    for (int32_t d = 0; d < parameter.rank; ++d)
      size *= parameter.shape[d];
    count += size;
  }
  return count;
}

std::string boundHidden(TrainOptions &options, Session &session, int64_t every, int threads) {
  if (session.hiddenStatistics().empty())
    return "";
  Result<StreamMonitor> monitor = StreamMonitor::create(session, threads);
  if (!monitor)
    return fmt::format("hid has no bound: {}\n", monitor.error().message);
  options.hiddenBounds = [monitor = *monitor] { return monitor.bounds(); };
  options.boundEvery = every;
  std::string laws = fmt::format("{}", fmt::join(monitor->laws(), ", "));
  return laws.empty() ? "" : fmt::format("the bound of hid trusts {}\n", laws);
}

void addTokenizerOptions(CLI::App &command, TokenizerChoice &choice) {
  command.add_option("--tokenizer", choice.name, "byte, char or gpt2")
      ->check(CLI::IsMember({"byte", "char", "gpt2"}))
      ->capture_default_str();
  command.add_option("--vocab-dir", choice.vocabularyFolder,
                     "folder of encoder.json and vocab.bpe, for gpt2");
  command.add_option("--alphabet", choice.alphabetPath,
                     "text with every character, for char (default: the data)");
}

Result<std::unique_ptr<Tokenizer>> openTokenizer(const TokenizerChoice &choice,
                                                 std::string_view sample) {
  if (choice.name == "byte")
    return byteTokenizer();
  if (choice.name == "gpt2") {
    if (choice.vocabularyFolder.empty())
      return Error{
          "'--tokenizer gpt2' needs '--vocab-dir', the folder of encoder.json and vocab.bpe",
          Exit::usage};
    return gpt2Tokenizer(choice.vocabularyFolder);
  }
  if (choice.alphabetPath.empty())
    return characterTokenizer(sample);
  Result<std::string> alphabet = readText(choice.alphabetPath);
  if (!alphabet)
    return alphabet.error();
  return characterTokenizer(*alphabet);
}

Result<std::unique_ptr<Tokenizer>> openTokenizerFor(const TokenizerChoice &choice,
                                                    const std::string &dataPath) {
  if (choice.name != "char" || !choice.alphabetPath.empty())
    return openTokenizer(choice, "");
  if (dataPath.ends_with(".bin"))
    return Error{
        fmt::format("'--tokenizer char' needs '--alphabet' to know what the ids of '{}' mean",
                    dataPath),
        Exit::usage};
  Result<std::string> text = readText(dataPath);
  if (!text)
    return text.error();
  return openTokenizer(choice, *text);
}

Result<std::string> readText(const std::string &path) {
  std::FILE *file = path == "-" ? stdin : std::fopen(path.c_str(), "rbe");
  if (!file)
    return Error{fmt::format("cannot read '{}': {}", path, std::strerror(errno))};
  std::string text;
  char buffer[1 << 16];
  for (size_t n; (n = std::fread(buffer, 1, sizeof buffer, file)) > 0;)
    text.append(buffer, n);
  int failure = std::ferror(file) ? errno : 0;
  if (file != stdin)
    std::fclose(file);
  if (failure != 0)
    return Error{fmt::format("cannot read '{}': {}", path, std::strerror(failure)), Exit::io};
  return text;
}

void addTextOptions(CLI::App &command, TextChoice &choice) {
  command.add_option("--prompt", choice.prompt, "text to continue (default: a new line)");
  command.add_option("--temperature", choice.temperature, "0: always the most likely token")
      ->capture_default_str();
  command.add_option("--top-k", choice.topK, "only the k most likely tokens, 0: all")
      ->capture_default_str();
}

std::optional<Error> checkTextOptions(const TextChoice &choice, const char *tokensName) {
  if (!(choice.temperature >= 0) || std::isinf(choice.temperature))
    return Error{fmt::format("'temperature' is {}, it must be a finite number of at least 0",
                             choice.temperature),
                 Exit::usage};
  for (auto [name, value] : {std::pair{tokensName, choice.tokens}, std::pair{"top-k", choice.topK}})
    if (value < 0)
      return Error{fmt::format("'{}' is {}, it must be at least 0", name, value), Exit::usage};
  return std::nullopt;
}

std::optional<Error> generate(Session &session, const Tokenizer &tokenizer,
                              const TextChoice &choice, int64_t window,
                              const std::function<void(std::string_view)> &write) {
  Result<std::vector<int32_t>> ids = tokenizer.encode(choice.prompt);
  if (!ids)
    return Error{fmt::format("prompt: {}", ids.error().message), Exit::usage};
  if (ids->empty() && tokenizer.endOfText() >= 0)
    ids->push_back(tokenizer.endOfText());
  if (ids->empty())
    return Error{"the prompt is empty and this vocabulary has no end of text", Exit::usage};
  if (tokenizer.vocabulary() > session.program()->vocabulary)
    return Error{fmt::format("the tokenizer has {} tokens, the model only {}",
                             tokenizer.vocabulary(), session.program()->vocabulary)};
  write(choice.prompt);
  SampleOptions options = {.temperature = choice.temperature,
                           .topK = choice.topK,
                           .seed = choice.seed,
                           .window = window,
                           .vocabulary = tokenizer.vocabulary()};
  for (; options.drawn < choice.tokens; ++options.drawn) {
    Result<std::vector<int32_t>> drawn = session.sample(*ids, 1, options);
    if (!drawn)
      return drawn.error();
    ids->push_back(drawn->front());
    Result<std::string> text = tokenizer.decode(*drawn);
    if (!text)
      return text.error();
    write(*text);
  }
  return std::nullopt;
}

} // namespace lnx::tool
