// Numbers known when compiling: exact while they can be, honest about it when they cannot.
#include "frontend/Number.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace lnx::spec;

namespace {
Scalar over(int64_t a, int64_t b) { return Scalar::fraction(a, b); }

// Thirds add up to one, which no double does.
TEST(Number, FractionsAreExact) {
  Scalar sum = 0;
  for (int i = 0; i < 3; ++i)
    sum = sum + over(1, 3);
  EXPECT_TRUE(sum.isExact());
  EXPECT_EQ(sum.whole(), 1);
  EXPECT_EQ(Scalar::compare(over(1, 3) * 3, 1), 0);
}

TEST(Number, SignsAreReduced) {
  EXPECT_EQ(over(1, -2), over(-1, 2));
  EXPECT_EQ((over(1, 2) - over(3, 2)).whole(), -1);
  EXPECT_EQ((over(1, 2) / over(-1, 4)).whole(), -2);
}

TEST(Number, LiteralsAreExactDecimals) {
  EXPECT_EQ(Scalar::decimal(1, -1) * 10, Scalar(1));
  EXPECT_TRUE(Scalar::decimal(1, -5).isExact());
  EXPECT_FALSE(Scalar::decimal(1, -300).isExact());
  EXPECT_DOUBLE_EQ(Scalar::decimal(1, -300).value(), 1e-300);
}

// l^9 <= depth^9 is decided exactly: these differ in the last of 83 bits.
TEST(Number, ComparisonsGoBeyond64Bits) {
  const Scalar big = power(Scalar(600), 9);
  EXPECT_TRUE(big.isExact());
  EXPECT_EQ(Scalar::compare(big, big + 1), -1);
  EXPECT_EQ(big.value(), (big + 1).value());
}

TEST(Number, OverflowFallsBackToDouble) {
  const Scalar big = power(Scalar(10), 60);
  EXPECT_FALSE(big.isExact());
  EXPECT_DOUBLE_EQ(big.value(), 1e60);
  EXPECT_FALSE((power(Scalar(10), 30) * power(Scalar(10), 30)).isExact());
}

TEST(Number, PerfectRootsAreExact) {
  EXPECT_EQ(power(Scalar(16), over(1, 4)).whole(), 2);
  EXPECT_EQ(power(Scalar(16), over(-3, 4)), over(1, 8));
  EXPECT_TRUE(power(over(4, 9), over(1, 2)).isExact());
  EXPECT_FALSE(power(Scalar(2), over(1, 2)).isExact());
  EXPECT_TRUE(std::isnan(power(Scalar(-1), over(1, 2)).value()));
}

TEST(Number, RoundingOfNegativeFractions) {
  EXPECT_EQ(floor(over(-3, 2)).whole(), -2);
  EXPECT_EQ(ceil(over(-3, 2)).whole(), -1);
  EXPECT_EQ(floor(over(7, 7)).whole(), 1);
}

TEST(Number, WholeOnlyWhenItIs) {
  EXPECT_EQ(over(8192, 3).whole(), std::nullopt);
  EXPECT_EQ(Scalar::inexact(768.0).whole(), 768);
  EXPECT_EQ(Scalar::inexact(1e30).whole(), std::nullopt);
}

// Values that agree for all layers are one value again: they become constants, not tables.
TEST(Number, LayersCollapse) {
  const Number l(std::vector<Scalar>{1, 2, 3});
  EXPECT_FALSE(l.isUniform());
  const Number zero = Number::map(l, l, [](const Scalar &a, const Scalar &b) { return a - b; });
  EXPECT_TRUE(zero.isUniform());
  EXPECT_TRUE(zero.front().isZero());
}

TEST(Number, FormatsForMessages) {
  EXPECT_EQ(format(over(8192, 3)), "2730.67");
  EXPECT_EQ(format(Scalar(1024)), "1024");
  EXPECT_EQ(format(1e-5), "1e-05");
}
} // namespace
