// The loop over a hand-written bigram model.
// What is checked: it learns, micro-batches do not matter, and it stops when it must.
#include "BigramProgram.h"
#include "lnx/train/trainer.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace lnx;

namespace {

struct Recorder final : TrainObserver {
  std::vector<StepReport> reports;
  std::atomic<bool> stop = false;
  int64_t stopAt = -1;
  void onStep(const StepReport &report) override {
    reports.push_back(report);
    if (report.step == stopAt)
      stop = true;
  }
};

// Each token is followed by three times itself plus one, modulo 13: a bigram model can be certain.
Tokens chain(size_t n, int32_t planted = -1) {
  std::vector<int32_t> ids(n);
  for (size_t i = 0, token = 1; i < n; ++i, token = (token * 3 + 1) % 13)
    ids[i] = static_cast<int32_t>(token % 7 == 3 && i % 5 == 0 ? (token + 1) % 13 : token);
  if (planted >= 0)
    for (size_t i = 20; i < n; i += 100)
      ids[i] = planted;
  return Tokens::fromIds(ids);
}

TrainOptions options(int64_t microBatch = 4) {
  TrainOptions options;
  options.steps = 60;
  options.batch = 4;
  options.microBatch = microBatch;
  options.time = 16;
  options.schedule = {.rate = 0.1, .minimum = 0.01, .warmup = 5, .steps = 60};
  options.update.decay = 0;
  return options;
}

Session session(const TrainOptions &options) {
  auto made =
      Session::create(bigramProgram(),
                      {.batch = options.microBatch, .time = options.time, .threads = 1, .seed = 1});
  EXPECT_TRUE(made);
  return std::move(*made);
}

struct Attempt {
  Recorder recorder;
  TrainSummary summary;
};

void train(Attempt &run, const Tokens &tokens, const TrainOptions &options) {
  Session trained = session(options);
  Tokens held = chain(500);
  auto summary = Trainer(trained, tokens, &held, options).run(run.recorder, &run.recorder.stop);
  ASSERT_TRUE(summary) << summary.error().message;
  run.summary = *summary;
  EXPECT_EQ(run.summary.peakMemory, trained.memory().total());
  EXPECT_EQ(run.summary.parameterHash, trained.parameterHash());
}

} // namespace

TEST(Trainer, learns) {
  Attempt run;
  Tokens tokens = chain(2000);
  train(run, tokens, options());
  ASSERT_EQ(run.recorder.reports.size(), 60u);
  EXPECT_NEAR(run.recorder.reports.front().loss, std::log(16), 0.1);
  EXPECT_LT(run.recorder.reports.back().loss, 1);
  EXPECT_LT(*run.summary.heldOutLoss, 1);
  EXPECT_EQ(run.summary.outcome, Outcome::finished);
  EXPECT_EQ(run.summary.steps, 60);
  EXPECT_GT(run.summary.tokensPerSecond, 0);
}

// The schedule is what the session is given; evaluation comes every N steps and at the end.
TEST(Trainer, reportsEachStep) {
  Attempt run;
  Tokens tokens = chain(2000);
  TrainOptions every = options();
  every.evaluateEvery = 25;
  train(run, tokens, every);
  for (const StepReport &report : run.recorder.reports) {
    EXPECT_DOUBLE_EQ(report.rate, every.schedule.at(report.step));
    EXPECT_EQ(report.heldOutLoss.has_value(),
              report.step == 25 || report.step == 50 || report.step == 60);
    EXPECT_EQ(report.lossZ.has_value(), report.step > 16);
  }
}

TEST(Trainer, doesNotDependOnMicroBatches) {
  Attempt four, two, one;
  Tokens tokens = chain(2000);
  train(four, tokens, options(4));
  train(two, tokens, options(2));
  train(one, tokens, options(1));
  for (size_t i = 0; i < 60; ++i) {
    EXPECT_NEAR(four.recorder.reports[i].loss, two.recorder.reports[i].loss, 1e-5) << i;
    EXPECT_NEAR(four.recorder.reports[i].loss, one.recorder.reports[i].loss, 1e-5) << i;
  }
}

TEST(Trainer, givesTheSameBitsTwice) {
  Attempt a, b;
  Tokens tokens = chain(2000);
  train(a, tokens, options());
  train(b, tokens, options());
  EXPECT_EQ(a.summary.parameterHash, b.summary.parameterHash);
}

// A request to stop is honoured after the step in which it is seen, with an evaluation.
TEST(Trainer, stopsOnRequest) {
  Attempt run;
  run.recorder.stopAt = 7;
  Tokens tokens = chain(2000);
  train(run, tokens, options());
  EXPECT_EQ(run.summary.outcome, Outcome::stopped);
  EXPECT_EQ(run.summary.reason, "stopped on request after step 8 of 60");
  EXPECT_EQ(run.summary.steps, 8);
  EXPECT_TRUE(run.summary.heldOutLoss);
}

TEST(Trainer, stopsAtANonFiniteLoss) {
  Attempt run;
  Tokens tokens = chain(200, spoilsLoss);
  TrainOptions unstable = options();
  train(run, tokens, unstable);
  EXPECT_EQ(run.summary.outcome, Outcome::unstable);
  const StepReport &last = run.recorder.reports.back();
  EXPECT_FALSE(last.finite);
  EXPECT_TRUE(run.summary.reason.starts_with("step " + std::to_string(last.step) +
                                             ": the loss is not finite; all parameters and "
                                             "gradients are finite, the largest gradient is "))
      << run.summary.reason;
  EXPECT_EQ(run.summary.steps, last.step - 1);
}

TEST(Trainer, namesTheFirstBadTensor) {
  Attempt run;
  Tokens tokens = chain(200, spoilsGradient);
  train(run, tokens, options());
  EXPECT_EQ(run.summary.outcome, Outcome::unstable);
  EXPECT_EQ(run.summary.reason,
            "step " + std::to_string(run.recorder.reports.back().step) +
                ": the gradient is not finite; the first non-finite gradient is 'bias' (1 of 16 "
                "numbers)");
}

TEST(Trainer, namesTheLargestGradientWhenTheNormOverflows) {
  Attempt run;
  Tokens tokens = chain(200, overflowsNorm);
  train(run, tokens, options());
  EXPECT_EQ(run.summary.outcome, Outcome::unstable);
  EXPECT_TRUE(run.summary.reason.ends_with(
      ": the gradient is not finite; all parameters and gradients are finite, the largest gradient "
      "is 1.0e+30 in 'bias'"))
      << run.summary.reason;
}

static Error refusal(const TrainOptions &options, const Tokens &tokens, const Tokens &held) {
  auto error = checkTraining(*bigramProgram(), tokens, &held, options);
  return error ? *error : Error{"accepted", Exit::done};
}

TEST(CheckTraining, saysWhatCannotBe) {
  Tokens tokens = chain(200), small = chain(16),
         wrong = Tokens::fromIds(std::vector<int32_t>(50, 16));
  TrainOptions bad = options();
  EXPECT_EQ(refusal(bad, tokens, tokens).message, "accepted");
  bad.microBatch = 3;
  EXPECT_EQ(refusal(bad, tokens, tokens).message,
            "a batch of 4 cannot be split into micro-batches of 3");
  EXPECT_EQ(refusal(bad, tokens, tokens).exit, Exit::usage);
  bad = options();
  bad.time = 65;
  EXPECT_EQ(refusal(bad, tokens, tokens).message,
            "sequences of 65 are longer than the model's context of 64");
  bad.time = 0;
  EXPECT_EQ(refusal(bad, tokens, tokens).message,
            "'time' is 0, it must be between 1 and 1073741824");
  bad = options();
  bad.heldOutWindows = -3;
  EXPECT_EQ(refusal(bad, tokens, tokens).message, "'eval-windows' is -3, it must be at least 0");
  bad = options();
  bad.schedule.rate = std::nan("");
  EXPECT_EQ(refusal(bad, tokens, tokens).message,
            "'rate' is nan, it must be a finite number of at least 0");
  bad = options();
  bad.update.clip = -1;
  EXPECT_EQ(refusal(bad, tokens, tokens).message,
            "'clip' is -1, it must be a finite number of at least 0");
  bad = options();
  bad.update.beta2 = 1;
  EXPECT_EQ(refusal(bad, tokens, tokens).message,
            "'beta2' is 1, it must be at least 0 and below 1");
  EXPECT_EQ(refusal(options(), small, tokens).message,
            "the training data has 16 tokens, a sequence of 16 needs 17");
  EXPECT_EQ(refusal(options(), tokens, small).message,
            "the held-out data has 16 tokens, a sequence of 16 needs 17");
  EXPECT_EQ(refusal(options(), tokens, wrong).message,
            "token 0 is 16, the vocabulary of the model has 16");
  EXPECT_EQ(refusal(options(), tokens, wrong).exit, Exit::data);
}

// The mean over sequences of exp(mean loss) is not the exp of the mean.
TEST(EvaluateHeldOut, averagesOverWindows) {
  TrainOptions two = options(2);
  Session fresh = session(two);
  Tokens tokens = chain(16 * 5 + 1);
  HeldOutWindows windows(tokens, 16, 0);
  auto pairs = evaluateHeldOut(fresh, windows, 16, 2),
       singles = evaluateHeldOut(fresh, windows, 16, 1);
  ASSERT_TRUE(pairs && singles);
  EXPECT_NEAR(pairs->loss, singles->loss, 1e-6);
  EXPECT_EQ(pairs->tokens, 80);
  EXPECT_GE(singles->sequencePerplexity, std::exp(singles->loss));
}
