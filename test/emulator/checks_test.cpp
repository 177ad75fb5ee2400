// Checks: a correct kernel, then the same one with one bug; every check must catch its own.
// Each runs in order and in two random schedules: what is caught must not depend on luck.
#include "emulator/Probe.h"

using namespace emulator;

namespace {

// Two warps: each thread puts its number into shared memory and takes its neighbour's from the
// other warp.
const std::string Exchange = std::string(Header) + R"(
.visible .entry exchange(.param .u64 out) {
  .reg .pred %p<4>; .reg .b32 %r<12>; .reg .b64 %d<8>;
  .shared .align 16 .b8 tile[256];
  ld.param.u64 %d1, [out];
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, tile;
  mad.lo.u32 %r3, %r1, 4, %r2;
  st.shared.b32 [%r3], %r1;
  bar.sync 0;
  xor.b32 %r4, %r1, 32;
  mad.lo.u32 %r5, %r4, 4, %r2;
  ld.shared.b32 %r6, [%r5];
  mad.wide.u32 %d2, %r1, 4, %d1;
  st.global.b32 [%d2], %r6;
  ret;
}
)";

// A pipeline of two stages filled by cp.async: each warp reads what the other one fetched.
const std::string Pipeline = std::string(Header) + R"(
.visible .entry pipeline(.param .u64 in, .param .u64 out) {
  .reg .pred %p<4>; .reg .b32 %r<16>; .reg .b64 %d<8>; .reg .f32 %f<4>;
  .shared .align 16 .b8 stage[512];
  ld.param.u64 %d1, [in];
  ld.param.u64 %d3, [out];
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, stage;
  mad.lo.u32 %r3, %r1, 4, %r2;
  mad.wide.u32 %d2, %r1, 4, %d1;
  cp.async.ca.shared.global [%r3], [%d2], 4;
  cp.async.commit_group;
  xor.b32 %r4, %r1, 32;
  mad.lo.u32 %r5, %r4, 4, %r2;
  mov.u32 %r6, 0;
  mov.f32 %f1, 0f00000000;
LOOP:
  add.s32 %r6, %r6, 1;
  xor.b32 %r3, %r3, 256;
  add.s64 %d2, %d2, 256;
  setp.lt.u32 %p1, %r6, 4;
  @%p1 cp.async.ca.shared.global [%r3], [%d2], 4;
  cp.async.commit_group;
  cp.async.wait_group 1;
  bar.sync 0;
  ld.shared.f32 %f2, [%r5];
  add.f32 %f1, %f1, %f2;
  xor.b32 %r5, %r5, 256;
  bar.sync 0;
  @%p1 bra LOOP;
  cp.async.wait_all;
  mad.wide.u32 %d4, %r1, 4, %d3;
  st.global.f32 [%d4], %f1;
  ret;
}
)";

std::string replaced(std::string text, const std::string &from, const std::string &to) {
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

// What a launch of two warps says; empty where it says nothing.
std::string faultOf(const std::string &text, uint64_t seed, uint32_t threads = 64) {
  GlobalMemory memory;
  Loaded loaded = load(text, memory);
  if (!loaded.module)
    return loaded.error;
  const Kernel &kernel = loaded.module->kernels().begin()->second;
  Parameters p;
  if (kernel.parameters.size() == 2)
    p.add(upload(memory, std::vector<float>(256, 1)));
  p.add(memory.allocate(256));
  Outcome outcome = launch(kernel, memory, {1, 1, 1}, {threads, 1, 1}, 0, p.block,
                           {.seed = seed, .patience = 100000});
  return outcome.fault ? outcome.fault->text() : "";
}

void expectCaught(const std::string &good, const std::string &from, const std::string &to,
                  const std::string &sentence, uint32_t threads = 64) {
  std::string bad = replaced(good, from, to);
  for (uint64_t seed : {0, 1, 2}) {
    EXPECT_EQ(faultOf(good, seed), "");
    std::string text = faultOf(bad, seed, threads);
    EXPECT_NE(text.find(sentence), std::string::npos) << to << ", seed " << seed << ": " << text;
  }
}

TEST(Checks, Bounds) {
  expectCaught(
      Exchange, "st.global.b32 [%d2]", "st.global.b32 [%d2+4]",
      "lane 31: address 0x200000000100 is 0 bytes past the end of the 256-byte allocation");
  expectCaught(Exchange, "ld.shared.b32 %r6, [%r5]", "ld.shared.b32 %r6, [%r5+256]",
               "is outside the 256 bytes of the CTA, which begin at 0x400");
  expectCaught(Exchange, "st.global.b32 [%d2]", "st.global.b32 [%d2-4]",
               "lane 0: address 0x1ffffffffffc is 4 bytes before the 256-byte allocation");
  expectCaught(Exchange, "ld.param.u64 %d1, [out]", "mov.u64 %d1, 0", " is a null pointer");
  expectCaught(Exchange, "[out];", "[out+8];",
               "offset 8 is outside the parameter block of 8 bytes");
}

TEST(Checks, Alignment) {
  expectCaught(Exchange, "st.global.b32 [%d2]", "st.global.b32 [%d2+2]",
               "2 is no multiple of 4, the size of the access");
  expectCaught(Exchange, "ld.shared.b32 %r6, [%r5]", "ld.shared.v2.b32 {%r6, %r7}, [%r5]",
               "is no multiple of 8, the size of the access");
  expectCaught(Exchange, "st.global.b32 [%d2], %r6", "st.global.v4.b32 [%d2], {%r6, %r6, %r6, %r6}",
               "is no multiple of 16, the size of the access");
}

TEST(Checks, UndefinedValues) {
  expectCaught(Exchange, "st.shared.b32 [%r3], %r1",
               "setp.lt.u32 %p1, %r1, 40;\n@%p1 st.shared.b32 [%r3], %r1",
               "warp 0, lane 8: the value stored was never initialised");
  expectCaught(Exchange, "st.global.b32 [%d2], %r6", "st.global.b32 [%d2], %r9",
               "lane 0: the value stored was never initialised");
  expectCaught(Exchange, "st.global.b32 [%d2]", "st.global.b32 [%d5]",
               "lane 0: the address was never initialised");
  expectCaught(Exchange, "st.global.b32", "@%p2 st.global.b32",
               "the guard predicate was never initialised");
  // Arithmetic carries the mark to the store.
  expectCaught(Exchange, "xor.b32 %r4, %r1, 32;",
               "xor.b32 %r4, %r1, 32;\nadd.u32 %r7, %r8, 1;\nand.b32 %r6, %r7, 3;\n@%p3 bra X;\nX:",
               "the guard predicate was never initialised");
}

// LLVM widens loads over bytes that nothing wrote: loading them is no fault.
TEST(Checks, LoadingIsNoUse) {
  std::string wide = replaced(Exchange, "ld.shared.b32 %r6, [%r5];",
                              "and.b32 %r5, %r5, -8;\nld.shared.v2.b32 {%r6, %r7}, [%r5];");
  wide = replaced(wide, "st.shared.b32 [%r3], %r1;",
                  "and.b32 %r7, %r1, 1;\nsetp.eq.u32 %p1, %r7, 0;\n@%p1 st.shared.b32 [%r3], %r1;");
  EXPECT_EQ(faultOf(wide, 0), "");
}

TEST(Checks, DivergenceAtAligned) {
  expectCaught(
      Exchange, "bar.sync 0;", "setp.lt.u32 %p1, %r1, 40;\n@%p1 bar.sync 0;",
      "warp 1, lane 8: lanes 8-31 do not execute this instruction together with lanes 0-7");
  expectCaught(
      Exchange, "bar.sync 0;",
      "and.b32 %r7, %r1, 31;\nsetp.lt.u32 %p1, %r7, 3;\n@%p1 ret;\nbar.sync 0;",
      "lanes 0-2 do not execute this instruction together with lanes 3-31; they have ended");
  expectCaught(Exchange, "bar.sync 0;",
               "and.b32 %r7, %r1, 1;\nsetp.eq.u32 %p1, %r7, 0;\n@%p1 bra EVEN;\nbar.sync 0;\nbra "
               "ALL;\nEVEN:\nbar.sync 0;\nALL:",
               "are at PTX line");
  std::string shuffle =
      replaced(Exchange, "st.global.b32 [%d2], %r6;",
               "shfl.sync.bfly.b32 %r6, %r6, 1, 31, -1;\nst.global.b32 [%d2], %r6;");
  expectCaught(shuffle, "shfl.sync.bfly", "setp.lt.u32 %p1, %r1, 40;\n@%p1 shfl.sync.bfly",
               "lanes 8-31 do not execute this instruction together with lanes 0-7");
  expectCaught(shuffle, "1, 31, -1", "1, 31, 0xffff",
               "the member mask leaves out lanes 16-31, which execute the instruction");
  expectCaught(
      Exchange, "bar.sync 0;",
      "and.b32 %r7, %r1, 1;\nsetp.eq.u32 %p1, %r7, 0;\n@%p1 bra.uni ALL;\nALL:\nbar.sync 0;",
      "lanes disagree at a branch that says .uni");
}

TEST(Checks, MemberMaskBeyondTheBlock) {
  std::string shuffle =
      replaced(Exchange, "st.global.b32 [%d2], %r6;",
               "shfl.sync.bfly.b32 %r6, %r1, 1, 31, -1;\nst.global.b32 [%d2], %r6;");
  shuffle = replaced(shuffle, "xor.b32 %r4, %r1, 32;", "mov.u32 %r4, %r1;");
  EXPECT_NE(faultOf(shuffle, 0, 48).find("names lanes 16-31, which this warp does not have"),
            std::string::npos);
}

TEST(Checks, SharedRaces) {
  // Whichever warp comes second is blamed, so the rest of the sentence depends on the schedule.
  const std::string Loop = std::string(Header) + R"(
.visible .entry loop(.param .u64 out) {
  .reg .pred %p<4>; .reg .b32 %r<12>; .reg .b64 %d<8>;
  .shared .align 16 .b8 tile[256];
  ld.param.u64 %d1, [out];
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, tile;
  mad.lo.u32 %r3, %r1, 4, %r2;
  xor.b32 %r4, %r1, 32;
  mad.lo.u32 %r5, %r4, 4, %r2;
  mov.u32 %r6, %r1;
  mov.u32 %r7, 0;
  st.shared.b32 [%r3], %r7;
  bar.sync 2;
L:
  st.shared.b32 [%r3], %r6;
  bar.sync 0;
  ld.shared.b32 %r6, [%r5];
  bar.sync 1;
  add.u32 %r7, %r7, 1;
  setp.lt.u32 %p1, %r7, 3;
  @%p1 bra L;
  mad.wide.u32 %d2, %r1, 4, %d1;
  st.global.b32 [%d2], %r6;
  ret;
}
)";
  expectCaught(Loop, "bar.sync 0;\n", "", "race in shared memory: this ");
  // Write after read: without the second barrier a stage is refilled while it is read.
  expectCaught(Loop, "bar.sync 1;\n", "", "race in shared memory: this ");
  expectCaught(Loop, "st.shared.b32 [%r3], %r6", "st.shared.b32 [tile], %r6",
               "stores a different value to the same address");
}

// Each CTA adds one to its own word; reaching into a neighbour's is a race in any order.
TEST(Checks, GlobalRaces) {
  const std::string Own = std::string(Header) + R"(
.visible .entry own(.param .u64 data) {
  .reg .pred %p<4>; .reg .b32 %r<12>; .reg .b64 %d<8>;
  ld.param.u64 %d1, [data];
  mov.u32 %r1, %ctaid.x;
  mov.u32 %r5, %tid.x;
  mad.wide.u32 %d2, %r1, 4, %d1;
  ld.global.u32 %r2, [%d2];
  bar.sync 0;
  add.u32 %r2, %r2, 1;
  setp.eq.u32 %p1, %r5, 0;
  @%p1 st.global.u32 [%d2], %r2;
  ret;
}
)";
  auto faultOf = [](const std::string &text) {
    GlobalMemory memory;
    Loaded loaded = load(text, memory);
    EXPECT_TRUE(loaded.module) << loaded.error;
    uint64_t data = upload(memory, std::vector<uint32_t>(8, 1));
    Outcome outcome = launch(*loaded.module->kernel("own"), memory, {4, 1, 1}, {64, 1, 1}, 0,
                             Parameters().add(data).block);
    return outcome.fault ? outcome.fault->what : "";
  };
  EXPECT_EQ(faultOf(Own), "");
  EXPECT_EQ(
      faultOf(replaced(Own, "st.global.u32 [%d2]", "st.global.u32 [%d2+4]")),
      "race in global memory: this reads 0x200000000004, which CTA number 0 also touches, and "
      "nothing orders the two");
  EXPECT_NE(faultOf(replaced(Own, "[%d2];", "[%d1];")).find("which CTA number 0 also touches"),
            std::string::npos);
  EXPECT_NE(faultOf(replaced(Own, "bar.sync 0;\n", "")).find("which warp 0 also touches"),
            std::string::npos);
  EXPECT_NE(faultOf(replaced(Own, "ld.global.u32", "ld.global.nc.u32"))
                .find("which the launch both writes and reads by ld.global.nc"),
            std::string::npos);
  // A kernel with fences orders its accesses itself; the next launch starts anew.
  EXPECT_EQ(
      faultOf(replaced(Own, "ld.global.u32 %r2, [%d2];", "membar.gl;\nld.global.u32 %r2, [%d1];")),
      "");
}

// Warps that write different bytes of one word do not race; those that share a byte do.
TEST(Checks, RacesAreCheckedByByte) {
  const std::string Bytes = std::string(Header) + R"(
.visible .entry bytes(.param .u64 out) {
  .reg .pred %p<4>; .reg .b32 %r<12>; .reg .b64 %d<8>;
  .shared .align 16 .b8 tile[256];
  ld.param.u64 %d1, [out];
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, tile;
  shr.u32 %r7, %r1, 5;
  and.b32 %r8, %r1, 31;
  mad.lo.u32 %r3, %r8, 4, %r2;
  mad.lo.u32 %r3, %r7, 2, %r3;
  st.shared.b16 [%r3], %r1;
  bar.sync 0;
  mad.lo.u32 %r5, %r8, 4, %r2;
  ld.shared.b32 %r6, [%r5];
  mad.wide.u32 %d2, %r1, 4, %d1;
  st.global.b32 [%d2], %r6;
  ret;
}
)";
  expectCaught(Bytes, "mad.lo.u32 %r3, %r7, 2, %r3;\n", "", "race in shared memory: this writes");
}

TEST(Checks, Deadlock) {
  expectCaught(Exchange, "bar.sync 0;", "setp.gt.u32 %p1, %r1, 31;\n@%p1 ret;\nbar.sync 0;",
               "deadlock: barrier 0 waits for 64 threads, 32 have arrived; ended without arriving: "
               "warps 1");
  expectCaught(Exchange, "bar.sync 0;", "shr.u32 %r7, %r1, 5;\nbar.sync %r7;",
               "deadlock: barrier 0 waits for 64 threads, 32 have arrived; barrier 1 waits for 64");
  expectCaught(Exchange, "bar.sync 0;",
               "WAIT:\nld.shared.b32 %r7, [%r3];\nsetp.ne.u32 %p1, %r7, 99;\n@%p1 bra WAIT;",
               "no progress: ");
}

// A lock that nobody frees.
TEST(Checks, LocksThatNeverOpen) {
  expectCaught(Exchange, "mov.u32 %r2, tile;",
               "mov.u32 %r2, tile;\natom.global.exch.b32 %r8, [%d1], "
               "1;\nWAIT:\natom.global.cas.b32 %r7, [%d1], 0, "
               "1;\nsetp.ne.u32 %p1, %r7, 0;\n@%p1 bra WAIT;",
               "no progress: ");
}

TEST(Checks, BarrierCounts) {
  // In another order the first warp may pass alone, and then the two never meet.
  std::string different = "shr.u32 %r7, %r1, 5;\nmad.lo.u32 %r7, %r7, -32, 64;\nbar.sync 0, %r7;";
  EXPECT_NE(faultOf(replaced(Exchange, "bar.sync 0;", different), 0)
                .find("barrier 0 is used with 32 threads here and with 64 at PTX line "),
            std::string::npos);
  std::string twice = "bar.arrive 0, 64;\nbar.sync 0;";
  EXPECT_NE(faultOf(replaced(Exchange, "bar.sync 0;", twice), 0)
                .find("barrier 0: this warp arrives twice in one phase"),
            std::string::npos);
  expectCaught(Exchange, "bar.sync 0;", "bar.sync 0, 40;",
               "barrier 0 counts 40 threads, which is no multiple of 32");
  expectCaught(Exchange, "bar.sync 0;", "bar.sync 0, 96;",
               "barrier 0 waits for 96 threads, but the CTA has 64");
  expectCaught(Exchange, "bar.sync 0;", "bar.sync 17;", "barrier 17 does not exist");
}

TEST(Checks, AsyncCopies) {
  expectCaught(Pipeline, "cp.async.wait_group 1", "cp.async.wait_group 2",
               "is the target of an asynchronous copy that nothing has waited for");
  // Refilled while the other warp reads: seen as a copy in flight or as a race, by schedule.
  expectCaught(Pipeline, "xor.b32 %r5, %r5, 256;\n  bar.sync 0;", "xor.b32 %r5, %r5, 256;", "in: ");
  expectCaught(Pipeline, "cp.async.wait_group 1;\n  bar.sync 0;", "cp.async.wait_group 1;", "in: ");
  expectCaught(Pipeline, "add.s64 %d2, %d2, 256;", "add.s64 %d2, %d2, 254;",
               "is no multiple of 4, the size of the access");
  expectCaught(Pipeline, "cp.async.wait_all;", "cp.async.ca.shared.global [%r3], [%d1], 4;",
               "ends with asynchronous copies that nothing has waited for");
}

TEST(Checks, ShuffleOfAbsentLane) {
  std::string part = replaced(Exchange, "st.global.b32 [%d2], %r6;",
                              "setp.lt.u32 %p1, %r1, 16;\n@%p1 shfl.sync.idx.b32 %r6, %r6, 20, 31, "
                              "0xffff;\nst.global.b32 [%d2], %r6;");
  EXPECT_NE(faultOf(part, 0).find("reads lane 20, which does not execute the shuffle"),
            std::string::npos);
}

TEST(Checks, FreedMemory) {
  GlobalMemory memory;
  Loaded loaded = load(Exchange, memory);
  uint64_t out = memory.allocate(256);
  ASSERT_TRUE(memory.release(out));
  Outcome outcome = launch(*loaded.module->kernel("exchange"), memory, {1, 1, 1}, {64, 1, 1}, 0,
                           Parameters().add(out).block);
  ASSERT_TRUE(outcome.fault);
  EXPECT_NE(outcome.fault->what.find("lies in the 256 bytes at 0x200000000000, which were freed"),
            std::string::npos);
}

// A fault names kernel, line, CTA, warp and lane, quotes the line and says what to do.
TEST(Checks, TheWholeSentence) {
  EXPECT_EQ(
      faultOf(replaced(Exchange, "st.global.b32 [%d2]", "st.global.b32 [%d2+4]"), 0),
      "kernel 'exchange', PTX line 18, CTA (0,0,0), warp 1, lane 31: address 0x200000000100 is "
      "0 bytes past the end of the 256-byte allocation at 0x200000000000\n"
      "  in: st.global.b32 [%d2+4], %r6;\n"
      "  help: guard the access, or allocate what the kernel reaches");
}

TEST(Checks, Configuration) {
  auto refused = [](std::array<uint32_t, 3> grid, std::array<uint32_t, 3> block, uint32_t shared,
                    size_t parameters) {
    GlobalMemory memory;
    Loaded loaded =
        load(replaced(Exchange, "(.param .u64 out)", "(.param .u64 out) .maxntid 64"), memory);
    std::vector<uint8_t> bytes(parameters);
    Outcome outcome =
        launch(*loaded.module->kernel("exchange"), memory, grid, block, shared, bytes);
    return outcome.fault ? outcome.fault->what : "";
  };
  EXPECT_EQ(refused({1, 1, 1}, {65, 1, 1}, 0, 8),
            "a block of (65,1,1) threads, above .maxntid (64,1,1)");
  EXPECT_EQ(refused({0, 1, 1}, {64, 1, 1}, 0, 8), "a grid of (0,1,1)");
  EXPECT_EQ(refused({1, 1, 1}, {64, 1, 1}, 232448, 8),
            "232704 bytes of shared memory, above 232448");
  EXPECT_EQ(refused({1, 1, 1}, {64, 1, 1}, 0, 12),
            "a parameter block of 12 bytes, but the kernel declares 8");
}

} // namespace
