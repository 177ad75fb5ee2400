// Trajectory: bounds on weights from the optimizer, and adversaries that come near them (claims
// S73..S75). The adversaries run the optimizer's own equations on one weight.
#include "compiler/stability/Trajectory.h"
#include "gtest/gtest.h"
#include <cmath>
#include <random>
#include <vector>

using namespace mlir::lnx::stability;

TEST(S73, goldenValuesOfU) {
  const double golden[][3] = {
      {.9, .95, 1.164965}, {.9, .98, 1.697749}, {.9, .99, 2.345208}, {.9, .999, 7.270292}};
  for (const double *row : golden)
    EXPECT_NEAR(adamwStep(row[0], row[1]) / row[2], 1, 1e-6);
  EXPECT_NEAR(adamwStep(0.9, 0.9), 1, 1e-9);
  EXPECT_TRUE(std::isinf(adamwStep(0.99, 0.95)));
  EXPECT_TRUE(std::isinf(adamwStep(0.9, 1)));
  EXPECT_TRUE(std::isinf(adamwStep(NAN, 0.95)));
}

namespace {
/// AdamW on one weight, in double precision, eps = 0.
struct Scalar {
  AdamW settings;
  double w = 0, m = 0, v = 0, power1 = 1, power2 = 1;

  double update(double gradient) {
    m = settings.beta1 * m + (1 - settings.beta1) * gradient;
    v = settings.beta2 * v + (1 - settings.beta2) * gradient * gradient;
    power1 *= settings.beta1;
    power2 *= settings.beta2;
    double u = v > 0 ? m / (1 - power1) / std::sqrt(v / (1 - power2)) : 0;
    w = (1 - settings.lr * settings.decay) * w - settings.lr * u;
    return u;
  }
};
} // namespace

// Gradients that grow by beta2/beta1 a step attain the constant; bias correction does not exceed it
// in 20000 steps.
TEST(S73, adversaryAttainsU) {
  for (double beta2 : {0.95, 0.98, 0.99, 0.999}) {
    double bound = adamwStep(0.9, beta2), largest = 0;
    Scalar scalar{{0.1, 20400, 0, 0.9, beta2}};
    for (int step = 0; step < 20000; ++step) // until bias correction is over
      scalar.update(0);
    for (int step = 0; step < 400; ++step)
      largest = std::max(largest, std::abs(scalar.update(std::pow(beta2 / 0.9, step))));
    EXPECT_LE(largest, bound);
    EXPECT_GT(largest, 0.999 * bound);
    for (double b1 = 0.9, b2 = beta2; int step : std::vector<int>{1, 2, 3, 10, 100, 1000, 20000}) {
      double ratio = b1 * b1 / b2;
      double corrected = (1 - b1) / (1 - std::pow(b1, step)) *
                         std::sqrt((1 - std::pow(b2, step)) / (1 - b2) *
                                   (1 - std::pow(ratio, step)) / (1 - ratio));
      EXPECT_LE(corrected, bound) << step;
    }
  }
}

// With decay 0.1 the weight settles below U/lambda = 11.65; bursts of growing gradients bring it
// near.
TEST(S73, adversaryStaysBelowTheDecayedBound) {
  AdamW settings{0.01, 60000, 0.1, 0.9, 0.95};
  double bound = adamwEntryBound(0.02, settings);
  EXPECT_NEAR(bound, 11.64965, 1e-4);
  Scalar scalar{settings, 0.02};
  double largest = 0;
  for (int step = 0; step < settings.steps; ++step) {
    scalar.update(-std::pow(0.95 / 0.9, step % 10000)); // overflow of g^2 is at 13000
    largest = std::max(largest, std::abs(scalar.w));
  }
  EXPECT_LE(largest, bound);
  EXPECT_GT(largest, 0.95 * bound);
}

TEST(S73, randomGradientsStayBelowBothBounds) {
  std::mt19937 random(7);
  std::lognormal_distribution<double> size(0, 3);
  for (int run = 0; run < 50; ++run) {
    AdamW settings{0.05, 500, run % 2 ? 0.3 : 0.0, 0.9, run % 3 ? 0.95 : 0.999};
    double start = 0.1 * run;
    Scalar scalar{settings, start};
    double bound = adamwEntryBound(start, settings);
    for (int step = 0; step < settings.steps; ++step) {
      scalar.update(random() % 4 ? -size(random) : size(random));
      ASSERT_LE(std::abs(scalar.w), bound);
    }
  }
}

// Without decay the bound is the sum of the steps: gamma after 6e5 steps at mean rate 3e-4 is at
// most 211.
TEST(S73, undecayedBound) {
  EXPECT_NEAR(adamwEntryBound(1, {3e-4, 600000, 0, 0.9, 0.95}), 1 + 1.164965 * 180, 1e-3);
  EXPECT_EQ(adamwEntryBound(1, {3e-4, 0, 0.1, 0.9, 0.95}), 1);
  // A short run with decay keeps the smaller of the two.
  EXPECT_NEAR(adamwEntryBound(0, {1e-3, 10, 0.1, 0.9, 0.95}), 0.01164965, 1e-8);
}

// lr lambda > 1 overshoots, beyond 2 it amplifies: the bounds that no longer hold are not used.
TEST(S73, largeDecayIsNotTrusted) {
  EXPECT_NEAR(adamwEntryBound(1, {1, 10, 1.5, 0.9, 0.95}), 1 + 11.64965, 1e-4);
  EXPECT_TRUE(std::isinf(adamwEntryBound(1, {1, 10, 2.5, 0.9, 0.95})));
  Scalar scalar{{1, 10, 2.5, 0.9, 0.95}, 1};
  for (int step = 0; step < 10; ++step)
    scalar.update(0);
  EXPECT_GT(std::abs(scalar.w), 50);
}

// Steps that are not given are infinitely many: only decay bounds the weight then.
TEST(S73, stepsMayBeInfinite) {
  EXPECT_NEAR(adamwEntryBound(1, {1e-3, HUGE_VAL, 0.1, 0.9, 0.95}), 11.64965, 1e-4);
  EXPECT_TRUE(std::isinf(adamwEntryBound(1, {1e-3, HUGE_VAL, 0, 0.9, 0.95})));
  EXPECT_TRUE(std::isinf(adamwEntryBound(1, {HUGE_VAL, HUGE_VAL, 0.1, 0.9, 0.95})));
  EXPECT_NEAR(muonSpectralBound(2, {0.1, HUGE_VAL, 0, 0}), 2, 1e-9);
  EXPECT_TRUE(std::isinf(muonSpectralBound(2, {1, 10, 3, 0})));
}

TEST(S73, senselessSettingsBoundNothing) {
  EXPECT_TRUE(std::isinf(adamwEntryBound(-1, {1e-3, 10, 0.1, 0.9, 0.95})));
  EXPECT_TRUE(std::isinf(adamwEntryBound(1, {-1e-3, 10, 0.1, 0.9, 0.95})));
  EXPECT_TRUE(std::isinf(adamwEntryBound(1, {1e-3, 10, NAN, 0.9, 0.95})));
  EXPECT_TRUE(std::isinf(adamwEntryBound(1, {1e-3, 10, 0.1, 0.99, 0.95})));
  EXPECT_TRUE(std::isinf(sgdFrobeniusBound(1, {0.1, 10, -1})));
  EXPECT_TRUE(std::isinf(spectralFromEntries(0, 3, 1)));
}

// Gradients that all point one way attain the bound of clipped SGD.
TEST(S74, clippedSgd) {
  double bound = sgdFrobeniusBound(2, {0.1, 1000, 0.5}), w = 2;
  for (int step = 0; step < 1000; ++step)
    w += 0.1 * 0.5;
  EXPECT_LE(w, bound * (1 + 1e-10));
  EXPECT_NEAR(bound, 52, 1e-9);
}

// A constant direction of spectral norm s converges to s/lambda from below.
TEST(S75, muon) {
  Muon settings{0.02, 20000, 0.05, 0.8};
  double bound = muonSpectralBound(1, settings), w = 1;
  for (int step = 0; step < settings.steps; ++step)
    w = (1 - settings.lr * settings.decay) * w + settings.lr * settings.size;
  EXPECT_LE(w, bound);
  EXPECT_GT(w, 0.999 * bound);
  EXPECT_NEAR(bound, 16, 1e-9);
  EXPECT_NEAR(muonSpectralBound(30, settings), 30, 1e-9);
}

// The matrix of ones attains it.
TEST(S73, spectralFromEntries) {
  EXPECT_NEAR(spectralFromEntries(768, 3072, 11.65), std::sqrt(768. * 3072) * 11.65, 1e-6);
  EXPECT_NEAR(spectralFromEntries(3, 3, 2), 6, 1e-9);
}
