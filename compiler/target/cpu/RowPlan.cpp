// RowPlan: how one row of a rows group is computed: which loops run in which order.
// Shapes and levels first, then what has to be written, then what is kept for later nests.
#include "compiler/target/cpu/RowPlan.h"
#include "llvm/Support/MathExtras.h"
#include <functional>

using namespace mlir;
using namespace mlir::lnx;

static int64_t product(ArrayRef<int64_t> sizes) {
  int64_t result = 1;
  for (int64_t size : sizes)
    result *= size;
  return result;
}

/// The size of the axis a reduction runs over, in the features of its operand.
static int64_t axisOf(Operation *reduction, const RowShape &operand) {
  return static_cast<int64_t>(operand.features.size()) +
         cast<ReductionOpInterface>(reduction).getReducedAxis();
}

// Reading back costs one load and, for a row buffer, one store earlier.
static constexpr int worthKeeping = 4;

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

//===-- shapes -----------------------------------------------------------===//

/// Shapes with `rows` rows, which are dimension 0 of tensors of rank `rank`; 0 stands for dynamic
/// rows, rank 0 for a single row that is the whole tensor.
bool RowPlan::setShapes(GroupOp group, int64_t rows, int64_t rank) {
  shapes.clear();
  auto set = [&](Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    if (!type.getElementType().isF32())
      return false;
    RowShape shape;
    ArrayRef<int64_t> dims = type.getShape();
    if (rows == 0 && lnx::hasRows(type)) {
      shape.hasRows = true;
      dims = dims.drop_front();
    } else if (rows != 0 && rank != 0 && type.getRank() == rank) {
      if (dims[0] != rows && dims[0] != 1)
        return false;
      shape.hasRows = dims[0] == rows && rows != 1;
      dims = dims.drop_front();
    }
    if (llvm::any_of(dims, ShapedType::isDynamic))
      return false;
    shape.features.assign(dims.begin(), dims.end());
    shape.size = product(dims);
    shapes[value] = shape;
    return true;
  };
  for (BlockArgument argument : group.getBody().getArguments())
    if (!set(argument))
      return false;
  for (Operation &op : group.getBody().front().without_terminator()) {
    for (Value result : op.getResults())
      if (!set(result))
        return false;
    if (isa<ReshapeOp>(op) && shape(op.getOperand(0)).hasRows != shape(op.getResult(0)).hasRows)
      return false;
    if (isa<ReductionOpInterface>(op) && axisOf(&op, shape(op.getOperand(0))) < 0)
      return false;
    if (isRowSum(&op) && !shape(op.getOperand(0)).hasRows)
      return false;
  }
  return true;
}

bool RowPlan::findShapes(GroupOp group) {
  int64_t rank = 0, rows = 0;
  auto look = [&](Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    if (lnx::hasRows(type))
      return true;
    if (type.getRank() > rank ||
        (type.getRank() == rank && rank > 0 && type.getDimSize(0) > rows)) {
      rank = type.getRank();
      rows = type.getDimSize(0);
    }
    return false;
  };
  bool dynamic = false;
  for (BlockArgument argument : group.getBody().getArguments())
    dynamic |= look(argument);
  for (Operation &op : group.getBody().front().without_terminator())
    for (Value result : op.getResults())
      dynamic |= look(result);
  if (dynamic) {
    fixedRows = 0;
    return setShapes(group, 0, 0);
  }
  bool sumsRows = llvm::any_of(group.getBody().front().without_terminator(),
                               [](Operation &op) { return isRowSum(&op); });
  if ((rank >= 2 || sumsRows) && rows > 1) {
    fixedRows = rows;
    if (setShapes(group, rows, rank))
      return true;
  }
  fixedRows = 1;
  return !sumsRows && setShapes(group, 1, 0);
}

//===-- nests ------------------------------------------------------------===//

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

//===-- keeping values ---------------------------------------------------===//

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
