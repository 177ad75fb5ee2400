// RandomTest: Philox against its published vectors, and what the sequences promise.
// Vectors: kat_vectors of Random123 (Salmon et al. 2011).
#include "Random.h"

#include <gtest/gtest.h>

#include <cmath>

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

// Mean, variance and fourth moment of a normal sample of 200,000 within four standard errors.
TEST(Random, NormalsAreNormal) {
  RandomSequence sequence(7, "x");
  double first = 0, second = 0, fourth = 0;
  constexpr int pairs = 100000;
  for (uint64_t i = 0; i < pairs; ++i)
    for (double x : sequence.normalPair(i)) {
      first += x;
      second += x * x;
      fourth += x * x * x * x;
    }
  const double n = 2.0 * pairs;
  EXPECT_NEAR(first / n, 0, 4 / std::sqrt(n));
  EXPECT_NEAR(second / n, 1, 4 * std::sqrt(2 / n));
  EXPECT_NEAR(fourth / n, 3, 4 * std::sqrt(96 / n));
}

TEST(Random, UniformsStayInTheHalfOpenInterval) {
  RandomSequence sequence(7, "x");
  double total = 0;
  for (uint64_t i = 0; i < 100000; ++i)
    for (double x : sequence.uniformPair(i)) {
      ASSERT_GE(x, 0);
      ASSERT_LT(x, 1);
      total += x;
    }
  EXPECT_NEAR(total / 200000, 0.5, 4 / std::sqrt(12 * 200000.0));
}

// Seed, name and index each matter.
TEST(Random, DependsOnSeedNameAndIndex) {
  auto value = RandomSequence(1, "a").uniformPair(0)[0];
  EXPECT_EQ(value, RandomSequence(1, "a").uniformPair(0)[0]);
  EXPECT_NE(value, RandomSequence(2, "a").uniformPair(0)[0]);
  EXPECT_NE(value, RandomSequence(uint64_t{1} << 32 | 1, "a").uniformPair(0)[0]);
  EXPECT_NE(value, RandomSequence(1, "b").uniformPair(0)[0]);
  EXPECT_NE(value, RandomSequence(1, "a").uniformPair(1)[0]);
  EXPECT_NE(value, RandomSequence(1, "a").uniformPair(uint64_t{1} << 32)[0]);
}

} // namespace
