// lnxSample: `lnx sample` and `lnx eval`: text from a model, and its loss on data.
// Both use the initial parameters of a seed.
#include "lnxCommand.h"

#include "lnx/train/metrics.h"
#include "lnx/train/progress.h"

#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <numbers>

namespace lnx::tool {

namespace {

struct ReadCommand {
  ModelChoice model;
  TokenizerChoice tokenizer;
  TextChoice text;
  std::string dataPath;
  int64_t time = 0, windows = 0;
  uint64_t seed = 1;
  int threads = 0;
  bool json = false;
  CLI::App *command = nullptr;

  bool tokenizerGiven() const { return command->get_option("--tokenizer")->count() > 0; }
};

struct Opened {
  Session session;
  int64_t time;
};

} // namespace

// A session for one sequence at a time; says whose parameters these are.
static Result<Opened> open(const ReadCommand &options) {
  Result<Program> program = openModel(options.model);
  if (!program)
    return program.error();
  int64_t context = (*program)->context, time = options.time;
  if (time <= 0)
    time = context > 0 ? std::min<int64_t>(context, 256) : 256;
  if (context > 0 && time > context)
    return Error{
        fmt::format("sequences of {} are longer than the model's context of {}", time, context),
        Exit::usage};
  Result<Session> session = Session::create(
      *program, {.batch = 1, .time = time, .threads = options.threads, .seed = options.seed});
  if (!session)
    return session.error();
  say(stderr, fmt::format("{}: initial parameters of seed {}\n", (*program)->name, options.seed));
  return Opened{std::move(*session), time};
}

static std::optional<Error> checkReadOptions(const ReadCommand &options) {
  if (options.command->get_option("--time")->count() > 0 && options.time < 1)
    return Error{fmt::format("'time' is {}, it must be at least 1", options.time), Exit::usage};
  if (options.windows < 0)
    return Error{fmt::format("'windows' is {}, it must be at least 0", options.windows),
                 Exit::usage};
  return checkTextOptions(options.text, "tokens");
}

static Exit runSample(const ReadCommand &options) {
  if (auto error = checkReadOptions(options))
    return fail(*error);
  auto tokenizer = openTokenizer(options.tokenizer, "");
  if (!tokenizer)
    return fail(tokenizer.error());
  Result<Opened> opened = open(options);
  if (!opened)
    return fail(opened.error());
  TextChoice choice = options.text;
  choice.seed = options.seed;
  std::string text;
  auto error =
      generate(opened->session, **tokenizer, choice, opened->time, [&](std::string_view piece) {
        text += piece;
        if (!options.json)
          say(stdout, std::string(piece));
      });
  if (error)
    return fail(*error);
  using Json = nlohmann::ordered_json;
  if (options.json)
    say(stdout, Json{{"text", text}}.dump(-1, ' ', false, Json::error_handler_t::replace));
  say(stdout, "\n");
  return Exit::done;
}

static Exit runEval(const ReadCommand &options) {
  if (auto error = checkReadOptions(options))
    return fail(*error);
  auto tokenizer = openTokenizerFor(options.tokenizer, options.dataPath);
  if (!tokenizer)
    return fail(tokenizer.error());
  Result<Tokens> tokens = Tokens::open(options.dataPath, **tokenizer);
  if (!tokens)
    return fail(tokens.error());
  Result<Opened> opened = open(options);
  if (!opened)
    return fail(opened.error());
  if (auto error = checkLength(*tokens, opened->time, fmt::format("'{}'", options.dataPath)))
    return fail(*error);
  if (auto error = tokens->check(opened->session.program()->vocabulary))
    return fail(*error);
  HeldOutWindows windows(*tokens, opened->time, options.windows);
  Result<HeldOutReport> report = evaluateHeldOut(opened->session, windows, opened->time, 1);
  if (!report)
    return fail(report.error());
  // A token file does not say what its ids are.
  bool bytes = (*tokenizer)->name() == "byte" &&
               (options.tokenizerGiven() || tokens->format().starts_with("text"));
  double bits = report->loss / std::numbers::ln2;
  if (options.json) {
    say(stdout,
        fmt::format(R"({{"loss":{},"ppl":{},"ppl_seqmean":{},{}"tokens":{}}})"
                    "\n",
                    shortest(report->loss), shortest(std::exp(report->loss)),
                    shortest(report->sequencePerplexity),
                    bytes ? fmt::format(R"("bpb":{},)", shortest(bits)) : "", report->tokens));
    return Exit::done;
  }
  say(stdout,
      fmt::format("loss: {:.4f}\nppl: {:.4f}\nppl_seqmean: {:.4f}\n{}tokens: {}\n", report->loss,
                  std::exp(report->loss), report->sequencePerplexity,
                  bytes ? fmt::format("bpb: {:.4f}\n", bits) : "", withThousands(report->tokens)));
  return Exit::done;
}

static void addReadOptions(CLI::App &command, ReadCommand &options) {
  options.command = &command;
  addModelOptions(command, options.model);
  addTokenizerOptions(command, options.tokenizer);
  command.add_option("--time", options.time, "tokens per sequence (default: context, at most 256)");
  command.add_option("--seed", options.seed, "of the initial parameters and of the text")
      ->capture_default_str();
  command.add_option("--threads", options.threads, "0: all; never changes a result")
      ->check(CLI::Range(0, 1024));
  command.add_flag("--json", options.json, "print JSON, talk on stderr");
}

void addEval(CLI::App &app, Action &action) {
  auto options = std::make_shared<ReadCommand>();
  CLI::App *command = app.add_subcommand("eval", "print the loss of a model on data");
  addReadOptions(*command, *options);
  command->add_option("--data", options->dataPath, "token file, pattern, or text")->required();
  command->add_option("--windows", options->windows, "sequences, evenly spread, 0: all")
      ->capture_default_str();
  command->footer("ppl is exp of the mean loss; ppl_seqmean is the mean over sequences of exp of\n"
                  "their mean loss; bpb is bits per byte.\n"
                  "Examples:\n"
                  "  lnx eval model.so --data val.bin\n"
                  "  lnx eval gpt2_peri.lnx --data book.txt --windows 20 --json");
  command->callback([options, &action] {
    action = [options](const CommandLine &) { return runEval(*options); };
  });
}

void addSample(CLI::App &app, Action &action) {
  auto options = std::make_shared<ReadCommand>();
  CLI::App *command = app.add_subcommand("sample", "generate text with a model");
  addReadOptions(*command, *options);
  addTextOptions(*command, options->text);
  command->add_option("--tokens", options->text.tokens, "how many to generate")
      ->capture_default_str();
  command->footer("Train and sample in one go with 'lnx train ... --sample 200'.\n"
                  "Examples:\n"
                  "  lnx sample model.so --prompt 'In the beginning' --tokens 100\n"
                  "  lnx sample model.so --temperature 0 --tokenizer gpt2 --vocab-dir gpt2");
  command->callback([options, &action] {
    action = [options](const CommandLine &) { return runSample(*options); };
  });
}

} // namespace lnx::tool
