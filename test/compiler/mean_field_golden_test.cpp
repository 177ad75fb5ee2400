// The predictor at initialisation against the golden numbers of section 8 and the predictions
// of 6.5 and 6.6 of the stability page (claims S102, S107).
#include "MeanFieldModels.h"

#include <gtest/gtest.h>

using namespace lnx::test;
using namespace mlir::lnx::stability;

namespace {

/// As many digits as the page prints.
void expectDigits(double value, double golden, int digits = 4) {
  double unit = std::pow(10, std::floor(std::log10(golden)) + 1 - digits);
  EXPECT_NEAR(value, golden, 0.51 * unit);
}

struct Golden {
  const char *kind;
  double dt, q, rho, gradient, w2, wo;
};

class GoldenTest : public testing::TestWithParam<Golden> {};

TEST_P(GoldenTest, s102TheRecursionGivesTheGoldenNumbersOf124M) {
  const Golden &g = GetParam();
  MeanFieldModel model = gpt2(g.kind, {.dt = g.dt});
  MeanFieldProfile p = predict(model);
  size_t steps = model.steps.size();
  expectDigits(p.q.back(), g.q);
  EXPECT_NEAR(p.rho.back(), g.rho, 0.51e-4);
  expectDigits(p.gradient.front(), g.gradient);
  expectDigits(p.weightOut[1] / p.weightOut[steps - 1], g.w2);
  // Without an output projection in the page's list.
  if (g.wo > 0)
    expectDigits(p.weightOut[0] / p.weightOut[steps - 2], g.wo);
}

INSTANTIATE_TEST_SUITE_P(Architectures, GoldenTest,
                         testing::Values(Golden{"pre", 1, .08698, .5345, 10.15, 3.684, 3.439},
                                         Golden{"peri", 1, 23.82, .8198, 179.7, 3.603, 4.849},
                                         Golden{"pre", .1, .001488, .0768, 1.383, 1.358, 1.019},
                                         Golden{"peri", .1, .2389, .8058, 17.89, 3.534, 4.760},
                                         Golden{"post", 1, 1, .0078, 35.44, 1.003, .9162}),
                         [](const auto &info) {
                           return info.param.kind + std::string(info.param.dt < 1 ? "Tenth" : "");
                         });

TEST(MeanField, s107MeanAbsoluteValueFollowsFromTheVariance) {
  EXPECT_NEAR(meanAbsolute(predict(gpt2("pre")).q.back()), .2353, 5e-5);
  EXPECT_NEAR(meanAbsolute(predict(gpt2("peri", {.dt = .1})).q.back()), .390, 5e-4);
  EXPECT_NEAR(meanAbsolute(1), .798, 5e-4);
}

TEST(MeanField, s102RootMeanSquaresOfLargerModels) {
  auto rms = [](const MeanFieldModel &m) { return std::sqrt(predict(m).q.back()); };
  EXPECT_NEAR(rms(gpt2("pre", {48, 1600})), .675, 5e-4);
  EXPECT_NEAR(rms(gpt2("peri", {48, 1600})), 9.78, 5e-3);
  EXPECT_NEAR(rms(gpt2("none", {48, 1600})), .0315, 5e-5);
  EXPECT_NEAR(rms(gpt2("pre", {48, 1600, .1})), .0671, 5e-5);
  // 1000 layers, Xavier and ReLU; the page's token count is smaller than ours.
  Shape deep{1000, 1024, 1, false, 32};
  EXPECT_NEAR(rms(xavier("peri", deep)), 44.7, .1);
  deep.dt = .1;
  EXPECT_NEAR(rms(xavier("peri", deep)), 4.58, .01);
}

// 1.5B: 48 layers of width 1600. The page prints three digits of these.

class LargeTest : public testing::TestWithParam<Golden> {};

TEST_P(LargeTest, s102TheRecursionGivesThePredictionsFor1500M) {
  const Golden &g = GetParam();
  MeanFieldModel model = gpt2(g.kind, {48, 1600, g.dt});
  MeanFieldProfile p = predict(model);
  expectDigits(p.q.back(), g.q, 3);
  EXPECT_NEAR(p.rho.back(), g.rho, .51e-3);
  expectDigits(p.gradient.front(), g.gradient, 3);
  expectDigits(p.weightOut[1] / p.weightOut.back(), g.w2, 3);
}

INSTANTIATE_TEST_SUITE_P(Architectures, LargeTest,
                         testing::Values(Golden{"pre", 1, .4555, .708, 22.6, 7.43, 0},
                                         Golden{"pre", .1, .004498, .285, 2.404, 2.44, 0},
                                         Golden{"peri", 1, 95.7, .865, 364, 7.20, 0},
                                         Golden{"peri", .1, .9578, .860, 36.1, 7.06, 0},
                                         Golden{"post", 1, 1, .056, 35.8, 1.027, 0},
                                         Golden{"none", 1, 9.916e-4, .004, 1.113, 1, 0}),
                         [](const auto &info) {
                           return info.param.kind + std::string(info.param.dt < 1 ? "Tenth" : "");
                         });

} // namespace
