// A step allocates nothing: every allocation of the process is counted while one runs.
#include "test/e2e/Harness.h"

#include <atomic>
#include <cstdlib>
#include <gtest/gtest.h>

extern "C" void *__libc_malloc(size_t);

namespace {
std::atomic<bool> counting{false};
std::atomic<long> allocations{0};
} // namespace

// glibc lets a program bring its own malloc; everything else (new, calloc of libstdc++) ends there.
extern "C" void *malloc(size_t size) {
  if (counting.load(std::memory_order_relaxed))
    allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}

using namespace lnx;
using namespace lnx::e2e;

namespace {

TEST(Memory, TheCounterCounts) {
  counting = true;
  free(malloc(16));
  counting = false;
  EXPECT_GE(allocations.exchange(0), 1);
}

TEST(Memory, AStepAllocatesNothing) {
  Model model(gpt2("peri_ln", "width = 64, heads = 4, depth = 3, vocab = 257, context = 32"));
  Session session = makeSession(model.compile(), {.batch = 2, .time = 32, .threads = 2});
  Ids ids = makeIds(2, 32, 257, 1);
  auto step = [&] {
    return session.gradient(ids.view()) && session.update({}) && session.evaluate(ids.view());
  };
  ASSERT_TRUE(step());
  counting = true;
  bool done = step();
  counting = false;
  EXPECT_TRUE(done);
  EXPECT_EQ(allocations.exchange(0), 0);
}

// The plan is linear in the number of rows: the logits of all rows are never held at once.
TEST(Memory, ScratchGrowsLinearlyAndWithoutTheLogits) {
  Model model(gpt2("peri_ln", "width = 64, heads = 4, depth = 2, vocab = 20000, context = 512"));
  Program program = model.compile();
  EXPECT_LT(program->scratch_bytes_per_row[LNX_ENTRY_GRAD], int64_t(20000) * 4);
}

} // namespace
