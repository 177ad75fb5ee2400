// Normal: normally distributed numbers in blocks, fast enough to start a model of a billion
// parameters. Plain arithmetic without fused operations or library functions: the same bits on
// every machine.
#include "Random.h"

#include <algorithm>
#include <bit>
#include <cmath>

#pragma STDC FP_CONTRACT OFF

using namespace lnx;

namespace {

// Pairs worked on together; loops over them become vector code.
constexpr int lanes = 32;
using Lanes = double[lanes];

// Natural logarithms of numbers in (0, 1]. With x = m 2^e and m in [sqrt(1/2), sqrt(2)):
// log x = e log 2 + 2 atanh((m-1)/(m+1)); the series to the 15th power is good to 1e-13.
void logarithms(const Lanes &x, Lanes &result) {
  for (int i = 0; i < lanes; ++i) {
    constexpr uint64_t offset = 0x3ff0000000000000 - 0x3fe6a09e667f3bcd; // 1 - sqrt(1/2), as bits
    const uint64_t bits = std::bit_cast<uint64_t>(x[i]) + offset;
    // 2^52 + (exponent + 1023), as a double, without an integer conversion.
    const double biased = std::bit_cast<double>(bits >> 52 | 0x4330000000000000);
    const double exponent = biased - (0x1p52 + 1023);
    const double m =
        std::bit_cast<double>((bits & 0x000fffffffffffff) + (0x3ff0000000000000 - offset));
    const double z = (m - 1) / (m + 1), w = z * z;
    double series = 1.0 / 15;
    series = series * w + 1.0 / 13;
    series = series * w + 1.0 / 11;
    series = series * w + 1.0 / 9;
    series = series * w + 1.0 / 7;
    series = series * w + 1.0 / 5;
    series = series * w + 1.0 / 3;
    series = series * w + 1;
    result[i] = exponent * 0.6931471805599453 + 2 * z * series;
  }
}

// sin(2 pi v) and cos(2 pi v) for v in [0, 1): Taylor series within an eighth of a turn, good to
// 1e-12.
void turns(const Lanes &v, Lanes &sine, Lanes &cosine) {
  for (int i = 0; i < lanes; ++i) {
    constexpr double magic = 0x1.8p52; // adding it rounds to an integer in the low bits
    const double shifted = v[i] * 4 + magic;
    const auto quadrant = std::bit_cast<uint64_t>(shifted);
    const double angle = (v[i] * 4 - (shifted - magic)) * 1.5707963267948966;
    const double w = angle * angle;
    double s = -1.0 / 39916800, c = 1.0 / 479001600;
    s = s * w + 1.0 / 362880;
    s = s * w - 1.0 / 5040;
    s = s * w + 1.0 / 120;
    s = s * w - 1.0 / 6;
    s = angle + angle * w * s;
    c = c * w - 1.0 / 3628800;
    c = c * w + 1.0 / 40320;
    c = c * w - 1.0 / 720;
    c = c * w + 1.0 / 24;
    c = c * w - 1.0 / 2;
    c = 1 + w * c;
    // Odd quadrants swap the two; the sign is bit 1 of the quadrant, for the cosine of the next
    // one.
    const uint64_t swap = 0 - (quadrant & 1);
    const uint64_t sBits = std::bit_cast<uint64_t>(s), cBits = std::bit_cast<uint64_t>(c);
    sine[i] = std::bit_cast<double>(((sBits & ~swap) | (cBits & swap)) ^ (quadrant & 2) << 62);
    cosine[i] =
        std::bit_cast<double>(((cBits & ~swap) | (sBits & swap)) ^ ((quadrant + 1) & 2) << 62);
  }
}

} // namespace

void RandomSequence::normals(uint64_t first, std::span<float> values, double deviation) const {
  Lanes u, v, logs, sine, cosine;
  for (size_t done = 0; done < values.size(); done += 2 * lanes) {
    uniformPairs(first / 2 + done / 2, u, v);
    for (double &x : u)
      x = 1 - x; // in (0, 1], where the logarithm is finite
    logarithms(u, logs);
    turns(v, sine, cosine);
    const size_t count = std::min<size_t>(2 * lanes, values.size() - done);
    float block[2 * lanes];
    for (int i = 0; i < lanes; ++i) {
      const double radius = deviation * std::sqrt(-2 * logs[i]);
      block[2 * i] = static_cast<float>(radius * cosine[i]);
      block[2 * i + 1] = static_cast<float>(radius * sine[i]);
    }
    std::copy_n(block, count, values.begin() + static_cast<std::ptrdiff_t>(done));
  }
}

void RandomSequence::uniforms(uint64_t first, std::span<float> values, double low,
                              double high) const {
  Lanes u, v;
  for (size_t done = 0; done < values.size(); done += 2 * lanes) {
    uniformPairs(first / 2 + done / 2, u, v);
    for (size_t i = 0; i < std::min<size_t>(2 * lanes, values.size() - done); ++i)
      values[done + i] = static_cast<float>(low + (high - low) * (i % 2 ? v : u)[i / 2]);
  }
}

void RandomSequence::uniformPairs(uint64_t pair, Lanes &u, Lanes &v) const {
  uint32_t x0[lanes], x1[lanes], x2[lanes], x3[lanes];
  for (int i = 0; i < lanes; ++i) {
    x0[i] = static_cast<uint32_t>(pair + static_cast<uint64_t>(i));
    x1[i] = static_cast<uint32_t>((pair + static_cast<uint64_t>(i)) >> 32);
    x2[i] = static_cast<uint32_t>(nameHash);
    x3[i] = static_cast<uint32_t>(nameHash >> 32);
  }
  auto key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round, key0 += 0x9E3779B9, key1 += 0xBB67AE85)
    for (int i = 0; i < lanes; ++i) {
      const uint64_t a = uint64_t{0xD2511F53} * x0[i], b = uint64_t{0xCD9E8D57} * x2[i];
      x0[i] = static_cast<uint32_t>(b >> 32) ^ x1[i] ^ key0;
      x1[i] = static_cast<uint32_t>(b);
      x2[i] = static_cast<uint32_t>(a >> 32) ^ x3[i] ^ key1;
      x3[i] = static_cast<uint32_t>(a);
    }
  // 52 random bits after the point of a number in [1, 2).
  for (int i = 0; i < lanes; ++i) {
    const uint64_t a = static_cast<uint64_t>(x0[i]) << 32 | x1[i];
    const uint64_t b = static_cast<uint64_t>(x2[i]) << 32 | x3[i];
    u[i] = std::bit_cast<double>(a >> 12 | 0x3ff0000000000000) - 1;
    v[i] = std::bit_cast<double>(b >> 12 | 0x3ff0000000000000) - 1;
  }
}
