// Philox against its published vectors, and what the sequences promise.
// Vectors: kat_vectors of Random123 (Salmon et al. 2011).
#include "Random.h"

#include <gtest/gtest.h>
#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

using namespace lnx;

namespace {

TEST(Random, MatchesPublishedVectors) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}),
            (PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

constexpr size_t many = 200000;

std::vector<float> normals(uint64_t first, size_t count) {
  std::vector<float> values(count);
  RandomSequence(7, "x").normals(first, values, 1);
  return values;
}

// Mean, variance and fourth moment of a normal sample within four standard errors.
TEST(Random, NormalsAreNormal) {
  double first = 0, second = 0, fourth = 0;
  for (double x : normals(0, many)) {
    first += x;
    second += x * x;
    fourth += x * x * x * x;
  }
  const double n = many;
  EXPECT_NEAR(first / n, 0, 4 / std::sqrt(n));
  EXPECT_NEAR(second / n, 1, 4 * std::sqrt(2 / n));
  EXPECT_NEAR(fourth / n, 3, 4 * std::sqrt(96 / n));
}

// The polynomials agree with the library's functions on the numbers that Philox gives.
TEST(Random, NormalsFollowBoxAndMuller) {
  const auto values = normals(0, many);
  const uint64_t hash = XXH3_64bits("x", 1);
  for (uint32_t pair = 0; pair < many / 2; ++pair) {
    auto bits =
        philox({pair, 0, static_cast<uint32_t>(hash), static_cast<uint32_t>(hash >> 32)}, {7, 0});
    auto unit = [&](size_t i) {
      return std::ldexp(static_cast<double>((uint64_t{bits[i]} << 32 | bits[i + 1]) >> 12), -52);
    };
    const double radius = std::sqrt(-2 * std::log(1 - unit(0)));
    const double angle = 2 * std::numbers::pi * unit(2);
    // Half a unit in the last place of a float, and what the series leave.
    ASSERT_NEAR(values[2 * pair], radius * std::cos(angle), 6e-8 * radius + 1e-10) << pair;
    ASSERT_NEAR(values[2 * pair + 1], radius * std::sin(angle), 6e-8 * radius + 1e-10) << pair;
  }
}

TEST(Random, UniformsStayInTheHalfOpenInterval) {
  std::vector<float> values(many);
  RandomSequence(7, "x").uniforms(0, values, 0, 1);
  double total = 0;
  for (float x : values) {
    ASSERT_GE(x, 0);
    ASSERT_LE(x, 1); // the largest double below 1 rounds to 1
    total += x;
  }
  EXPECT_NEAR(total / many, 0.5, 4 / std::sqrt(12.0 * many));
}

// Any even start and any length give the same values.
TEST(Random, ReadsFromAnywhere) {
  const auto all = normals(0, 1000);
  for (size_t first : {2, 64, 130, 998})
    for (size_t count : {1, 2, 63, 64, 65, 300}) {
      const size_t most = std::min(count, 1000 - first);
      const auto part = normals(first, most);
      ASSERT_TRUE(std::equal(part.begin(), part.end(), all.begin() + static_cast<long>(first)));
    }
}

// Seed, name and index each matter.
TEST(Random, DependsOnSeedNameAndIndex) {
  auto value = [](uint64_t seed, const char *name, uint64_t index) {
    float x = 0;
    RandomSequence(seed, name).uniforms(index, {&x, 1}, 0, 1);
    return x;
  };
  EXPECT_EQ(value(1, "a", 0), value(1, "a", 0));
  EXPECT_NE(value(1, "a", 0), value(2, "a", 0));
  EXPECT_NE(value(1, "a", 0), value(uint64_t{1} << 32 | 1, "a", 0));
  EXPECT_NE(value(1, "a", 0), value(1, "b", 0));
  EXPECT_NE(value(1, "a", 0), value(1, "a", 2));
  EXPECT_NE(value(1, "a", 0), value(1, "a", uint64_t{1} << 33));
}

} // namespace
