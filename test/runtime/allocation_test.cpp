// A step allocates nothing; everything was reserved when the session was created.
// Counts every malloc of the process through the C library's own functions.
#include "Fill.h"
#include "device/cpu/Cpu.h"

#include <gtest/gtest.h>

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<int64_t> allocations{0};
} // namespace

// Every `new` of this program is counted.
void *operator new(size_t bytes) {
  ++allocations;
  if (void *memory = std::malloc(bytes ? bytes : 1))
    return memory;
  std::abort();
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }

using namespace lnx;

namespace {

// Bytes handed out by malloc in all arenas and maps.
size_t bytesInUse() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

TEST(Allocation, CallsOfCompiledCodeAllocateNothing) {
  auto cpu = Cpu::create(2);
  ASSERT_TRUE(cpu);
  const int64_t time = 130, heads = 4, kvHeads = 2, size = 24, width = heads * size;
  const auto q = randomFloats(time * width, 1), k = randomFloats(time * kvHeads * size, 2);
  const auto big = randomFloats(400 * 900, 3);
  std::vector<float> o(q.size()), lse(static_cast<size_t>(time * heads)), dq(q.size()),
      dk(k.size()), dv(k.size()), c(400 * 400);
  const lnx_runtime &calls = (*cpu)->calls();
  const int64_t before = allocations;
  const size_t bytes = bytesInUse();
  for (int64_t m : {1, 7, 16, 17, 400})
    for (int64_t flags = 0; flags < 8; ++flags)
      calls.gemm(calls.context, flags & 1, flags >> 1 & 1, m, 400, 900, big.data(),
                 flags & 1 ? m : 900, big.data(), flags & 2 ? 900 : 400, flags >> 2, c.data(), 400);
  calls.attend(calls.context, q.data(), k.data(), k.data(), o.data(), lse.data(), 1, time, heads,
               kvHeads, size, 1, 0.2f, 0);
  calls.attend_grad(calls.context, q.data(), k.data(), k.data(), o.data(), lse.data(), q.data(),
                    dq.data(), dk.data(), dv.data(), 1, time, heads, kvHeads, size, 1, 0.2f, 0);
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(bytesInUse(), bytes);
}

} // namespace
