// Where values live: carries, stacks, gradients and state against the evaluator, on poisoned
// scratch. Each case is a program at level grad; what a copy or a slot too few would break shows in
// the loss.
#include "CompileFixture.h"

using namespace lnx::test;

namespace {

constexpr const char *parameters = R"(
  lnx.parameter @E "E" layers 1 from 0 <"normal", [1.0], [0.0]> : tensor<7x4xf32>
  lnx.parameter @w "w" layers 3 from 1 <"normal", [1.0], [0.0]> : tensor<4x4xf32>
  lnx.parameter @b "b" layers 3 from 1 <"const", [1.0], [0.0]> : tensor<4xf32>
)";

// A module whose @grad looks up %x and ends in the loss of %y.
std::string program(const std::string &body) {
  return "module attributes {lnx.name = \"t\", lnx.context = 0 : i64, lnx.depth = 3 : i64,"
         " lnx.vocabulary = 7 : i64} {" +
         std::string(parameters) +
         R"(func.func @grad(%tokens: tensor<?xi32>, %targets: tensor<?xi32>) -> tensor<f32>
           attributes {lnx.entry} {
         %E = lnx.get @E : tensor<7x4xf32>
         %x = lnx.gather %E, %tokens : tensor<7x4xf32>, tensor<?xi32>
         )" +
         body +
         R"(
         %loss = lnx.linear_cross_entropy %y, %E, %targets {transpose_weight}
           : tensor<?x4xf32>, tensor<7x4xf32>, tensor<?xi32>
         return %loss : tensor<f32> } })";
}

class BuffersTest : public CompileTest {
protected:
  void run(std::string body) {
    // $REVERSE and $COUNT, so that each case runs in both orders and with an odd and an even count.
    for (const char *reverse : {"", "reverse"})
      for (const char *count : {"1", "2", "3"})
        for (bool reference : {false, true}) {
          std::string text = body;
          for (auto [from, to] :
               {std::pair<std::string, std::string>{"$REVERSE", reverse}, {"$COUNT", count}})
            for (size_t at; (at = text.find(from)) != std::string::npos;)
              text.replace(at, from.size(), to);
          options.reference = reference;
          check(program(text), "grad", 2, 5, 7);
        }
  }
};

// Element-wise work changes the carry in place.
TEST_F(BuffersTest, CarryInPlace) {
  run(R"(%y = lnx.repeat %l first 1 count $COUNT $REVERSE scope "" carries(%c = %x : tensor<?x4xf32>) {
      %t = lnx.tanh %c : tensor<?x4xf32>
      %s = lnx.mul %t, %c : tensor<?x4xf32>, tensor<?x4xf32>
      lnx.yield %s : tensor<?x4xf32>
    })");
}

// The kernel that makes the new carry sums over the old one: two slots take turns.
TEST_F(BuffersTest, CarryTakesTurns) {
  run(R"(%y = lnx.repeat %l first 1 count $COUNT $REVERSE scope "" carries(%c = %x : tensor<?x4xf32>) {
      %m = lnx.mean %c : tensor<?x4xf32>
      %s = lnx.sub %c, %m : tensor<?x4xf32>, tensor<?x1xf32>
      %db = lnx.sum_rows %s : tensor<?x4xf32>
      lnx.accumulate @b at %l, %db : tensor<4xf32>
      lnx.yield %s : tensor<?x4xf32>
    })");
}

// Two carries change places, and a third follows the first.
TEST_F(BuffersTest, CarriesChangePlaces) {
  run(R"(%e = lnx.exp %x : tensor<?x4xf32>
    %s = lnx.sigmoid %x : tensor<?x4xf32>
    %r:3 = lnx.repeat %l first 1 count $COUNT $REVERSE scope ""
        carries(%a = %x : tensor<?x4xf32>, %b = %e : tensor<?x4xf32>, %c = %s : tensor<?x4xf32>) {
      lnx.yield %b, %a, %a : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
    }
    %p = lnx.sub %r#0, %r#1 : tensor<?x4xf32>, tensor<?x4xf32>
    %y = lnx.mul %p, %r#2 : tensor<?x4xf32>, tensor<?x4xf32>)");
}

// The first value of a carry is read again behind the repeat.
TEST_F(BuffersTest, FirstValueIsKept) {
  run(R"(%e = lnx.exp %x : tensor<?x4xf32>
    %r = lnx.repeat %l first 1 count $COUNT $REVERSE scope "" carries(%c = %e : tensor<?x4xf32>) {
      %t = lnx.tanh %c : tensor<?x4xf32>
      lnx.yield %t : tensor<?x4xf32>
    }
    %y = lnx.sub %r, %e : tensor<?x4xf32>, tensor<?x4xf32>)");
}

// What comes into a layer, what leaves it, and something else of it, all stacked; a second repeat
// reads them in the other order.
TEST_F(BuffersTest, StackedCarry) {
  run(R"(%r:4 = lnx.repeat %l first 1 count $COUNT $REVERSE scope "" carries(%c = %x : tensor<?x4xf32>)
        stacks(tensor<$COUNTx?x4xf32>, tensor<$COUNTx?x4xf32>, tensor<$COUNTx?x1xf32>) {
      %w = lnx.get @w at %l : tensor<4x4xf32>
      %h = lnx.matmul %c, %w : tensor<?x4xf32>, tensor<4x4xf32>
      %s = lnx.add %h, %c : tensor<?x4xf32>, tensor<?x4xf32>
      %m = lnx.mean %s : tensor<?x4xf32>
      lnx.yield %s, %c, %s, %m : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x1xf32>
    }
    %y = lnx.repeat %l first 1 count $COUNT scope "" carries(%c = %r#0 : tensor<?x4xf32>)
        slices(%in = %r#1 : tensor<$COUNTx?x4xf32>, %out = %r#2 : tensor<$COUNTx?x4xf32>,
               %mean = %r#3 : tensor<$COUNTx?x1xf32>) {
      %d = lnx.sub %out, %in : tensor<?x4xf32>, tensor<?x4xf32>
      %t = lnx.tanh %c : tensor<?x4xf32>
      %p = lnx.mul %t, %d : tensor<?x4xf32>, tensor<?x4xf32>
      %q = lnx.add %p, %mean : tensor<?x4xf32>, tensor<?x1xf32>
      %dw = lnx.matmul %in, %q {transpose_lhs} : tensor<?x4xf32>, tensor<?x4xf32>
      lnx.accumulate @w at %l, %dw : tensor<4x4xf32>
      lnx.yield %q : tensor<?x4xf32>
    })");
}

// A slice and a value from outside are stacked as they are, and a carry stays what it was.
TEST_F(BuffersTest, StackedWithoutWork) {
  run(R"(%e = lnx.exp %x : tensor<?x4xf32>
    %r:2 = lnx.repeat %l first 1 count $COUNT $REVERSE scope "" carries(%c = %x : tensor<?x4xf32>)
        stacks(tensor<$COUNTx?x4xf32>) {
      %t = lnx.tanh %c : tensor<?x4xf32>
      lnx.yield %t, %e : tensor<?x4xf32>, tensor<?x4xf32>
    }
    %q:3 = lnx.repeat %l first 1 count $COUNT scope "" carries(%c = %r#0 : tensor<?x4xf32>)
        slices(%s = %r#1 : tensor<$COUNTx?x4xf32>) stacks(tensor<$COUNTx?x4xf32>, tensor<$COUNTx?x4xf32>) {
      lnx.yield %c, %s, %c : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
    }
    %y = lnx.repeat %l first 1 count $COUNT $REVERSE scope "" carries(%c = %q#0 : tensor<?x4xf32>)
        slices(%s = %q#1 : tensor<$COUNTx?x4xf32>, %u = %q#2 : tensor<$COUNTx?x4xf32>) {
      %p = lnx.mul %c, %s : tensor<?x4xf32>, tensor<?x4xf32>
      %t = lnx.sub %p, %u : tensor<?x4xf32>, tensor<?x4xf32>
      lnx.yield %t : tensor<?x4xf32>
    })");
}

// Fixed values of all layers are one tensor behind the repeat.
TEST_F(BuffersTest, StackOfFixedValues) {
  run(R"(%r:2 = lnx.repeat %l first 1 count $COUNT $REVERSE scope "" carries(%c = %x : tensor<?x4xf32>)
        stacks(tensor<$COUNTx4xf32>) {
      %b = lnx.get @b at %l : tensor<4xf32>
      %e = lnx.exp %b : tensor<4xf32>
      %t = lnx.mul %c, %e : tensor<?x4xf32>, tensor<4xf32>
      lnx.yield %t, %e : tensor<?x4xf32>, tensor<4xf32>
    }
    %all = lnx.sum_rows %r#1 : tensor<$COUNTx4xf32>
    %y = lnx.add %r#0, %all : tensor<?x4xf32>, tensor<4xf32>)");
}

// One value is a gradient of two parameters and is used once more.
TEST_F(BuffersTest, SharedGradient) {
  run(R"(%s = lnx.sum_rows %x : tensor<?x4xf32>
    %y = lnx.repeat %l first 1 count $COUNT $REVERSE scope "" carries(%c = %x : tensor<?x4xf32>) {
      %d = lnx.sum_rows %c : tensor<?x4xf32>
      lnx.accumulate @b at %l, %d : tensor<4xf32>
      lnx.accumulate @b at %l, %d : tensor<4xf32>
      lnx.accumulate @b at %l, %s : tensor<4xf32>
      %t = lnx.sub %c, %d : tensor<?x4xf32>, tensor<4xf32>
      lnx.yield %t : tensor<?x4xf32>
    })");
}

} // namespace
