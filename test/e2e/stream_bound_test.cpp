// The bound beside a training run: at every step mean |x| after each layer stays below what the
// verifier derives from the parameters of that moment.
// Weights are pushed where training would never bring them; the tight cases would see a bound that
// is too small.
#include "lnx/model.h"
#include "lnx/monitor.h"
#include "lnx/train/trainer.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace lnx;

namespace {

constexpr int64_t batch = 2, length = 16, vocabulary = 61;

Session sessionOf(const std::string &arguments, const std::string &definitions = "") {
  Result<Model> model = Model::parse(definitions + "model m = gpt2(" + arguments +
                                     ", width = 24, depth = 3, vocab = 61, context = 16)\n");
  EXPECT_TRUE(model) << model.error().message;
  Result<Session> session =
      Session::create(*model, {.batch = batch, .time = length, .threads = 2, .seed = 5});
  EXPECT_TRUE(session) << session.error().message;
  return std::move(*session);
}

StreamMonitor monitorOf(Session &session) {
  Result<StreamMonitor> monitor = StreamMonitor::create(session);
  EXPECT_TRUE(monitor) << monitor.error().message;
  return std::move(*monitor);
}

struct Text {
  std::vector<int32_t> ids, targets;
  explicit Text(std::mt19937 &random) {
    for (int64_t i = 0; i < batch * length; ++i) {
      ids.push_back(static_cast<int32_t>(random() % vocabulary));
      targets.push_back(static_cast<int32_t>(random() % vocabulary));
    }
  }
  TokenBatch view() const { return {ids, targets, batch, length}; }
};

/// The step's report as the trainer makes it, with the bound of the same parameters.
StepReport measure(Session &session, const StreamMonitor &monitor, const TokenBatch &tokens) {
  StepReport report;
  EXPECT_TRUE(session.gradient(tokens));
  std::span<const StreamSize> hidden = session.hiddenStatistics();
  report.hidden.assign(hidden.begin(), hidden.end());
  report.hiddenBounds = monitor.bounds();
  EXPECT_EQ(report.hiddenBounds.size(), report.hidden.size());
  return report;
}

/// Throws some parameters far from where they were: norms' own to either sign, matrices to low
/// rank and other sizes.
void push(Session &session, std::mt19937 &random) {
  std::normal_distribution<float> normal;
  for (ParameterView &parameter : session.parameters()) {
    if (random() % 3 != 0)
      continue;
    float size = std::exp(normal(random)), a = 0;
    size_t width = static_cast<size_t>(parameter.shape.empty() ? 1 : parameter.shape.back());
    bool isLowRank = parameter.shape.size() > 1 && random() % 2 == 0;
    for (size_t i = 0; i < parameter.value.size(); ++i) {
      a = isLowRank && i % width != 0 ? a : normal(random);
      float entry = parameter.shape.size() > 1 ? 0.2f * a : a;
      parameter.value[i] = size * entry;
    }
  }
}

class Bound : public testing::TestWithParam<const char *> {};

TEST_P(Bound, HoldsWhateverTheWeightsAre) {
  Session session = sessionOf(std::string(GetParam()) + ", heads = 3");
  StreamMonitor monitor = monitorOf(session);
  std::mt19937 random(1);
  for (int step = 0; step < 60; ++step) {
    Text text(random);
    StepReport report = measure(session, monitor, text.view());
    for (size_t i = 0; i < report.hidden.size(); ++i) {
      EXPECT_TRUE(std::isfinite(report.hiddenBounds[i]));
      EXPECT_LE(report.hidden[i].meanAbs, report.hiddenBounds[i] * (1 + 1e-5))
          << "step " << step << ", layer " << report.hidden[i].layer;
    }
    EXPECT_TRUE(closestToBound(report));
    EXPECT_FALSE(largestExcess(report));
    ASSERT_TRUE(session.update({.rate = 0.1f}));
    if (step % 3 == 2)
      push(session, random);
  }
}
INSTANTIATE_TEST_SUITE_P(Blocks, Bound,
                         testing::Values("block = peri_ln", "block = peri_ln, norm = rmsnorm",
                                         "block = pre_ln", "block = deepnorm", "block = post_ln",
                                         "block = no_ln", "block = rezero", "block = layerscale",
                                         "block = parallel", "block = mix_ln, part = 1/3",
                                         "block = pre_ln, ff = glu", "block = pre_ln, ff = moe"));

/// Every token is the same and one sign, matrices are the identity: layers add up as far as they
/// can.
void align(Session &session, float gain) {
  for (ParameterView &parameter : session.parameters()) {
    std::ranges::fill(parameter.value, 0.0f);
    if (parameter.name == "E")
      std::ranges::fill(parameter.value, 1.0f);
    if (parameter.name.ends_with(".g"))
      std::ranges::fill(parameter.value, gain);
    if (parameter.name.ends_with(".W"))
      for (int64_t i = 0; i < std::min(parameter.shape[0], parameter.shape[1]); ++i)
        parameter.value[static_cast<size_t>(i * parameter.shape[1] + i)] = 1;
  }
}

// Numbers that no part of the analysis computed: gelu(x) is x from 10 on, so every update reaches
// its bound and a bound that is smaller by 1 % would be exceeded. One head: a bound for several
// counts a row whose size is all in one of them.
TEST(TightBound, OfEveryFamilyIsReached) {
  for (const char *block : {"block = no_ln", "block = pre_ln, norm = rmsnorm",
                            "block = peri_ln, norm = rmsnorm", "block = post_ln, norm = rmsnorm"}) {
    Session session = sessionOf(std::string(block) + ", heads = 1");
    StreamMonitor monitor = monitorOf(session);
    align(session, 10);
    for (ParameterView &parameter : session.parameters())
      if (parameter.name == "E")
        std::ranges::fill(parameter.value, 10.0f);
    std::mt19937 random(1);
    StepReport report = measure(session, monitor, Text(random).view());
    for (size_t i = 0; i < report.hidden.size(); ++i) {
      EXPECT_LE(report.hidden[i].meanAbs, report.hiddenBounds[i] * (1 + 1e-5)) << block;
      EXPECT_GE(report.hidden[i].meanAbs, report.hiddenBounds[i] * 0.99) << block;
    }
  }
}

// A bound is of the layer's own gains and of those before it, and of this moment.
TEST(MeasuredBound, FollowsTheGainsLayerByLayer) {
  Session session = sessionOf("block = peri_ln, norm = rmsnorm, dt = 0.5, heads = 3");
  StreamMonitor monitor = monitorOf(session);
  align(session, -2);
  std::vector<double> bounds = monitor.bounds(); // 1 + 2 updates of 0.5 * 2 a layer
  ASSERT_EQ(bounds.size(), 3u);
  for (size_t i = 0; i < 3; ++i)
    EXPECT_NEAR(bounds[i], 1 + 2 * (static_cast<double>(i) + 1), 1e-9);
  for (ParameterView &parameter : session.parameters())
    if (parameter.name.starts_with("2.") && parameter.name.ends_with(".g"))
      parameter.value[3] = 7;
  bounds = monitor.bounds();
  EXPECT_NEAR(bounds[0], 3, 1e-9);
  EXPECT_NEAR(bounds[1], 3 + 7, 1e-9);
  EXPECT_NEAR(bounds[2], 3 + 7 + 2, 1e-9);
}

// Measured constants replace promises, whether those are smaller or larger.
TEST(MeasuredBound, TakesNoPromise) {
  std::string promised = "model promised() {\n"
                         "  assume norm.gain <= 0.1\n"
                         "  assume norm.bias.rms <= 0\n"
                         "  assume x0.rms <= 0.001\n"
                         "  return gpt2(block = peri_ln, width = 24, heads = 3, depth = 3,"
                         " vocab = 61, context = 16)\n}\n";
  Result<Model> model = Model::parse(promised);
  ASSERT_TRUE(model) << model.error().message;
  Result<Session> with = Session::create(*model, {.batch = batch, .time = length, .seed = 5});
  ASSERT_TRUE(with);
  Session without = sessionOf("block = peri_ln, heads = 3");
  EXPECT_EQ(monitorOf(*with).bounds(), monitorOf(without).bounds());
}

// A weight that is no number bounds nothing; the others still do.
TEST(MeasuredBound, OfWhatIsNoNumberIsUnknown) {
  Session session = sessionOf("block = peri_ln, heads = 3");
  StreamMonitor monitor = monitorOf(session);
  for (ParameterView &parameter : session.parameters())
    if (parameter.name.starts_with("2.") && parameter.name.ends_with(".g"))
      parameter.value[0] = std::nanf("");
  std::vector<double> bounds = monitor.bounds();
  EXPECT_TRUE(std::isfinite(bounds[0]));
  EXPECT_TRUE(std::isinf(bounds[1]));
}

TEST(MeasuredBound, SaysWhyThereIsNone) {
  Session session = sessionOf("block = odd, heads = 3", "def odd(x, l, depth, heads) {\n"
                                                        "  x <- x + exp(x)\n"
                                                        "  return x\n"
                                                        "}\n");
  Result<StreamMonitor> monitor = StreamMonitor::create(session);
  ASSERT_FALSE(monitor);
  EXPECT_EQ(monitor.error().message, "nothing bounds 'lnx.exp' in layers 1 to 3");
}

// Laws are trusted, and named so that a warning can be understood.
TEST(MeasuredBound, NamesItsLaws) {
  Session session = sessionOf("block = lawful, heads = 3", "def squashed(x) {\n"
                                                           "  law peak <= 3\n"
                                                           "  return exp(x)\n"
                                                           "}\n"
                                                           "def lawful(x, l, depth, heads) {\n"
                                                           "  x <- x + squashed(x)\n"
                                                           "  return x\n"
                                                           "}\n");
  StreamMonitor monitor = monitorOf(session);
  EXPECT_EQ(monitor.laws(), std::vector<std::string>{"law peak <= 3 of 'squashed'"});
  std::mt19937 random(1);
  for (ParameterView &parameter : session.parameters())
    if (parameter.name == "E")
      std::ranges::fill(parameter.value, 4.0f); // exp(4) is not below 3
  StepReport report = measure(session, monitor, Text(random).view());
  EXPECT_TRUE(largestExcess(report));
}

/// Training as `lnx train` does it, with the bound in every step or in every third.
struct Recorder final : TrainObserver {
  std::vector<StepReport> reports;
  void onStep(const StepReport &report) override { reports.push_back(report); }
};

TEST(TrainingBound, IsOfTheParametersTheGradientWasTakenAt) {
  Session session = sessionOf("block = peri_ln, heads = 3");
  StreamMonitor monitor = monitorOf(session);
  TrainOptions options;
  options.steps = 10;
  options.batch = options.microBatch = batch;
  options.time = length;
  options.schedule = {.rate = 0.3, .minimum = 0.3, .warmup = 0, .steps = 10};
  options.hiddenBounds = [&] { return monitor.bounds(); };
  options.boundEvery = 4;
  std::vector<double> before = monitor.bounds();
  std::vector<int32_t> ids(500);
  for (size_t i = 0; i < ids.size(); ++i)
    ids[i] = static_cast<int32_t>(i * 7 % vocabulary);
  Tokens tokens = Tokens::fromIds(ids);
  Recorder recorder;
  Result<TrainSummary> summary = Trainer(session, tokens, nullptr, options).run(recorder);
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(recorder.reports[0].hiddenBounds, before);
  for (const StepReport &report : recorder.reports) {
    bool isKept = report.step == 1 || report.step % 4 == 0 || report.step == 10;
    EXPECT_EQ(report.hiddenBounds.size(), isKept ? 3u : 0u) << report.step;
    EXPECT_FALSE(largestExcess(report)) << report.step;
  }
}

// Parameters from a file are parameters like others.
TEST(TrainingBound, GoesOnBehindALoad) {
  Session session = sessionOf("block = peri_ln, heads = 3"),
          other = sessionOf("block = peri_ln, heads = 3");
  std::mt19937 random(3);
  push(session, random);
  std::string path = testing::TempDir() + "stream_bound.safetensors";
  ASSERT_FALSE(session.save(path));
  StreamMonitor monitor = monitorOf(other);
  ASSERT_NE(monitor.bounds(), monitorOf(session).bounds());
  ASSERT_FALSE(other.load(path));
  EXPECT_EQ(monitor.bounds(), monitorOf(session).bounds());
}

} // namespace
