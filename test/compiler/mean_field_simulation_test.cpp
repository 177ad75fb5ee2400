// Random networks against the predictor at initialisation: variance, token correlation, stream and
// weight gradients within the tolerances of S106 (width 256, mean of 4 seeds).
// The network is written out here, attention, norms and their transposes, and shares no code with
// the predictor.
#include "MeanFieldModels.h"
#include "SimulatedNetwork.h"

#include <gtest/gtest.h>

using namespace lnx::test;
using namespace mlir::lnx::stability;

namespace {

struct Case {
  const char *name;
  MeanFieldModel model;
};

Shape small(bool causal = true) { return {4, 256, 1, causal, 32}; }

MeanFieldModel withGlu(MeanFieldModel model) {
  for (MeanFieldStep &step : model.steps)
    if (step.updates[0].branch == Branch::mlp) {
      step.updates[0].branch = Branch::glu;
      step.updates[0].activation = Phi::silu;
      step.updates[0].s1 = step.updates[0].sU = 1;
      step.updates[0].s2 = 1;
      step.updates[0].hiddenRatio = 2;
    }
  return model;
}

/// Attention and mlp read the same stream and add in one step.
MeanFieldModel inParallel(const MeanFieldModel &model) {
  MeanFieldModel parallel = model;
  parallel.steps.clear();
  parallel.layerOfStep.clear();
  for (size_t k = 0; k + 1 < model.steps.size(); k += 2) {
    MeanFieldStep step = model.steps[k];
    step.updates.push_back(model.steps[k + 1].updates[0]);
    parallel.steps.push_back(step);
    parallel.layerOfStep.push_back(model.layerOfStep[k]);
  }
  return parallel;
}

MeanFieldModel withHiddenNorm(MeanFieldModel model) {
  for (MeanFieldStep &step : model.steps)
    step.updates[0].hiddenNorm = true;
  return model;
}

/// A decoder: every attention reads a memory of independent tokens.
MeanFieldModel withMemory(MeanFieldModel model) {
  for (MeanFieldStep &step : model.steps)
    step.updates[0].memory = true;
  return model;
}

std::vector<Case> cases() {
  return {{"pre", xavier("pre", small())},
          {"preFull", xavier("pre", small(false), Phi::geluTanh)},
          {"peri", xavier("peri", small())},
          {"post", xavier("post", small(), Phi::geluErf)},
          {"deepnorm", xavier("deepnorm", small())},
          {"glu", withGlu(xavier("pre", small()))},
          {"parallel", inParallel(xavier("pre", small()))},
          {"hiddenNorm", withHiddenNorm(xavier("pre", small()))},
          {"memory", withMemory(xavier("pre", small()))}};
}

class SimulationTest : public testing::TestWithParam<int> {};

TEST_P(SimulationTest, s106PredictionsMeetRandomNetworks) {
  Case c = cases()[GetParam()];
  SCOPED_TRACE(c.name);
  constexpr int seeds = 4;
  MeanFieldProfile p = predict(c.model);
  Measured m = simulate(c.model, seeds);
  size_t steps = c.model.steps.size();
  auto within = [](double predicted, double measured, double low, double high) {
    return predicted / measured >= low && predicted / measured <= high;
  };
  for (size_t k = 0; k <= steps; ++k) {
    EXPECT_TRUE(within(p.q[k], m.q[k], .85, 1.18)) << "q " << k << " " << p.q[k] << " " << m.q[k];
    // Wider than S106's .04: at unit logits the first of only 32 positions are outside its 1/m
    // series.
    EXPECT_NEAR(p.rho[k], m.rho[k], .07) << "rho " << k;
    double g = p.gradient[k] * p.gradient[k], measured = m.gradient[k] / m.gradient[steps];
    EXPECT_TRUE(within(g, measured, .6, 1.6)) << "g " << k << " " << g << " " << measured;
  }
  EXPECT_TRUE(within(p.updateBound, m.updateBound, .75 * .75, 1.35 * 1.35))
      << "U " << p.updateBound << " " << m.updateBound;
  for (size_t k = 0; k < steps; ++k) {
    EXPECT_TRUE(within(p.weightOut[k], m.weightOut[k], .75, 1.35))
        << "W out " << k << " " << p.weightOut[k] << " " << m.weightOut[k];
    EXPECT_TRUE(within(p.weightIn[k], m.weightIn[k], .75, 1.35))
        << "W in " << k << " " << p.weightIn[k] << " " << m.weightIn[k];
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, SimulationTest, testing::Range(0, 9),
                         [](const auto &info) { return cases()[info.param].name; });

} // namespace
