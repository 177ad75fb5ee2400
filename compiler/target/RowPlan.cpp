// RowPlan: how one row of a rows group is computed: which loops run in which order.
// What has to be written decides the nests; what their values need decides the dimensions.
#include "compiler/target/RowPlan.h"

using namespace mlir;
using namespace mlir::lnx;

int64_t RowPlan::axisOf(Operation *reduction, const RowShape &operand) {
  return static_cast<int64_t>(operand.features.size()) +
         cast<ReductionOpInterface>(reduction).getReducedAxis();
}

static bool isRowSum(Operation *op) { return isa<SumRowsOp>(op); }

OperandRange RowPlan::readOperands(Operation *op) {
  // The values of `like` are not read.
  return isa<BroadcastOp>(op) ? op->getOperands().take_front() : op->getOperands();
}

bool RowPlan::isView(Operation *op) const {
  if (isa<ReshapeOp, BroadcastOp>(op))
    return true;
  if (!isa<ReductionOpInterface>(op))
    return false;
  const RowShape &operand = shape(op->getOperand(0));
  return operand.features[axisOf(op, operand)] == 1;
}

/// Gives each axis of `features` the nest's dimensions that make it up, splitting one if needed.
RowPlan::Fit RowPlan::axisDims(Nest &nest, ArrayRef<int64_t> features, DimSet dims,
                               SmallVectorImpl<DimSet> &perAxis) const {
  perAxis.assign(features.size(), 0);
  int dim = static_cast<int>(nest.dims.size()) - 1;
  for (int axis = static_cast<int>(features.size()) - 1; axis >= 0; --axis) {
    int64_t need = features[axis];
    while (need > 1) {
      while (dim >= 0 && !(dims >> dim & 1))
        --dim;
      assert(dim >= 0 && "a value spans fewer dimensions than it has");
      int64_t have = nest.dims[dim];
      if (need % have == 0) {
        need /= have;
        perAxis[axis] |= DimSet(1) << dim;
        --dim;
        continue;
      }
      if (have % need != 0 || nest.dims.size() >= 8)
        return Fit::no;
      nest.dims[dim] = have / need;
      nest.dims.insert(nest.dims.begin() + dim + 1, need);
      return Fit::split;
    }
  }
  return Fit::yes;
}

RowPlan::Fit RowPlan::operandDims(Nest &nest, Value result, Value operand, DimSet dims,
                                  DimSet &operandSpan) const {
  const RowShape &to = shape(result), &from = shape(operand);
  operandSpan = from.size == 1 ? 0 : dims;
  if (from.size == 1 || from.size == to.size)
    return Fit::yes;
  SmallVector<DimSet> perAxis;
  Fit fit = axisDims(nest, to.features, dims, perAxis);
  if (fit != Fit::yes)
    return fit;
  size_t missing = to.features.size() - from.features.size();
  for (size_t axis = 0; axis < to.features.size(); ++axis)
    if (axis < missing || from.features[axis - missing] == 1)
      operandSpan &= ~perAxis[axis];
  return Fit::yes;
}

DimSet RowPlan::operandDims(const Nest &nest, Value result, Value operand, DimSet dims) const {
  Nest copy = nest;
  DimSet span = 0;
  [[maybe_unused]] Fit fit = operandDims(copy, result, operand, dims, span);
  assert(fit == Fit::yes && "nests were split where values need it");
  return span;
}

bool RowPlan::isLeaf(Value value) const {
  Operation *op = value.getDefiningOp();
  return !op || (isa<ReductionOpInterface>(op) && !isView(op));
}

RowPlan::Fit RowPlan::fitValue(Nest &nest, Value value, DimSet dims,
                               llvm::DenseSet<std::pair<Value, DimSet>> &seen) const {
  if (isLeaf(value) || !seen.insert({value, dims}).second)
    return Fit::yes;
  Operation *op = value.getDefiningOp();
  for (Value operand : readOperands(op)) {
    DimSet span = 0;
    Fit fit = operandDims(nest, value, operand, dims, span);
    if (fit == Fit::yes)
      fit = fitValue(nest, operand, span, seen);
    if (fit != Fit::yes)
      return fit;
  }
  return Fit::yes;
}

RowPlan::Fit RowPlan::fitSink(Nest &nest, Sink &sink) const {
  llvm::DenseSet<std::pair<Value, DimSet>> seen;
  if (sink.kind == Sink::reduce && nest.size > 1) {
    const RowShape &operand = shape(sink.value);
    SmallVector<DimSet> perAxis;
    // An axis that is the whole value needs no boundary.
    int64_t axis = axisOf(sink.reduction, operand);
    if (operand.features[axis] == operand.size) {
      sink.reduced = nest.all();
    } else {
      Fit fit = axisDims(nest, operand.features, nest.all(), perAxis);
      if (fit != Fit::yes)
        return fit;
      sink.reduced = perAxis[axis];
    }
  }
  return fitValue(nest, sink.value, nest.all(), seen);
}

/// Splits dimensions until every sink's values can be addressed.
bool RowPlan::fitNest(Nest &nest) const {
  while (true) {
    Fit worst = Fit::yes;
    for (Sink &sink : nest.sinks) {
      worst = fitSink(nest, sink);
      if (worst != Fit::yes)
        break;
    }
    if (worst != Fit::split)
      return worst == Fit::yes;
  }
}

bool RowPlan::addSink(Sink sink, int level) {
  int64_t size = shape(sink.value).size;
  for (Nest &nest : nests) {
    if (nest.level != level || nest.size != size)
      continue;
    Nest extended = nest;
    extended.sinks.push_back(sink);
    if (!fitNest(extended))
      continue;
    nest = std::move(extended);
    return true;
  }
  Nest nest;
  nest.level = level;
  nest.size = size;
  if (size > 1)
    nest.dims.push_back(size);
  nest.sinks.push_back(sink);
  if (!fitNest(nest))
    return false;
  nests.push_back(std::move(nest));
  return true;
}

bool RowPlan::addSinks(GroupOp group, ArrayRef<bool> accumulate) {
  Block &body = group.getBody().front();
  for (BlockArgument argument : body.getArguments())
    levels[argument] = 0;
  for (Operation &op : body.without_terminator()) {
    bool known =
        isa<ElementwiseOpInterface, ReductionOpInterface, ReshapeOp, BroadcastOp, SumRowsOp>(op);
    if (!known || op.getNumResults() != 1)
      return false;
    int level = 0;
    for (Value operand : readOperands(&op)) {
      if (Operation *def = operand.getDefiningOp(); def && isRowSum(def))
        return false; // known only after the last row
      level = std::max(level, levels[operand]);
    }
    bool reduces = isa<ReductionOpInterface>(op) && !isView(&op);
    levels[op.getResult(0)] = level + (reduces ? 1 : 0);
    if (reduces && !op.use_empty() && !addSink({Sink::reduce, op.getOperand(0), 0, &op, 0}, level))
      return false;
  }
  for (auto [index, value] : llvm::enumerate(body.getTerminator()->getOperands())) {
    Operation *op = value.getDefiningOp();
    unsigned result = static_cast<unsigned>(index);
    bool ok =
        op && isRowSum(op)
            ? addSink({Sink::sumRows, op->getOperand(0), result, op, 0}, levels[op->getOperand(0)])
            : (shape(value).hasRows || fixedRows == 1) &&
                  addSink({Sink::store, value, result, nullptr, 0}, levels[value]);
    if (!ok)
      return false;
  }
  return true;
}

bool RowPlan::hasSumRows() const {
  return llvm::any_of(nests, [](const Nest &nest) {
    return llvm::any_of(nest.sinks, [](const Sink &sink) { return sink.kind == Sink::sumRows; });
  });
}

FailureOr<RowPlan> RowPlan::of(GroupOp group, ArrayRef<bool> accumulate, bool inPlace) {
  RowPlan plan;
  if (!plan.findShapes(group) || !plan.addSinks(group, accumulate))
    return failure();
  // Wide nests first: they read the single numbers that a result in place may overwrite.
  auto isBefore = [&](unsigned a, unsigned b) {
    const Nest &x = plan.nests[a], &y = plan.nests[b];
    if (x.level != y.level)
      return x.level < y.level;
    return inPlace && x.size != y.size ? x.size > y.size : a < b;
  };
  SmallVector<unsigned> order = llvm::to_vector(llvm::seq<unsigned>(0, plan.nests.size()));
  llvm::sort(order, isBefore);
  SmallVector<Nest> sorted;
  for (unsigned index : order)
    sorted.push_back(std::move(plan.nests[index]));
  plan.nests = std::move(sorted);
  plan.chooseKept(accumulate);
  for (BlockArgument argument : group.getBody().getArguments())
    plan.traffic += plan.shape(argument).hasRows ? plan.shape(argument).size : 0;
  for (Value result : group.getBody().front().getTerminator()->getOperands())
    plan.traffic += plan.shape(result).hasRows ? plan.shape(result).size : 0;
  // A row buffer lives on the stack of a worker thread.
  constexpr int64_t largestRow = 1 << 15;
  for (const Nest &nest : plan.nests)
    for (const Sink &sink : nest.sinks)
      if ((sink.kind == Sink::keep || sink.kind == Sink::reduce) && nest.size > largestRow &&
          (sink.kind == Sink::keep || sink.reduced != nest.all()))
        return failure();
  return plan;
}
