// Scalars: exact while they can be, honest about it when they cannot.
#include "dialect/Scalar.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace mlir::lnx;

namespace {
Scalar over(int64_t a, int64_t b) { return Scalar::fraction(a, b); }

// Thirds add up to one, which no double does.
TEST(Scalar, FractionsAreExact) {
  Scalar sum = 0;
  for (int i = 0; i < 3; ++i)
    sum = sum + over(1, 3);
  EXPECT_TRUE(sum.isExact());
  EXPECT_EQ(sum.whole(), 1);
  EXPECT_EQ(Scalar::compare(over(1, 3) * 3, 1), 0);
}

TEST(Scalar, SignsAreReduced) {
  EXPECT_EQ(over(1, -2), over(-1, 2));
  EXPECT_EQ((over(1, 2) - over(3, 2)).whole(), -1);
  EXPECT_EQ((over(1, 2) / over(-1, 4)).whole(), -2);
}

TEST(Scalar, LiteralsAreExactDecimals) {
  EXPECT_EQ(Scalar::decimal(1, -1) * 10, Scalar(1));
  EXPECT_TRUE(Scalar::decimal(1, -5).isExact());
  EXPECT_FALSE(Scalar::decimal(1, -300).isExact());
  EXPECT_DOUBLE_EQ(Scalar::decimal(1, -300).value(), 1e-300);
}

// l^9 <= depth^9 is decided exactly: these differ in the last of 83 bits.
TEST(Scalar, ComparisonsGoBeyond64Bits) {
  const Scalar big = power(Scalar(600), 9);
  EXPECT_TRUE(big.isExact());
  EXPECT_EQ(Scalar::compare(big, big + 1), -1);
  EXPECT_EQ(big.value(), (big + 1).value());
}

TEST(Scalar, OverflowFallsBackToDouble) {
  const Scalar big = power(Scalar(10), 60);
  EXPECT_FALSE(big.isExact());
  EXPECT_DOUBLE_EQ(big.value(), 1e60);
  EXPECT_FALSE((power(Scalar(10), 30) * power(Scalar(10), 30)).isExact());
}

TEST(Scalar, PerfectRootsAreExact) {
  EXPECT_EQ(power(Scalar(16), over(1, 4)).whole(), 2);
  EXPECT_EQ(power(Scalar(16), over(-3, 4)), over(1, 8));
  EXPECT_TRUE(power(over(4, 9), over(1, 2)).isExact());
  EXPECT_FALSE(power(Scalar(2), over(1, 2)).isExact());
  EXPECT_TRUE(std::isnan(power(Scalar(-1), over(1, 2)).value()));
}

TEST(Scalar, RoundingOfNegativeFractions) {
  EXPECT_EQ(floor(over(-3, 2)).whole(), -2);
  EXPECT_EQ(ceil(over(-3, 2)).whole(), -1);
  EXPECT_EQ(floor(over(7, 7)).whole(), 1);
}

TEST(Scalar, WholeOnlyWhenItIs) {
  EXPECT_EQ(over(8192, 3).whole(), std::nullopt);
  EXPECT_EQ(Scalar::inexact(768.0).whole(), 768);
  EXPECT_EQ(Scalar::inexact(1e30).whole(), std::nullopt);
}

// Neither product of numerator and denominator fits 128 bits.
TEST(Scalar, FractionsCompareExactlyWhateverTheirSize) {
  const Scalar big = power(Scalar(10), 37), next = big + 1;
  EXPECT_EQ((big / next).value(), 1);
  EXPECT_EQ(Scalar::compare(big / next, 1), -1);
  EXPECT_EQ(Scalar::compare(big / next, (big - 1) / big), 1);
  EXPECT_EQ(Scalar::compare(-big / next, (Scalar(1) - big) / big), -1);
  EXPECT_EQ(Scalar::compare(big / next, big / next), 0);
  EXPECT_EQ(Scalar::compare(-big / next, big / next), -1);
}
} // namespace
