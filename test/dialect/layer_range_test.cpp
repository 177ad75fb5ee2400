// What a reader of the IR learns about other depths from the schedules in its attributes (S49,
// S50).
#include "Parse.h"
#include "dialect/LayerRange.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::lnx;

namespace {
/// One repeat with these ends and this table in it.
struct Stack : lnxtest::Program {
  explicit Stack(const std::string &ends, const std::string &table)
      : Program("func.func @f(%x: tensor<?x4xf32>) {\n"
                "  %r = lnx.repeat %l first 2 count 3 " +
                ends +
                " scope \"\" carries(%c = %x : tensor<?x4xf32>) {\n"
                "    %t = lnx.table " +
                table +
                " : tensor<f32>\n"
                "    lnx.yield %c : tensor<?x4xf32>\n  }\n  return\n}\n") {
    module->walk([&](RepeatOp op) { repeat = op; });
    module->walk([&](TableOp op) { numbers = op; });
  }
  Series series() { return seriesOf(numbers); }

  RepeatOp repeat;
  TableOp numbers;
};

TEST(LayerRange, s50EndsAreSharesOfTheDepth) {
  Stack stack("from \"0.25*N .. 0.25*N + 1\" to \"N - 1\"", "[1.0, 2.0, 3.0] at %l schedule \"l\"");
  LayerRange range = layersOf(stack.repeat);
  EXPECT_EQ(range.layers.from, Scalar::fraction(1, 4));
  EXPECT_EQ(range.layers.to, Scalar(1));
  EXPECT_EQ(range.count.print(), "0.75*N - 1 .. 0.75*N");
  // In these layers a quarter of the depth is below the layer.
  EXPECT_TRUE(
      (stack.series().schedule() - Schedule::depth(Scalar::fraction(1, 4))).isNonNegative());
}

// A border some layers beyond a share is within a share that is a little larger.
TEST(LayerRange, s50EndsBeyondAShareAreWidened) {
  Stack stack("from \"0.25*N - 3\" to \"0.5*N + 2\"", "[1.0] schedule \"N\"");
  LayerRange range = layersOf(stack.repeat);
  EXPECT_LT(Scalar::compare(range.layers.from, Scalar::fraction(1, 4)), 0);
  EXPECT_GT(Scalar::compare(range.layers.to, Scalar::fraction(1, 2)), 0);
  EXPECT_LT(Scalar::compare(range.layers.to, 1), 0);
}

// No share of the depth bounds the last of these layers.
TEST(LayerRange, s50EndsThatNoShareBounds) {
  Stack stack("from \"1\" to \"N^2\"", "[1.0] schedule \"N\"");
  EXPECT_EQ(layersOf(stack.repeat).count.print(), "?");
}

// Without ends a repeat has its layers at every depth.
TEST(LayerRange, s50LayersOfEveryDepth) {
  Stack stack("", "[1.0, 2.0, 3.0] at %l schedule \"l\"");
  LayerRange range = layersOf(stack.repeat);
  EXPECT_EQ(range.count.print(), "3");
  const Schedule four = Schedule::constant(4), two = Schedule::constant(2);
  EXPECT_TRUE((four - stack.series().schedule()).isNonNegative());
  EXPECT_TRUE((stack.series().schedule() - two).isNonNegative());
}

TEST(LayerRange, NumbersWithoutAScheduleAreTheseAtEveryDepth) {
  EXPECT_EQ(Stack("", "[0.5]").series().schedule().print(), "0.5");
  Stack table("", "[1.0, 3.0, 2.0] at %l");
  EXPECT_EQ(table.series().schedule().print(), "~1 .. ~3");
  // Of layers that other depths add nothing is known.
  Stack deep("from \"1\" to \"N\"", "[1.0, 3.0, 2.0] at %l");
  EXPECT_EQ(deep.series().schedule().print(), "?");
}
} // namespace
