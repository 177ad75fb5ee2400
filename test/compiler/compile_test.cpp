// Compiled primitives against the evaluator: the same module at level grad, run by both.
#include "CompileFixture.h"

using namespace lnx::test;

namespace {

// Layer norm of a residual sum: two reductions, values kept between nests; widths with every kind
// of tail (full vectors, a smaller vector, a mask, fewer than one vector).
constexpr char layerNorm[] = R"(
  %g = lnx.get @g : tensor<WxF>
  %dt = lnx.argument 0 : tensor<f32>
  %1 = lnx.mul %x, %dt : tensor<?xWxF>, tensor<f32>
  %2 = lnx.exp %1 : tensor<?xWxF>
  %s = lnx.add %x, %2 : tensor<?xWxF>, tensor<?xWxF>
  %m = lnx.mean %s : tensor<?xWxF>
  %c = lnx.sub %s, %m : tensor<?xWxF>, tensor<?x1xF>
  %cc = lnx.mul %c, %c : tensor<?xWxF>, tensor<?xWxF>
  %v = lnx.mean %cc : tensor<?xWxF>
  %e = lnx.constant 1.0e-5
  %ve = lnx.add %v, %e : tensor<?x1xF>, tensor<f32>
  %r = lnx.rsqrt %ve : tensor<?x1xF>
  %n = lnx.mul %c, %r : tensor<?xWxF>, tensor<?x1xF>
  %ng = lnx.mul %n, %g : tensor<?xWxF>, tensor<WxF>
  %y = lnx.add %ng, %s : tensor<?xWxF>, tensor<?xWxF>
)";

class WidthTest : public CompileTest, public testing::WithParamInterface<int64_t> {};

TEST_P(WidthTest, layerNormEqualsTheEvaluator) {
  std::string w = std::to_string(GetParam());
  std::string body = replaceAll(replaceAll(layerNorm, "xF>", "xf32>"), "W", w);
  check(rowsModule(GetParam(), GetParam(), parameter("g", "tensor<" + w + "xf32>"), body), "grad",
        2, 9, 11);
}

INSTANTIATE_TEST_SUITE_P(Widths, WidthTest,
                         testing::Values<int64_t>(1, 2, 3, 7, 8, 31, 32, 33, 48, 63, 64, 65, 96,
                                                  127, 200));

// Sums over rows go through 16 partial sums, also with fewer rows than that, and add to what is
// there.
TEST_F(CompileTest, sumsOverRows) {
  std::string body = R"(
    %y = lnx.tanh %x : tensor<?x40xf32>
    %sq = lnx.mul %y, %x : tensor<?x40xf32>, tensor<?x40xf32>
    %dg = lnx.sum_rows %sq : tensor<?x40xf32>
    lnx.accumulate @g, %dg : tensor<40xf32>
    %one = lnx.sum %sq : tensor<?x40xf32>
    %all = lnx.sum_rows %one : tensor<?x1xf32>
    lnx.accumulate @a, %all : tensor<1xf32>
  )";
  std::string text =
      rowsModule(40, 40, parameter("g", "tensor<40xf32>") + parameter("a", "tensor<1xf32>"), body);
  for (int64_t rows : {1, 5, 16, 17, 50})
    check(text, "grad", 1, rows, 11);
}

// Features with several dimensions: reductions along the last axis and along another one.
TEST_F(CompileTest, axesOfFeatures) {
  std::string body = R"(
    %h = lnx.reshape %x : tensor<?x60xf32> to tensor<?x4x15xf32>
    %sq = lnx.mul %h, %h : tensor<?x4x15xf32>, tensor<?x4x15xf32>
    %m = lnx.mean %sq : tensor<?x4x15xf32>
    %e = lnx.constant 1.0e-3
    %me = lnx.add %m, %e : tensor<?x4x1xf32>, tensor<f32>
    %r = lnx.rsqrt %me : tensor<?x4x1xf32>
    %n = lnx.mul %h, %r : tensor<?x4x15xf32>, tensor<?x4x1xf32>
    %q = lnx.get @q : tensor<15xf32>
    %nq = lnx.mul %n, %q : tensor<?x4x15xf32>, tensor<15xf32>
    %s = lnx.mean %nq {axis = -2} : tensor<?x4x15xf32>
    %z = lnx.add %nq, %s : tensor<?x4x15xf32>, tensor<?x1x15xf32>
    %y = lnx.reshape %z : tensor<?x4x15xf32> to tensor<?x60xf32>
  )";
  check(rowsModule(60, 60, parameter("q", "tensor<15xf32>"), body), "grad", 3, 7, 11);
}

// Activations and their derivatives use polynomials: within a few units in the last place.
TEST_F(CompileTest, activations) {
  std::string body = R"(
    %three = lnx.constant 3.0
    %b = lnx.mul %x, %three : tensor<?x33xf32>, tensor<f32>
    %1 = lnx.gelu %b : tensor<?x33xf32>
    %2 = lnx.silu %1 : tensor<?x33xf32>
    %3 = lnx.sigmoid %b : tensor<?x33xf32>
    %4 = lnx.log %3 : tensor<?x33xf32>
    %5 = lnx.sub %2, %4 : tensor<?x33xf32>, tensor<?x33xf32>
    %6 = lnx.relu %b : tensor<?x33xf32>
    %7 = lnx.maximum %5, %6 : tensor<?x33xf32>, tensor<?x33xf32>
    %8 = lnx.pow %3 {exponent = 1.5} : tensor<?x33xf32>
    %9 = lnx.sqrt %8 : tensor<?x33xf32>
    %10 = lnx.div %7, %9 : tensor<?x33xf32>, tensor<?x33xf32>
    %11 = lnx.sign %b : tensor<?x33xf32>
    %12 = lnx.mul %10, %11 : tensor<?x33xf32>, tensor<?x33xf32>
    %13 = lnx.abs %b : tensor<?x33xf32>
    %14 = lnx.minimum %12, %13 : tensor<?x33xf32>, tensor<?x33xf32>
    %15 = lnx.positive %b : tensor<?x33xf32>
    %16 = lnx.neg %14 : tensor<?x33xf32>
    %y = lnx.add %15, %16 : tensor<?x33xf32>, tensor<?x33xf32>
  )";
  check(rowsModule(33, 33, "", body), "grad", 2, 8, 11);
}

// Every operation in a group of its own gives the same numbers.
TEST_F(CompileTest, unfusedEqualsTheEvaluator) {
  options.fuse = false;
  std::string body = replaceAll(replaceAll(layerNorm, "xF>", "xf32>"), "W", "40");
  check(rowsModule(40, 40, parameter("g", "tensor<40xf32>"), body), "grad", 2, 9, 11);
}

// The reference lowering of every operation gives the same numbers.
TEST_F(CompileTest, referenceEqualsTheEvaluator) {
  options.reference = true;
  std::string body = replaceAll(replaceAll(layerNorm, "xF>", "xf32>"), "W", "40");
  check(rowsModule(40, 40, parameter("g", "tensor<40xf32>"), body), "grad", 2, 9, 11);
}

// The head in several chunks of rows, both ways around, and its gradients.
TEST_F(CompileTest, linearCrossEntropy) {
  for (bool transposed : {false, true}) {
    std::string body =
        llvm::formatv(R"(
      %w = lnx.get @W : tensor<{0}xf32>
      %one = lnx.argument 0 : tensor<f32>
      %loss, %y, %dw = lnx.linear_cross_entropy_grad %x, %w, %targets, %one {1}
        : tensor<?x5xf32>, tensor<{0}xf32>, tensor<?xi32>, tensor<f32>
      lnx.accumulate @W, %dw : tensor<{0}xf32>
    )",
                      transposed ? "3001x5" : "5x3001", transposed ? "{transpose_weight}" : "");
    std::string text = rowsModule(
        5, 5, parameter("W", transposed ? "tensor<3001x5xf32>" : "tensor<5x3001xf32>"), body);
    text = replaceAll(text, "return %zero", "return %loss");
    check(text, "grad", 2, 350, 11);
  }
}

TEST_F(CompileTest, crossEntropyAlone) {
  std::string body = R"(
    %seed = lnx.argument 0 : tensor<f32>
    %loss = lnx.cross_entropy %x, %targets : tensor<?x27xf32>, tensor<?xi32>
    %y = lnx.cross_entropy_grad %x, %targets, %seed : tensor<?x27xf32>, tensor<?xi32>, tensor<f32>
  )";
  std::string text = rowsModule(27, 27, "", body);
  check(replaceAll(text, "return %zero", "return %loss"), "grad", 2, 20, 11);
}

// Rows of tables by token and by position, and the sum by id back.
TEST_F(CompileTest, lookups) {
  std::string body = R"(
    %pos = lnx.positions %tokens : tensor<?xi32>
    %tq = lnx.get @Q : tensor<40x70xf32>
    %q = lnx.gather %tq, %pos : tensor<40x70xf32>, tensor<?xi32>
    %y = lnx.add %x, %q : tensor<?x70xf32>, tensor<?x70xf32>
    %back = lnx.scatter_rows %y, %tokens {count = 11 : i64} : tensor<?x70xf32>, tensor<?xi32>
    lnx.accumulate @X, %back : tensor<11x70xf32>
    %other = lnx.scatter_rows %x, %pos {count = 40 : i64} : tensor<?x70xf32>, tensor<?xi32>
    lnx.accumulate @Q, %other : tensor<40x70xf32>
  )";
  check(rowsModule(70, 70, parameter("Q", "tensor<40x70xf32>"), body), "grad", 3, 20, 11);
}

TEST_F(CompileTest, attention) {
  std::string body = R"(
    %o, %lse = lnx.attend %x, %x, %x {heads = 4 : i64, kv_heads = 4 : i64, causal = true, scale = 0.5 : f64, softcap = 2.0 : f64}
      : tensor<?x24xf32>, tensor<?x24xf32>, tensor<?x24xf32>
    %dq, %dk, %dv = lnx.attend_grad %x, %x, %x, %o, %lse, %o {heads = 4 : i64, kv_heads = 4 : i64, causal = true, scale = 0.5 : f64, softcap = 2.0 : f64}
      : tensor<?x24xf32>, tensor<?x24xf32>, tensor<?x24xf32>, tensor<?x24xf32>, tensor<?x4xf32>, tensor<?x24xf32>
    %1 = lnx.add %dq, %dk : tensor<?x24xf32>, tensor<?x24xf32>
    %2 = lnx.add %1, %dv : tensor<?x24xf32>, tensor<?x24xf32>
    %y = lnx.add %2, %o : tensor<?x24xf32>, tensor<?x24xf32>
  )";
  check(rowsModule(24, 24, "", body), "grad", 2, 10, 11);
}

// Fixed tensors: whole segments of the state as rows of 1024, updated in place.
TEST_F(CompileTest, updatesState) {
  std::string text = R"(module attributes {lnx.name = "t"} {
    lnx.parameter @X "X" layers 2 from 1 <normal, [1.0], [0.0]> : tensor<50x45xf32>
    lnx.parameter @g "g" layers 1 from 0 <const, [1.0], [0.0]> : tensor<45xf32>
    func.func @sgd() attributes {lnx.entry} {
      %p = lnx.read_state "param" 0 : tensor<5x1024xf32>
      %g = lnx.read_state "grad" 0 : tensor<5x1024xf32>
      %m = lnx.read_state "m" 0 : tensor<5x1024xf32>
      %beta = lnx.argument 4 : tensor<f32>
      %rate = lnx.argument 1 : tensor<f32>
      %bm = lnx.mul %m, %beta : tensor<5x1024xf32>, tensor<f32>
      %m1 = lnx.add %bm, %g : tensor<5x1024xf32>, tensor<5x1024xf32>
      %step = lnx.mul %m1, %rate : tensor<5x1024xf32>, tensor<f32>
      %p1 = lnx.sub %p, %step : tensor<5x1024xf32>, tensor<5x1024xf32>
      %none = lnx.constant 0.0
      %g1 = lnx.mul %g, %none : tensor<5x1024xf32>, tensor<f32>
      lnx.write_state "param" 0, %p1 : tensor<5x1024xf32>
      lnx.write_state "m" 0, %m1 : tensor<5x1024xf32>
      lnx.write_state "grad" 0, %g1 : tensor<5x1024xf32>
      return
    }
  })";
  check(text, "sgd", 1, 1, 1);
}

TEST_F(CompileTest, sumOfSquaresOfTheGradient) {
  std::string text = R"(module attributes {lnx.name = "t"} {
    lnx.parameter @X "X" layers 2 from 1 <normal, [1.0], [0.0]> : tensor<50x450xf32>
    func.func @norm() -> tensor<f32> attributes {lnx.entry} {
      %g = lnx.read_state "grad" 0 : tensor<44x1024xf32>
      %q = lnx.mul %g, %g : tensor<44x1024xf32>, tensor<44x1024xf32>
      %r = lnx.sum %q : tensor<44x1024xf32>
      %s = lnx.sum_rows %r : tensor<44x1xf32>
      %t = lnx.reshape %s : tensor<1xf32> to tensor<f32>
      return %t : tensor<f32>
    }
  })";
  check(text, "norm", 1, 1, 1);
}

} // namespace
