// RowPressure: how many values of its elements a thread holds at once.
// What does not fit its registers would be spilled (cuda-target 7): RowEmitter chooses by it.
#include "compiler/target/cuda/RowEmitter.h"

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::cuda;

namespace {

/// What later nests use of what earlier ones have read or computed.
class Pressure {
public:
  explicit Pressure(const RowPlan &plan) : plan(plan) {}

  RowPressure count() {
    RowPressure result;
    for (const Nest &nest : plan.nests)
      for (const Sink &sink : nest.sinks)
        result.sums += sink.kind == Sink::sumRows;
    for (size_t index = 0; index < plan.nests.size(); ++index) {
      live.clear();
      seen.clear();
      for (size_t later = index; later < plan.nests.size(); ++later)
        for (const Sink &sink : plan.nests[later].sinks)
          find(sink.value);
      const auto sinks = static_cast<int64_t>(plan.nests[index].sinks.size());
      result.kept = std::max<int64_t>(result.kept, live.size() + sinks);
      result.nest = std::max(result.nest, sinks + inputsOf(plan.nests[index]));
      for (const Sink &sink : plan.nests[index].sinks)
        mark(sink.value);
    }
    result.kept += result.sums;
    return result;
  }

private:
  /// What has no elements of its own in a nest: numbers, and results of reductions.
  bool isNumber(Value value) const {
    return plan.shape(value).size == 1 ||
           isa_and_nonnull<ReductionOpInterface>(value.getDefiningOp());
  }
  /// What a nest reads when nothing has been read before it.
  int64_t inputsOf(const Nest &nest) {
    llvm::DenseSet<Value> all;
    int64_t inputs = 0;
    SmallVector<Value> open;
    for (const Sink &sink : nest.sinks)
      open.push_back(sink.value);
    while (!open.empty()) {
      Value value = open.pop_back_val();
      if (isNumber(value) || !all.insert(value).second)
        continue;
      if (Operation *op = value.getDefiningOp())
        llvm::append_range(open, RowPlan::readOperands(op));
      else
        ++inputs;
    }
    return inputs;
  }
  void find(Value value) {
    if (isNumber(value) || !seen.insert(value).second)
      return;
    if (known.contains(value)) {
      live.insert(value);
      return;
    }
    if (Operation *op = value.getDefiningOp())
      for (Value operand : RowPlan::readOperands(op))
        find(operand);
  }
  void mark(Value value) {
    if (isNumber(value) || !known.insert(value).second)
      return;
    if (Operation *op = value.getDefiningOp())
      for (Value operand : RowPlan::readOperands(op))
        mark(operand);
  }

  const RowPlan &plan;
  llvm::DenseSet<Value> known, live, seen;
};

} // namespace

RowPressure cuda::rowPressure(const RowPlan &plan) { return Pressure(plan).count(); }
