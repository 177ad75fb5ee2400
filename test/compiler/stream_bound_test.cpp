// StreamBound: with sizes that are exactly what a model promises, the last layer's bound is the
// verifier's number; and only what a stream can grow with is asked for.
#include "StabilityFixture.h"
#include "compiler/stability/StreamBound.h"

using namespace lnx::test;
using stable::ParameterSize;

namespace {

/// A gpt2 of this block, and the promises of `assumptions`.
std::string text(const std::string &block, const std::string &assumptions) {
  return "model m() {\n" + assumptions + "  return gpt2(block = " + block +
         ", width = 48, heads = 3, depth = 5, vocab = 64, context = 16)\n}\n";
}

mlir::lnx::ModelOp modelOf(mlir::OwningOpRef<mlir::ModuleOp> &module) {
  return *module->getOps<mlir::lnx::ModelOp>().begin();
}

std::set<std::string> asked(const std::string &block) {
  Verified file(text(block, ""));
  auto module = file.at({});
  stable::StreamBound bound(modelOf(module));
  EXPECT_EQ(bound.obstacle(), "");
  std::set<std::string> names;
  for (const stable::NeededParameter &parameter : bound.parameters())
    names.insert(parameter.path);
  return names;
}

// Behind a norm only its own parameters count (S59, S61); without one the matrices do (S63, S64).
TEST(StreamBound, AsksForWhatCarriesAStream) {
  EXPECT_EQ(asked("post_ln"), (std::set<std::string>{"norm.b", "norm.g", "norm2.b", "norm2.g"}));
  EXPECT_EQ(asked("peri_ln").count("E"), 1u);
  EXPECT_EQ(asked("peri_ln").count("attn.o.W"), 0u);
  EXPECT_EQ(asked("pre_ln").count("attn.o.W"), 1u);
  EXPECT_EQ(asked("pre_ln").count("attn.q.W"), 0u); // scores weigh values, whatever they are
  EXPECT_EQ(asked("no_ln").count("ff.up.b"), 1u);
}

/// Bounds of a model whose promises are: norms' gains 1.5 and biases of rms 0.2; of every matrix
/// spectral norm 1.1 and of every head 0.9; of every other vector entries up to 0.3; tokens of 1.
void expectTheVerifiersNumber(const std::string &block) {
  Verified file(text(block, "  assume norm.gain <= 1.5\n  assume norm.bias.rms <= 0.2\n"
                            "  assume x0.rms <= 1\n  assume spectral(W) <= 1.1\n"
                            "  assume perhead(W) <= 0.9\n  assume max(b) <= 0.3\n"));
  auto report = file.verify();
  const stable::Verdict *verdict = find(report, "forward.bound");
  ASSERT_TRUE(verdict && verdict->number) << print(report);
  auto module = file.at({});
  stable::StreamBound bound(modelOf(module));
  std::vector<std::vector<ParameterSize>> sizes;
  for (const stable::NeededParameter &parameter : bound.parameters()) {
    llvm::StringRef path = parameter.path;
    ParameterSize size;
    if (path == "E" || path == "P") {
      size.rowRms = 0.5;
      size.peak = 5;
    } else if (path.contains("norm") && path.ends_with("g")) {
      size.peak = 1.5;
    } else if (path.contains("norm")) {
      size.frobenius = 0.2 * std::sqrt(48);
    } else if (path.ends_with("W")) {
      size.spectral = 1.1;
      size.perhead = 0.9;
    } else {
      size.peak = 0.3;
    }
    sizes.emplace_back(parameter.layers, size);
  }
  std::vector<double> bounds = bound.evaluate(sizes);
  ASSERT_EQ(bounds.size(), 5u);
  EXPECT_NEAR(bounds.back(), *verdict->number, 1e-12 * *verdict->number) << block;
}

TEST(StreamBound, OfThePromisedSizesIsTheVerifiersNumber) {
  for (const char *block : {"peri_ln", "pre_ln", "post_ln", "deepnorm", "no_ln", "parallel"})
    expectTheVerifiersNumber(block);
}

// Two stacks: the decoder starts anew, and streams come in the order of the compiled program.
TEST(StreamBound, FollowsTheStacks) {
  Verified file("model m = encdec(vocab = 64, width = 48, heads = 3, N = 2, M = 3)\n");
  auto module = file.at({});
  stable::StreamBound bound(modelOf(module));
  ASSERT_EQ(bound.streams().size(), 2u);
  EXPECT_EQ(bound.streams()[0].layers, 2);
  EXPECT_EQ(bound.streams()[1].layers, 3);
  EXPECT_EQ(bound.streams()[1].features, 48);
  std::vector<std::vector<ParameterSize>> sizes;
  for (const stable::NeededParameter &parameter : bound.parameters())
    sizes.emplace_back(parameter.layers, ParameterSize{0, 1, 2, 1, 2, 1, 1});
  std::vector<double> bounds = bound.evaluate(sizes);
  ASSERT_EQ(bounds.size(), 5u);
  EXPECT_LT(bounds[0], bounds[1]);
  EXPECT_LT(bounds[2], bounds[1]); // one layer of three updates, behind the decoder's own embedding
  EXPECT_LT(bounds[3], bounds[4]);
}

// What is not measured may have any size.
TEST(StreamBound, IsUnknownBehindAnUnknownSizeOnly) {
  Verified file(text("peri_ln", ""));
  auto module = file.at({});
  stable::StreamBound bound(modelOf(module));
  std::vector<std::vector<ParameterSize>> sizes;
  for (const stable::NeededParameter &parameter : bound.parameters()) {
    sizes.emplace_back(parameter.layers, ParameterSize{-1, 1, 1, 1, 1, 1, 1});
    if (parameter.layers == 5)
      sizes.back()[2] = {};
  }
  std::vector<double> bounds = bound.evaluate(sizes);
  EXPECT_TRUE(std::isfinite(bounds[1]));
  EXPECT_TRUE(std::isinf(bounds[2]) && std::isinf(bounds[4]));
}

} // namespace
