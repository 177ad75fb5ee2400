// Cost: sectors and bank passes of known patterns, and the modes of a launch.
// A warp of 32 lanes; sectors have 32 bytes, banks four.
#include "emulator/Probe.h"

#include <cmath>

using namespace emulator;

namespace {

// One warp that computes `address` into %d2 (global) or %r3 (shared) from its lane %r1.
Outcome run(const std::string &body, const Options &options = {}, uint32_t ctas = 1) {
  GlobalMemory memory;
  Loaded loaded = load(std::string(Header) + R"(
.visible .entry k(.param .u64 data) {
  .reg .pred %p<4>; .reg .b32 %r<12>; .reg .b64 %d<8>; .reg .f32 %f<4>;
  .shared .align 16 .b8 tile[4096];
  ld.param.u64 %d1, [data];
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, tile;
)" + body + "ret;\n}\n",
                       memory);
  EXPECT_TRUE(loaded.module) << loaded.error;
  uint64_t data = upload(memory, std::vector<uint32_t>(2048));
  return launch(*loaded.module->kernel("k"), memory, {ctas, 1, 1}, {32, 1, 1}, 0,
                Parameters().add(data).block, options);
}

uint64_t sectors(const std::string &stride, const std::string &load) {
  Outcome outcome = run("mad.wide.u32 %d2, %r1, " + stride + ", %d1;\n" + load + "\n");
  EXPECT_FALSE(outcome.fault) << outcome.fault->text();
  EXPECT_EQ(outcome.counters.globalRequests, 1u);
  return outcome.counters.globalSectors;
}

TEST(Cost, Sectors) {
  EXPECT_EQ(sectors("4", "ld.global.u32 %r4, [%d2];"), 4u);
  EXPECT_EQ(sectors("4", "ld.global.u32 %r4, [%d2+4];"), 5u);
  EXPECT_EQ(sectors("16", "ld.global.v4.u32 {%r4, %r5, %r6, %r7}, [%d2];"), 16u);
  EXPECT_EQ(sectors("32", "ld.global.v4.u32 {%r4, %r5, %r6, %r7}, [%d2];"), 32u);
  EXPECT_EQ(sectors("8", "ld.global.u32 %r4, [%d2];"), 8u);
  EXPECT_EQ(sectors("0", "ld.global.u32 %r4, [%d2];"), 1u);
  // Reversed lanes touch the same sectors.
  EXPECT_EQ(sectors("0", "sub.u32 %r4, 31, %r1;\nmad.wide.u32 %d2, %r4, 4, %d1;\n"
                         "ld.global.u32 %r4, [%d2];"),
            4u);
  // Eight lanes of 32.
  EXPECT_EQ(sectors("4", "setp.lt.u32 %p1, %r1, 8;\n@%p1 ld.global.u32 %r4, [%d2];"), 1u);
}

struct Waves {
  uint64_t found, ideal;
  bool operator==(const Waves &) const = default;
};
Waves waves(const std::string &stride, const std::string &store) {
  Outcome outcome = run("mad.lo.u32 %r3, %r1, " + stride + ", %r2;\n" + store + "\n");
  EXPECT_FALSE(outcome.fault) << outcome.fault->text();
  return {outcome.counters.sharedWaves, outcome.counters.sharedIdealWaves};
}

TEST(Cost, BankPasses) {
  const std::string word = "st.shared.u32 [%r3], %r1;";
  EXPECT_EQ(waves("4", word), (Waves{1, 1}));
  EXPECT_EQ(waves("8", word), (Waves{2, 1}));
  EXPECT_EQ(waves("128", word), (Waves{32, 1}));
  EXPECT_EQ(waves("132", word), (Waves{1, 1})); // the padded transposition
  EXPECT_EQ(waves("0", "st.shared.u32 [%r3], 1;"), (Waves{1, 1}));
  EXPECT_EQ(waves("2", "st.shared.u16 [%r3], %r1;"), (Waves{1, 1}));
  EXPECT_EQ(waves("16", "st.shared.v4.u32 [%r3], {%r1, %r1, %r1, %r1};"), (Waves{4, 4}));
  EXPECT_EQ(waves("32", "st.shared.v4.u32 [%r3], {%r1, %r1, %r1, %r1};"), (Waves{8, 4}));
}

// A perturbed operation is off by at most the units asked for, and the seed decides by how much.
TEST(Modes, Perturbation) {
  auto exponentials = [](const Options &options) {
    GlobalMemory memory;
    Loaded loaded = load(std::string(Header) + R"(
.visible .entry k(.param .u64 data) {
  .reg .b32 %r<4>; .reg .b64 %d<4>; .reg .f32 %f<4>;
  ld.param.u64 %d1, [data];
  mov.u32 %r1, %tid.x;
  mad.wide.u32 %d2, %r1, 4, %d1;
  cvt.rn.f32.u32 %f1, %r1;
  mul.f32 %f1, %f1, 0f3DCCCCCD;
  ex2.approx.f32 %f2, %f1;
  st.global.f32 [%d2], %f2;
  ret;
}
)",
                         memory);
    uint64_t data = memory.allocate(128);
    Outcome outcome = launch(*loaded.module->kernel("k"), memory, {1, 1, 1}, {32, 1, 1}, 0,
                             Parameters().add(data).block, options);
    EXPECT_FALSE(outcome.fault);
    return download<int32_t>(memory, data, 32);
  };
  auto exact = exponentials({}), some = exponentials({.seed = 1, .perturbUlps = 2});
  int moved = 0;
  for (size_t k = 0; k < 32; ++k) {
    EXPECT_LE(std::abs(exact[k] - some[k]), 2);
    moved += exact[k] != some[k];
  }
  EXPECT_GT(moved, 16);
  EXPECT_EQ(exact[0], some[0]); // 2^0 is 1 on every device
  EXPECT_EQ(some, exponentials({.seed = 1, .perturbUlps = 2}));
  EXPECT_NE(some, exponentials({.seed = 2, .perturbUlps = 2}));
}

// A copy that lands at once hides the missing wait; the lazy one shows it.
TEST(Modes, LazyCopiesShowMissingWaits) {
  const std::string body = R"(
mad.lo.u32 %r3, %r1, 4, %r2;
mad.wide.u32 %d2, %r1, 4, %d1;
cp.async.ca.shared.global [%r3], [%d2], 4;
ld.shared.u32 %r4, [%r3];
cp.async.wait_all;
)";
  EXPECT_FALSE(run(body, {.eagerCopies = true}).fault);
  Outcome lazy = run(body);
  ASSERT_TRUE(lazy.fault);
  EXPECT_NE(lazy.fault->what.find("is the target of an asynchronous copy"), std::string::npos);
}

// CTA 0 waits for CTA 1: it needs both to be resident, and is stuck otherwise.
TEST(Modes, ResidentCtas) {
  const std::string body = R"(
mov.u32 %r4, %ctaid.x;
setp.eq.u32 %p1, %r4, 0;
@%p1 bra WAIT;
st.release.gpu.global.u32 [%d1], 1;
ret;
WAIT:
ld.acquire.gpu.global.u32 %r5, [%d1];
setp.eq.u32 %p2, %r5, 0;
@%p2 bra WAIT;
)";
  EXPECT_FALSE(run(body, {.residentCtas = 2}, 2).fault);
  Outcome alone = run(body, {.patience = 10000}, 2);
  ASSERT_TRUE(alone.fault);
  EXPECT_NE(alone.fault->what.find("no progress"), std::string::npos);
}

// Copies with a smaller source fill the rest with zero and read no further: the last lane's source
// begins four bytes before the end of the allocation.
TEST(Modes, CopiesZeroFill) {
  GlobalMemory memory;
  Loaded loaded = load(std::string(Header) + R"(
.visible .entry k(.param .u64 in, .param .u64 out) {
  .reg .pred %p<4>; .reg .b32 %r<12>; .reg .b64 %d<8>;
  .shared .align 16 .b8 tile[512];
  ld.param.u64 %d1, [in];
  ld.param.u64 %d3, [out];
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, tile;
  mad.lo.u32 %r3, %r1, 16, %r2;
  mad.wide.u32 %d2, %r1, 16, %d1;
  setp.eq.u32 %p1, %r1, 31;
  selp.u32 %r4, 4, 16, %p1;
  cp.async.cg.shared.global [%r3], [%d2], 16, %r4;
  cp.async.wait_all;
  ld.shared.v4.u32 {%r5, %r6, %r7, %r8}, [%r3];
  mad.wide.u32 %d4, %r1, 16, %d3;
  st.global.v4.u32 [%d4], {%r5, %r6, %r7, %r8};
  ret;
}
)",
                       memory);
  ASSERT_TRUE(loaded.module) << loaded.error;
  std::vector<uint32_t> in(125, 7), expected(128, 7);
  expected[125] = expected[126] = expected[127] = 0;
  uint64_t source = upload(memory, in), out = memory.allocate(512);
  Outcome outcome = launch(*loaded.module->kernel("k"), memory, {1, 1, 1}, {32, 1, 1}, 0,
                           Parameters().add(source).add(out).block);
  ASSERT_FALSE(outcome.fault) << outcome.fault->text();
  EXPECT_EQ(download<uint32_t>(memory, out, 128), expected);
  EXPECT_EQ(outcome.counters.asyncCopyBytes, 500u);
}

} // namespace
