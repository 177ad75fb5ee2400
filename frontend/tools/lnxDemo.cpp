// lnxDemo: `lnx demo`: three block orders of one size learn English side by side.
// Leaves the text and the three specs in a folder, so that the next commands can start from them.
#include "lnxCommand.h"

#include "lnx/train/progress.h"

#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iterator>

namespace lnx::tool {

namespace {

struct DemoOptions {
  std::string textPath, folder = "lnx-demo";
  // 480 steps of 512 tokens bring Pre-LN to 2.3 nats; three models take 32 s on two cores.
  int64_t steps = 480;
  double seconds = 33; // of training, all three models together
  int threads = 0;
};

struct Contender {
  const char *block, *title, *meaning, *arguments;
};

// One size, three block orders: about a million parameters each.
constexpr Contender contenders[] = {
    {"peri_ln", "Peri-LN", "a norm before and after each branch", ", dt = 0.1"},
    {"pre_ln", "Pre-LN", "a norm before each branch", ""},
    {"no_ln", "no norm", "no norm inside the blocks", ""},
};

class Watch final : public TrainObserver {
public:
  explicit Watch(ProgressOptions options) : progress(stdout, std::move(options)) {}
  void onStep(const StepReport &report) override { progress.show(report); }
  Progress progress;
};

} // namespace

static Result<std::string> printBible() {
  std::FILE *pipe = ::popen("bible -f gen1:1-rev22:21 2>/dev/null </dev/null", "re");
  std::string text;
  char buffer[1 << 16];
  for (size_t n; pipe && (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    text.append(buffer, n);
  if (!pipe || ::pclose(pipe) != 0 || text.empty())
    return Error{"cannot run 'bible', which prints the text of the demonstration\n"
                 "help: 'apt-get install bible-kjv' installs it; '--text FILE' takes other text"};
  return text;
}

static std::optional<Error> writeFile(const std::string &path, std::string_view text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (file)
    return std::nullopt;
  return Error{fmt::format("cannot write '{}': {}", path, std::strerror(errno)), Exit::io};
}

// Path of the text; the Bible is written into the folder.
static Result<std::string> prepare(const DemoOptions &options) {
  std::error_code code;
  std::filesystem::create_directories(options.folder, code);
  if (code)
    return Error{fmt::format("cannot create '{}': {}", options.folder, code.message()), Exit::io};
  for (const Contender &contender : contenders)
    if (auto error = writeFile(
            fmt::format("{}/{}.lnx", options.folder, contender.block),
            fmt::format("# {}: {}\nmodel demo_{} = gpt2(vocab = 257, context = 128, width = 128, "
                        "heads = 4, depth = 5, block = {}{})\n",
                        contender.title, contender.meaning, contender.block, contender.block,
                        contender.arguments)))
      return *error;
  if (!options.textPath.empty())
    return options.textPath;
  Result<std::string> bible = printBible();
  if (!bible)
    return bible;
  std::string path = options.folder + "/bible.txt";
  if (auto error = writeFile(path, *bible))
    return *error;
  say(stdout, fmt::format("text: the King James Bible, {} bytes, in '{}'\n",
                          withThousands(static_cast<int64_t>(bible->size())), path));
  return path;
}

static TrainOptions trainOptions(int64_t steps) {
  TrainOptions train;
  train.steps = steps;
  train.batch = train.microBatch = 4;
  train.time = 128;
  train.schedule = {.rate = 2e-3, .minimum = 2e-4, .warmup = steps / 10, .steps = steps};
  train.heldOutWindows = 32;
  train.evaluateEvery = std::max<int64_t>(1, steps / 6);
  return train;
}

// As many steps as the machine makes in the time that is set aside, at most what was asked for.
static Result<int64_t> affordableSteps(Session &session, const Split &data,
                                       const DemoOptions &options) {
  using Clock = std::chrono::steady_clock;
  TrainOptions probe = trainOptions(4);
  probe.schedule.rate = probe.schedule.minimum = 0;
  struct Timer final : TrainObserver {
    Clock::time_point begin;
    void onStep(const StepReport &report) override {
      if (report.step == 1) // the first step touches fresh memory
        begin = Clock::now();
    }
  } timer;
  Result<TrainSummary> summary = Trainer(session, data.training, nullptr, probe).run(timer);
  if (!summary)
    return summary.error();
  double step = std::chrono::duration<double>(Clock::now() - timer.begin).count() / 3;
  // Six evaluations of 32 sequences, forward only, cost about as much as 16 steps of 4.
  auto fitting =
      static_cast<int64_t>(options.seconds / static_cast<double>(std::size(contenders)) / step) -
      16;
  return std::clamp<int64_t>(fitting, 20, options.steps);
}

static Result<Session> openContender(const DemoOptions &options, const Contender &contender) {
  Result<Program> program =
      openModel({fmt::format("{}/{}.lnx", options.folder, contender.block), {}});
  if (!program)
    return program.error();
  TrainOptions train = trainOptions(1);
  return Session::create(
      *program,
      {.batch = train.microBatch, .time = train.time, .threads = options.threads, .seed = 1});
}

static Result<TrainSummary> trainContender(Session &session, const Contender &contender,
                                           const Split &data, int64_t steps, int threads,
                                           const std::atomic<bool> &stop) {
  say(stdout,
      fmt::format("\n{} ({}): {} parameters, depth {}\n", contender.title, contender.meaning,
                  shortCount(parameterCount(*session.program())), session.program()->depth));
  ProgressOptions shown = progressFor(stdout);
  shown.every = std::max<int64_t>(1, steps / 5);
  shown.bytesPerToken = 1;
  Watch watch(shown);
  TrainOptions train = trainOptions(steps);
  say(stdout, boundHidden(train, session, shown.every, threads));
  Result<TrainSummary> summary =
      Trainer(session, data.training, &data.heldOut, train).run(watch, &stop);
  watch.progress.finish();
  return summary;
}

// The last values beside each other, and where a model stopped being one.
static void compare(const std::vector<TrainSummary> &summaries) {
  std::string heads, losses, ends;
  for (size_t i = 0; i < summaries.size(); ++i) {
    const TrainSummary &summary = summaries[i];
    heads += fmt::format("{:>12}", contenders[i].title);
    losses +=
        fmt::format("{:>12}", summary.heldOutLoss ? fmt::format("{:.4f}", *summary.heldOutLoss)
                                                  : std::string("none"));
    ends += fmt::format("{:>12}", summary.outcome == Outcome::unstable
                                      ? fmt::format("step {}", summary.steps + 1)
                                      : std::string("no"));
  }
  say(stdout, fmt::format("\n                {}\nheld-out loss   {}\ndiverged        {}\n", heads,
                          losses, ends));
}

static void showNext(const DemoOptions &options, const std::string &text) {
  say(stdout,
      fmt::format("\nwhat to try next:\n"
                  "  lnx train {0}/peri_ln.lnx --data {1} --steps 2000 --rate 2e-3 --sample 500\n"
                  "  lnx train {0}/no_ln.lnx --data {1} --rate 5e-4 --steps 500\n"
                  "  lnxc {0}/peri_ln.lnx --emit=fused\n"
                  "  edit {0}/peri_ln.lnx: another block, or one of your own\n",
                  options.folder, text));
}

// Trains one after the other, with as many steps each; keeps the first session for the sample.
static Result<std::vector<TrainSummary>> trainAll(const DemoOptions &options, const Split &data,
                                                  std::optional<Session> &first) {
  const std::atomic<bool> &stop = stopOnSignals();
  int64_t steps = 0;
  std::vector<TrainSummary> summaries;
  for (const Contender &contender : contenders) {
    Result<Session> session = openContender(options, contender);
    if (session && steps == 0) {
      Result<int64_t> affordable = affordableSteps(*session, data, options);
      if (!affordable)
        return affordable.error();
      steps = *affordable;
      session = openContender(options, contender); // the probe has touched its optimizer state
    }
    if (!session)
      return session.error();
    Result<TrainSummary> summary =
        trainContender(*session, contender, data, steps, options.threads, stop);
    if (!summary)
      return summary.error();
    if (summary->outcome == Outcome::stopped)
      return Error{summary->reason, Exit::stopped};
    if (summary->outcome == Outcome::unstable)
      say(stdout, summary->reason + "\n");
    summaries.push_back(*summary);
    if (!first)
      first = std::move(*session);
  }
  return summaries;
}

static Exit runDemo(const DemoOptions &options) {
  if (!(options.seconds > 0) || std::isinf(options.seconds))
    return fail(
        {fmt::format("'seconds' is {}, it must be a finite number above 0", options.seconds),
         Exit::usage});
  Result<std::string> path = prepare(options);
  if (!path)
    return fail(path.error());
  auto tokenizer = byteTokenizer();
  Result<Split> data = openSplit({.path = *path}, *tokenizer);
  if (!data)
    return fail(data.error());
  std::optional<Session> periLn;
  Result<std::vector<TrainSummary>> summaries = trainAll(options, *data, periLn);
  if (!summaries)
    return fail(summaries.error());
  say(stdout, "\nthe Peri-LN model writes:\n\n");
  TextChoice text;
  text.prompt = "And God said";
  text.tokens = 300;
  auto error = generate(*periLn, *tokenizer, text, trainOptions(1).time,
                        [](std::string_view piece) { say(stdout, std::string(piece)); });
  say(stdout, "\n");
  if (error)
    return fail(*error);
  compare(*summaries);
  showNext(options, *path);
  return Exit::done;
}

void addDemo(CLI::App &app, Action &action) {
  auto options = std::make_shared<DemoOptions>();
  CLI::App *command =
      app.add_subcommand("demo", "train three small models on the Bible, in a minute");
  command->add_option("--text", options->textPath, "other text to learn");
  command->add_option("--dir", options->folder, "folder for the text and the specs")
      ->capture_default_str();
  command->add_option("--steps", options->steps, "at most, for each model")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 30))
      ->capture_default_str();
  command
      ->add_option("--seconds", options->seconds,
                   "of training, all models together; fewer steps "
                   "on a slow machine")
      ->capture_default_str();
  command->add_option("--threads", options->threads, "0: all; never changes a result")
      ->check(CLI::Range(0, 1024));
  command->footer("Examples:\n"
                  "  lnx demo\n"
                  "  lnx demo --text book.txt --seconds 300 --steps 3000");
  command->callback([options, &action] {
    action = [options](const CommandLine &) { return runDemo(*options); };
  });
}

} // namespace lnx::tool
