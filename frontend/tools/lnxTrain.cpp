// lnxTrain: `lnx train`: a model, data, and a run directory.
// Relies on Trainer for the loop; this file resolves the options and shows what happens.
#include "lnxCommand.h"

#include "lnx/train/progress.h"
#include "lnx/train/run.h"

#include <csignal>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace lnx::tool {

namespace {

struct TrainCommand {
  ModelChoice model;
  TokenizerChoice tokenizer;
  TextChoice text;
  SplitOptions data;
  TrainOptions train;
  int threads = 0;
  std::string optimizer = "adamw", runPath;
  bool overwrite = false, json = false;
  int64_t every = 0;
  CLI::App *command = nullptr;

  bool given(const std::string &name) const { return command->get_option(name)->count() > 0; }
};

// Shows each step and keeps it in the run directory.
class Screen final : public TrainObserver {
public:
  Screen(std::FILE *stream, ProgressOptions options, RunDirectory *run)
      : progress(stream, options), run(run) {}
  void onStep(const StepReport &report) override {
    progress.show(report);
    if (run && !failure)
      failure = run->append(report);
  }
  Progress progress;
  RunDirectory *run;
  std::optional<Error> failure; // the first; training goes on
};

} // namespace

static std::atomic<bool> stopRequested = false;
static_assert(std::atomic<bool>::is_always_lock_free, "it is set by a signal handler");

const std::atomic<bool> &stopOnSignals() {
  struct sigaction action{};
  action.sa_handler = [](int) { stopRequested = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  for (int signal : {SIGINT, SIGTERM, SIGHUP})
    ::sigaction(signal, &action, nullptr);
  return stopRequested;
}

// Fills in what depends on the model or on other options.
static void resolve(TrainCommand &options, const lnx_program &program) {
  TrainOptions &train = options.train;
  if (!options.given("--time"))
    train.time = program.context > 0 ? std::min<int64_t>(program.context, 256) : 256;
  if (!options.given("--micro-batch"))
    train.microBatch = train.batch;
  if (!options.given("--min-rate"))
    train.schedule.minimum = train.schedule.rate / 10;
  if (!options.given("--warmup"))
    train.schedule.warmup = std::min<int64_t>(100, train.steps / 10);
  if (!options.given("--eval-every"))
    train.evaluateEvery = std::max<int64_t>(1, train.steps / 10);
  if (!options.given("--log-every"))
    options.every = std::max<int64_t>(1, train.steps / 20);
  train.schedule.steps = train.steps;
  options.text.seed = train.seed;
  train.update.optimizer = options.optimizer == "sgd"    ? Optimizer::sgd
                           : options.optimizer == "adam" ? Optimizer::adam
                                                         : Optimizer::adamw;
}

// The number a user would write, not the nearest double of a float.
static double decimal(float value) { return std::stod(fmt::format("{}", value)); }

using Json = nlohmann::ordered_json;

// Each option with its value and where that came from.
static Json settingsJson(const TrainCommand &options) {
  const TrainOptions &train = options.train;
  Json settings;
  auto set = [&](const char *name, const Json &value) {
    bool given = options.given(std::string("--") + name);
    settings[name] = {{"value", value}, {"from", given ? "command line" : "default"}};
  };
  set("steps", train.steps);
  set("batch", train.batch);
  set("micro-batch", train.microBatch);
  set("time", train.time);
  set("rate", train.schedule.rate);
  set("min-rate", train.schedule.minimum);
  set("warmup", train.schedule.warmup);
  set("optimizer", options.optimizer);
  set("decay", decimal(train.update.decay));
  set("clip", decimal(train.update.clip));
  set("beta1", decimal(train.update.beta1));
  set("beta2", decimal(train.update.beta2));
  set("epsilon", decimal(train.update.epsilon));
  set("seed", train.seed);
  set("threads", options.threads);
  set("eval-every", train.evaluateEvery);
  set("eval-windows", train.heldOutWindows);
  set("tokenizer", options.tokenizer.name);
  return settings;
}

// The text of run.json.
static std::string runJson(const TrainCommand &options, const lnx_program &program,
                           const Split &data, const CommandLine &line) {
  Json model = {{"path", options.model.path},
                {"name", program.name},
                {"spec_hash", fmt::format("{:016x}", program.spec_hash)},
                {"cpu", program.cpu},
                {"parameters", parameterCount(program)},
                {"set", options.model.settings}};
  Json tokens = {{"path", options.data.path},
                 {"format", data.training.format()},
                 {"tokens", data.training.size()},
                 {"val_tokens", data.heldOut.size()}};
  Json run = {{"version", LNX_VERSION}, {"command", line}, {"device", options.model.device},
              {"model", model},         {"data", tokens},  {"settings", settingsJson(options)}};
  // File names may be any bytes.
  return run.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

static std::string headline(const Session &session, const Split &data) {
  const lnx_program &program = *session.program();
  return fmt::format("{}: {} parameters, depth {}, memory {}\n"
                     "data: {} training and {} held-out tokens ({})\n",
                     program.name, shortCount(parameterCount(program)), program.depth,
                     shortBytes(session.memory().total()), withThousands(data.training.size()),
                     withThousands(data.heldOut.size()), data.training.format());
}

static Exit exitOf(const TrainSummary &summary) {
  switch (summary.outcome) {
  case Outcome::finished:
    return Exit::done;
  case Outcome::stopped:
    return Exit::stopped;
  case Outcome::unstable:
    return Exit::unstable;
  }
  return Exit::internal;
}

// Everything after the model, the data and the session exist.
static Exit trainAndReport(const TrainCommand &options, Session &session, const Split &data,
                           const Tokenizer &tokenizer, RunDirectory *run) {
  std::FILE *talk = options.json ? stderr : stdout;
  say(talk, headline(session, data));
  ProgressOptions shown = progressFor(talk);
  shown.every = options.every;
  // A token file does not say what its ids are.
  bool bytes = tokenizer.name() == "byte" &&
               (options.given("--tokenizer") || data.training.format().starts_with("text"));
  shown.bytesPerToken = bytes ? 1 : 0;
  Screen screen(talk, shown, run);
  TrainOptions train = options.train;
  say(talk, boundHidden(train, session, options.every, options.threads));
  Trainer trainer(session, data.training, &data.heldOut, train);
  Result<TrainSummary> summary = trainer.run(screen, &stopOnSignals());
  screen.progress.finish();
  if (!summary)
    return fail(summary.error());
  say(talk, summaryLines(*summary, shown.bytesPerToken));
  if (options.json)
    say(stdout, summaryJson(*summary, shown.bytesPerToken) + "\n");
  if (summary->outcome != Outcome::finished)
    return fail({summary->reason, exitOf(*summary)});
  if (screen.failure)
    return fail(*screen.failure);
  if (options.text.tokens <= 0)
    return Exit::done;
  auto error = generate(session, tokenizer, options.text, options.train.time,
                        [&](std::string_view text) { say(talk, std::string(text)); });
  say(talk, "\n");
  return error ? fail(*error) : Exit::done;
}

static Exit trainInDirectory(const TrainCommand &options, Session &session, const Split &data,
                             const Tokenizer &tokenizer, const CommandLine &line) {
  auto existing =
      options.overwrite ? RunDirectory::Existing::moveAside : RunDirectory::Existing::refuse;
  Result<RunDirectory> run = RunDirectory::create(options.runPath, existing);
  if (!run)
    return fail(run.error());
  if (!run->movedTo().empty())
    say(stderr, fmt::format("'{}' was moved to '{}'\n", options.runPath, run->movedTo()));
  if (auto error = run->writeSettings(runJson(options, *session.program(), data, line)))
    return fail(*error);
  return trainAndReport(options, session, data, tokenizer, &*run);
}

static Exit runTrain(TrainCommand &options, const CommandLine &line) {
  if (auto error = checkTextOptions(options.text, "sample"))
    return fail(*error);
  if (options.given("--log-every") && options.every < 1)
    return fail(
        {fmt::format("'log-every' is {}, it must be at least 1", options.every), Exit::usage});
  Result<Program> program = openModel(options.model);
  if (!program)
    return fail(program.error());
  resolve(options, **program);
  auto tokenizer = openTokenizerFor(options.tokenizer, options.data.path);
  if (!tokenizer)
    return fail(tokenizer.error());
  Result<Split> data = openSplit(options.data, **tokenizer);
  if (!data)
    return fail(data.error());
  if (auto error = checkTraining(**program, data->training, &data->heldOut, options.train))
    return fail(*error);
  Result<Session> session = Session::create(*program, {.device = options.model.device,
                                                       .batch = options.train.microBatch,
                                                       .time = options.train.time,
                                                       .threads = options.threads,
                                                       .seed = options.train.seed});
  if (!session)
    return fail(session.error());
  if (options.runPath.empty())
    return trainAndReport(options, *session, *data, **tokenizer, nullptr);
  return trainInDirectory(options, *session, *data, **tokenizer, line);
}

static void addOptimizerOptions(CLI::App &command, TrainCommand &options) {
  TrainOptions &train = options.train;
  command.add_option("--rate", train.schedule.rate, "learning rate after the warm-up")
      ->capture_default_str();
  command.add_option("--warmup", train.schedule.warmup, "steps of linear warm-up");
  command.add_option("--min-rate", train.schedule.minimum,
                     "end of the cosine (default: rate / 10)");
  command.add_option("--optimizer", options.optimizer, "adamw, adam or sgd")
      ->check(CLI::IsMember({"adamw", "adam", "sgd"}))
      ->capture_default_str();
  command.add_option("--decay", train.update.decay, "weight decay, matrices only")
      ->capture_default_str();
  command.add_option("--clip", train.update.clip, "largest gradient norm, 0: no clipping")
      ->capture_default_str();
  command.add_option("--beta1", train.update.beta1, "momentum of sgd")->capture_default_str();
  command.add_option("--beta2", train.update.beta2)->capture_default_str();
  command.add_option("--epsilon", train.update.epsilon)->capture_default_str();
}

static void addLoopOptions(CLI::App &command, TrainCommand &options) {
  TrainOptions &train = options.train;
  command.add_option("--data", options.data.path, "token file, pattern, or text")->required();
  command.add_option("--val", options.data.heldOutPath, "held-out data (default: the last tenth)");
  command.add_option("--steps", train.steps)->capture_default_str();
  command.add_option("--batch", train.batch, "sequences per step")->capture_default_str();
  command.add_option("--micro-batch", train.microBatch, "sequences at a time (default: batch)");
  command.add_option("--time", train.time, "tokens per sequence (default: context, at most 256)");
  command.add_option("--seed", train.seed)->capture_default_str();
  command.add_option("--device", options.model.device, "cpu or cuda, never another in its place")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
  command.add_option("--threads", options.threads, "0: all; never changes a result")
      ->check(CLI::Range(0, 1024));
  command.add_option("--eval-every", train.evaluateEvery, "steps (default: a tenth of all)");
  command.add_option("--eval-windows", train.heldOutWindows, "sequences, 0: all")
      ->capture_default_str();
  command.add_option("--log-every", options.every, "steps between kept lines");
  command.add_option("--out", options.runPath,
                     "run directory for run.json, metrics.jsonl, main.log");
  command.add_flag("--overwrite", options.overwrite, "move an old run directory aside");
  command.add_option("--sample", options.text.tokens, "tokens of text to generate at the end")
      ->capture_default_str();
  command.add_flag("--json", options.json, "print the summary as JSON, talk on stderr");
}

void addTrain(CLI::App &app, Action &action) {
  auto options = std::make_shared<TrainCommand>();
  CLI::App *command = app.add_subcommand("train", "train a model on text or token files");
  options->command = command;
  options->train.heldOutWindows = 64;
  options->text.tokens = 0;
  addModelOptions(*command, options->model);
  addLoopOptions(*command, *options);
  addOptimizerOptions(*command, *options);
  addTokenizerOptions(*command, options->tokenizer);
  addTextOptions(*command, options->text);
  command->footer(
      "Examples:\n"
      "  lnx train gpt2_peri.lnx --set width=128 --set heads=4 --data book.txt --sample 200\n"
      "  lnx train model.so --data 'train_*.bin' --val val.bin --out runs/a\n"
      "Exit codes: 8 a number was not finite, 9 the run directory is held, 75 stopped.");
  command->callback([options, &action] {
    action = [options](const CommandLine &line) { return runTrain(*options, line); };
  });
}

} // namespace lnx::tool
