// Series: values layer by layer, shared behind a factor, beside the schedule that says what they
// are at other depths.
#include "dialect/Series.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace mlir::lnx;

static Series byLayer(std::vector<double> values) { return Series(values); }

TEST(Series, factorsKeepTheValues) {
  Series x = byLayer({1, 4, 9});
  EXPECT_EQ((Series(0.5) * x)[2], 4.5);
  EXPECT_EQ((x * Series(0.5) * Series(2.0)), x);
  EXPECT_EQ(sqrt(x)[1], 2);
  EXPECT_TRUE((x + negated(x)).isAll(0));
  EXPECT_EQ(x.largest(), 9);
  EXPECT_EQ(x.smallest(), 1);
  EXPECT_EQ(reciprocal(x)[1], 0.25);
  EXPECT_EQ(power(x, 1.5)[1], 8);
  EXPECT_EQ((x / x), Series(1.0));
}

// 0 times infinity is 0 and an overflown factor does not make it NaN.
TEST(Series, nothingTimesInfinityIsNothing) {
  Series x = byLayer({0, 1, INFINITY});
  Series huge = x * Series(1e300) * Series(1e300);
  EXPECT_EQ(huge[0], 0);
  EXPECT_TRUE(std::isinf(huge[1]));
  EXPECT_TRUE((x * Series(0.0)).isZero());
  Series tiny = byLayer({1, 2, INFINITY}) * Series(1e-200) * Series(1e-200);
  EXPECT_EQ(tiny[1], 0);
  EXPECT_TRUE(std::isinf(tiny[2]));
  EXPECT_EQ((Series::top() * x)[0], 0);
  EXPECT_TRUE(std::isinf((Series::top() * x)[1]));
}

// A number that nobody can place makes every bound infinite, not small.
TEST(Series, notANumberIsInfinite) {
  EXPECT_TRUE(std::isinf(byLayer({1, NAN, 2}).largest()));
  EXPECT_FALSE(byLayer({1, NAN}).isFinite());
  EXPECT_FALSE(byLayer({1, NAN}).isNonNegative());
  EXPECT_TRUE(std::isnan(sqrt(byLayer({1, NAN}))[1]));
}

// Every operation says the same of the schedule as of the values.
TEST(Series, schedulesFollowTheValues) {
  Layers layers;
  Series l = Series(std::vector<double>{1, 2, 3, 4}).with(Schedule::layer(layers));
  Series n = Series(4.0).with(Schedule::depth(1));
  EXPECT_EQ((reciprocal(l) * n).schedule().print(), "l^-1*N");
  EXPECT_EQ((sqrt(n) + Series(1.0)).schedule().print(), "N^0.5 + 1");
  EXPECT_EQ(negated(power(l, -0.5)).schedule().print(), "-l^-0.5");
  EXPECT_EQ((l / n).schedule().print(), "l*N^-1");
  EXPECT_EQ(smaller(l, n).schedule().print(), "l");
  EXPECT_EQ((Series(2.0) * Series(3.0)).schedule().print(), "6");
  EXPECT_FALSE((Series(2.0) * Series(3.0)).hasSchedule());
  // Nothing is known of other depths.
  EXPECT_FALSE((byLayer({1, 2}) * n).schedule().above());
  EXPECT_FALSE(l.map([](double v) { return v; }).schedule().above());
  // 0 at this depth, not at others.
  EXPECT_EQ((n + Series(-4.0)).schedule().print(), "N - 4");
  EXPECT_TRUE(((n + Series(-4.0)) * l).hasSchedule());
}

// A number without a schedule is the decimal that the model says.
TEST(Series, constantsAreWhatTheModelSays) {
  EXPECT_EQ(Series(0.1).schedule().print(), "0.1");
  EXPECT_EQ(Series(-2.5e-7).schedule().print(),
            Schedule::constant(Scalar::decimal(25, -8) * -1).print());
  EXPECT_EQ((Series(0.9).schedule() + Series(0.1).schedule()).print(), "1");
  EXPECT_EQ(*Series(1e-17).schedule().asConstant(), Scalar::decimal(1, -17));
  EXPECT_FALSE(Series(INFINITY).schedule().above());
}
