// RowKeep: which values of a row are written down for later nests instead of computed again.
// A nest that comes later reads them from the result they belong to, or from a row buffer.
#include "compiler/target/RowPlan.h"
#include <functional>

using namespace mlir;
using namespace mlir::lnx;

// Reading back costs one load and, for a row buffer, one store earlier.
static constexpr int worthKeeping = 4;

/// Instructions for one vector of a value in nest `index`; what an earlier nest has computed and is
/// dear enough to be kept counts as one load.
int RowPlan::cost(Value value, int index, const llvm::DenseMap<Value, int> &firstNest,
                  llvm::DenseMap<Value, int> &memo) const {
  if (auto it = memo.find(value); it != memo.end())
    return it->second;
  if (isLeaf(value))
    return memo[value] = shape(value).size > 1 ? 1 : 0;
  Operation *op = value.getDefiningOp();
  int total = 0;
  for (Value operand : readOperands(op)) {
    int one = cost(operand, index, firstNest, memo);
    auto first = firstNest.find(operand);
    bool known = first != firstNest.end() && first->second < index;
    total += known && one >= worthKeeping ? 1 : one;
  }
  if (isa<ExpOp, LogOp, TanhOp, SigmoidOp, SiluOp, GeluOp, PowOp>(op))
    total += 16;
  else if (isa<DivOp, SqrtOp, RsqrtOp>(op))
    total += 4;
  else if (!isView(op) && shape(value).size > 1)
    total += 1;
  return memo[value] = total;
}

/// Decides what nest `index` reads back from earlier nests.
void RowPlan::chooseKeptFor(int index, llvm::DenseMap<Value, int> &firstNest) {
  llvm::DenseSet<Value> seen;
  llvm::DenseMap<Value, int> costs;
  std::function<void(Value)> visit = [&](Value value) {
    if (isLeaf(value) || !seen.insert(value).second)
      return;
    auto first = firstNest.find(value);
    bool spansNest = shape(value).size == nests[index].size && nests[index].size > 1;
    if (first == firstNest.end()) {
      if (spansNest && !isView(value.getDefiningOp()))
        firstNest[value] = index;
    } else if (first->second < index && cost(value, index, firstNest, costs) >= worthKeeping) {
      kept.try_emplace(value, Kept{first->second, -1});
      return;
    }
    for (Value operand : readOperands(value.getDefiningOp()))
      visit(operand);
  };
  for (Sink &sink : nests[index].sinks)
    visit(sink.value);
}

void RowPlan::chooseKept(ArrayRef<bool> accumulate) {
  llvm::DenseMap<Value, int> firstNest;
  for (size_t index = 0; index < nests.size(); ++index)
    chooseKeptFor(static_cast<int>(index), firstNest);
  for (auto &[value, where] : kept)
    for (Sink &sink : nests[where.nest].sinks)
      if (sink.kind == Sink::store && sink.value == value && !accumulate[sink.result])
        where.result = static_cast<int>(sink.result);
  // In program order: the kernel's text must not depend on the order of a hash table.
  for (auto [index, nest] : llvm::enumerate(nests)) {
    SmallVector<Value> here;
    for (auto &[value, where] : kept)
      if (where.nest == static_cast<int>(index) && where.result < 0)
        here.push_back(value);
    llvm::sort(here, [](Value a, Value b) {
      return a.getDefiningOp()->isBeforeInBlock(b.getDefiningOp());
    });
    for (Value value : here)
      nest.sinks.push_back({Sink::keep, value, 0, nullptr, 0});
  }
}

int RowPlan::keptBy(Value value) const {
  auto it = kept.find(value);
  return it == kept.end() ? -1 : it->second.nest;
}

int RowPlan::keptIn(Value value) const {
  auto it = kept.find(value);
  return it == kept.end() ? -1 : it->second.result;
}
