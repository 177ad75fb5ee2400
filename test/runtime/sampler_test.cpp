// Which token a uniform number draws.
// Frequencies of many draws are held against the softmax.
#include "BigramProgram.h"
#include "lnx/train/sampler.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace lnx;

static const float logits[] = {0, 1, 3, 1, -INFINITY, NAN};

TEST(DrawToken, takesTheLargestWithoutTemperature) {
  EXPECT_EQ(drawToken(logits, 0, 0, 0.99), 2);
  EXPECT_EQ(drawToken(std::vector<float>{1, 1}, 0, 0, 0.99), 0);
}

TEST(DrawToken, followsTheSoftmax) {
  int counts[6] = {};
  for (int i = 0; i < 10000; ++i)
    ++counts[drawToken(logits, 2, 0, i / 10000.0)];
  double sum = 1 + 2 * std::exp(0.5) + std::exp(1.5);
  EXPECT_NEAR(counts[2] / 10000.0, std::exp(1.5) / sum, 2e-4);
  EXPECT_NEAR(counts[1] / 10000.0, std::exp(0.5) / sum, 2e-4);
  EXPECT_NEAR(counts[0] / 10000.0, 1 / sum, 2e-4);
  EXPECT_EQ(counts[4] + counts[5], 0);
}

TEST(DrawToken, keepsTheTopK) {
  for (int i = 0; i < 1000; ++i) {
    int32_t id = drawToken(logits, 1, 2, i / 1000.0);
    EXPECT_TRUE(id == 2 || id == 1) << id;
  }
}

TEST(DrawToken, survivesLogitsWithoutANumber) {
  EXPECT_EQ(drawToken(std::vector<float>{NAN, NAN}, 1, 0, 0.5), 0);
}

// Two samplers with one seed write the same text; another seed writes another.
TEST(Sampler, dependsOnItsSeed) {
  auto session = Session::create(bigramProgram(), {.batch = 1, .time = 8, .threads = 1, .seed = 1});
  ASSERT_TRUE(session);
  auto text = [&](uint64_t seed) {
    Sampler sampler(*session, {.seed = seed, .window = 8, .vocabulary = 14});
    std::vector<int32_t> ids = {1};
    for (int i = 0; i < 40; ++i) {
      auto id = sampler.next(ids);
      EXPECT_TRUE(id);
      EXPECT_LT(*id, 14);
      ids.push_back(*id);
    }
    return ids;
  };
  EXPECT_EQ(text(1), text(1));
  EXPECT_NE(text(1), text(2));
}
