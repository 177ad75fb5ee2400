// AddLoss: @eval and @next say what the model at level spec says, run by the same evaluator.
#include "compiler/Passes.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Transforms/Passes.h"
#include "gtest/gtest.h"
#include <cmath>
#include <random>

using namespace mlir;
using namespace mlir::lnx;

namespace {
constexpr int64_t vocabulary = 5;

class Entries : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    context.loadDialect<LnxDialect, func::FuncDialect>();
    std::string path = std::string(LNX_TEST_INPUTS "/") + GetParam() + ".mlir";
    spec = parseSourceFile<ModuleOp>(path, &context);
    ASSERT_TRUE(spec);
    grad = cast<ModuleOp>(spec->clone());
    PassManager pm(&context);
    pm.addPass(createInlineDefs());
    pm.addPass(createStackParams());
    pm.addPass(createAddLoss());
    pm.addPass(createCanonicalizerPass());
    ASSERT_TRUE(succeeded(pm.run(*grad)));
  }

  void fill(Batch batch) {
    environment.batch = batch;
    std::mt19937 random(5);
    for (auto parameter : grad->getOps<ParameterOp>()) {
      Type stacked = RepeatOp::getStackedType(parameter.getType(), parameter.getLayers());
      Array values(Array::shapeOf(stacked, batch));
      for (double &value : values.data)
        value = std::normal_distribution<double>(0, 0.7)(random);
      environment.parameters[parameter.getSymName()] = values;
    }
    for (const char *name : {"tokens", "targets"}) {
      Array ids({batch.rows()});
      for (double &id : ids.data)
        id = static_cast<double>(random() % vocabulary);
      environment.inputs[name] = ids;
    }
  }

  Array logits() {
    auto model = *spec->getOps<ModelOp>().begin();
    FailureOr<Array> result = evaluateModel(model, environment);
    EXPECT_TRUE(succeeded(result));
    return succeeded(result) ? *result : Array();
  }

  Array run(StringRef entry, ArrayRef<Array> arguments) {
    auto results =
        evaluateFunction(grad->lookupSymbol<func::FuncOp>(entry), arguments, environment);
    EXPECT_TRUE(succeeded(results));
    return succeeded(results) ? results->front() : Array();
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> spec, grad;
  Environment environment;
};
} // namespace

TEST_P(Entries, evalIsTheMeanCrossEntropy) {
  fill({2, 3});
  Array expected = logits();
  double loss = 0;
  for (int64_t row = 0; row < 6; ++row) {
    const double *values = expected.data.data() + row * vocabulary;
    double sum = 0;
    for (int64_t i = 0; i < vocabulary; ++i)
      sum += std::exp(values[i]);
    loss += std::log(sum) - values[static_cast<int64_t>(environment.inputs["targets"].data[row])];
  }
  Array actual = run("eval", {environment.inputs["tokens"], environment.inputs["targets"]});
  EXPECT_NEAR(actual.data.front(), loss / 6, 1e-12);
}

TEST_P(Entries, nextIsTheLastRow) {
  fill({1, 4});
  Array expected = logits();
  Array actual = run("next", {environment.inputs["tokens"]});
  ASSERT_EQ(actual.size(), vocabulary);
  for (int64_t i = 0; i < vocabulary; ++i)
    EXPECT_NEAR(actual.data[i], expected.data[3 * vocabulary + i], 1e-12);
}

// Not two-repeats: at level spec both of its stacks have the same name.
INSTANTIATE_TEST_SUITE_P(Models, Entries,
                         testing::Values("repeat", "attention", "stacks", "nested"));
