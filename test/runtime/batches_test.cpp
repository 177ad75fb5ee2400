// Which windows are drawn.
// A draw is a function of (seed, step, sequence), so cutting a batch differently changes nothing.
#include "lnx/train/batches.h"

#include <gtest/gtest.h>
#include <numeric>
#include <set>

using namespace lnx;

static Tokens counting(int32_t n) {
  std::vector<int32_t> ids(static_cast<size_t>(n));
  std::iota(ids.begin(), ids.end(), 0);
  return Tokens::fromIds(ids);
}

TEST(TrainingWindows, haveTargetsOneFurther) {
  Tokens tokens = counting(1000);
  TrainingWindows windows(tokens, {.time = 7, .batch = 4, .seed = 3});
  std::vector<int32_t> ids(7), targets(7);
  windows.draw(5, 2, ids, targets);
  for (size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(ids[i], ids[0] + static_cast<int32_t>(i));
    EXPECT_EQ(targets[i], ids[i] + 1);
  }
  EXPECT_EQ(ids[0], windows.start(5, 2));
}

// The sequence of all windows is the same for batches of 1, 2 and 4.
TEST(TrainingWindows, countOverSteps) {
  Tokens tokens = counting(1000);
  TrainingWindows one(tokens, {.time = 8, .batch = 1}), two(tokens, {.time = 8, .batch = 2});
  TrainingWindows four(tokens, {.time = 8, .batch = 4});
  for (int64_t i = 0; i < 400; ++i) {
    EXPECT_EQ(one.start(i + 1, 0), two.start(i / 2 + 1, i % 2));
    EXPECT_EQ(one.start(i + 1, 0), four.start(i / 4 + 1, i % 4));
  }
}

// An epoch visits each window once; the next has another order and offset.
TEST(TrainingWindows, visitEachOnceInAnEpoch) {
  for (int32_t size : {9, 16, 17, 100, 1000, 1001}) {
    Tokens tokens = counting(size);
    TrainingWindows windows(tokens, {.time = 8, .batch = 1, .seed = 9});
    for (int64_t epoch = 0; epoch < 3; ++epoch) {
      std::set<int64_t> starts;
      for (int64_t i = 0; i < windows.windowsPerEpoch(); ++i) {
        int64_t start = windows.start(epoch * windows.windowsPerEpoch() + i + 1, 0);
        EXPECT_GE(start, 0);
        EXPECT_LE(start + 8 + 1, size);
        EXPECT_EQ(start % 8, *starts.insert(start).first % 8);
      }
      EXPECT_EQ(static_cast<int64_t>(starts.size()), windows.windowsPerEpoch());
      EXPECT_EQ((*starts.rbegin() - *starts.begin()) / 8 + 1, windows.windowsPerEpoch());
    }
  }
}

// Windows of later epochs begin elsewhere, so that a token is not always at the same position.
TEST(TrainingWindows, moveFromEpochToEpoch) {
  Tokens tokens = counting(1000);
  TrainingWindows windows(tokens, {.time = 8, .batch = 1, .seed = 9});
  std::set<int64_t> offsets;
  for (int64_t epoch = 0; epoch < 20; ++epoch)
    offsets.insert(windows.start(epoch * windows.windowsPerEpoch() + 1, 0) % 8);
  EXPECT_GT(offsets.size(), 4u);
}

TEST(TrainingWindows, dependOnTheSeed) {
  Tokens tokens = counting(1000);
  TrainingWindows a(tokens, {.time = 8, .batch = 1, .seed = 1}),
      b(tokens, {.time = 8, .batch = 1, .seed = 2});
  int same = 0;
  for (int64_t i = 1; i <= 100; ++i)
    same += a.start(i, 0) == b.start(i, 0);
  EXPECT_LT(same, 10);
}

TEST(HeldOutWindows, areInOrderAndSpread) {
  Tokens tokens = counting(101);
  HeldOutWindows all(tokens, 10, 0), four(tokens, 10, 4);
  EXPECT_EQ(all.count(), 10);
  EXPECT_EQ(four.count(), 4);
  std::vector<int32_t> ids(10), targets(10);
  all.read(9, ids, targets);
  EXPECT_EQ(ids.front(), 90);
  EXPECT_EQ(targets.back(), 100);
  four.read(3, ids, targets);
  EXPECT_EQ(ids.front(), 60);
}

TEST(CheckLength, givesTheNumbers) {
  EXPECT_FALSE(checkLength(counting(9), 8, "the training data"));
  EXPECT_EQ(checkLength(counting(8), 8, "the training data")->message,
            "the training data has 8 tokens, a sequence of 8 needs 9");
}
