// Soundness by sampling: random equations and weights through the double evaluator, never above the
// bound that the verifier proves from the weights' norms (8.1).
// LNX_SOUNDNESS_CASES sets the number of specs; each is tried with several draws of its weights.
#include "RandomSpecs.h"

using namespace lnx::test;
using namespace mlir;
using namespace mlir::lnx;
namespace st = mlir::lnx::stability;

// Every bound that is proved holds for weights inside the declared set.
TEST(StabilitySoundness, MeasuredStaysBelowTheBound) {
  const char *wanted = std::getenv("LNX_SOUNDNESS_CASES");
  int specs = wanted ? std::atoi(wanted) : 1250, checked = 0, finite = 0;
  double tightest = 0;
  for (int index = 0; index < specs; ++index) {
    Draw draw(1000 + index);
    std::string text = spec(draw);
    Verified source(text);
    OwningOpRef<ModuleOp> elaborated = source.at({});
    ASSERT_TRUE(elaborated) << source.diagnostics.render() << text;
    for (int turn = 0; turn < 8; ++turn) {
      OwningOpRef<ModuleOp> module = elaborated->clone();
      ModelOp model = *module->getOps<ModelOp>().begin();
      Environment environment = drawTokens(draw, 6);
      drawWeights(draw, model, environment);
      FailureOr<st::Report> report = st::verify(*module, {});
      ASSERT_TRUE(succeeded(report));
      FailureOr<Array> output = evaluateModel(model, environment);
      ASSERT_TRUE(succeeded(output));
      const st::Verdict *bound = find(*report, "forward.bound");
      ++checked;
      ASSERT_TRUE(bound);
      ASSERT_NE(bound->word, st::Word::refuted) << text << print(*report);
      if (!bound->number)
        continue;
      ++finite;
      auto [rms, peak] = measure(*output);
      ASSERT_TRUE(!(rms > *bound->number * (1 + 1e-9)))
          << rms << " > " << *bound->number << "\nspec " << index << " turn " << turn << "\n"
          << text << print(*report);
      tightest = std::max(tightest, rms / *bound->number);
      if (const st::Verdict *largest = find(*report, "precision.overflow"); largest->number)
        ASSERT_TRUE(!(peak > *largest->number * (1 + 1e-9)))
            << peak << " > " << *largest->number << "\n"
            << text << print(*report);
    }
  }
  RecordProperty("cases", checked);
  std::printf("%d cases, %d with a finite bound, tightest %.4f\n", checked, finite, tightest);
  EXPECT_GT(finite, checked / 3);
  EXPECT_GT(tightest, 0.9); // a bound far above everything would pass as well
}
