// Gradients of whole models: what @grad accumulates equals central differences of @eval, in double.
// Before and after the passes that rewrite @grad; models are in Inputs/.
#include "compiler/Passes.h"
#include "lnx/abi.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Transforms/Passes.h"
#include "gtest/gtest.h"
#include <random>

using namespace mlir;
using namespace mlir::lnx;

namespace {
constexpr int64_t vocabulary = 5;
constexpr double scale = 0.5; // LNX_ARGUMENT_SCALE of every run

/// How far the pipeline goes before the gradients are taken.
enum class Stage { Differentiated, Canonical, Rematerialized, RematerializedCanonical };

void addPasses(PassManager &pm, Stage stage) {
  bool canonical = stage == Stage::Canonical || stage == Stage::RematerializedCanonical;
  auto clean = [&] {
    if (!canonical)
      return;
    pm.addPass(createCanonicalizerPass());
    pm.addPass(createCSEPass());
  };
  pm.addPass(createInlineDefs());
  pm.addPass(createStackParams());
  pm.addPass(createAddLoss());
  clean();
  pm.addPass(createDifferentiate());
  clean();
  if (stage == Stage::Rematerialized || stage == Stage::RematerializedCanonical)
    pm.addPass(createRematerialize());
  clean();
}

class Gradients : public testing::TestWithParam<std::tuple<const char *, Stage>> {
protected:
  void SetUp() override {
    auto [name, stage] = GetParam();
    context.loadDialect<LnxDialect, func::FuncDialect>();
    module = parseSourceFile<ModuleOp>(std::string(LNX_TEST_INPUTS "/") + name + ".mlir", &context);
    ASSERT_TRUE(module);
    PassManager pm(&context);
    addPasses(pm, stage);
    ASSERT_TRUE(succeeded(pm.run(*module)));
    fill();
  }

  void fill() {
    environment.batch = {2, 3};
    environment.arguments.assign(LNX_ARGUMENT_COUNT, 0);
    environment.arguments[LNX_ARGUMENT_SCALE] = scale;
    std::mt19937 random(7);
    for (auto parameter : module->getOps<ParameterOp>()) {
      Type stacked = RepeatOp::getStackedType(parameter.getType(), parameter.getLayers());
      Array values(Array::shapeOf(stacked, environment.batch));
      for (double &value : values.data)
        value = std::normal_distribution<double>(0, 0.7)(random);
      environment.gradients[parameter.getSymName()] = Array(values.shape);
      environment.parameters[parameter.getSymName()] = std::move(values);
    }
    for (Array *ids : {&tokens, &targets}) {
      *ids = Array({environment.batch.rows()});
      for (double &id : ids->data)
        id = static_cast<double>(random() % vocabulary);
    }
  }

  double run(StringRef entry) {
    auto function = module->lookupSymbol<func::FuncOp>(entry);
    auto results = evaluateFunction(function, {tokens, targets}, environment);
    EXPECT_TRUE(succeeded(results));
    return succeeded(results) ? results->front().data.front() : 0;
  }

  /// d eval / d (one entry); the error is of order h^2 + 1e-16 / h.
  double difference(double &entry) {
    constexpr double h = 1e-5;
    double value = entry;
    entry = value + h;
    double above = run("eval");
    entry = value - h;
    double below = run("eval");
    entry = value;
    return (above - below) / (2 * h);
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  Environment environment;
  Array tokens, targets;
};
} // namespace

TEST_P(Gradients, equalCentralDifferences) {
  EXPECT_NEAR(run("grad"), run("eval"), 1e-12);
  for (auto parameter : module->getOps<ParameterOp>()) {
    StringRef name = parameter.getSymName();
    const std::vector<double> &gradient = environment.gradients[name].data;
    double largest = 0;
    for (double value : gradient)
      largest = std::max(largest, std::abs(value));
    EXPECT_GT(largest, 1e-6) << name.str() << " has no gradient";
    Array &values = environment.parameters[name];
    for (auto [index, entry] : llvm::enumerate(values.data))
      EXPECT_NEAR(gradient[index], scale * difference(entry), 1e-6 * std::max(largest, 1e-3))
          << name.str() << "[" << index << "]";
  }
}

// Micro-batches add up: a second run doubles what is there.
TEST_P(Gradients, accumulate) {
  run("grad");
  llvm::StringMap<Array> once = environment.gradients;
  run("grad");
  for (auto &entry : once)
    for (auto [index, value] : llvm::enumerate(entry.second.data))
      EXPECT_NEAR(environment.gradients[entry.first()].data[index], 2 * value, 1e-12);
}

static std::string nameOf(const testing::TestParamInfo<Gradients::ParamType> &parameters) {
  constexpr const char *stages[] = {"Differentiated", "Canonical", "Rematerialized",
                                    "RematerializedCanonical"};
  std::string name = std::get<0>(parameters.param);
  std::replace(name.begin(), name.end(), '-', '_');
  return name + "_" + stages[static_cast<int>(std::get<1>(parameters.param))];
}

INSTANTIATE_TEST_SUITE_P(
    Models, Gradients,
    testing::Combine(testing::Values("repeat", "two-repeats", "attention", "stacks", "nested"),
                     testing::Values(Stage::Differentiated, Stage::Canonical, Stage::Rematerialized,
                                     Stage::RematerializedCanonical)),
    nameOf);
