// Terms fold numbers, and contributions fit the value they belong to.
#include "Parse.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::lnx;
using namespace lnxtest;

namespace {
/// A function whose arguments have the given types, and a builder at its end.
struct Body {
  explicit Body(const std::string &types)
      : program("func.func private @t(" + types + ")"), builder(&program.context) {
    for (Type type : program.function().getArgumentTypes())
      block.addArgument(type, builder.getUnknownLoc());
    builder.setInsertionPointToEnd(&block);
  }
  Term argument(unsigned index) {
    return {&builder, builder.getUnknownLoc(), block.getArgument(index)};
  }
  std::string text() {
    std::string names;
    for (Operation &op : block)
      names += (names.empty() ? "" : " ") + op.getName().stripDialect().str();
    return names;
  }
  Program program;
  Block block;
  OpBuilder builder;
};
} // namespace

static bool isAnything(Value) { return true; }

// Operations between numbers leave one constant; neutral elements leave nothing.
TEST(Term, FoldsNumbers) {
  Body body("tensor<?x4xf32>");
  Term x = body.argument(0);
  EXPECT_EQ((1.0 * x).value, x.value);
  EXPECT_EQ((x + 0.0).value, x.value);
  EXPECT_EQ((x - 0.0).value, x.value);
  EXPECT_EQ((x / 1.0).value, x.value);
  EXPECT_EQ((-(-x)).value, x.value);
  EXPECT_EQ(body.text(), "neg");
  body.block.back().erase();
  Term number = {&body.builder, x.loc, ConstantOp::create(body.builder, x.loc, 3.0)};
  Term seven = 1.0 + 2.0 * number;
  EXPECT_EQ(seven.value.getDefiningOp<ConstantOp>().getNumber(), 7);
}

TEST(Term, BroadcastsLikeThePrimitives) {
  Body body("tensor<?x4xf32>, tensor<?x1xf32>");
  Term sum = body.argument(0) * (1.0 - body.argument(1));
  EXPECT_EQ(sum.value.getType(), body.argument(0).value.getType());
  EXPECT_EQ(body.text(), "constant sub mul");
}

static std::string reduction(const std::string &type, const std::string &contribution) {
  Body body(type + ", " + contribution);
  GradBuilder grad(body.builder, body.builder.getUnknownLoc(), isAnything);
  grad.add(body.argument(0), body.argument(1));
  EXPECT_EQ(grad.gradient(body.argument(0)).getType(), body.argument(0).value.getType());
  return body.text();
}

// What was repeated forward is summed backward, along features first and then over rows.
TEST(GradBuilder, SumsOverBroadcastDimensions) {
  EXPECT_EQ(reduction("tensor<?x4xf32>", "tensor<?x4xf32>"), "");
  EXPECT_EQ(reduction("tensor<4xf32>", "tensor<?x4xf32>"), "sum_rows");
  EXPECT_EQ(reduction("tensor<?x1xf32>", "tensor<?x4xf32>"), "sum");
  EXPECT_EQ(reduction("tensor<f32>", "tensor<?x4xf32>"), "sum sum_rows reshape");
  EXPECT_EQ(reduction("tensor<f32>", "tensor<2x3xf32>"), "sum sum reshape");
  EXPECT_EQ(reduction("tensor<3xf32>", "tensor<2x3xf32>"), "sum reshape");
  EXPECT_EQ(reduction("tensor<?xf32>", "tensor<?x4xf32>"), "sum reshape");
  EXPECT_EQ(reduction("tensor<2x1xf32>", "tensor<?x2x3xf32>"), "sum sum_rows");
}

TEST(GradBuilder, AddsContributionsOnce) {
  Body body("tensor<4xf32>, tensor<4xf32>, tensor<4xf32>");
  GradBuilder grad(body.builder, body.builder.getUnknownLoc(), isAnything);
  Value x = body.argument(0);
  EXPECT_FALSE(grad.gradient(x));
  grad.add(x, body.argument(1));
  EXPECT_EQ(grad.gradient(x), body.argument(1).value);
  grad.add(x, body.argument(2));
  EXPECT_EQ(grad.contributions(x).size(), 2u);
  Value sum = grad.gradient(x);
  EXPECT_EQ(grad.gradient(x), sum);
  EXPECT_EQ(body.text(), "add");
}

TEST(GradBuilder, DropsWhatNobodyWants) {
  Body body("tensor<4xf32>, tensor<4xf32>");
  auto wantsFirst = [&](Value value) { return value == body.argument(0).value; };
  GradBuilder grad(body.builder, body.builder.getUnknownLoc(), wantsFirst);
  grad.add(body.argument(1), body.argument(0));
  EXPECT_FALSE(grad.gradient(body.argument(1)));
  EXPECT_TRUE(grad.contributions(body.argument(1)).empty());
  // A product builds the gradient of the wanted factor only.
  auto product = MulOp::create(body.builder, grad.getLoc(), body.argument(0), body.argument(1));
  auto both = [&](Value value) { return wantsFirst(value) || value == product.getResult(); };
  GradBuilder wanted(body.builder, body.builder.getUnknownLoc(), both);
  wanted.add(product, body.argument(1));
  product.differentiate(wanted);
  EXPECT_EQ(body.text(), "mul mul");
}
