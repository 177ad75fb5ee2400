// Every item exactly once, for any number of threads, nested or not.
// Relies on nothing but the pool.
#include "device/cpu/Pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

using namespace lnx;

namespace {

// Each item is counted once, chunks begin at multiples of the grain and are never longer.
TEST(Pool, RunsEveryItemExactlyOnce) {
  for (int threads : {1, 2, 3, 7})
    for (int64_t n : {0, 1, 2, 5, 64, 1000})
      for (int64_t grain : {1, 3, 64, 5000}) {
        Pool pool(threads);
        std::vector<std::atomic<int>> count(static_cast<size_t>(n) + 1);
        std::atomic<bool> wellCut = true;
        pool.forEach(n, grain, [&](int64_t lo, int64_t hi) {
          if (lo % grain != 0 || hi != std::min(n, lo + grain))
            wellCut = false;
          for (int64_t i = lo; i < hi; ++i)
            ++count[static_cast<size_t>(i)];
        });
        EXPECT_TRUE(wellCut);
        for (int64_t i = 0; i < n; ++i)
          ASSERT_EQ(count[static_cast<size_t>(i)], 1) << threads << ' ' << n << ' ' << grain;
      }
}

// Many short jobs one after another: a late thread never runs a chunk of a job that has ended.
TEST(Pool, SurvivesManyShortJobs) {
  Pool pool(3);
  for (int round = 0; round < 20000; ++round) {
    std::array<std::atomic<int>, 4> count{};
    pool.forEach(4, 1, [&](int64_t lo, int64_t) { ++count[static_cast<size_t>(lo)]; });
    for (const auto &item : count)
      ASSERT_EQ(item, 1) << round;
  }
}

// Threads that went to sleep between jobs are woken by the next one.
TEST(Pool, WakesSleepingThreads) {
  Pool pool(2);
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    std::atomic<int> arrived = 0;
    // Each chunk waits for the other, so both must run at the same time.
    pool.forEach(2, 1, [&](int64_t, int64_t) {
      ++arrived;
      while (arrived != 2)
        std::this_thread::yield();
    });
    EXPECT_EQ(arrived, 2);
  }
}

// A job started inside a job runs on the thread that started it, all of it.
TEST(Pool, RunsNestedJobsInline) {
  Pool pool(3);
  std::array<std::atomic<int64_t>, 8> sums{};
  pool.forEach(8, 1, [&](int64_t outer, int64_t) {
    EXPECT_TRUE(Pool::inJob());
    const auto thread = std::this_thread::get_id();
    pool.forEach(100, 7, [&](int64_t lo, int64_t hi) {
      EXPECT_EQ(thread, std::this_thread::get_id());
      for (int64_t i = lo; i < hi; ++i)
        sums[static_cast<size_t>(outer)] += i;
    });
    EXPECT_TRUE(Pool::inJob());
  });
  EXPECT_FALSE(Pool::inJob());
  for (const auto &sum : sums)
    EXPECT_EQ(sum, 4950);
}

// Lanes are below the number of threads and no two threads in a job share one.
TEST(Pool, GivesEachThreadItsLane) {
  Pool pool(3);
  std::array<std::atomic<int>, 3> inside{};
  std::atomic<bool> alone = true;
  pool.forEach(300, 1, [&](int64_t, int64_t) {
    auto &lane = inside.at(static_cast<size_t>(Pool::lane()));
    if (++lane != 1)
      alone = false;
    --lane;
  });
  EXPECT_TRUE(alone);
}

} // namespace
