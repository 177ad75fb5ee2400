// Schedules: every bound is held against the number it bounds, at depths where it must hold.
// Random expressions of l and N, the schedules of papers, and the traps that tables fall into.
#include "RandomSchedules.h"
#include <gtest/gtest.h>
#include <span>

using namespace mlir::lnx;

namespace {
/// The last depth of `depths` at which a bound does not hold; 0 for none.
Real lastFailure(Expression &expression, const Layers &layers, std::span<const Real> depths,
                 int &checked) {
  Real last = 0;
  for (const Real depth : depths)
    for (const Real layer : layersAt(layers, depth)) {
      const Sample sample = expression.at(layer, depth);
      if (!std::isfinite(sample.value.value) || !std::isfinite(sample.value.error))
        continue;
      ++checked;
      if (excess(sample, layer, depth) > 1)
        last = depth;
    }
  return last;
}

// f(x) - f(y) lies between its tangents, even where f(x) and f(y) outgrow it.
TEST(Schedule, s49DifferencesLieBetweenTangents) {
  const Schedule l = Schedule::layer({}), n = Schedule::depth(1), one = Schedule::constant(1),
                 half = Schedule::constant(Scalar::fraction(1, 2)),
                 inverse = Schedule::constant(-1);
  EXPECT_EQ((log(l + one) - log(l)).print(), "0.5*l^-1 .. l^-1");
  EXPECT_EQ((log(l) - log(l + one)).print(), "-l^-1 .. -0.5*l^-1");
  EXPECT_EQ((half * log(l + one) - half * log(l)).print(), "0.25*l^-1 .. 0.5*l^-1");
  EXPECT_EQ((log(n + l) - log(n)).above()->size(), 1u);
  EXPECT_EQ((power(l + one, half) - power(l, half)).above()->front().p, Scalar::fraction(-1, 2));
  EXPECT_EQ(((one / (l + one)) - (one / l)).below()->front().p, Scalar(-2));
  EXPECT_EQ((power(l + one, inverse) - power(l, inverse)).below()->front().p, Scalar(-2));
  // Other functions, other factors, and factors that are not known exactly.
  EXPECT_EQ((log(l + one) - power(l, half)).below()->front().p, Scalar::fraction(1, 2));
  EXPECT_TRUE((half * log(l + one) - log(l)).below()->front().p.isZero());
  const Schedule third = Schedule::constant(Scalar::inexact(1.0 / 3));
  EXPECT_TRUE((third * log(l + one) - third * log(l)).above()->front().p.isZero());
  // l - 1 is 0 in the first layer.
  EXPECT_FALSE((log(l - one) - log(l)).below());
}

// From some depth on every bound holds, and that is no deep one for nearly all expressions.
TEST(Schedule, s49BoundsHoldForAllLargeDepths) {
  int known = 0, late = 0, checked = 0;
  const int count = 8000;
  for (int seed = 0; seed < count; ++seed) {
    const Layers &layers = ranges[seed % std::size(ranges)];
    Expression expression(static_cast<uint32_t>(seed), layers);
    const Schedule schedule = expression.at(5, 100).schedule;
    known += schedule.above().has_value();
    const bool isLate = lastFailure(expression, layers, small, checked) > 1e4L;
    late += isLate;
    const Real last = lastFailure(expression, layers, large, checked);
    EXPECT_LT(last, large[std::size(large) - 1]) << "seed " << seed << ": " << schedule.print();
  }
  EXPECT_GT(known, count / 2);
  EXPECT_GT(checked, count * 40);
  EXPECT_LT(late, count / 50);
}

// Sums, products and powers of one term say what the number is, not only bounds.
TEST(Schedule, s49ExactFormsAreExact) {
  int exact = 0;
  for (int seed = 0; seed < 5000; ++seed) {
    Expression expression(static_cast<uint32_t>(seed), {});
    for (const Real depth : {1e9L, 1e30L, 1e300L})
      for (const Real layer : layersAt({}, depth)) {
        const Sample sample = expression.at(layer, depth);
        if (!sample.schedule.isExact() || !std::isfinite(sample.value.value))
          continue;
        const auto [below, size] = evaluate(*sample.schedule.below(), layer, depth);
        const Real scale = std::fmax(size, 1e-4000L);
        EXPECT_EQ(sample.schedule.print().find(" .. "), std::string::npos);
        exact += depth < 1e10L;
        if (depth > 1e299L)
          EXPECT_NEAR(double((sample.value.value - below) / scale), 0,
                      2 * coefficientError + double(4 * sample.value.error / scale))
              << "seed " << seed << ": " << sample.schedule.print();
      }
  }
  EXPECT_GT(exact, 5000);
}

Schedule l() { return Schedule::layer({}); }
Schedule n() { return Schedule::depth(1); }
Schedule number(int64_t above, int64_t below = 1) {
  return Schedule::constant(Scalar::fraction(above, below));
}
Schedule root(const Schedule &x) { return power(x, number(1, 2)); }

// The schedules of the papers keep their form (stability.md 8.6).
TEST(Schedule, s49SchedulesOfPapersAreExact) {
  EXPECT_EQ((number(1) / n()).print(), "N^-1");
  EXPECT_EQ(root(number(1) / (number(4) * n())).print(), "0.5*N^-0.5");
  EXPECT_EQ((number(1) / root(number(2) * n())).print(), "~0.70710678118654746*N^-0.5");
  EXPECT_EQ((number(1) / (l() * l())).print(), "l^-2");
  EXPECT_EQ(power(number(16) * n(), number(1, 4)).print(), "2*N^0.25");
  EXPECT_EQ((number(1) / (number(3) * root(l()))).print(), "1/3*l^-0.5");
  EXPECT_EQ(log(n()).print(), "log(N)");
  EXPECT_EQ(exp(number(1, 2) * log(n())).print(), "N^0.5");
  EXPECT_EQ((number(1) - l() / n()).print(), "1 - l*N^-1");
}

// What no table of some depths shows: the part that is small today outgrows the other.
TEST(Schedule, s49SmallPartsAreKept) {
  const Schedule tiny = Schedule::constant(Scalar::decimal(1, -13));
  EXPECT_EQ((number(1) / n() + tiny).print(), "N^-1 + 1e-13");
  // Constant until 10^13 layers, then the other one.
  EXPECT_EQ(maximum(tiny, number(1) / n()).print(), "1e-13");
  EXPECT_EQ(minimum(tiny, number(1) / n()).print(), "N^-1");
  EXPECT_EQ(power(n(), Schedule::constant(Scalar::decimal(1, -12))).print(), "N^1e-12");
  const Schedule hidden = contracted(number(100000) / n());
  ASSERT_TRUE(hidden.above());
  EXPECT_EQ(hidden.print(), "0 .. 100000*N^-1");
}

// Of l - N/2 neither sign is right in all layers; in the upper half it is not negative.
TEST(Schedule, s50SignsDependOnTheLayers) {
  const Schedule half = number(1, 2) * n();
  const Schedule difference = l() - half;
  EXPECT_FALSE(difference.isNonNegative());
  EXPECT_FALSE((-difference).isNonNegative());
  EXPECT_TRUE(difference.in({1, Scalar::fraction(1, 2), 1}).isNonNegative());
  EXPECT_TRUE((-difference).in({1, 0, Scalar::fraction(1, 2)}).isNonNegative());
  EXPECT_TRUE((number(3) - l()).in({1, 0, 0, 3}).isNonNegative());
  EXPECT_FALSE((number(3) - l()).in({1, 0, 0, 4}).isNonNegative());
  EXPECT_EQ(maximum(l(), half).print(), "l .. l + 0.5*N");
}

/// Holds in all layers of a model of this depth.
void expectHolds(const Schedule &schedule, Real depth, Real (*value)(Real layer, Real depth)) {
  for (Real layer = 1; layer <= depth; layer = layer < 100 ? layer + 1 : std::floor(layer * 1.01L))
    EXPECT_LE(excess({schedule, {value(layer, depth), 1e-12L}}, layer, depth), 1)
        << schedule.print() << " in layer " << double(layer);
}

// Terms of which neither is the larger in all layers meet where they are equal.
TEST(Schedule, s49PowersOfTermsThatCross) {
  const Schedule x = power(l() + root(n()), number(3, 2));
  ASSERT_TRUE(x.above());
  expectHolds(x, 1e8L, [](Real l, Real n) { return std::pow(l + std::sqrt(n), 1.5L); });
}

// exp of what falls with the layer is below a power of it in the first layers too.
TEST(Schedule, s49ExpOfFallingTerms) {
  const Schedule x = exp(number(-1, 4) * l());
  ASSERT_TRUE(x.above());
  expectHolds(x, 1e6L, [](Real l, Real) { return std::exp(-l / 4); });
}

// Rounding away from zero of a number of either sign stays within one half.
TEST(Schedule, s49RoundingOfEitherSign) {
  const Schedule x = l() - number(1, 2) * n();
  EXPECT_EQ(round(x).print(), "l - 0.5*N - 0.5 .. l - 0.5*N + 0.5");
  EXPECT_EQ(floor(n() * l()).print(), "l*N");
  EXPECT_EQ(floor(number(1, 2) * n()).print(), "0.5*N - 1 .. 0.5*N");
}

// 2^(1/2) * 2^(1/2) is 2 only nearly: no form rests on their difference, and exponents have to be
// known.
TEST(Schedule, s49InexactNumbersDecideNothing) {
  const Schedule inexact = Schedule::constant(power(Scalar(2), Scalar::fraction(1, 2)));
  const Schedule nothing = inexact * inexact - number(2);
  ASSERT_TRUE(nothing.above() && nothing.below());
  EXPECT_FALSE(nothing.isExact());
  EXPECT_FALSE(nothing.isNonNegative());
  EXPECT_FALSE((-nothing).isNonNegative());
  EXPECT_EQ(power(n(), inexact).print(), "?");
  EXPECT_FALSE(log(inexact * inexact - number(1)).isNonNegative());
  EXPECT_EQ(power(number(-2), l()).print(), "?");
  EXPECT_EQ(power(l() - number(2), l()).print(), "?");
}

TEST(Schedule, TextSurvivesARoundTrip) {
  for (int seed = 0; seed < 5000; ++seed) {
    const Schedule schedule = Expression(static_cast<uint32_t>(seed), {}).at(5, 100).schedule;
    const std::string text = schedule.print();
    const std::optional<Schedule> again = Schedule::parse(text);
    ASSERT_TRUE(again) << text;
    EXPECT_EQ(again->print(), text);
    EXPECT_EQ(again->isExact(), schedule.isExact()) << text;
  }
  const Schedule big = Schedule::constant(power(Scalar(3), 79));
  EXPECT_EQ(Schedule::parse(big.print())->asConstant()->numerator(), big.asConstant()->numerator());
}

TEST(Schedule, TextThatIsNoneIsRefused) {
  for (const char *text :
       {"",       " ",        "-",    "x",   "l*",   "*l",      "l^",          "l^x",
        "1/0",    "1 +",      "1 + ", "+ 1", "0 ..", " .. 1",   "1 .. 2 .. 3", "N^N",
        "log(l)", "1e999999", "--1",  "~",   "~x",   "1 - - 2", "l N",         "1..2"})
    EXPECT_FALSE(Schedule::parse(text)) << text;
}
} // namespace
