// Warm-up, cosine, minimum.
// Values are those of the formula at places where the cosine is known.
#include "lnx/train/schedule.h"

#include <gtest/gtest.h>

using namespace lnx;

TEST(Schedule, warmsUpThenDecays) {
  Schedule schedule{.rate = 1, .minimum = 0.1, .warmup = 10, .steps = 110};
  EXPECT_DOUBLE_EQ(schedule.at(1), 0.1);
  EXPECT_DOUBLE_EQ(schedule.at(5), 0.5);
  EXPECT_DOUBLE_EQ(schedule.at(10), 1);
  EXPECT_NEAR(schedule.at(60), 0.55, 1e-12);
  EXPECT_NEAR(schedule.at(10 + 100 / 3.0 * 2 + 0.34), 0.1 + 0.45 * 0.5, 0.01);
  EXPECT_DOUBLE_EQ(schedule.at(110), 0.1);
  EXPECT_DOUBLE_EQ(schedule.at(500), 0.1);
}

TEST(Schedule, neverRisesAfterItsWarmUp) {
  Schedule schedule{.rate = 3e-4, .minimum = 3e-5, .warmup = 7, .steps = 100};
  for (int64_t step = 8; step <= 100; ++step)
    EXPECT_LT(schedule.at(step), schedule.at(step - 1)) << step;
}

TEST(Schedule, mayBeAllWarmUp) {
  Schedule schedule{.rate = 2, .minimum = 1, .warmup = 4, .steps = 4};
  EXPECT_DOUBLE_EQ(schedule.at(2), 1);
  EXPECT_DOUBLE_EQ(schedule.at(4), 2);
}

TEST(Schedule, isConstantWhenMinimumIsTheRate) {
  Schedule schedule{.rate = 2, .minimum = 2, .warmup = 0, .steps = 10};
  for (int64_t step = 1; step <= 10; ++step)
    EXPECT_DOUBLE_EQ(schedule.at(step), 2);
}
