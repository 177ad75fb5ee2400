// Layers stay rolled: the code of a model does not grow with its depth, at any level.
#include "test/e2e/Harness.h"

#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>

using namespace lnx;
using namespace lnx::e2e;

namespace {

// Constants are left out: two that happen to be equal are one.
size_t operations(int depth, mlir::lnx::Level level) {
  Model model(gpt2("deepnorm", "width = 32, heads = 2, vocab = 61, context = 16, depth = " +
                                   std::to_string(depth)));
  size_t count = 0;
  model.at(level)->walk(
      [&](mlir::Operation *op) { count += !op->hasTrait<mlir::OpTrait::ConstantLike>(); });
  return count;
}

TEST(Depth, TheNumberOfOperationsDoesNotDependOnIt) {
  using mlir::lnx::Level;
  for (Level level : {Level::spec, Level::grad, Level::fused}) {
    size_t two = operations(2, level);
    EXPECT_EQ(two, operations(48, level));
    EXPECT_EQ(two, operations(1000, level));
  }
  // Address arithmetic on equal constants is shared, so a few operations come and go at loops.
  double two = double(operations(2, Level::loops));
  EXPECT_NEAR(double(operations(48, Level::loops)) / two, 1, 0.01);
  EXPECT_NEAR(double(operations(1000, Level::loops)) / two, 1, 0.01);
}

TEST(Depth, AThousandLayersTrain) {
  Model model(gpt2("deepnorm", "width = 16, heads = 2, vocab = 61, context = 8, depth = 1000"));
  Session session = makeSession(model.compile(), {.batch = 1, .time = 8});
  Ids ids = makeIds(1, 8, 61, 1);
  Result<double> first = session.gradient(ids.view());
  ASSERT_TRUE(first) << first.error().message;
  ASSERT_TRUE(session.update({.rate = 1e-3f}));
  for (int step = 0; step < 5; ++step) {
    ASSERT_TRUE(session.gradient(ids.view()));
    ASSERT_TRUE(session.update({.rate = 1e-3f}));
  }
  Result<double> last = session.evaluate(ids.view());
  ASSERT_TRUE(last);
  EXPECT_LT(*last, *first);
}

} // namespace
