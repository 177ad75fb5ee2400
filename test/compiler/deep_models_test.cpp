// Layers that are not looked at one by one against the same layers that are: sizes before every
// step and the product of slopes of deep models (S14, S47, S83).
#include "StabilityFixture.h"
#include "compiler/stability/Analysis.h"
#include "compiler/stability/Sensitivity.h"

#include <map>

using namespace lnx::test;
namespace st = mlir::lnx::stability;

namespace {

/// GPT-2 with small weights and another block.
std::string modelOf(const std::string &block) {
  std::string text = "model m(depth = 12) {\n  assume norm.gain <= 1.2\n"
                     "  assume norm.bias.max <= 0.1\n  assume x0.rms <= 1\n"
                     "  assume x0.std >= 0.9\n";
  for (const char *matrix : {"W_Q", "W_K", "W_V", "W_O", "W_1", "W_2"})
    text += std::string("  assume spectral(") + matrix + ") <= 0.02\n";
  return text + "  return gpt2(width = 64, heads = 2, vocab = 100, context = 16, " + block +
         ", depth = depth)\n}\n";
}

using Largest = std::map<std::pair<size_t, size_t>, double>;

Largest largestSizes(const st::Analysis &analysis, bool isOfEach) {
  Largest largest;
  for (size_t chain = 0; chain < analysis.chains.size(); ++chain)
    analysis.followSizes(static_cast<int>(chain), isOfEach,
                         [&](size_t stack, size_t step, int64_t, double r) {
                           double &most = largest[{stack, step}];
                           most = std::max(most, r);
                         });
  return largest;
}

const char *const blocks[] = {"block = peri_ln",  "block = pre_ln, dt = 1/depth", "block = post_ln",
                              "block = deepnorm", "block = ln_scaling",           "block = mix_ln",
                              "block = no_ln",    "block = sandwich, dt = 0.01"};

} // namespace

TEST(DeepModels, SizesOfSomeLayersHaveTheLargestOfAll) {
  for (const char *block : blocks) {
    Verified verified(modelOf(block));
    for (const char *depth : {"2", "3", "70", "2000"}) {
      mlir::OwningOpRef<mlir::ModuleOp> module = verified.at({{"depth", depth}});
      ASSERT_TRUE(module) << verified.diagnostics.render();
      mlir::lnx::ModelOp model = *module->getOps<mlir::lnx::ModelOp>().begin();
      auto promises = st::Assumptions::read(model);
      ASSERT_TRUE(mlir::succeeded(promises));
      const st::Analysis analysis(model, *promises, st::Weights::declared);
      const Largest each = largestSizes(analysis, true), some = largestSizes(analysis, false);
      ASSERT_EQ(each.size(), some.size());
      for (const auto &[place, r] : each) {
        EXPECT_GE(some.at(place) * (1 + 1e-10), r) << block << " " << depth;
        if (std::isfinite(r))
          EXPECT_LE(some.at(place), r * (1 + 1e-9)) << block << " " << depth;
      }
    }
  }
}

TEST(DeepModels, TheWorstLayerBoundsEachLayer) {
  for (const char *block : blocks) {
    Verified verified(modelOf(block));
    for (const char *depth : {"3", "200"}) {
      mlir::OwningOpRef<mlir::ModuleOp> module = verified.at({{"depth", depth}});
      ASSERT_TRUE(module) << verified.diagnostics.render();
      mlir::lnx::ModelOp model = *module->getOps<mlir::lnx::ModelOp>().begin();
      auto promises = st::Assumptions::read(model);
      ASSERT_TRUE(mlir::succeeded(promises));
      const st::Analysis analysis(model, *promises, st::Weights::declared);
      const st::Sensitivity each = st::sensitivityOf(analysis, st::Detail::eachLayer);
      const st::Sensitivity worst = st::sensitivityOf(analysis, st::Detail::worstLayer);
      EXPECT_EQ(each.isFinite(), worst.isFinite()) << block << " " << depth;
      if (!each.isFinite())
        continue;
      EXPECT_GE(worst.logarithm, each.logarithm - 1e-9 * std::abs(each.logarithm)) << block;
      EXPECT_LE(worst.least, each.least) << block << " " << depth;
      if (std::isfinite(each.product))
        EXPECT_NEAR(std::log(each.product), each.logarithm, 1e-9 * (1 + std::abs(each.logarithm)))
            << block << " " << depth;
    }
  }
}
