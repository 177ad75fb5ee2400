// The same bits with any number of threads, and the same losses however a batch is cut.
#include "test/e2e/Harness.h"

#include <gtest/gtest.h>

using namespace lnx;
using namespace lnx::e2e;

namespace {

const char *const small = "width = 48, heads = 3, depth = 3, vocab = 257, context = 32";

uint64_t trainFifty(Model &model, int threads) {
  Session session =
      makeSession(model.compile(), {.batch = 4, .time = 32, .threads = threads, .seed = 3});
  for (int step = 0; step < 50; ++step) {
    Ids ids = makeIds(4, 32, 257, step);
    EXPECT_TRUE(session.gradient(ids.view()));
    EXPECT_TRUE(session.update({.rate = 1e-3f}));
  }
  return session.parameterHash();
}

TEST(Threads, FiftyStepsGiveTheSameBits) {
  Model model(gpt2("peri_ln", small));
  uint64_t one = trainFifty(model, 1);
  EXPECT_EQ(one, trainFifty(model, 2));
  EXPECT_EQ(one, trainFifty(model, 3));
}

// Another seed gives other bits, so the hash above can differ.
TEST(Threads, TheSeedDecidesTheBits) {
  Model model(gpt2("peri_ln", small));
  auto hash = [&](uint64_t seed) {
    return makeSession(model.compile(), {.batch = 1, .time = 8, .seed = seed}).parameterHash();
  };
  EXPECT_EQ(hash(3), hash(3));
  EXPECT_NE(hash(3), hash(4));
}

// 1e-5: sums over rows are taken in another order, each loss is near 5.5.
TEST(MicroBatches, EqualGlobalBatchesGiveEqualLosses) {
  Model model(gpt2("peri_ln", small));
  std::vector<std::vector<double>> losses;
  for (int64_t micro : {1, 2, 4}) {
    Session session = makeSession(model.compile(), {.batch = micro, .time = 32, .seed = 3});
    std::vector<double> &mine = losses.emplace_back();
    for (int step = 0; step < 10; ++step) {
      Ids ids = makeIds(4, 32, 257, step);
      double mean = 0, scale = double(micro) / 4;
      for (int64_t first = 0; first < 4; first += micro) {
        Result<double> loss = session.gradient(part(ids, first, micro).view(), scale);
        ASSERT_TRUE(loss) << loss.error().message;
        mean += *loss * scale;
      }
      ASSERT_TRUE(session.update({.rate = 1e-3f}));
      mine.push_back(mean);
    }
  }
  for (int step = 0; step < 10; ++step) {
    EXPECT_NEAR(losses[0][step], losses[1][step], 1e-5) << "step " << step;
    EXPECT_NEAR(losses[0][step], losses[2][step], 1e-5) << "step " << step;
  }
}

} // namespace
