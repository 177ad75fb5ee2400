// The size of the residual stream after each layer, as grad reports it beside the loss.
// Compared with the double evaluator on the same parameters and tokens.
#include "test/e2e/Harness.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace lnx;
using namespace lnx::e2e;

namespace {

const char *const small = "width = 48, heads = 3, depth = 2, vocab = 257, context = 32";

class Monitor : public testing::TestWithParam<const char *> {};

// 1e-4: sums of 6144 numbers in f32, of a stream that was itself computed in f32.
TEST_P(Monitor, MeasuresWhatTheEvaluatorComputes) {
  Model model(gpt2(GetParam(), small));
  Session session = makeSession(model.compile(), {.batch = 4, .time = 32, .seed = 3});
  for (int step = 0; step < 5; ++step) {
    Ids ids = makeIds(4, 32, 257, step);
    Oracle oracle(model, session);
    std::vector<std::vector<double>> sums = oracle.observations(ids);
    ASSERT_TRUE(session.gradient(ids.view()));
    std::span<const StreamSize> measured = session.hiddenStatistics();
    ASSERT_EQ(measured.size(), 2u);
    ASSERT_EQ(sums.size(), 3u);
    for (size_t layer = 0; layer < 2; ++layer) {
      double count = 4 * 32 * 48, mean = sums[1][layer] / count;
      double variance = sums[2][layer] / count - mean * mean;
      EXPECT_EQ(measured[layer].layer, int64_t(layer) + 1);
      EXPECT_NEAR(measured[layer].meanAbs, sums[0][layer] / count, 1e-4 * sums[0][layer] / count);
      EXPECT_NEAR(measured[layer].variance(), variance, 1e-4 * variance);
    }
    ASSERT_TRUE(session.update({.rate = 1e-2f}));
  }
}
INSTANTIATE_TEST_SUITE_P(Blocks, Monitor, testing::Values("peri_ln", "pre_ln", "post_ln"));

// A norm over the sum with gains 1 and biases 0 makes every row's variance 1, up to its eps: a
// number that no part of the compiler computed.
TEST(MonitorValues, AfterAFreshNormTheVarianceIsOne) {
  Model model(gpt2("post_ln", small));
  Session session = makeSession(model.compile(), {.batch = 4, .time = 32, .seed = 3});
  ASSERT_TRUE(session.gradient(makeIds(4, 32, 257, 1).view()));
  for (const StreamSize &size : session.hiddenStatistics()) {
    EXPECT_NEAR(size.mean, 0, 1e-5);
    EXPECT_NEAR(size.variance(), 1, 1e-3);
    EXPECT_LE(size.meanAbs, std::sqrt(size.meanSquare));
  }
}

// Sums are cut by the rows, so any number of threads gives the same bits.
TEST(MonitorValues, ThreadsDoNotChangeABit) {
  Model model(gpt2("peri_ln", small));
  Ids ids = makeIds(4, 32, 257, 1);
  std::vector<std::vector<double>> all;
  for (int threads : {1, 2, 3}) {
    Session session =
        makeSession(model.compile(), {.batch = 4, .time = 32, .threads = threads, .seed = 3});
    ASSERT_TRUE(session.gradient(ids.view()));
    std::vector<double> &mine = all.emplace_back();
    for (const StreamSize &size : session.hiddenStatistics())
      mine.insert(mine.end(), {size.meanAbs, size.mean, size.meanSquare});
  }
  EXPECT_EQ(all[0], all[1]);
  EXPECT_EQ(all[0], all[2]);
}

} // namespace
