// FloatValue: how PTX treats denormals, NaN and narrow formats, as functions of one value.
// Built with -ffp-contract=off: every operation rounds once, as an instruction does.
#ifndef LNX_TEST_EMULATOR_UNIT_FLOATVALUE_H
#define LNX_TEST_EMULATOR_UNIT_FLOATVALUE_H

#include "emulator/Lanes.h"

#include <cmath>

namespace emulator {

// Arithmetic on f32 that gives NaN gives this one.
inline constexpr uint32_t CanonicalNan = 0x7fffffff;

inline float canonical(float x) { return x != x ? std::bit_cast<float>(CanonicalNan) : x; }
inline double canonical(double x) { return x; }

// Denormals become a zero of their sign.
inline float flush(float x) {
  uint32_t bits = std::bit_cast<uint32_t>(x);
  return std::bit_cast<float>((bits & 0x7f800000) == 0 ? bits & 0x80000000 : bits);
}
inline double flush(double x) { return x; }

// .sat: into [0, 1], NaN to 0.
inline float saturate(float x) { return x > 0 ? (x < 1 ? x : 1.0f) : 0.0f; }
inline double saturate(double x) { return x > 0 ? (x < 1 ? x : 1.0) : 0.0; }

inline float toFloat(BFloat x) { return std::bit_cast<float>(uint32_t(x.bits) << 16); }

// Nearest, ties to even; NaN becomes 0x7fff.
inline BFloat toBFloat(float x) {
  uint32_t bits = std::bit_cast<uint32_t>(x);
  uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  return {static_cast<uint16_t>(x != x ? 0x7fff : rounded)};
}

inline float toFloat(Half x) {
  uint32_t sign = uint32_t(x.bits & 0x8000) << 16, rest = x.bits & 0x7fff;
  if (rest >= 0x7c00)
    return std::bit_cast<float>(sign | 0x7f800000 | (rest & 0x3ff) << 13);
  // Exact: a denormal half is a multiple of 2^-24.
  if (rest < 0x400)
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(float(rest) * 0x1p-24f));
  return std::bit_cast<float>(sign | ((rest + (112u << 10)) << 13));
}

// Nearest, ties to even, of a value that need not be a float: half has denormals from 2^-14 down.
inline Half toHalf(double x) {
  if (x != x)
    return {0x7fff};
  uint16_t sign = std::signbit(x) ? 0x8000 : 0;
  double a = std::fabs(x);
  if (a >= 65520)
    return {static_cast<uint16_t>(sign | 0x7c00)};
  int exponent = 0;
  std::frexp(a, &exponent);
  int unit = std::max(exponent - 11, -24); // the last place's power of two
  double steps = std::nearbyint(std::ldexp(a, -unit));
  double value = std::ldexp(steps, unit);
  if (value < 0x1p-14)
    return {static_cast<uint16_t>(sign | uint16_t(value * 0x1p24))};
  uint32_t bits = std::bit_cast<uint32_t>(float(value));
  return {static_cast<uint16_t>(sign | ((bits >> 13) - (112u << 10)))};
}

// a + b rounded to odd, so that a second rounding to a narrower format is right
// (Boldo, Melquiond 2008).
inline double addToOdd(double a, double b) {
  double s = a + b;
  if (!std::isfinite(s))
    return s;
  double bb = s - a;
  double error = (a - (s - bb)) + (b - bb);
  uint64_t bits = std::bit_cast<uint64_t>(s);
  if (error == 0 || (bits & 1))
    return s;
  bool up = (error > 0) == (s > 0);
  return std::bit_cast<double>(up ? bits + 1 : bits - 1);
}

inline BFloat toBFloat(double x) {
  // To odd at float precision first: the second rounding then sees which side of a tie x lies.
  float f = static_cast<float>(x);
  if (double(f) != x && std::isfinite(f)) {
    uint32_t bits = std::bit_cast<uint32_t>(f);
    if (!(bits & 1))
      f = std::bit_cast<float>(std::fabs(double(f)) < std::fabs(x) ? bits + 1 : bits - 1);
  }
  return toBFloat(f);
}

// PTX orders -0 below +0. Without `Nan` a NaN loses against a number. Written without branches:
// equal values differ at most in the sign of a zero.
template <typename T, bool Nan, bool Greater> T extremum(T a, T b) {
  using U = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
  U x = std::bit_cast<U>(a), y = std::bit_cast<U>(b);
  T r = std::bit_cast<T>(U(Greater ? x & y : x | y));
  r = a < b ? (Greater ? b : a) : r;
  r = b < a ? (Greater ? a : b) : r;
  T other = Nan ? canonical(T(a + b)) : a != a ? b : a;
  r = a != a || b != b ? other : r;
  return canonical(r);
}
template <typename T, bool Nan> T minimum(T a, T b) { return extremum<T, Nan, false>(a, b); }
template <typename T, bool Nan> T maximum(T a, T b) { return extremum<T, Nan, true>(a, b); }

} // namespace emulator

#endif
