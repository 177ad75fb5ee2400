// What tensor types mean, exact bounds, and the work of matrix products.
// Conformance shows that bounds hold; here that they are not looser than they should be.
#include "Parse.h"
#include "mlir/AsmParser/AsmParser.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::lnx;
using namespace lnxtest;

static Type parse(MLIRContext &context, const char *text) { return parseType(text, &context); }

TEST(Types, RowsAndFeatures) {
  MLIRContext context;
  EXPECT_TRUE(hasRows(parse(context, "tensor<?x4xf32>")));
  EXPECT_TRUE(hasRows(parse(context, "tensor<12x?x4xf32>"))); // a stack
  EXPECT_FALSE(hasRows(parse(context, "tensor<4xf32>")));
  EXPECT_FALSE(hasRows(parse(context, "index")));
  EXPECT_EQ(getFeatures(parse(context, "tensor<?x4x2xf32>")), (ArrayRef<int64_t>{4, 2}));
  EXPECT_EQ(getFeatures(parse(context, "tensor<12x?x4xf32>")), ArrayRef<int64_t>{4});
  EXPECT_EQ(getFeatures(parse(context, "tensor<4xf32>")), ArrayRef<int64_t>{4});
  EXPECT_EQ(getTensorType(&context, {4}, true), parse(context, "tensor<?x4xf32>"));
}

TEST(Types, Broadcast) {
  MLIRContext context;
  auto common = [&](const char *a, const char *b) {
    return broadcastTypes({parse(context, a), parse(context, b)});
  };
  EXPECT_EQ(*common("tensor<?x4xf32>", "tensor<4xf32>"), parse(context, "tensor<?x4xf32>"));
  EXPECT_EQ(*common("tensor<?x1xf32>", "tensor<4xf32>"), parse(context, "tensor<?x4xf32>"));
  EXPECT_EQ(*common("tensor<?xf32>", "tensor<2x4xf32>"), parse(context, "tensor<?x2x4xf32>"));
  EXPECT_EQ(*common("tensor<f32>", "tensor<2x4xf32>"), parse(context, "tensor<2x4xf32>"));
  EXPECT_TRUE(failed(common("tensor<?x4xf32>", "tensor<3xf32>")));
}

// The first op of a function with one line.
static PrimitiveOpInterface opOf(Program &program) {
  return cast<PrimitiveOpInterface>(&program.function().getBody().front().front());
}
static Moments boundOf(const char *text, ArrayRef<Moments> operands) {
  Program program(text);
  return opOf(program).moments(operands).front();
}

TEST(Moments, AreTightWhereTheyCanBe) {
  const Moments row{2, 5};
  Moments product = boundOf("func.func @f(%x: tensor<?x4xf32>, %y: tensor<?x4xf32>) {\n"
                            "%z = lnx.mul %x, %y : tensor<?x4xf32>, tensor<?x4xf32>\nreturn }",
                            {row, {3, 3}});
  EXPECT_EQ(product.rms, 6); // rms of one times the peak of the other
  EXPECT_EQ(product.peak, 15);
  // A mean of 4 features is at most sqrt(4 * 4) rms / 4.
  Moments mean = boundOf(
      "func.func @f(%x: tensor<?x4xf32>) {\n%z = lnx.mean %x : tensor<?x4xf32>\nreturn }", {row});
  EXPECT_EQ(mean.peak, 2);
  // Every row equal and every column equal: y = 4 * 2 * 3 is reached.
  Moments matmul = boundOf("func.func @f(%x: tensor<?x4xf32>, %w: tensor<4x4xf32>) {\n"
                           "%z = lnx.matmul %x, %w : tensor<?x4xf32>, tensor<4x4xf32>\nreturn }",
                           {{2, 2}, {3, 3}});
  EXPECT_EQ(matmul.rms, 24);
  EXPECT_EQ(matmul.peak, 24);
  Moments tanh =
      boundOf("func.func @f(%x: tensor<?x4xf32>) {\n%z = lnx.tanh %x : tensor<?x4xf32>\nreturn }",
              {Moments::unknown()});
  EXPECT_EQ(tanh.peak, 1);
  Moments loss = boundOf("func.func @f(%x: tensor<?x4xf32>, %t: tensor<?xi32>) {\n"
                         "%z = lnx.cross_entropy %x, %t : tensor<?x4xf32>, tensor<?xi32>\nreturn }",
                         {{0, 0}, Moments::unknown()});
  EXPECT_DOUBLE_EQ(loss.peak, std::log(4));
}

static Flops flopsOf(const char *text) {
  Program program(text);
  return opOf(program).getFlops();
}

TEST(Flops, CountMatrixProducts) {
  EXPECT_EQ(flopsOf("func.func @f(%x: tensor<?x4xf32>, %w: tensor<4x3xf32>) {\n"
                    "%z = lnx.matmul %x, %w : tensor<?x4xf32>, tensor<4x3xf32>\nreturn }")
                .perRow,
            24);
  EXPECT_EQ(flopsOf("func.func @f(%x: tensor<?x4xf32>, %d: tensor<?x3xf32>) {\n"
                    "%z = lnx.matmul %x, %d {transpose_lhs} : tensor<?x4xf32>, tensor<?x3xf32>\n"
                    "return }")
                .perRow,
            24);
  EXPECT_EQ(
      flopsOf("func.func @f(%q: tensor<?x8xf32>) {\n%z:2 = lnx.attend %q, %q, %q {heads = 2 : "
              "i64, kv_heads = 2 : i64, causal = true, scale = 0.5, softcap = 0.0} : "
              "tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>\nreturn }")
          .perPair,
      32);
  EXPECT_EQ(flopsOf("func.func @f(%x: tensor<?x4xf32>) {\n%z = lnx.exp %x : tensor<?x4xf32>\n"
                    "return }")
                .perRow,
            0);
}
