// placeIntervals on random and on known input: what lives together never shares memory.
#include "compiler/lower/Intervals.h"
#include "gtest/gtest.h"
#include <random>
#include <vector>

using namespace mlir::lnx;

namespace {

int64_t largestDemand(const std::vector<Interval> &intervals) {
  int64_t most = 0;
  for (const Interval &at : intervals) {
    int64_t demand = 0;
    for (const Interval &other : intervals)
      if (other.begin <= at.begin && at.begin <= other.end)
        demand += other.bytes;
    most = std::max(most, demand);
  }
  return most;
}

void expectApart(const std::vector<Interval> &intervals, int64_t size, int64_t alignment) {
  for (size_t i = 0; i < intervals.size(); ++i) {
    const Interval &a = intervals[i];
    EXPECT_EQ(a.offset % alignment, 0);
    EXPECT_LE(a.offset + a.bytes, size);
    for (size_t j = i + 1; j < intervals.size(); ++j) {
      const Interval &b = intervals[j];
      bool shareMemory = a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
      EXPECT_FALSE(a.overlapsInTime(b) && shareMemory) << i << " and " << j;
    }
  }
}

TEST(Intervals, RandomOnesStayApart) {
  std::mt19937 random(3);
  for (int round = 0; round < 50; ++round) {
    std::vector<Interval> intervals(1 + random() % 80);
    for (Interval &interval : intervals) {
      interval.begin = random() % 100;
      interval.end = interval.begin + random() % 30;
      interval.bytes = 4 * (1 + random() % 500);
    }
    int64_t size = placeIntervals(intervals, 64);
    expectApart(intervals, size, 64);
    // Best fit stays within half again of the bound below which nothing can go.
    EXPECT_LE(size, 1.5 * largestDemand(intervals) + 64.0 * intervals.size());
  }
}

// A chain needs two buffers however long it is.
TEST(Intervals, ChainNeedsTwo) {
  std::vector<Interval> chain(100);
  for (int64_t i = 0; i < 100; ++i)
    chain[i] = {i, i + 1, 3072, 0};
  EXPECT_EQ(placeIntervals(chain, 4), 2 * 3072);
}

// The end of one and the begin of another at the same time is a meeting: one op reads and writes.
TEST(Intervals, MeetingCounts) {
  std::vector<Interval> two = {{0, 5, 100, 0}, {5, 9, 100, 0}};
  EXPECT_EQ(placeIntervals(two, 4), 200);
  two = {{0, 4, 100, 0}, {5, 9, 100, 0}};
  EXPECT_EQ(placeIntervals(two, 4), 100);
}

TEST(Intervals, SmallOneTakesTheSmallestHole) {
  std::vector<Interval> intervals = {
      {0, 1, 1000, 0}, {0, 9, 400, 0}, {0, 1, 300, 0}, {0, 9, 250, 0}, {5, 9, 200, 0}};
  EXPECT_EQ(placeIntervals(intervals, 4), 1952);
  EXPECT_EQ(intervals[4].offset, intervals[2].offset);
}

} // namespace
