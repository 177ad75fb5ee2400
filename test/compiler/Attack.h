// Attack: one model with weights written down by hand, evaluated and compared with its bounds.
// Parameters that nobody fills start as their model draws them, matrices and biases as 0.
#ifndef LNX_TEST_COMPILER_ATTACK_H
#define LNX_TEST_COMPILER_ATTACK_H

#include "StabilityFixture.h"
#include "dialect/Evaluator.h"

#include <cmath>

namespace lnx::test {

/// +1, -1, +1, ...: mean 0 and rms 1 for an even width.
inline double alternating(int64_t i) { return i % 2 == 0 ? 1 : -1; }

class Attack {
public:
  /// Token i is row i of E, for `tokens` tokens.
  explicit Attack(const std::string &text, int64_t tokens = 1) : source(text) {
    module = source.at({});
    if (!module) {
      ADD_FAILURE() << source.diagnostics.render() << text;
      return;
    }
    model = *module->getOps<mlir::lnx::ModelOp>().begin();
    environment.batch = {1, tokens};
    mlir::lnx::Array ids(llvm::ArrayRef<int64_t>{tokens});
    for (int64_t i = 0; i < tokens; ++i)
      ids.data[i] = static_cast<double>(i);
    environment.inputs["tokens"] = ids;
    model.walk([&](mlir::lnx::ParamOp op) {
      auto repeat = op->getParentOfType<mlir::lnx::RepeatOp>();
      llvm::SmallVector<int64_t> shape = {repeat ? static_cast<int64_t>(repeat.getCount()) : 1};
      llvm::append_range(shape, op.getType().getShape());
      bool isConstant = op.getInit().getKind() == "const";
      double value = isConstant ? op.getInit().getA().asArrayRef().front() : 0;
      environment.parameters[key(op)] = mlir::lnx::Array(shape, value);
    });
  }

  /// f(row, column) for every matrix, or f(0, i) for every vector, whose path ends with `path`.
  template <typename F> void fill(llvm::StringRef path, F f) {
    bool isFound = false;
    model.walk([&](mlir::lnx::ParamOp op) {
      if (op.getPath() != path && !op.getPath().ends_with(("." + path).str()))
        return;
      isFound = true;
      mlir::lnx::Array &array = environment.parameters[key(op)];
      int64_t columns = array.shape.back(), rows = array.shape.size() > 2 ? array.shape[1] : 1;
      for (int64_t i = 0; i < array.size(); ++i)
        array.data[i] = f(i / columns % rows, i % columns);
    });
    EXPECT_TRUE(isFound) << "no parameter '" << path.str() << "'";
  }

  /// What the model returns, [tokens x width].
  mlir::lnx::Array run() {
    mlir::FailureOr<mlir::lnx::Array> output = mlir::lnx::evaluateModel(model, environment);
    EXPECT_TRUE(mlir::succeeded(output));
    return mlir::succeeded(output) ? *output : mlir::lnx::Array();
  }
  double rms() {
    mlir::lnx::Array x = run();
    double largest = 0;
    int64_t width = x.shape.back();
    for (int64_t row = 0; row < x.size() / width; ++row) {
      double sum = 0;
      for (int64_t i = 0; i < width; ++i)
        sum += x.data[row * width + i] * x.data[row * width + i];
      largest = std::max(largest, std::sqrt(sum / static_cast<double>(width)));
    }
    return largest;
  }
  double meanAbs() {
    mlir::lnx::Array x = run();
    double sum = 0;
    for (double entry : x.data)
      sum += std::abs(entry);
    return sum / static_cast<double>(x.size());
  }
  double peak() {
    double largest = 0;
    for (double entry : run().data)
      largest = std::max(largest, std::abs(entry));
    return largest;
  }

  /// The number of a property; infinity where there is none.
  double bound(const std::string &property = "forward.bound") {
    std::optional<stable::Report> report = source.verify();
    const stable::Verdict *verdict = find(report, property);
    return verdict && verdict->number ? *verdict->number : INFINITY;
  }
  std::string word(const std::string &property) {
    return lnx::test::word(source.verify(), property);
  }

  Verified source;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::lnx::ModelOp model;
  mlir::lnx::Environment environment;

private:
  static std::string key(mlir::lnx::ParamOp op) {
    auto repeat = op->getParentOfType<mlir::lnx::RepeatOp>();
    bool isScoped = repeat && !repeat.getScope().empty();
    return (isScoped ? repeat.getScope().str() + "." : "") + op.getPath().str();
  }
};

/// A stack of `depth` layers of `steps` on a stream of width 8 that starts from E.
inline std::string stackOf(const std::string &steps, const std::string &assumes, int depth = 4) {
  return "def n(x) = x / sqrt(mean(x*x) + 1e-12)\nmodel m(depth = " + std::to_string(depth) +
         ") {\n  param E : [8, 8] ~ normal(1)\n" + assumes +
         "  x = E[tokens]\n  repeat l in 1..depth {\n" + steps + "  }\n  return x\n}\n";
}

} // namespace lnx::test

#endif
