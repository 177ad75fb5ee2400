// Arithmetic: each instruction against values worked out by hand or by the PTX manual.
// Ties, NaN, denormals and the ends of the ranges come first: the rest is what everybody gets
// right.
#include "emulator/Probe.h"

#include <bit>
#include <cmath>
#include <limits>

using namespace emulator;

namespace {

using U32 = std::vector<uint32_t>;
using S32 = std::vector<int32_t>;
using U16 = std::vector<uint16_t>;
using U64 = std::vector<uint64_t>;
using S64 = std::vector<int64_t>;
using F32 = std::vector<float>;

constexpr float Inf = std::numeric_limits<float>::infinity();
constexpr uint32_t Nan = 0x7fffffff; // the canonical one

U32 bitsOf(const F32 &values) {
  U32 result;
  for (float v : values)
    result.push_back(std::bit_cast<uint32_t>(v));
  return result;
}
float f(uint32_t bits) { return std::bit_cast<float>(bits); }

// Integers wrap; the high half and the wide product keep what wraps away.
TEST(Integer, WrapsAndWidens) {
  U32 a{0xffffffff, 0x80000000, 7, 0}, b{2, 0x80000000, 5, 9};
  EXPECT_EQ(probe<uint32_t>("add.u32 $d, $a, $b;", a, b), (U32{1, 0, 12, 9}));
  EXPECT_EQ(probe<uint32_t>("sub.s32 $d, $a, $b;", a, b), (U32{0xfffffffd, 0, 2, 0xfffffff7}));
  EXPECT_EQ(probe<uint32_t>("mul.lo.s32 $d, $a, $b;", a, b), (U32{0xfffffffe, 0, 35, 0}));
  EXPECT_EQ(probe<uint32_t>("mul.hi.u32 $d, $a, $b;", a, b), (U32{1, 0x40000000, 0, 0}));
  EXPECT_EQ(probe<uint32_t>("mul.hi.s32 $d, $a, $b;", a, b), (U32{0xffffffff, 0x40000000, 0, 0}));
  EXPECT_EQ(probe<uint64_t>("mul.wide.u32 $d, $a, $b;", a, b),
            (U64{0x1fffffffe, 0x4000000000000000, 35, 0}));
  EXPECT_EQ(probe<int64_t>("mul.wide.s32 $d, $a, $b;", a, b), (S64{-2, 1ll << 62, 35, 0}));
  EXPECT_EQ(probe<uint32_t>("mad.lo.s32 $d, $a, $b, 1;", a, b), (U32{0xffffffff, 1, 36, 1}));
  EXPECT_EQ(probe<uint32_t>("mad.hi.u32 $d, $a, $b, 1;", a, b), (U32{2, 0x40000001, 1, 1}));
  U64 big{~0ull, 1ull << 63, 3};
  EXPECT_EQ(probe<uint64_t>("mul.hi.u64 $d, $a, $a;", big), (U64{~0ull - 1, 1ull << 62, 0}));
  EXPECT_EQ(probe<uint64_t>("add.s64 $d, $a, 1;", big), (U64{0, (1ull << 63) + 1, 4}));
}

TEST(Integer, DividesTowardZero) {
  S32 a{-7, 7, INT32_MIN, 9}, b{2, -2, -1, 4};
  EXPECT_EQ(probe<int32_t>("div.s32 $d, $a, $b;", a, b), (S32{-3, -3, INT32_MIN, 2}));
  EXPECT_EQ(probe<int32_t>("rem.s32 $d, $a, $b;", a, b), (S32{-1, 1, 0, 1}));
  EXPECT_EQ(probe<uint32_t>("div.u32 $d, $a, $b;", U32{0xfffffff0, 9}, U32{16, 2}),
            (U32{0xfffffff, 4}));
  EXPECT_EQ(probe<int32_t>("min.s32 $d, $a, $b;", a, b), (S32{-7, -2, INT32_MIN, 4}));
  EXPECT_EQ(probe<uint32_t>("max.u32 $d, $a, $b;", a, b), (U32{~6u, ~1u, ~0u, 9}));
  EXPECT_EQ(probe<int32_t>("abs.s32 $d, $a;", a), (S32{7, 7, INT32_MIN, 9}));
  EXPECT_EQ(probe<int32_t>("add.sat.s32 $d, $a, $b;", S32{INT32_MAX, INT32_MIN}, S32{1, -1}),
            (S32{INT32_MAX, INT32_MIN}));
}

TEST(Bits, ShiftsClamp) {
  U32 a{0x80000001, 0x80000001, 0x80000001, 0x80000001}, n{1, 31, 32, 255};
  EXPECT_EQ(probe<uint32_t>("shl.b32 $d, $a, $b;", a, n), (U32{2, 0x80000000, 0, 0}));
  EXPECT_EQ(probe<uint32_t>("shr.u32 $d, $a, $b;", a, n), (U32{0x40000000, 1, 0, 0}));
  EXPECT_EQ(probe<uint32_t>("shr.s32 $d, $a, $b;", a, n), (U32{0xc0000000, ~0u, ~0u, ~0u}));
  EXPECT_EQ(probe<uint32_t>("shf.l.wrap.b32 $d, $a, 0x12345678, $b;", a, U32{4, 0, 32, 36}),
            (U32{0x23456788, 0x12345678, 0x12345678, 0x23456788}));
  EXPECT_EQ(probe<uint32_t>("shf.r.clamp.b32 $d, $a, 0x12345678, $b;", a, U32{4, 0, 32, 36}),
            (U32{0x88000000, 0x80000001, 0x12345678, 0x12345678}));
  U64 wide{1, 1, 1};
  EXPECT_EQ(probe<uint64_t>("shl.b64 $d, $a, $b;", wide, U32{63, 64, 200}),
            (U64{1ull << 63, 0, 0}));
}

TEST(Bits, FieldsAndCounts) {
  U32 a{0x00ff0f80, 0x80000000, 0};
  EXPECT_EQ(probe<uint32_t>("popc.b32 $d, $a;", a), (U32{13, 1, 0}));
  EXPECT_EQ(probe<uint32_t>("clz.b32 $d, $a;", a), (U32{8, 0, 32}));
  EXPECT_EQ(probe<uint32_t>("brev.b32 $d, $a;", a), (U32{0x01f0ff00, 1, 0}));
  EXPECT_EQ(probe<uint32_t>("bfind.u32 $d, $a;", a), (U32{23, 31, ~0u}));
  EXPECT_EQ(probe<uint32_t>("bfind.s32 $d, $a;", a), (U32{23, 30, ~0u}));
  EXPECT_EQ(probe<uint32_t>("bfe.u32 $d, $a, 8, 4;", a), (U32{0xf, 0, 0}));
  EXPECT_EQ(probe<uint32_t>("bfe.s32 $d, $a, 28, 4;", a), (U32{0, 0xfffffff8, 0}));
  EXPECT_EQ(probe<uint32_t>("bfe.s32 $d, $a, 8, 4;", a), (U32{~0u, 0, 0}));
  EXPECT_EQ(probe<uint32_t>("bfe.s32 $d, $a, 30, 9;", a), (U32{0, 0xfffffffe, 0}));
  EXPECT_EQ(probe<uint32_t>("bfi.b32 $d, 0x55, $a, 4, 8;", a),
            (U32{0x00ff0550, 0x80000550, 0x550}));
  EXPECT_EQ(probe<uint32_t>("lop3.b32 $d, $a, 0xff00, 0x3, 0xe8;", a), (U32{0x0f00, 0, 0}));
}

TEST(Bits, PermutesBytes) {
  U32 a{0x33221180}, b{0x77665544};
  EXPECT_EQ(probe<uint32_t>("prmt.b32 $d, $a, $b, 0x7610;", a, b), (U32{0x77661180}));
  EXPECT_EQ(probe<uint32_t>("prmt.b32 $d, $a, $b, 0x5432;", a, b), (U32{0x55443322}));
  EXPECT_EQ(probe<uint32_t>("prmt.b32 $d, $a, $b, 0x8881;", a, b), (U32{0xffffff11}));
  EXPECT_EQ(probe<uint32_t>("prmt.b32.f4e $d, $a, $b, 1;", a, b), (U32{0x44332211}));
  EXPECT_EQ(probe<uint32_t>("prmt.b32.rc16 $d, $a, $b, 1;", a, b), (U32{0x33223322}));
}

// Ties go to even, one rounding an instruction, fma rounds once at the end.
TEST(Float, RoundsOnce) {
  float e = 0x1p-24f; // half a unit in the last place of 1
  EXPECT_EQ(probe<float>("add.rn.f32 $d, $a, $b;", F32{1, 1 + 0x1p-23f, 1}, F32{e, e, e * 1.5f}),
            (F32{1, 1 + 0x1p-22f, 1 + 0x1p-23f}));
  float x = 1 + 0x1p-12f; // x * x needs one bit more than f32 has
  EXPECT_EQ(probe<float>("fma.rn.f32 $d, $a, $a, $b;", F32{x}, F32{-(1 + 0x1p-11f)}),
            (F32{0x1p-24f}));
  EXPECT_EQ(probe<float>("{ .reg .f32 m; mul.f32 m, $a, $a; add.f32 $d, m, $b; }", F32{x},
                         F32{-(1 + 0x1p-11f)}),
            (F32{0}));
  EXPECT_EQ(probe<float>("div.rn.f32 $d, $a, $b;", F32{1, 1}, F32{3, 0}), (F32{1.0f / 3, Inf}));
  EXPECT_EQ(probe<float>("sqrt.rn.f32 $d, $a;", F32{2, 0}), (F32{std::sqrt(2.0f), 0}));
}

// One third of the last place up or down, and addends far below it.
TEST(Float, DirectedRounding) {
  float up = 1 + 0x1p-23f, down = 1 - 0x1p-24f, tiny = 0x1p-100f;
  F32 one{1, 1, -1, -1}, add{tiny, -tiny, tiny, -tiny};
  EXPECT_EQ(probe<float>("add.rz.f32 $d, $a, $b;", one, add), (F32{1, down, -down, -1}));
  EXPECT_EQ(probe<float>("add.rm.f32 $d, $a, $b;", one, add), (F32{1, down, -1, -up}));
  EXPECT_EQ(probe<float>("add.rp.f32 $d, $a, $b;", one, add), (F32{up, 1, -down, -1}));
  EXPECT_EQ(probe<float>("mul.rz.f32 $d, $a, $b;", F32{up}, F32{up}), (F32{1 + 0x1p-22f}));
  EXPECT_EQ(probe<float>("mul.rp.f32 $d, $a, $b;", F32{up}, F32{up}), (F32{1 + 0x1.8p-22f}));
  EXPECT_EQ(probe<float>("fma.rm.f32 $d, $a, $b, $c;", F32{1}, F32{1}, F32{-tiny}), (F32{down}));
}

// Results that are no number have one pattern; denormals stay unless .ftz asks.
TEST(Float, NanAndDenormals) {
  EXPECT_EQ(bitsOf(probe<float>("add.f32 $d, $a, $b;", F32{Inf, f(0x7fc01234)}, F32{-Inf, 1})),
            (U32{Nan, Nan}));
  float tiny = f(1);
  EXPECT_EQ(bitsOf(probe<float>("add.f32 $d, $a, $b;", F32{tiny}, F32{tiny})), (U32{2}));
  EXPECT_EQ(bitsOf(probe<float>("add.ftz.f32 $d, $a, $b;", F32{-tiny, 1}, F32{-0.0f, tiny})),
            (U32{0x80000000, 0x3f800000}));
  EXPECT_EQ(bitsOf(probe<float>("mul.ftz.f32 $d, $a, $b;", F32{-0x1p-126f}, F32{0.5f})),
            (U32{0x80000000}));
  EXPECT_EQ(probe<float>("add.sat.f32 $d, $a, $b;", F32{3, -3, f(Nan)}, F32{0, 0, 0}),
            (F32{1, 0, 0}));
}

TEST(Float, MinimumAndMaximum) {
  F32 a{f(Nan), f(Nan), -0.0f, 1}, b{2, f(Nan), 0.0f, -1};
  EXPECT_EQ(bitsOf(probe<float>("min.f32 $d, $a, $b;", a, b)), bitsOf({2, f(Nan), -0.0f, -1}));
  EXPECT_EQ(bitsOf(probe<float>("max.f32 $d, $a, $b;", a, b)), bitsOf({2, f(Nan), 0.0f, 1}));
  EXPECT_EQ(bitsOf(probe<float>("max.NaN.f32 $d, $a, $b;", a, b)),
            bitsOf({f(Nan), f(Nan), 0.0f, 1}));
  EXPECT_EQ(bitsOf(probe<float>("neg.f32 $d, $a;", F32{0, -Inf})), bitsOf({-0.0f, Inf}));
  EXPECT_EQ(bitsOf(probe<float>("abs.f32 $d, $a;", F32{-0.0f, -2})), bitsOf({0, 2}));
  EXPECT_EQ(probe<float>("copysign.f32 $d, $a, $b;", F32{-1, 1}, F32{3, -4}), (F32{-3, 4}));
}

// Approximate operations are the correctly rounded ones here.
TEST(Float, Approximate) {
  EXPECT_EQ(probe<float>("ex2.approx.ftz.f32 $d, $a;", F32{0, 3, -1, -200, Inf, -Inf}),
            (F32{1, 8, 0.5f, 0, Inf, 0}));
  EXPECT_EQ(probe<float>("lg2.approx.f32 $d, $a;", F32{8, 0, 0x1p-149f}), (F32{3, -Inf, -149}));
  EXPECT_EQ(probe<float>("rsqrt.approx.f32 $d, $a;", F32{4, 0, 2, Inf}),
            (F32{0.5f, Inf, float(1 / std::sqrt(2.0)), 0}));
  EXPECT_EQ(probe<float>("rcp.approx.ftz.f32 $d, $a;", F32{4, -0.0f}), (F32{0.25f, -Inf}));
  EXPECT_EQ(probe<float>("tanh.approx.f32 $d, $a;", F32{0, 100, -100, 0.5f}),
            (F32{0, 1, -1, float(std::tanh(0.5))}));
  EXPECT_EQ(probe<float>("div.full.f32 $d, $a, $b;", F32{1, 6}, F32{0x1p127f, 3}), (F32{0, 2}));
  EXPECT_EQ(bitsOf(probe<float>("lg2.approx.f32 $d, $a;", F32{-1})), (U32{Nan}));
}

TEST(Packed, BrainFloats) {
  // 1 + 2^-8 is the tie between 1 and the next bf16; any more goes up.
  EXPECT_EQ(probe<uint16_t>("fma.rn.bf16 $d, $a, $b, $c;", U16{0x3f80, 0x3f80, 0x3f81},
                            U16{0x3f80, 0x3f80, 0x3f80}, U16{0x3b80, 0x3b81, 0x3b80}),
            (U16{0x3f80, 0x3f81, 0x3f82}));
  // The product lies on a tie and the addend, far below double's last place, decides.
  EXPECT_EQ(probe<uint16_t>("fma.rn.bf16 $d, $a, $b, $c;", U16{0x3f90, 0x3f90}, U16{0x3fa4, 0x3fa4},
                            U16{0x0000, 0x0d80}),
            (U16{0x3fb8, 0x3fb9}));
  EXPECT_EQ(probe<uint32_t>("add.rn.bf16x2 $d, $a, $b;", U32{0x3f804000}, U32{0x3f803f80}),
            (U32{0x40004040}));
  EXPECT_EQ(probe<uint32_t>("max.bf16x2 $d, $a, $b;", U32{0x7fc04000}, U32{0x3f803f80}),
            (U32{0x3f804000}));
  EXPECT_EQ(probe<uint32_t>("neg.bf16x2 $d, $a;", U32{0x3f804000}), (U32{0xbf80c000}));
  EXPECT_EQ(probe<uint32_t>("mul.rn.f16x2 $d, $a, $b;", U32{0x3c004000}, U32{0x42003800}),
            (U32{0x42003c00}));
}

TEST(Convert, NarrowFloats) {
  F32 a{1 + 0x1p-8f, 1 + 0x1.8p-7f, f(0x7f7fffff), f(0x7fc00001), f(0xff800001), 0x1p-140f};
  EXPECT_EQ(probe<uint16_t>("cvt.rn.bf16.f32 $d, $a;", a),
            (U16{0x3f80, 0x3f82, 0x7f80, 0x7fff, 0x7fff, 0x0000}));
  EXPECT_EQ(probe<uint16_t>("cvt.rz.bf16.f32 $d, $a;", F32{1 + 0x1.8p-7f, -3.999f}),
            (U16{0x3f81, 0xc07f}));
  EXPECT_EQ(probe<uint32_t>("cvt.rn.bf16x2.f32 $d, $a, $b;", F32{1}, F32{2}), (U32{0x3f804000}));
  EXPECT_EQ(probe<float>("cvt.f32.bf16 $d, $a;", U16{0x3f80, 0xff80, 0x0001}),
            (F32{1, -Inf, 0x1p-133f}));
  EXPECT_EQ(probe<uint16_t>("cvt.rn.f16.f32 $d, $a;",
                            F32{1, 65504, 65519, 65520, 0x1p-24f, 0x1p-25f, 0x1.8p-24f, -2}),
            (U16{0x3c00, 0x7bff, 0x7bff, 0x7c00, 1, 0, 2, 0xc000}));
  EXPECT_EQ(probe<float>("cvt.f32.f16 $d, $a;", U16{0x3c00, 1, 0xfc00, 0x7bff}),
            (F32{1, 0x1p-24f, -Inf, 65504}));
}

TEST(Convert, IntegersAndFloats) {
  EXPECT_EQ(probe<int32_t>("cvt.rzi.s32.f32 $d, $a;", F32{-1.9f, 3e9f, -3e9f, f(Nan), 2.5f}),
            (S32{-1, INT32_MAX, INT32_MIN, 0, 2}));
  EXPECT_EQ(probe<int32_t>("cvt.rni.s32.f32 $d, $a;", F32{2.5f, 3.5f, -2.5f}), (S32{2, 4, -2}));
  EXPECT_EQ(probe<uint32_t>("cvt.rzi.u32.f32 $d, $a;", F32{-1, 4e9f, 5e9f}),
            (U32{0, 4000000000u, ~0u}));
  EXPECT_EQ(probe<float>("cvt.rn.f32.s32 $d, $a;", S32{16777217, -3}), (F32{16777216, -3}));
  EXPECT_EQ(probe<float>("cvt.rn.f32.u64 $d, $a;", U64{~0ull, (1ull << 40) + (1ull << 16) + 1}),
            (F32{0x1p64f, 0x1.000002p40f}));
  EXPECT_EQ(probe<int64_t>("cvt.s64.s32 $d, $a;", S32{-5, 5}), (S64{-5, 5}));
  EXPECT_EQ(probe<uint64_t>("cvt.u64.u32 $d, $a;", U32{0xfffffffb}), (U64{0xfffffffb}));
  EXPECT_EQ(probe<uint32_t>("cvt.u32.u64 $d, $a;", U64{0x1234567890}), (U32{0x34567890}));
  EXPECT_EQ(probe<int32_t>("cvt.s32.s8 $d, $a;", U32{0x1ff, 0x7f}), (S32{-1, 127}));
  EXPECT_EQ(probe<int64_t>("cvt.s64.s16 $d, $a;", U64{0x1ffff, 0x7fff}), (S64{-1, 32767}));
  EXPECT_EQ(probe<float>("cvt.rmi.f32.f32 $d, $a;", F32{-1.5f, 2.7f}), (F32{-2, 2}));
  EXPECT_EQ(probe<double>("cvt.f64.f32 $d, $a;", F32{1.5f}), (std::vector<double>{1.5}));
}

// Ordered comparisons with NaN are false, unordered ones true.
TEST(Compare, NanAndSigns) {
  std::string select = " selp.b32 $d, 1, 0, %p1;";
  F32 a{1, f(Nan), -0.0f}, b{2, 1, 0.0f};
  EXPECT_EQ(probe<uint32_t>("setp.lt.f32 %p1, $a, $b;" + select, a, b), (U32{1, 0, 0}));
  EXPECT_EQ(probe<uint32_t>("setp.ltu.f32 %p1, $a, $b;" + select, a, b), (U32{1, 1, 0}));
  EXPECT_EQ(probe<uint32_t>("setp.ne.f32 %p1, $a, $b;" + select, a, b), (U32{1, 0, 0}));
  EXPECT_EQ(probe<uint32_t>("setp.neu.f32 %p1, $a, $b;" + select, a, b), (U32{1, 1, 0}));
  EXPECT_EQ(probe<uint32_t>("setp.nan.f32 %p1, $a, $b;" + select, a, b), (U32{0, 1, 0}));
  // 1 > -2, no order with a NaN, and both zeros are equal.
  const U16 c{0x3f80, 0x7fc0, 0x0000}, e{0xc000, 0x3f80, 0x8000};
  EXPECT_EQ(probe<uint32_t>("setp.gt.bf16 %p1, $a, $b;" + select, c, e), (U32{1, 0, 0}));
  EXPECT_EQ(probe<uint32_t>("setp.neu.bf16 %p1, $a, $b;" + select, c, e), (U32{1, 1, 0}));
  U32 u{0xffffffff, 1}, v{1, 1};
  EXPECT_EQ(probe<uint32_t>("setp.lt.s32 %p1, $a, $b;" + select, u, v), (U32{1, 0}));
  EXPECT_EQ(probe<uint32_t>("setp.lt.u32 %p1, $a, $b;" + select, u, v), (U32{0, 0}));
  EXPECT_EQ(probe<uint32_t>(
                "setp.eq.s32 %p2, 1, 1; setp.ge.and.u32 %p1|%p3, $a, $b, !%p2;" + select, u, v),
            (U32{0, 0}));
  EXPECT_EQ(probe<uint32_t>("set.eq.u32.u32 $d, $a, $b;", u, v), (U32{0, ~0u}));
}

TEST(Move, PacksAndUnpacks) {
  EXPECT_EQ(probe<uint32_t>("{ .reg .b16 x, y; mov.b32 {x, y}, $a; mov.b32 $d, {y, x}; }",
                            U32{0x12345678}),
            (U32{0x56781234}));
  EXPECT_EQ(probe<uint64_t>("mov.b64 $d, {$a, 7};", U32{0x12345678}), (U64{0x0000000712345678}));
  EXPECT_EQ(probe<uint32_t>("mov.b64 {_, $d}, $a;", U64{0x0000000712345678}), (U32{7}));
}

} // namespace
