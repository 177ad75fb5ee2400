// Series: what is known of all layers together gives what each layer gives.
#include "dialect/Series.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace mlir::lnx;

namespace {

constexpr size_t layers = 37;
constexpr double infinity = std::numeric_limits<double>::infinity();

/// Values of two tables and their multiples, numbers, and numbers that are others at other depths.
std::vector<Series> samples() {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> number(0.1, 2);
  std::vector<double> one, other, mixed;
  for (size_t i = 0; i < layers; ++i) {
    one.push_back(number(random));
    other.push_back(number(random));
    mixed.push_back(number(random) - 1);
  }
  mixed[3] = 0;
  const Schedule depth = Schedule::depth(1);
  std::vector<Series> all;
  const Series table(one); // multiples share its values, others with the same numbers do not
  for (const Series &values : {table, Series(one), Series(other), Series(mixed)})
    for (double factor : {1.0, 0.25, 2.0, -3.0, 1e300, 1e-300, 1e-200})
      all.push_back(Series(factor) * values);
  all.push_back(table * table);
  for (double value : {0.0, 1.0, -1.0, 0.7, 100.0, infinity, -infinity}) {
    all.push_back(value);
    all.push_back(Series(value).with(depth));
  }
  return all;
}

/// As far as the order of two multiplications matters.
bool isNear(double a, double b) {
  return a == b || std::abs(a - b) <= 4e-16 * std::abs(b) || (std::isnan(a) && std::isnan(b));
}

template <typename Whole, typename Each> void compare(const char *name, Whole whole, Each each) {
  // Twice: the second time from what is remembered.
  const std::vector<Series> all = samples();
  for (int turn = 0; turn < 2; ++turn)
    for (const Series &x : all)
      for (const Series &y : all) {
        const Series result = whole(x, y);
        double smallest = infinity, largest = -infinity;
        for (size_t i = 0; i < layers; ++i) {
          const double wanted = each(x[i], y[i]);
          EXPECT_TRUE(isNear(result[i], wanted))
              << name << " of " << x[i] << " and " << y[i] << " is not " << result[i];
          smallest = std::min(smallest, wanted);
          largest = std::max(largest, wanted);
        }
        EXPECT_TRUE(isNear(std::min(result.smallest(), smallest), result.smallest()));
        EXPECT_TRUE(isNear(std::max(result.largest(), largest), result.largest()));
        EXPECT_TRUE(x.hasSchedule() || y.hasSchedule() || !result.hasSchedule());
      }
}

} // namespace

TEST(Series, ProductsAreThoseOfEachLayer) {
  compare(
      "product", [](const Series &x, const Series &y) { return x * y; },
      [](double x, double y) { return x == 0 || y == 0 ? 0 : x * y; });
}

TEST(Series, SumsAreThoseOfEachLayer) {
  compare(
      "sum", [](const Series &x, const Series &y) { return x + y; },
      [](double x, double y) { return x + y; });
}

TEST(Series, TheSmallerAndTheLargerAreThoseOfEachLayer) {
  compare("smaller", smaller, [](double x, double y) { return std::min(x, y); });
  compare("larger", larger, [](double x, double y) { return std::max(x, y); });
}

TEST(Series, OneValueThatIsNoNumberLeavesNothingKnown) {
  std::vector<double> values(layers, 1.0);
  values[20] = std::nan("");
  const Series series(values);
  EXPECT_EQ(series.smallest(), -infinity);
  EXPECT_EQ(series.largest(), infinity);
  EXPECT_FALSE(series.isFinite());
}

TEST(Series, WhatIsMadeOfOtherValuesIsNotMistaken) {
  // Values that are gone leave their place to new ones.
  const Series table(std::vector<double>{1, 2, 3});
  for (double factor : {2.0, 3.0, 5.0, 7.0}) {
    const Series sum = table + Series(std::vector<double>{factor, 0.5, factor});
    EXPECT_EQ(sum[0], 1 + factor);
    EXPECT_EQ(sum[2], 3 + factor);
  }
}
