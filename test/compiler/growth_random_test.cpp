// GrowthRandom: no class is below the growth that is measured, for random recurrences (S48, 8.7).
// Random schedules stay inside the family that is recognised; 9 of 10 must have a class.
#include "GrowthFixture.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <random>

using namespace mlir::lnx::stability;
using Layers = std::vector<Coefficients>;

namespace {
/// Random schedules: c l^-p N^-s (log N)^q, shifted or with a second term, in branches, steps and
/// skips.
struct RandomModel {
  std::mt19937 random;
  double pick(std::initializer_list<double> values) {
    return *(values.begin() + random() % values.size());
  }

  std::function<double(double, double)> schedule() {
    double c = pick({0.01, 0.1, 0.5, 1}), p = pick({0, 0, 0.5, 1, 2, 0.3});
    double s = pick({0, 0, 0.5, 1, 0.25}), q = pick({0, 0, 0, 1}), shift = 0, extra = 0;
    if (p == 0.5 || p == 1)
      shift = pick({0, 1, -0.5});
    else if (p != 0.3)
      extra = pick({0, 0.02});
    return [=](double l, double N) {
      return c * std::pow(l + shift, -p) * std::pow(N, -s) * std::pow(std::log(N), q) + extra / l;
    };
  }
  std::function<Coefficients(double, double)> update() {
    auto f = schedule();
    auto g = schedule();
    switch (random() % 6) {
    case 0:
      return [=](double l, double N) { return Coefficients{1, 0, 0, 0.1 * f(l, N)}; };
    case 1:
      return [=](double l, double N) { return Coefficients{1, g(l, N), 0, 0.1 * f(l, N)}; };
    case 2:
      return [=](double, double) { return Coefficients{0.8, 0.3, 0, 0}; };
    case 3:
      return [=](double l, double N) { return Coefficients{0, f(l, N), 0, 0}; };
    default:
      return [=](double l, double N) { return step(f(l, N)); };
    }
  }
  Layer model() {
    auto a = update(), b = update(), c = update(), d = update();
    double border = pick({0, 0, 0.25, 0.5});
    return [=](double l, double N) {
      return l <= border * N ? Layers{a(l, N), b(l, N)} : Layers{c(l, N), d(l, N)};
    };
  }
};
} // namespace

/// The branches alone: what a stretched class is about, without the polynomial that the steps add.
static Layer withoutSteps(const Layer &model) {
  return [=](double l, double N) {
    Layers layer = model(l, N);
    for (Coefficients &k : layer)
      k.b = k.a == 0 ? 1 : 0;
    return layer;
  };
}

// A class is never below the growth that is measured, whatever the schedules (the reverse of a
// false PROVED).
TEST(S48, randomModelsNeverGrowFasterThanTheirClass) {
  RandomModel models{std::mt19937(5)};
  int known = 0, total = 100;
  for (int run = 0; run < total; ++run) {
    Layer model = models.model();
    Growth growth = recurrence(model).growth(12);
    known += growth.kind() != Growth::Kind::unknown;
    if (growth.kind() >= Growth::Kind::exponential)
      continue;
    bool isStretched = growth.kind() == Growth::Kind::stretched;
    Layer measurable = isStretched ? withoutSteps(model) : model;
    double measured = NAN;
    for (int64_t depth = 16000; std::isnan(measured) && depth > 100; depth /= 4) // overflow
      measured = measuredGrowth(measurable, isStretched, depth);
    if (growth.kind() == Growth::Kind::power) { // increments of N^0.002 are not yet monotone
      Recurrence r = recurrence(model);
      measured = std::min(measured, std::log2(r.evaluate(64000, 1) / r.evaluate(32000, 1)));
    }
    // Logarithms and constants die out slowly.
    double allowed = growth.exponent() + 0.05 + 0.15 * growth.logs();
    if (growth.kind() == Growth::Kind::bounded)
      allowed = -0.02;
    EXPECT_LE(measured, allowed) << run << " " << growth.print();
  }
  EXPECT_GT(known, total * 9 / 10);
}

// A norm after the sum never raises the class, nor does a smaller step.
TEST(S48, normAfterTheSumNeverRaisesTheClass) {
  RandomModel models{std::mt19937(9)};
  for (int run = 0; run < 60; ++run) {
    Layer model = models.model();
    Growth before = recurrence(model).growth(12);
    Growth after = recurrence([=](double l, double N) {
                     Layers layer = model(l, N);
                     layer.push_back(postNorm(1));
                     return layer;
                   }).growth(12);
    if (before.kind() != Growth::Kind::unknown)
      EXPECT_EQ(after.print(), "bounded");
    Growth smaller = recurrence([=](double l, double N) {
                       Layers layer = model(l, N);
                       for (Coefficients &k : layer)
                         k.b /= N, k.gain /= N;
                       return layer;
                     }).growth(12);
    if (before.kind() != Growth::Kind::unknown && smaller.kind() != Growth::Kind::unknown)
      EXPECT_TRUE(smaller <= before) << smaller.print() << " above " << before.print();
  }
}
