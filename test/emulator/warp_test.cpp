// Warp: divergence, shuffles, votes, barriers and atomics of one warp or one CTA.
// Expected values follow the tables of the PTX manual.
#include "emulator/Probe.h"

using namespace emulator;

namespace {

using U32 = std::vector<uint32_t>;

U32 lanes() {
  U32 values(32);
  for (uint32_t l = 0; l < 32; ++l)
    values[l] = l;
  return values;
}
U32 each(uint32_t (*f)(uint32_t)) {
  U32 values = lanes();
  for (uint32_t &v : values)
    v = f(v);
  return values;
}

TEST(Divergence, BothSidesRunAndMeet) {
  EXPECT_EQ(probe<uint32_t>("setp.lt.u32 %p1, $a, 10;\n@%p1 bra LESS;\nmov.b32 $d, 100;\nbra ALL;\n"
                            "LESS:\nadd.u32 $d, $a, 1;\nALL:\nactivemask.b32 %t1;\n"
                            "setp.ne.u32 %p2, %t1, -1;\n@%p2 mov.b32 $d, 7;",
                            lanes()),
            each([](uint32_t l) { return l < 10 ? l + 1 : 100; }));
}

// Lanes leave a loop one by one; those that wait join at its end.
TEST(Divergence, LoopsOfDifferentLength) {
  EXPECT_EQ(probe<uint32_t>("mov.b32 $d, 0;\nmov.b32 %t1, 0;\nL:\nadd.u32 $d, $d, %t1;\n"
                            "add.u32 %t1, %t1, 1;\nsetp.le.u32 %p1, %t1, $a;\n@%p1 bra L;\n"
                            "bar.warp.sync -1;",
                            lanes()),
            each([](uint32_t l) { return l * (l + 1) / 2; }));
}

TEST(Divergence, BranchTables) {
  EXPECT_EQ(probe<uint32_t>("{\nT: .branchtargets A, B, C;\nrem.u32 %t1, $a, 3;\nbrx.idx %t1, T;\n"
                            "A:\nmov.b32 $d, 10;\nbra E;\nB:\nmov.b32 $d, 20;\nbra E;\nC:\n"
                            "mov.b32 $d, 30;\nE:\nbar.warp.sync 0xffffffff;\n}",
                            lanes()),
            each([](uint32_t l) { return (l % 3 + 1) * 10; }));
}

// Half of the lanes end early; the rest goes on.
TEST(Divergence, PredicatedInstructions) {
  EXPECT_EQ(probe<uint32_t>("mov.b32 $d, 1;\nsetp.gt.u32 %p1|%p2, $a, 20;\n@%p1 mov.b32 $d, 2;\n"
                            "@!%p2 add.u32 $d, $d, 5;",
                            lanes()),
            each([](uint32_t l) { return l > 20 ? 7u : 1u; }));
}

TEST(Shuffle, Modes) {
  EXPECT_EQ(probe<uint32_t>("shfl.sync.bfly.b32 $d, $a, 5, 31, -1;", lanes()),
            each([](uint32_t l) { return l ^ 5; }));
  EXPECT_EQ(probe<uint32_t>("shfl.sync.up.b32 $d, $a, 3, 0, -1;", lanes()),
            each([](uint32_t l) { return l < 3 ? l : l - 3; }));
  EXPECT_EQ(
      probe<uint32_t>("shfl.sync.down.b32 $d|%p1, $a, 3, 31, -1;\n@!%p1 mov.b32 $d, 99;", lanes()),
      each([](uint32_t l) { return l + 3 > 31 ? 99 : l + 3; }));
  // Segments of eight lanes: c holds 24 in its upper field.
  EXPECT_EQ(probe<uint32_t>("shfl.sync.idx.b32 $d, $a, 2, 0x181f, -1;", lanes()),
            each([](uint32_t l) { return (l & ~7u) + 2; }));
  EXPECT_EQ(probe<uint32_t>("shfl.sync.down.b32 $d, $a, 6, 0x181f, -1;", lanes()),
            each([](uint32_t l) { return l % 8 < 2 ? l + 6 : l; }));
}

// Lanes that come to a .sync instruction early wait there, wherever the code lies.
TEST(Shuffle, EarlyLanesWait) {
  EXPECT_EQ(probe<uint32_t>("mov.b32 %t1, 0;\nbra BODY;\nLEAVE:\n"
                            "shfl.sync.bfly.b32 $d, $a, 1, 31, -1;\nbra DONE;\nBODY:\n"
                            "add.u32 %t1, %t1, 1;\nsetp.ge.u32 %p1, %t1, $a;\n"
                            "@%p1 bra LEAVE;\nbra BODY;\nDONE:\nbar.warp.sync -1;",
                            lanes()),
            each([](uint32_t l) { return l ^ 1; }));
  // Two halves that name themselves only.
  EXPECT_EQ(probe<uint32_t>("setp.lt.u32 %p1, $a, 16;\n@%p1 bra LOW;\n"
                            "shfl.sync.bfly.b32 $d, $a, 1, 31, 0xffff0000;\nbra DONE;\nLOW:\n"
                            "shfl.sync.bfly.b32 $d, $a, 2, 31, 0xffff;\nDONE:\nbar.warp.sync -1;",
                            lanes()),
            each([](uint32_t l) { return l < 16 ? l ^ 2 : l ^ 1; }));
}

TEST(Vote, AllAnyUniBallot) {
  std::string pick = "setp.lt.u32 %p1, $a, 12;\n", choose = "selp.b32 $d, 1, 0, %p2;";
  EXPECT_EQ(probe<uint32_t>(pick + "vote.sync.ballot.b32 $d, %p1, -1;", lanes()), U32(32, 0xfff));
  EXPECT_EQ(probe<uint32_t>(pick + "vote.sync.ballot.b32 $d, !%p1, -1;", lanes()),
            U32(32, ~0xfffu));
  EXPECT_EQ(probe<uint32_t>(pick + "vote.sync.all.pred %p2, %p1, -1;\n" + choose, lanes()),
            U32(32, 0));
  EXPECT_EQ(probe<uint32_t>(pick + "vote.sync.any.pred %p2, %p1, -1;\n" + choose, lanes()),
            U32(32, 1));
  EXPECT_EQ(probe<uint32_t>(pick + "vote.sync.uni.pred %p2, %p1, -1;\n" + choose, lanes()),
            U32(32, 0));
}

TEST(Vote, ReduceMatchElect) {
  EXPECT_EQ(probe<uint32_t>("redux.sync.add.u32 $d, $a, -1;", lanes()), U32(32, 496));
  EXPECT_EQ(probe<uint32_t>("sub.u32 %t1, $a, 5;\nredux.sync.min.s32 $d, %t1, -1;", lanes()),
            U32(32, ~4u));
  EXPECT_EQ(probe<uint32_t>("redux.sync.xor.b32 $d, $a, -1;", lanes()), U32(32, 0));
  EXPECT_EQ(probe<uint32_t>("shr.u32 %t1, $a, 4;\nmatch.any.sync.b32 $d, %t1, -1;", lanes()),
            each([](uint32_t l) { return l < 16 ? 0xffffu : 0xffff0000u; }));
  EXPECT_EQ(probe<uint32_t>("mov.b32 $d, 0;\nelect.sync _|%p1, -1;\n@%p1 mov.b32 $d, 1;", lanes()),
            each([](uint32_t l) { return l == 0 ? 1u : 0u; }));
}

TEST(Special, Registers) {
  EXPECT_EQ(probe<uint32_t>("mov.u32 $d, %laneid;", lanes()), lanes());
  EXPECT_EQ(probe<uint32_t>("mov.u32 $d, %lanemask_lt;", lanes()),
            each([](uint32_t l) { return (1u << l) - 1; }));
  EXPECT_EQ(probe<uint32_t>("mov.u32 $d, %ntid.x;", lanes()), U32(32, 32));
}

// A kernel over some CTAs with one array in and out.
U32 run(const std::string &body, U32 data, std::array<uint32_t, 3> grid,
        std::array<uint32_t, 3> block, uint64_t seed = 0, std::string declarations = "") {
  GlobalMemory memory;
  Loaded loaded = load(std::string(Header) + declarations +
                           ".visible .entry k(.param .u64 data) {\n.reg .pred %p<8>; .reg .b32 "
                           "%r<16>; .reg .b64 %d<8>; .reg .f32 %f<8>;\nld.param.u64 %d1, [data];\n"
                           "mov.u32 %r1, %tid.x;\nmad.wide.u32 %d2, %r1, 4, %d1;\n" +
                           body + "ret;\n}\n",
                       memory);
  EXPECT_TRUE(loaded.module) << loaded.error;
  if (!loaded.module)
    return {};
  uint64_t address = upload(memory, data);
  Outcome outcome = launch(*loaded.module->kernel("k"), memory, grid, block, 0,
                           Parameters().add(address).block, {.seed = seed});
  EXPECT_FALSE(outcome.fault) << outcome.fault->text();
  return download<uint32_t>(memory, address, data.size());
}

// Warp 0 fills, warp 1 reads: named barriers carry the order, in every schedule.
TEST(Barrier, ProducerAndConsumer) {
  const std::string body = R"(
.shared .align 4 .b8 cell[128];
mov.u32 %r2, cell;
and.b32 %r3, %r1, 31;
mad.lo.u32 %r2, %r3, 4, %r2;
mov.u32 %r5, 0;
setp.ge.u32 %p1, %r1, 32;
@%p1 bra CONSUMER;
PRODUCER:
bar.sync 1, 64;
st.shared.u32 [%r2], %r5;
bar.arrive 2, 64;
add.u32 %r5, %r5, 1;
setp.lt.u32 %p2, %r5, 4;
@%p2 bra PRODUCER;
ret;
CONSUMER:
bar.arrive 1, 64;
AGAIN:
bar.sync 2, 64;
ld.shared.u32 %r6, [%r2];
add.u32 %r5, %r5, %r6;
setp.lt.u32 %p2, %r6, 3;
@!%p2 bra DONE;
bar.arrive 1, 64;
bra AGAIN;
DONE:
mad.wide.u32 %d3, %r3, 4, %d1;
st.global.u32 [%d3], %r5;
)";
  for (uint64_t seed : {0, 1, 2, 3, 4})
    EXPECT_EQ(run(body, U32(32), {1, 1, 1}, {64, 1, 1}, seed), U32(32, 6));
}

TEST(Barrier, Reductions) {
  const std::string body = R"(
setp.lt.u32 %p1, %r1, 50;
bar.red.popc.u32 %r2, 0, %p1;
bar.red.and.pred %p2, 0, %p1;
bar.red.or.pred %p3, 0, %p1;
selp.u32 %r3, 1000, 0, %p2;
selp.u32 %r4, 100, 0, %p3;
add.u32 %r2, %r2, %r3;
add.u32 %r2, %r2, %r4;
st.global.u32 [%d2], %r2;
)";
  EXPECT_EQ(run(body, U32(64), {1, 1, 1}, {64, 1, 1}), U32(64, 150));
}

TEST(Atomic, EveryOperation) {
  auto after = [](const std::string &op, uint32_t start) {
    return run("atom.global." + op + ";\n", {start}, {2, 1, 1}, {32, 1, 1})[0];
  };
  EXPECT_EQ(after("add.u32 %r2, [%d1], 3", 1), 193u);
  EXPECT_EQ(after("max.u32 %r2, [%d1], %r1", 5), 31u);
  EXPECT_EQ(after("min.s32 %r2, [%d1], -4", 5), ~3u);
  EXPECT_EQ(after("inc.u32 %r2, [%d1], 9", 0), 4u); // 64 steps modulo 10
  EXPECT_EQ(after("dec.u32 %r2, [%d1], 9", 0), 6u);
  EXPECT_EQ(after("or.b32 %r2, [%d1], %r1", 64), 95u);
  EXPECT_EQ(after("xor.b32 %r2, [%d1], 1", 6), 6u);
  EXPECT_EQ(after("and.b32 %r2, [%d1], 12", 6), 4u);
  EXPECT_EQ(after("exch.b32 %r2, [%d1], %r1", 6), 31u);
  EXPECT_EQ(after("cas.b32 %r2, [%d1], 6, 8", 6), 8u);
  EXPECT_EQ(after("add.f32 %f1, [%d1], 0f3F800000", 0), 0x42800000u); // 64.0
}

TEST(Atomic, ReductionsAndShared) {
  EXPECT_EQ(run("red.global.add.u32 [%d1], 2;\n", {1}, {1, 1, 1}, {96, 1, 1})[0], 193u);
  EXPECT_EQ(run("red.global.add.v2.f32 [%d1], {0f3F800000, 0f40000000};\n", {0, 0}, {1, 1, 1},
                {32, 1, 1}),
            (U32{0x42000000, 0x42800000}));
  const std::string shared = R"(
.shared .align 4 .u32 sum;
setp.eq.u32 %p1, %r1, 0;
@%p1 st.shared.u32 [sum], 0;
bar.sync 0;
atom.shared.add.u32 %r2, [sum], %r1;
bar.sync 0;
ld.shared.u32 %r3, [sum];
st.global.u32 [%d2], %r3;
)";
  for (uint64_t seed : {0, 5})
    EXPECT_EQ(run(shared, U32(64), {1, 1, 1}, {64, 1, 1}, seed), U32(64, 2016));
}

// Generic addresses reach every space; module variables keep their initial values.
TEST(Memory, SpacesAndVariables) {
  const std::string body = R"(
.shared .align 4 .b8 tile[128];
mov.u64 %d3, tile;
cvta.shared.u64 %d3, %d3;
mad.wide.u32 %d3, %r1, 4, %d3;
st.u32 [%d3], %r1;
ld.u32 %r2, [%d3];
ld.const.u32 %r3, [table+4];
mov.u64 %d4, counter;
ld.global.u32 %r4, [%d4];
isspacep.shared %p1, %d3;
selp.u32 %r5, 1000, 0, %p1;
add.u32 %r2, %r2, %r3;
add.u32 %r2, %r2, %r4;
add.u32 %r2, %r2, %r5;
st.global.u32 [%d2], %r2;
)";
  U32 expected = each([](uint32_t l) { return l + 20 + 300 + 1000; });
  EXPECT_EQ(
      run(body, U32(32), {1, 1, 1}, {32, 1, 1}, 0,
          ".const .align 4 .u32 table[2] = {10, 20};\n.global .align 4 .u32 counter = 300;\n"),
      expected);
}

TEST(Memory, NarrowLoadsExtend) {
  U32 data{0x8081fffe, 0x12345678};
  const std::string body = R"(
ld.global.s8 %r2, [%d1+2];
ld.global.u8 %r3, [%d1+2];
ld.global.s16 %r4, [%d1+2];
ld.global.s32 %d3, [%d1];
shr.s64 %d3, %d3, 8;
cvt.u32.u64 %r5, %d3;
add.u32 %r2, %r2, %r3;
add.u32 %r2, %r2, %r4;
xor.b32 %r2, %r2, %r5;
setp.eq.u32 %p1, %r1, 0;
@%p1 st.global.u8 [%d1+5], 0xff;
@%p1 st.global.u32 [%d1], %r2;
)";
  uint32_t sum = uint32_t(int32_t(int8_t(0x81))) + 0x81 + uint32_t(int32_t(int16_t(0x8081)));
  EXPECT_EQ(run(body, data, {1, 1, 1}, {32, 1, 1}), (U32{sum ^ 0xff8081ff, 0x1234ff78}));
}

TEST(Memory, BlocksInThreeDimensions) {
  const std::string body = R"(
mov.u32 %r2, %tid.y;
mov.u32 %r3, %tid.z;
mad.lo.u32 %r4, %r3, 2, %r2;
mad.lo.u32 %r4, %r4, 4, %r1;
mov.u32 %r5, %ctaid.y;
mad.lo.u32 %r4, %r5, 24, %r4;
mad.wide.u32 %d2, %r4, 4, %d1;
st.global.u32 [%d2], %r4;
)";
  U32 result = run(body, U32(48), {1, 2, 1}, {4, 2, 3});
  for (uint32_t k = 0; k < 48; ++k)
    EXPECT_EQ(result[k], k);
}

} // namespace
