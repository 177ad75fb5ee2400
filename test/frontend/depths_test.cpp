// The same model at other depths, as the verifier asks for it.
#include "dialect/LnxDialect.h"
#include "frontend/Depths.h"
#include "frontend/Parser.h"

#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>

using namespace lnx;

namespace {
struct Deep {
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  Diagnostics diagnostics;
  ast::FilePtr file;
  ElaborateOptions options;
  mlir::OwningOpRef<mlir::ModuleOp> module;

  explicit Deep(const std::string &text, ElaborateOptions given = {})
      : file(parse(std::make_shared<const Source>("m.lnx", text), diagnostics)),
        options(std::move(given)), module(elaborate(*file, options, context, diagnostics)) {}

  /// The count of each repeat at this depth; nothing where there is no such model.
  std::vector<uint64_t> at(int64_t depth) {
    std::vector<uint64_t> counts;
    if (auto other = atOtherDepths(*module, *file, options)(depth))
      other->walk([&](mlir::lnx::RepeatOp repeat) { counts.push_back(repeat.getCount()); });
    return counts;
  }
};

using Counts = std::vector<uint64_t>;

TEST(DepthsTest, OneStackTakesAnyDepth) {
  Deep model("model m = gpt2(block = peri_ln, depth = 3)");
  EXPECT_EQ(model.at(7), Counts{7});
  EXPECT_EQ(model.at(100000), Counts{100000});
  EXPECT_EQ(model.at(0), Counts{});
  EXPECT_EQ(model.at(-1), Counts{});
}

TEST(DepthsTest, ASettingOfTheUserIsReplaced) {
  EXPECT_EQ(Deep("model m = gpt2()", {{}, {{"depth", "5"}, {"width", "24"}}}).at(10), Counts{10});
}

TEST(DepthsTest, RunsOfAStackKeepTheirShare) {
  EXPECT_EQ(Deep("model m = gpt2(block = mix_ln, depth = 4)").at(16), (Counts{4, 12}));
}

TEST(DepthsTest, EncoderAndDecoderGrowTogether) {
  Deep model("model m = encdec(N = 2, M = 4)");
  EXPECT_EQ(model.at(8), (Counts{4, 8}));
  EXPECT_EQ(model.at(9), (Counts{5, 9}));
  EXPECT_EQ(model.at(1), (Counts{1, 1}));
}

TEST(DepthsTest, LayersBesideTheStackStay) {
  const char *const text = "model m(depth = 4, vocab = 9) {\n"
                           "  param E : [vocab, 4] ~ normal(1)\n"
                           "  x = E[tokens]\n"
                           "  repeat l in 1..2 { x <- x + mlp(x) }\n"
                           "  repeat l in 1..depth { x <- x + mlp(x) }\n"
                           "  return x @ transpose(E)\n"
                           "}\n";
  EXPECT_EQ(Deep(text).at(6), (Counts{2, 6}));
}

TEST(DepthsTest, ADepthThatCountsNoLayersIsNone) {
  const char *const text = "model m(depth = 4, vocab = 9) {\n"
                           "  param E : [vocab, depth] ~ normal(1)\n"
                           "  x = E[tokens]\n"
                           "  repeat l in 1..2 { x <- x + mlp(x) }\n"
                           "  return x @ transpose(E)\n"
                           "}\n";
  EXPECT_EQ(Deep(text).at(6), Counts{});
}

TEST(DepthsTest, AModelOfOneDepthHasNoOther) {
  const char *const text = "model m(vocab = 9) {\n"
                           "  param E : [vocab, 4] ~ normal(1)\n"
                           "  x = E[tokens]\n"
                           "  repeat l in 1..3 { x <- x + mlp(x) }\n"
                           "  return x @ transpose(E)\n"
                           "}\n";
  EXPECT_EQ(Deep(text).at(6), Counts{});
}
} // namespace
