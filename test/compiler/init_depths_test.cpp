// The numbers of the predictor at other depths, from schedules: those of the model elaborated
// there.
#include "StabilityFixture.h"
#include "compiler/stability/InitModel.h"

using namespace lnx::test;
using namespace mlir::lnx::stability;
using mlir::lnx::ModelOp;
using mlir::lnx::StepOp;

static void expectSame(const MeanFieldStep &a, const MeanFieldStep &b) {
  ASSERT_EQ(a.updates.size(), b.updates.size());
  EXPECT_NEAR(a.skip, b.skip, 1e-12 * b.skip);
  EXPECT_EQ(a.postNorm, b.postNorm);
  for (size_t i = 0; i < a.updates.size(); ++i)
    for (auto field :
         {&MeanFieldUpdate::dt, &MeanFieldUpdate::inputGain, &MeanFieldUpdate::outputGain,
          &MeanFieldUpdate::sV, &MeanFieldUpdate::sO, &MeanFieldUpdate::s1, &MeanFieldUpdate::s2}) {
      double x = a.updates[i].*field, y = b.updates[i].*field;
      EXPECT_NEAR(x, y, 1e-12 * std::abs(y));
    }
}

// The steps of every layer, whatever in them depends on the layer, the depth or both.
TEST(InitModel, s102_other_depths_without_elaboration) {
  for (const char *block :
       {"peri_ln", "pre_ln", "deepnorm", "ln_scaling", "mix_ln", "deepscale", "scaled"}) {
    SCOPED_TRACE(block);
    Verified model("def scaled(x, l, depth, heads) = peri_ln(x, l, depth, heads, dt = "
                   "l/depth^(3/2))\n"
                   "def deepscale(x, l, depth, heads) {\n"
                   "  x <- sqrt(1 - 1/depth)*x + attn(layernorm(x), heads)/sqrt(depth)\n"
                   "  return x\n}\n"
                   "model m(depth = 12) = gpt2(depth = depth, block = " +
                   std::string(block) + ")\n");
    mlir::OwningOpRef<mlir::ModuleOp> module = model.at({});
    ASSERT_TRUE(module) << model.diagnostics.render();
    const InitReading reading = readSteps(*module->getOps<ModelOp>().begin());
    ASSERT_TRUE(reading.model) << reading.obstacle.text;
    for (int64_t depth : {8, 24, 100}) {
      SCOPED_TRACE(depth);
      std::vector<StepOp> steps;
      std::optional<MeanFieldModel> known = reading.at(depth, steps);
      mlir::OwningOpRef<mlir::ModuleOp> other = model.at({{"depth", std::to_string(depth)}});
      InitReading elaborated = readInit(*other->getOps<ModelOp>().begin());
      ASSERT_TRUE(elaborated.model);
      if (!known) { // a root of a sum is known between bounds only
        EXPECT_STREQ(block, "deepscale");
        continue;
      }
      ASSERT_EQ(known->steps.size(), elaborated.model->steps.size());
      EXPECT_EQ(known->steps.size(), steps.size());
      EXPECT_EQ(known->layerOfStep, elaborated.model->layerOfStep);
      EXPECT_EQ(known->q0, elaborated.model->q0);
      for (size_t k = 0; k < steps.size(); ++k)
        expectSame(known->steps[k], elaborated.model->steps[k]);
    }
  }
}

// What the steps do not say is not guessed: another stream, and a model of one depth.
TEST(InitModel, s102_depths_that_need_elaboration) {
  for (const char *text : {"model m = encdec(N = 2, M = 3)\n",
                           "model m = gpt2(block = pre_ln, depth = 12, width = 768)\n"}) {
    Verified model(text);
    mlir::OwningOpRef<mlir::ModuleOp> module = model.at({});
    ASSERT_TRUE(module) << model.diagnostics.render();
    const InitReading reading = readSteps(*module->getOps<ModelOp>().begin());
    std::vector<StepOp> steps;
    if (reading.model && reading.hasMemory)
      EXPECT_FALSE(reading.at(24, steps));
  }
}
