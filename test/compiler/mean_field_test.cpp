// The predictor at initialisation against the golden values, closed forms and tables of the
// stability page (claims S88..S93, S95, S96, S102..S107).
#include "MeanFieldModels.h"

#include "compiler/stability/DualActivation.h"

#include <gtest/gtest.h>

using namespace lnx::test;
using namespace mlir::lnx::stability;

namespace {

TEST(MeanField, s96LogitsOfGpt2AndXavierAtInit) {
  EXPECT_NEAR(predict(gpt2("pre")).logitStd, .3072, 1e-9);
  EXPECT_NEAR(predict(gpt2("pre", {48, 1600})).logitStd, .64, 1e-9);
  EXPECT_NEAR(predict(xavier("pre", {1})).logitStd, 1, 1e-9);
  MeanFieldModel normalised = gpt2("pre");
  normalised.steps[0].updates[0].qkNorm = true;
  EXPECT_NEAR(predict(normalised).logitStd, 1, 1e-9);
}

// Closed forms of 6.4. Every branch is homogeneous, on one token, eps = 0.

TEST(MeanField, s105PreAndPeriVarianceIsASumAndGradientItsInverse) {
  for (const char *kind : {"pre", "peri"})
    for (double dt : {1.0, .1}) {
      MeanFieldUpdate u = identityBranch(.7, .9);
      u.outputGain = std::string(kind) == "peri" ? 1.5 : 1;
      MeanFieldModel model = homogeneous(kind, 40, u, .3, dt);
      MeanFieldProfile p = predict(model);
      double added = dt * dt * (std::string(kind) == "peri" ? 1.5 * 1.5 : .63);
      for (int k = 0; k <= 40; ++k) {
        EXPECT_NEAR(p.q[k], .3 + added * k, 1e-12 * p.q[k]);
        EXPECT_NEAR(p.gradient[k], std::sqrt(p.q[40] / p.q[k]), 1e-12 * p.gradient[k]);
      }
    }
}

TEST(MeanField, s105PostGradientGrowsWithTheRatioOfJacobianToVariance) {
  for (Activation activation : {Phi::relu, Phi::geluErf, Phi::silu}) {
    MeanFieldUpdate u;
    u.activation = activation;
    u.s1 = .8;
    u.s2 = 1.7;
    MeanFieldModel model = homogeneous("post", 30, u);
    for (MeanFieldStep &step : model.steps)
      step.skip = 1.3;
    MeanFieldProfile p = predict(model);
    double base = (1.69 + jacobianOf(u)) / (1.69 + varianceOf(u));
    for (int k = 0; k <= 30; ++k) {
      EXPECT_NEAR(p.q[k], 1, 1e-12);
      EXPECT_NEAR(p.gradient[k], std::pow(base, .5 * (30 - k)), 1e-12 * p.gradient[k]);
    }
    EXPECT_EQ(activation == Phi::relu, std::abs(base - 1) < 1e-12);
  }
}

TEST(MeanField, s105WithoutNormEverythingIsExponential) {
  MeanFieldUpdate u;
  u.activation = Phi::relu;
  u.s1 = .4;
  u.s2 = 1.6;
  MeanFieldProfile p = predict(homogeneous("none", 50, u, 2));
  EXPECT_NEAR(p.q.back(), 2 * std::pow(1.32, 50), 1e-10 * p.q.back());
  EXPECT_NEAR(p.gradient.front(), std::pow(1.32, 25), 1e-10 * p.gradient.front());
}

TEST(MeanField, s105RezeroKeepsVarianceAndGradientExactly) {
  MeanFieldProfile p = predict(xavier("rezero", {20}));
  for (double q : p.q)
    EXPECT_EQ(q, 1);
  for (double g : p.gradient)
    EXPECT_EQ(g, 1);
  EXPECT_EQ(p.updateBound, 0);
}

TEST(MeanField, s105LayerNormScalingAddsAHarmonicSum) {
  MeanFieldProfile p = predict(homogeneous("lns", 64, identityBranch(1, .8), .5));
  double q = .5;
  for (int l = 1; l <= 64; ++l) {
    q += .8 / l;
    EXPECT_NEAR(p.q[l], q, 1e-12 * q);
  }
  EXPECT_NEAR(p.gradient.front(), std::sqrt(q / .5), 1e-12 * q);
}

TEST(MeanField, s102DropoutScalesAnUpdatesOwnVarianceAndItsGradient) {
  MeanFieldUpdate u = identityBranch(.5, .8);
  u.dropout = .2;
  MeanFieldProfile p = predict(homogeneous("none", 10, u));
  EXPECT_NEAR(p.q.back(), std::pow(1.5, 10), 1e-9);
  EXPECT_NEAR(p.gradient.front(), std::pow(1.5, 5), 1e-9);
  // Different tokens drop different features, so they stay as alike as their means were.
  u.dropout = .5;
  MeanFieldModel alike = homogeneous("none", 1, u);
  alike.tokens = 8;
  alike.rho0 = 1;
  EXPECT_NEAR(predict(alike).rho.back(), 1.4 / 1.8, 1e-12);
  EXPECT_NEAR(predictScalar(alike).rho.back(), 1.4 / 1.8, 1e-12);
}

TEST(MeanField, s105DeepnormRatioTendsToOne) {
  double before = 1;
  for (int64_t depth : {6, 24, 96, 384}) {
    double off = std::abs(predictScalar(xavier("deepnorm", {depth})).gradient.front() - 1);
    EXPECT_LT(off, before);
    before = off;
  }
  EXPECT_LT(before, 6e-4);
}

TEST(MeanField, s105JacobianOverVarianceOfGeluAndSilu) {
  auto ratio = [](Activation a, double s) { return s * dualDerivative(a, s, 1) / dual(a, s, 1); };
  EXPECT_NEAR(ratio(Phi::geluErf, .3072), 1.069, 6e-4);
  EXPECT_NEAR(ratio(Phi::geluErf, .512), 1.074, 6e-4);
  EXPECT_NEAR(ratio(Phi::geluErf, .64), 1.075, 6e-4);
  EXPECT_NEAR(ratio(Phi::geluErf, 1), 1.072, 6e-4);
  EXPECT_NEAR(ratio(Phi::silu, 1), 1.067, 6e-4);
  EXPECT_NEAR(ratio(Phi::relu, 1), 1, 1e-12);
}

TEST(MeanField, s102DualsAreMomentsOfGaussians) {
  // E[gelu(z)^2] and cross moments by a product rule on a fine grid.
  for (double rho : {-.7, 0.0, .3, .95}) {
    double sum = 0, slope = 0, weight = 0, h = .05, eps = 1e-5;
    auto gelu = [](double x) { return .5 * x * (1 + std::erf(x / std::sqrt(2.0))); };
    for (double a = -8; a <= 8; a += h)
      for (double b = -8; b <= 8; b += h) {
        double w = std::exp(-.5 * (a * a + b * b)), x = .9 * a;
        double y = .9 * (rho * a + std::sqrt(1 - rho * rho) * b);
        sum += w * gelu(x) * gelu(y);
        slope += w * (gelu(x + eps) - gelu(x - eps)) * (gelu(y + eps) - gelu(y - eps));
        weight += w;
      }
    EXPECT_NEAR(dual(Phi::geluErf, .81, rho), sum / weight, 1e-9);
    EXPECT_NEAR(dualDerivative(Phi::geluErf, .81, rho), slope / weight / (4 * eps * eps), 1e-7);
  }
  // Large variances are ReLU's.
  EXPECT_NEAR(dual(Phi::geluErf, 99.9, .5) / dual(Phi::relu, 99.9, .5), 1, 5e-3);
}

TEST(MeanField, s102InterpolatedDualsAreThoseOfTheFunction) {
  // Smooth ones, one that is not zero at zero, and one with kinks: of its slope's 3/sqrt(v)
  // standard deviations the expansion may be off by one node of 1/40.
  const std::pair<Activation, double> rows[] = {
      {Phi::geluErf, 1e-6},
      {Phi::silu, 1e-6},
      {activationOf([](double x) { return std::tanh(x); }), 1e-6},
      {activationOf([](double x) { return 1 / (1 + std::exp(-x)); }), 1e-6},
      {activationOf([](double x) { return std::clamp(x, -1.0, 2.0); }), 8e-2}};
  for (const auto &[phi, tolerance] : rows) {
    DualActivations duals(DualActivations::Accuracy::interpolated);
    for (double v = 99.99; v > 1e-9; v /= 1.37) {
      const DualActivation exact(phi, v);
      const DualActivation &near = duals.at(phi, v);
      for (double rho : {-1.0, -.4, 0.0, .7, .999, 1.0}) {
        EXPECT_NEAR(near.value(rho), exact.value(rho), tolerance * exact.value(1)) << v << rho;
        EXPECT_NEAR(near.derivative(rho), exact.derivative(rho), tolerance * exact.derivative(1))
            << v << " " << rho;
      }
    }
  }
}

TEST(MeanField, s102VarianceGrowsWithEveryStepSize) {
  for (const char *kind : {"pre", "peri", "none", "lns"}) {
    double before = 0;
    for (double dt : {.05, .1, .3, .7, 1.0, 1.5}) {
      double q = predict(xavier(kind, {6, 256, dt, true, 32})).q.back();
      EXPECT_GT(q, before) << kind << " " << dt;
      before = q;
    }
  }
}

// Bounds of 5.8.

TEST(MeanField, s92UpdateBoundHasItsClosedForms) {
  for (int64_t n : {12, 48, 192}) {
    double depth = static_cast<double>(n), harmonic = 0;
    for (int64_t k = 2; k <= 2 * n + 1; ++k)
      harmonic += 1 / static_cast<double>(k);
    auto bound = [&](const char *kind) {
      return predict(homogeneous(kind, 2 * n, identityBranch())).updateBound;
    };
    EXPECT_NEAR(bound("post"), 2 * depth, 1e-9 * depth);
    EXPECT_NEAR(bound("pre"), 2 * harmonic, 1e-9);
    EXPECT_NEAR(bound("peri"), 2 * harmonic, 1e-9);
    // The page drops beta^4 beside alpha^2.
    EXPECT_NEAR(bound("deepnorm"), 1, .5 / depth);
    EXPECT_NEAR(bound("labml"), 2 * depth, depth / std::sqrt(depth));
  }
}

TEST(MeanField, s92GatedUnitsCountThreeMatrices) {
  MeanFieldUpdate u = identityBranch();
  u.branch = Branch::glu;
  EXPECT_NEAR(predict(homogeneous("post", 1, u)).updateBound, 1.5, 1e-12);
  EXPECT_NEAR(predictScalar(homogeneous("post", 1, u)).updateBound, 1.5, 1e-12);
  // Degree two: its gradient is twice its variance.
  EXPECT_NEAR(predict(homogeneous("none", 1, u)).gradient.front(), std::sqrt(3), 1e-12);
}

TEST(MeanField, s93AdminShareHasItsClosedForms) {
  auto share = [](const char *kind, int64_t n) {
    return predict(homogeneous(kind, 2 * n, identityBranch())).admin;
  };
  EXPECT_NEAR(share("post", 12), 12, 1e-9);
  EXPECT_NEAR(share("pre", 12), 2.82, 5e-3);
  EXPECT_NEAR(share("pre", 48), 4.16, 5e-3);
  EXPECT_NEAR(share("pre", 1000), 7.18, 5e-3);
  EXPECT_NEAR(share("deepnorm", 48), 1 / (4 * std::sqrt(96.0)), 1e-3);
}

TEST(MeanField, s92UpdateBoundMatchesMeasuredParameterJacobians) {
  struct Row {
    const char *kind;
    double measured[7], lowSlope, highSlope;
  };
  const Row rows[] = {{"post", {5.10, 10.9, 28.9, 95.5, 221, 187, 247}, .5, 1.2},
                      {"deepnorm", {.458, .459, .463, .467, .461, .461, .457}, -.05, .05},
                      {"labml", {2.79, 5.77, 12.2, 26.8, 55.2, 128, 258}, .85, 1.2},
                      {"pre", {3.56, 5.33, 9.04, 12.4, 16.0, 15.9, 14.1}, 0, .7},
                      {"peri", {4.96, 7.21, 10.3, 14.3, 14.5, 16.4, 20.9}, 0, .7}};
  for (const Row &row : rows) {
    double previous = 0;
    for (int i = 0; i < 7; ++i) {
      double u = predictScalar(xavier(row.kind, {3 << i, 128, 1, false, 32})).updateBound;
      EXPECT_LT(std::abs(std::log(u / row.measured[i])), std::log(3))
          << row.kind << " " << (3 << i);
      if (i > 0) {
        EXPECT_GE(std::log2(u / previous), row.lowSlope) << row.kind << " " << (3 << i);
        EXPECT_LE(std::log2(u / previous), row.highSlope + .05) << row.kind << " " << (3 << i);
      }
      previous = u;
    }
  }
}

// Table of 5.10: 1 - rho_N at N = 12, 24, 48, 96, Xavier, ReLU, 32 tokens.

TEST(MeanField, s95TokensCollapseAsInTheTable) {
  struct Row {
    const char *kind;
    double left[4], tolerance;
  };
  const Row rows[] = {{"post", {2e-3, 5e-7, 3e-14, 0}, .1},
                      {"pre", {.25, .13, .073, .041}, .03},
                      {"peri", {.21, .14, .10, .07}, .05},
                      {"scaled", {.93, .93, .93, .93}, .005},
                      {"deepnorm", {.997, .998, .998, .999}, .001},
                      {"lns", {.63, .56, .50, .45}, .01},
                      {"rezero", {1, 1, 1, 1}, 1e-12}};
  for (const Row &row : rows)
    for (int i = 0; i < 4; ++i) {
      double left = predict(xavier(row.kind, {12 << i, 128, 1, false, 32})).oneMinusRho.back();
      EXPECT_NEAR(left, row.left[i], row.tolerance * row.left[i] + 1e-15)
          << row.kind << " " << (12 << i);
    }
  double mix[4] = {1e-1, 1e-2, 1e-4, 1e-8};
  for (int i = 0; i < 4; ++i) {
    double left = predict(xavier("mix", {12 << i, 128, 1, false, 32})).oneMinusRho.back();
    EXPECT_LT(std::abs(std::log10(left / mix[i])), .5) << (12 << i);
  }
}

TEST(MeanField, s95TinyEmbeddingsCollapsePeriInOneStep) {
  Shape all{.causal = false};
  EXPECT_NEAR(predict(gpt2("peri", all)).rho.back(), .97, .01);
  EXPECT_GT(predict(gpt2("peri", all)).rho[1], .5);
  EXPECT_NEAR(predict(gpt2("peri")).rho.back(), .82, .005);
  EXPECT_NEAR(predict(gpt2("pre")).rho.back(), .53, .005);
}

TEST(MeanField, s88PostIsBoundedForReluAndSlowlyExponentialForGelu) {
  double gelu[4] = {.95, 1.12, 1.56, 2.99};
  for (int i = 0; i < 4; ++i) {
    Shape shape{24 << i, 128, 1, false, 32};
    EXPECT_NEAR(predictScalar(xavier("post", shape)).gradient.front(), .526, .001);
    double g = predictScalar(xavier("post", shape, Phi::geluErf)).gradient.front();
    EXPECT_NEAR(g, gelu[i], .1 * gelu[i]);
  }
}

TEST(MeanField, s88TheTokenSpecificGradientVanishesWhereTokensCollapsed) {
  double drop[3] = {-.57, -1.68, -3.43};
  for (int i = 0; i < 3; ++i) {
    MeanFieldProfile p = predict(xavier("post", {6 << i, 128, 1, false, 32}));
    double middle = p.gradientSpecific[p.gradientSpecific.size() / 2];
    EXPECT_NEAR(2 * std::log10(middle), drop[i], .01) << (6 << i);
    EXPECT_GT(p.gradient[p.gradient.size() / 2], .15);
  }
}

// Xiong's last-layer gradients, ReLU and d_ff = d: Post over Pre grows like .82 sqrt(q_L) (S89).
TEST(MeanField, s89LastLayerOfPostOverPre) {
  struct Case {
    int64_t depth;
    double ratio, firstToLast;
  };
  for (auto [depth, ratio, firstToLast] :
       {Case{6, 1.98, 2.2}, Case{12, 2.94, 3.2}, Case{24, 4.38, 4.7}, Case{48, 6.44, 6.8},
        Case{96, 9.35, 9.6}}) {
    auto of = [&](const char *kind) {
      MeanFieldModel model = xavier(kind, {depth, 768, 1, /*causal=*/false});
      for (MeanFieldStep &step : model.steps)
        for (MeanFieldUpdate &update : step.updates) {
          update.s1 = update.s2 = 1;
          update.hiddenRatio = 1;
        }
      return predict(model);
    };
    const MeanFieldProfile post = of("post"), pre = of("pre");
    EXPECT_NEAR(post.weightOut.back() / pre.weightOut.back() / ratio, 1, 0.05) << depth;
    EXPECT_NEAR(pre.weightOut[1] / pre.weightOut.back() / firstToLast, 1, 0.05) << depth;
  }
}

TEST(MeanField, s101EffectivenessOfPreDecaysLikeOneOverDepth) {
  MeanFieldProfile p = predict(homogeneous("pre", 100, identityBranch()));
  for (int k = 0; k < 100; ++k)
    EXPECT_NEAR(p.effectiveness[k], 1.0 / (k + 1), 1e-12);
}

// Two numbers instead of a matrix.

TEST(MeanField, s102TwoNumbersAreExactOnAMemory) {
  MeanFieldModel model = xavier("peri", {6, 256, 1, false, 24});
  for (MeanFieldStep &step : model.steps) {
    step.updates[0].memory = step.updates[0].qkNorm = true;
    step.updates[0].memoryQ = 1.7;
    step.updates[0].memoryRho = .3;
  }
  MeanFieldProfile full = predict(model), two = predictScalar(model);
  EXPECT_NEAR(two.rho.back(), full.rho.back(), 1e-4);
  EXPECT_NEAR(two.gradient.front() / full.gradient.front(), 1, 1e-4);
  EXPECT_NEAR(two.updateBound / full.updateBound, 1, 1e-4);
}

TEST(MeanField, s102TwoNumbersAreExactWithoutACausalMask) {
  for (const char *kind : {"pre", "peri", "post", "deepnorm", "labml", "lns", "none"})
    for (bool fromGpt2 : {false, true}) {
      Shape shape{12, 256, 1, false, 24};
      MeanFieldModel model = fromGpt2 ? gpt2(kind, shape) : xavier(kind, shape);
      model.rho0 = .2;
      MeanFieldProfile full = predict(model), two = predictScalar(model);
      for (size_t k = 0; k < full.q.size(); ++k) {
        EXPECT_NEAR(two.q[k] / full.q[k], 1, 1e-4) << kind;
        EXPECT_NEAR(two.rho[k], full.rho[k], 1e-4) << kind;
        EXPECT_NEAR(two.gradient[k] / full.gradient[k], 1, 1e-4) << kind;
      }
      for (size_t k = 0; k < model.steps.size(); ++k) {
        EXPECT_NEAR(two.weightOut[k] / full.weightOut[k], 1, 1e-4) << kind;
        EXPECT_NEAR(two.weightIn[k] / full.weightIn[k], 1, 1e-4) << kind;
      }
      EXPECT_NEAR(two.updateBound / full.updateBound, 1, 1e-4) << kind;
    }
}

// With a mask, measured worst cases over these models: q 3.6 %, rho .04, |g_0|/|g_K| 6.8 %. Where
// Post collapses, 1 - rho differs by orders of magnitude, not in class.
TEST(MeanField, s102TwoNumbersAreCloseWithACausalMask) {
  for (const char *kind : {"pre", "peri", "post", "deepnorm", "none"})
    for (Shape shape : {Shape{12, 768}, Shape{36, 1280}, Shape{48, 1600}}) {
      MeanFieldModel model = gpt2(kind, shape);
      MeanFieldProfile full = predict(model), two = predictScalar(model);
      EXPECT_NEAR(two.q.back() / full.q.back(), 1, .04) << kind;
      EXPECT_NEAR(two.rho.back(), full.rho.back(), .04) << kind;
      EXPECT_NEAR(two.gradient.front() / full.gradient.front(), 1, .08) << kind;
    }
}

TEST(MeanField, s102DepthsBeyondTheLimitTakeTwoNumbers) {
  MeanFieldModel model = gpt2("pre", {6});
  EXPECT_EQ(predictWithin(model, 12).q.back(), predict(model).q.back());
  EXPECT_EQ(predictWithin(model, 11).q.back(), predictScalar(model).q.back());
}

TEST(MeanField, s102GrowthOutOfTheDoublesIsReportedNotComputed) {
  MeanFieldProfile p = predict(xavier("none", {2000, 64, 1, false, 4}));
  EXPECT_TRUE(p.overflow);
  EXPECT_TRUE(std::isinf(p.q.back()));
  EXPECT_TRUE(std::isinf(p.updateBound));
  EXPECT_EQ(p.q.size(), 4001u);
  for (double rho : p.rho)
    EXPECT_FALSE(std::isnan(rho));
}

TEST(MeanField, s102ZeroStreamsAndZeroWeightsGiveNumbers) {
  MeanFieldModel model = gpt2("peri", {2});
  model.q0 = 0;
  for (MeanFieldStep &step : model.steps)
    step.updates[0].sO = step.updates[0].s2 = 0;
  for (const MeanFieldProfile &p : {predict(model), predictScalar(model)}) {
    EXPECT_EQ(p.q.back(), 0);
    for (double g : p.gradient)
      EXPECT_TRUE(std::isfinite(g));
    for (double w : p.weightOut)
      EXPECT_TRUE(std::isfinite(w));
  }
}

} // namespace
