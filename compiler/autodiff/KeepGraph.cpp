// KeepGraph: which forward values the backward pass of a layer should start from.
// Costs are bytes: first those that stay allocated, then those that are written to memory once
// more.
#include "compiler/autodiff/KeepGraph.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::lnx;

// Fixed tensors are weighed against row tensors at this many rows; one micro-batch has 256 to 4096.
static constexpr int64_t typicalRows = 1024;

/// Bytes one layer's value takes at the typical number of rows, f32 as everywhere on this level.
static int64_t bytesOf(Type type) {
  int64_t elements = 1;
  for (int64_t size : getFeatures(type))
    elements *= size;
  return 4 * elements * (hasRows(type) ? typicalRows : 1);
}

static bool isFloat(Value value) { return isa<FloatType>(getElementTypeOrSelf(value)); }

static bool isRowwise(Operation *op) {
  auto primitive = dyn_cast<PrimitiveOpInterface>(op);
  return primitive && primitive.getOpClass() == OpClass::Rowwise;
}

bool lnx::isFree(Operation *op) {
  return isa<GetOp, TableOp>(op) || op->hasTrait<OpTrait::ConstantLike>();
}

bool lnx::isRecomputable(Operation *op) {
  if (!isa<PrimitiveOpInterface>(op))
    return false;
  if (!llvm::all_of(op->getResults(), isFloat))
    return true;
  auto rows = [](Type type) { return hasRows(type); };
  bool sumsRows =
      llvm::any_of(op->getOperandTypes(), rows) && !llvm::all_of(op->getResultTypes(), rows);
  return isRowwise(op) && !sumsRows;
}

bool lnx::readsMemory(OpOperand &use) {
  Operation *op = use.getOwner();
  // What a repeat yields is written for its carries; for stacks that is what is being decided.
  if (auto repeat = dyn_cast<RepeatOp>(op->getParentOp()); repeat && isa<YieldOp>(op))
    return use.getOperandNumber() < repeat.getCarries().size();
  return !isRowwise(op);
}

/// Is `value` written to memory whether or not it is kept?
static bool isWrittenAnyway(Value value) {
  Operation *op = value.getDefiningOp();
  return !op || !isRowwise(op) || llvm::any_of(value.getUses(), readsMemory);
}

bool KeepGraph::isGiven(Value value) const {
  if (value.getParentBlock() != &forward || given.contains(value))
    return true;
  Operation *op = value.getDefiningOp();
  return op && isFree(op);
}

KeepGraph::Nodes KeepGraph::addValue(Value value) {
  auto [entry, isNew] = nodes.insert({value, Nodes()});
  if (!isNew)
    return entry->second;
  Nodes ends = entry->second = {graph.addNode(), graph.addNode()};
  worklist.push_back(value);
  int64_t bytes = bytesOf(value.getType());
  int64_t cost = storagePrice * bytes + (isWrittenAnyway(value) ? 0 : bytes);
  graph.addEdge(ends.in, ends.out, isFloat(value) ? cost : MinimumCut::unbounded);
  return ends;
}

void KeepGraph::addNeed(Value value, bool whole) {
  if (isGiven(value))
    return;
  Nodes ends = addValue(value);
  graph.addEdge(ends.out, MinimumCut::sink, MinimumCut::unbounded);
  // Made again, it has to be written for its readers.
  if (whole)
    graph.addEdge(MinimumCut::source, ends.in, bytesOf(value.getType()));
}

/// The node of `value` is complete once what it is made of has edges to it.
void KeepGraph::addOperands(Value value) {
  Operation *op = value.getDefiningOp();
  int in = nodes[value].in;
  if (!op || !isRecomputable(op)) {
    graph.addEdge(MinimumCut::source, in, MinimumCut::unbounded);
    return;
  }
  for (Value operand : op->getOperands())
    if (!isGiven(operand))
      graph.addEdge(addValue(operand).out, in, MinimumCut::unbounded);
}

SetVector<Value> KeepGraph::solve() {
  while (!worklist.empty())
    addOperands(worklist.pop_back_val());
  [[maybe_unused]] int64_t cost = graph.solve();
  assert(cost < MinimumCut::unbounded && "what is stacked now is a cut");
  SetVector<Value> kept;
  for (auto &[value, ends] : nodes)
    if (graph.isOnSinkSide(ends.out) && !graph.isOnSinkSide(ends.in))
      kept.insert(value);
  return kept;
}
