// What the oracle does with models, repeats, groups, parameters and state.
// Expected values are worked out by hand.
#include "Parse.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::lnx;
using namespace lnxtest;

// x <- x + dt[l] * W[l] * x over two layers, with W kept per layer and a scope before the layer.
TEST(Evaluator, RunsAModelWithLayerNumbersAndParameters) {
  Program program(R"(
    lnx.model @m context 8 {
      %ids = lnx.input "tokens" : tensor<?xi32>
      %E = lnx.param "E" <normal, [1.0], [0.0]> : tensor<3x1xf32>
      %x = lnx.gather %E, %ids : tensor<3x1xf32>, tensor<?xi32>
      %y = lnx.repeat %l first 1 count 2 scope "stack" carries(%s = %x : tensor<?x1xf32>) {
        %dt = lnx.table [0.5, 2.0] at %l : tensor<f32>
        %f = lnx.apply "f" "f" -> tensor<?x1xf32> {
          %W = lnx.param "f.W" <normal, [1.0], [0.0]> : tensor<1xf32>
          %p = lnx.mul %s, %W : tensor<?x1xf32>, tensor<1xf32>
          lnx.yield %p : tensor<?x1xf32>
        }
        %d = lnx.mul %f, %dt : tensor<?x1xf32>, tensor<f32>
        %n = lnx.add %s, %d : tensor<?x1xf32>, tensor<?x1xf32>
        %t = lnx.step "x" %s to %n : tensor<?x1xf32>
        lnx.check "bounded" ""
        lnx.yield %t : tensor<?x1xf32>
      }
      lnx.return %y : tensor<?x1xf32>
    })");
  ASSERT_TRUE(program.module) << program.messages;
  Environment environment;
  environment.batch = {1, 2};
  environment.inputs["tokens"] = arrayOf({2}, {2, 0});
  environment.parameters["E"] = arrayOf({3, 1}, {1, 10, 100});
  environment.parameters["stack.f.W"] = arrayOf({2, 1}, {4, 3});
  FailureOr<Array> logits = evaluateModel(program.model(), environment);
  ASSERT_TRUE(succeeded(logits)) << program.messages;
  // 100 (1 + 0.5*4) (1 + 2*3) and the same of 1.
  EXPECT_EQ(logits->data, (std::vector<double>{2100, 21}));
}

// A reverse repeat runs from the last layer; stacks are indexed by layer all the same.
TEST(Evaluator, ReverseKeepsStacksInLayerOrder) {
  Program program(R"(
    func.func @f(%x: tensor<1xf32>, %w: tensor<3x1xf32>) -> (tensor<1xf32>, tensor<3x1xf32>) {
      %y, %kept = lnx.repeat %l first 1 count 3 reverse scope "" carries(%c = %x : tensor<1xf32>)
          slices(%s = %w : tensor<3x1xf32>) stacks(tensor<3x1xf32>) {
        %n = lnx.group rows(%a = %c : tensor<1xf32>, %b = %s : tensor<1xf32>) -> (tensor<1xf32>) {
          %two = lnx.constant 2.0
          %d = lnx.mul %a, %two : tensor<1xf32>, tensor<f32>
          %e = lnx.add %d, %b : tensor<1xf32>, tensor<1xf32>
          lnx.yield %e : tensor<1xf32>
        }
        lnx.yield %n, %n : tensor<1xf32>, tensor<1xf32>
      }
      return %y, %kept : tensor<1xf32>, tensor<3x1xf32>
    })");
  ASSERT_TRUE(program.module) << program.messages;
  Environment environment;
  FailureOr<SmallVector<Array>> results = evaluateFunction(
      program.function(), {arrayOf({1}, {1}), arrayOf({3, 1}, {5, 6, 7})}, environment);
  ASSERT_TRUE(succeeded(results)) << program.messages;
  // 2*1+7 = 9, 2*9+6 = 24, 2*24+5 = 53.
  EXPECT_EQ((*results)[0].data, (std::vector<double>{53}));
  EXPECT_EQ((*results)[1].data, (std::vector<double>{53, 24, 9}));
}

static const char *const accumulating = R"(
  lnx.parameter @W "W" layers 2 from 1 <normal, [1.0], [0.0]> : tensor<2xf32>
  func.func @f() {
    lnx.repeat %l first 1 count 2 scope "" {
      %w = lnx.get @W at %l : tensor<2xf32>
      lnx.accumulate @W at %l, %w : tensor<2xf32>
      lnx.accumulate @W at %l, %w : tensor<2xf32>
      lnx.yield
    }
    return
  })";

// Contributions of one layer add up in that layer's part of the gradient.
TEST(Evaluator, AccumulatesGradientsByLayer) {
  Program program(accumulating);
  ASSERT_TRUE(program.module) << program.messages;
  Environment environment;
  environment.parameters["W"] = arrayOf({2, 2}, {1, 2, 3, 4});
  ASSERT_TRUE(succeeded(evaluateFunction(program.function(), {}, environment)));
  EXPECT_EQ(environment.gradients["W"].data, (std::vector<double>{2, 4, 6, 8}));
  EXPECT_EQ(environment.gradients["W"].shape, (SmallVector<int64_t, 4>{2, 2}));
}

TEST(Evaluator, UpdatesState) {
  Program program(R"(
    func.func @sgd() {
      %rate = lnx.argument 1 : tensor<f32>
      %p = lnx.read_state "param" 0 : tensor<1x1024xf32>
      %n = lnx.mul %p, %rate : tensor<1x1024xf32>, tensor<f32>
      lnx.write_state "param" 0, %n : tensor<1x1024xf32>
      return
    })");
  Environment environment;
  environment.arguments = {0, 0.25};
  environment.state["param0"] = Array({1, 1024}, 8);
  ASSERT_TRUE(succeeded(evaluateFunction(program.function(), {}, environment)));
  EXPECT_EQ(environment.state["param0"].data, std::vector<double>(1024, 2));
}

//===-- what is missing is named -----------------------------------------------===//

static std::string messageOf(const char *text) {
  Program program(text);
  Environment environment;
  EXPECT_TRUE(program.module);
  EXPECT_TRUE(failed(evaluateFunction(program.function(), {}, environment)));
  return program.messages;
}

TEST(Evaluator, NamesWhatIsMissing) {
  EXPECT_EQ(messageOf(accumulating), "no values for parameter 'W'\n");
  EXPECT_EQ(messageOf("func.func @f() { %i = lnx.input \"tokens\" : tensor<?xi32>\n return }"),
            "no values for input 'tokens'\n");
  EXPECT_EQ(
      messageOf("func.func @f() { %i = lnx.read_state \"m\" 1 : tensor<1x1024xf32>\n return }"),
      "no values for state 'm1'\n");
  EXPECT_EQ(messageOf("func.func @f() { %i = lnx.argument 3 : tensor<f32>\n return }"),
            "argument 3 of 0 is missing\n");
  EXPECT_EQ(messageOf("func.func @f() { %c = lnx.constant 1.0\n"
                      "lnx.accumulate @V, %c : tensor<f32>\n return }"),
            "no parameter 'V'\n");
  EXPECT_EQ(messageOf("func.func @f() { %p = lnx.param \"W\" <normal, [1.0], [0.0]> : tensor<f32>\n"
                      "return }"),
            "no values for parameter 'W'\n");
}

TEST(Evaluator, RefusesOtherDialects) {
  Program program("func.func private @g() func.func @f() { call @g() : () -> ()\n return }");
  Environment environment;
  auto functions = llvm::to_vector(program.module->getOps<func::FuncOp>());
  EXPECT_TRUE(failed(evaluateFunction(functions[1], {}, environment)));
  EXPECT_EQ(program.messages, "the evaluator does not run 'func.call'\n");
}
