// AddOptimizer: what @norm, @adamw, @adam and @sgd do to the state, against the formulas in double.
#include "compiler/Passes.h"
#include "lnx/abi.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"
#include <cmath>
#include <random>

using namespace mlir;
using namespace mlir::lnx;

namespace {
/// One float of the state.
struct Entry {
  double param, grad, m, v;
};

class Optimizer : public testing::Test {
protected:
  void SetUp() override {
    context.loadDialect<LnxDialect, func::FuncDialect>();
    module = parseSourceString<ModuleOp>(R"(
      lnx.parameter @W "W" layers 3 from 1 <normal, [0.02], [0.0]> : tensor<20x30xf32>
      lnx.parameter @b "b" layers 1 from 0 <const, [0.0], [0.0]> : tensor<5xf32>
    )",
                                         &context);
    ASSERT_TRUE(module);
    PassManager pm(&context);
    pm.addPass(createAddOptimizer());
    ASSERT_TRUE(succeeded(pm.run(*module)));
    environment.arguments.assign(LNX_ARGUMENT_COUNT, 0);
    auto set = [&](int index, double value) { environment.arguments[index] = value; };
    set(LNX_ARGUMENT_RATE, 0.1);
    set(LNX_ARGUMENT_DECAY, 0.3);
    set(LNX_ARGUMENT_CLIP, 0.5);
    set(LNX_ARGUMENT_BETA1, 0.9);
    set(LNX_ARGUMENT_BETA2, 0.99);
    set(LNX_ARGUMENT_EPSILON, 1e-3);
    set(LNX_ARGUMENT_CORRECTION1, 1.7);
    set(LNX_ARGUMENT_CORRECTION2, 2.5);
    std::mt19937 random(3);
    for (auto [segment, rows] : {std::pair("0", 2), std::pair("1", 1)})
      for (std::string arena : {"param", "grad", "m", "v"}) {
        Array values({rows, 1024});
        for (double &value : values.data)
          value = std::normal_distribution<double>()(random);
        if (arena == "v")
          for (double &value : values.data)
            value *= value;
        environment.state[arena + segment] = std::move(values);
      }
  }

  double argument(int index) const { return environment.arguments[index]; }

  Entry entry(const llvm::StringMap<Array> &state, int segment, size_t index) const {
    auto at = [&](const char *arena) {
      return state.find(arena + std::to_string(segment))->second.data[index];
    };
    return {at("param"), at("grad"), at("m"), at("v")};
  }

  /// Runs `name` and compares every float of the state with `update(before, decay)`.
  void check(StringRef name, llvm::function_ref<Entry(Entry, double)> update) {
    llvm::StringMap<Array> before = environment.state;
    auto function = module->lookupSymbol<func::FuncOp>(name);
    ASSERT_TRUE(succeeded(evaluateFunction(function, {}, environment)));
    for (int segment : {0, 1})
      for (size_t i = 0; i < before["param" + std::to_string(segment)].data.size(); ++i) {
        double decay = segment == 0 ? argument(LNX_ARGUMENT_DECAY) : 0;
        Entry expected = update(entry(before, segment, i), decay);
        Entry actual = entry(environment.state, segment, i);
        EXPECT_NEAR(actual.param, expected.param, 1e-12);
        EXPECT_EQ(actual.grad, 0);
        EXPECT_NEAR(actual.m, expected.m, 1e-12);
        EXPECT_NEAR(actual.v, expected.v, 1e-12);
      }
  }

  /// Moments after gradient g, and the direction of Adam.
  double adam(Entry &entry, double g) {
    double beta1 = argument(LNX_ARGUMENT_BETA1), beta2 = argument(LNX_ARGUMENT_BETA2);
    entry.m = beta1 * entry.m + (1 - beta1) * g;
    entry.v = beta2 * entry.v + (1 - beta2) * g * g;
    return argument(LNX_ARGUMENT_CORRECTION1) * entry.m /
           (std::sqrt(argument(LNX_ARGUMENT_CORRECTION2) * entry.v) +
            argument(LNX_ARGUMENT_EPSILON));
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  Environment environment;
};
} // namespace

TEST_F(Optimizer, normIsTheSumOfSquares) {
  double expected = 0;
  for (StringRef name : {"grad0", "grad1"})
    for (double value : environment.state[name].data)
      expected += value * value;
  auto results = evaluateFunction(module->lookupSymbol<func::FuncOp>("norm"), {}, environment);
  ASSERT_TRUE(succeeded(results));
  EXPECT_NEAR(results->front().data.front(), expected, 1e-9);
}

TEST_F(Optimizer, adamwDecaysBesideTheMoments) {
  check("adamw", [&](Entry e, double decay) {
    double direction = adam(e, argument(LNX_ARGUMENT_CLIP) * e.grad);
    e.param -= argument(LNX_ARGUMENT_RATE) * (direction + decay * e.param);
    return e;
  });
}

TEST_F(Optimizer, adamDecaysInTheGradient) {
  check("adam", [&](Entry e, double decay) {
    double direction = adam(e, argument(LNX_ARGUMENT_CLIP) * e.grad + decay * e.param);
    e.param -= argument(LNX_ARGUMENT_RATE) * direction;
    return e;
  });
}

TEST_F(Optimizer, sgdHasOneMoment) {
  check("sgd", [&](Entry e, double decay) {
    e.m =
        argument(LNX_ARGUMENT_BETA1) * e.m + argument(LNX_ARGUMENT_CLIP) * e.grad + decay * e.param;
    e.param -= argument(LNX_ARGUMENT_RATE) * e.m;
    return e;
  });
}
