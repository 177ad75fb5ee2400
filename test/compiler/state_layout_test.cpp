// StateLayout: matrices first, both segments padded, offsets aligned.
#include "compiler/lower/StateLayout.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::lnx;

static OwningOpRef<ModuleOp> parse(MLIRContext &context, StringRef text) {
  context.loadDialect<LnxDialect>();
  return parseSourceString<ModuleOp>(text, &context);
}

TEST(StateLayout, placesParameters) {
  MLIRContext context;
  auto module = parse(context, R"(
    lnx.parameter @A "A" layers 1 from 0 <normal, [0.02], [0.0]> : tensor<3x5xf32>
    lnx.parameter @b "b" layers 2 from 1 <const, [0.0], [0.0]> : tensor<5xf32>
    lnx.parameter @s "s" layers 1 from 0 <const, [0.0], [0.0]> : tensor<f32>
    lnx.parameter @C "C" layers 2 from 1 <normal, [0.02], [0.0]> : tensor<20x30xf32>
  )");
  ASSERT_TRUE(module);
  StateLayout layout = StateLayout::of(*module);
  auto offset = [&](StringRef name) {
    return layout.offset(module->lookupSymbol<ParameterOp>(name));
  };
  EXPECT_EQ(offset("A"), 0);
  EXPECT_EQ(offset("C"), 16);          // behind 15 floats
  EXPECT_EQ(layout.decayFloats, 2048); // 16 + 1200 floats
  EXPECT_EQ(offset("b"), 2048);
  EXPECT_EQ(offset("s"), 2064); // behind 10 floats
  EXPECT_EQ(layout.floats, 3072);
  EXPECT_EQ(layout.segmentRows(0), 2);
  EXPECT_EQ(layout.segmentRows(1), 1);
}

TEST(StateLayout, emptySegments) {
  MLIRContext context;
  auto module = parse(context, R"(
    lnx.parameter @b "b" layers 1 from 0 <const, [0.0], [0.0]> : tensor<5xf32>
  )");
  ASSERT_TRUE(module);
  StateLayout layout = StateLayout::of(*module);
  EXPECT_EQ(layout.segmentRows(0), 0);
  EXPECT_EQ(layout.segmentRows(1), 1);
  EXPECT_EQ(StateLayout::of(*parse(context, "")).floats, 0);
}
