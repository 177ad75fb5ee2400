// Rematerialize: keep fewer values between the forward and the backward repeat.
// A minimum cut decides; only row-wise work, which is free inside fused kernels, is done again.
#include "compiler/Passes.h"
#include "compiler/autodiff/MinimumCut.h"
#include "compiler/autodiff/Stacks.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::lnx {
#define GEN_PASS_DEF_REMATERIALIZE
#include "compiler/Passes.h.inc"
} // namespace mlir::lnx

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

/// Operations that cost nothing wherever they stand.
static bool isFree(Operation *op) {
  return isa<GetOp, TableOp>(op) || op->hasTrait<OpTrait::ConstantLike>();
}

/// Can be done again in the backward body. Sums over rows cannot: a fused kernel sees one row.
static bool isRecomputable(Operation *op) {
  auto primitive = dyn_cast<PrimitiveOpInterface>(op);
  if (!primitive)
    return false;
  if (!llvm::all_of(op->getResults(), isFloat))
    return true;
  auto rows = [](Type type) { return hasRows(type); };
  bool sumsRows =
      llvm::any_of(op->getOperandTypes(), rows) && !llvm::all_of(op->getResultTypes(), rows);
  return primitive.getOpClass() == OpClass::Rowwise && !sumsRows;
}

//===-- what to keep ------------------------------------------------------===//

namespace {
/// A forward repeat and a backward one that slices its stacks.
struct RepeatPair {
  RepeatOp forward, backward;

  Operation *yield() { return forward.getBody().front().getTerminator(); }
  /// Does nobody but `backward` read this stack?
  bool isPrivate(OpResult stack) {
    return llvm::all_of(stack.getUsers(), [&](Operation *user) { return user == backward; });
  }
};

/// The graph of forward values that are needed, or could help to make what is needed.
class KeepGraph {
public:
  KeepGraph(Block &forward, const llvm::SmallDenseSet<Value> &given)
      : forward(forward), given(given) {}
  /// The cheapest values from which all of `needed` can be made, in the order they were met.
  SetVector<Value> cheapest(ArrayRef<Value> needed);

private:
  struct Nodes {
    int in, out;
  };
  bool isGiven(Value value) const;
  void addOperands(Value value);

  Block &forward;
  const llvm::SmallDenseSet<Value> &given;
  MinimumCut graph;
  llvm::MapVector<Value, Nodes> nodes;
  SmallVector<Value> worklist;
};
} // namespace

bool KeepGraph::isGiven(Value value) const {
  if (value.getParentBlock() != &forward || given.contains(value))
    return true;
  Operation *op = value.getDefiningOp();
  return op && isFree(op);
}

/// The node of `value` is complete once what it is made of has edges to it.
void KeepGraph::addOperands(Value value) {
  Operation *op = value.getDefiningOp();
  int in = nodes[value].in;
  if (!op || !isRecomputable(op)) {
    graph.addEdge(MinimumCut::source, in, MinimumCut::unbounded);
    return;
  }
  for (Value operand : op->getOperands()) {
    if (isGiven(operand))
      continue;
    auto [entry, isNew] = nodes.insert({operand, Nodes()});
    if (isNew) {
      entry->second = {graph.addNode(), graph.addNode()};
      worklist.push_back(operand);
    }
    graph.addEdge(entry->second.out, in, MinimumCut::unbounded);
  }
}

SetVector<Value> KeepGraph::cheapest(ArrayRef<Value> needed) {
  for (Value value : needed) {
    if (isGiven(value))
      continue;
    auto [entry, isNew] = nodes.insert({value, Nodes()});
    if (!isNew)
      continue;
    entry->second = {graph.addNode(), graph.addNode()};
    graph.addEdge(entry->second.out, MinimumCut::sink, MinimumCut::unbounded);
    worklist.push_back(value);
  }
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    Nodes ends = nodes[value];
    graph.addEdge(ends.in, ends.out,
                  isFloat(value) ? bytesOf(value.getType()) : MinimumCut::unbounded);
    addOperands(value);
  }
  [[maybe_unused]] int64_t bytes = graph.solve();
  assert(bytes < MinimumCut::unbounded && "what is stacked now is a cut");
  SetVector<Value> kept;
  for (auto &[value, ends] : nodes)
    if (graph.isOnSinkSide(ends.out) && !graph.isOnSinkSide(ends.in))
      kept.insert(value);
  return kept;
}

//===-- rewriting the pair ------------------------------------------------===//

namespace {
/// Makes the backward body start from the values to keep.
class PairRewriter {
public:
  explicit PairRewriter(RepeatPair pair) : pair(pair) {}
  /// Returns what `backward` has become.
  RepeatOp run(const SetVector<Value> &kept);

private:
  void mapGiven();
  void mapKept(const SetVector<Value> &kept);
  void replaceUses(const llvm::DenseMap<Value, Value> &dropped);
  Value make(Value value, OpBuilder &builder);

  RepeatPair pair;
  IRMapping made; ///< forward values to what stands for them in the backward body
};
} // namespace

/// The forward value that `slice` is a stack of, or null.
static Value forwardValue(RepeatPair pair, Value slice) {
  auto result = dyn_cast<OpResult>(slice);
  if (!result || result.getOwner() != pair.forward)
    return nullptr;
  return pair.yield()->getOperand(result.getResultNumber());
}

/// Backward arguments stand for what is kept, new slices included; nothing else is known.
void PairRewriter::mapKept(const SetVector<Value> &kept) {
  auto mapArguments = [&](unsigned first) {
    for (auto [slice, argument] : llvm::drop_begin(
             llvm::zip(pair.backward.getSlices(), pair.backward.getSliceArguments()), first)) {
      Value value = forwardValue(pair, slice);
      if (value && kept.contains(value) && !made.contains(value))
        made.map(value, argument);
    }
  };
  mapArguments(0);
  SmallVector<Value> added;
  for (Value value : kept)
    if (!made.contains(value))
      added.push_back(value);
  if (added.empty())
    return;
  RepeatOp old = pair.forward;
  pair.forward = addStacks(old, added);
  old.erase();
  unsigned oldSlices = pair.backward.getSlices().size();
  pair.backward = addSlices(pair.backward,
                            SmallVector<Value>(pair.forward.getResults().take_back(added.size())));
  mapArguments(oldSlices);
}

/// What a backward body can use without a stack of its own: the layer, what the forward repeat
/// slices, and stacks that are there for others. Slices that turn out to be unused are dropped at
/// the end.
void PairRewriter::mapGiven() {
  made.map(pair.forward.getLayer(), pair.backward.getLayer());
  SmallVector<std::pair<Value, Value>> given;
  for (auto [slice, argument] :
       llvm::zip(pair.forward.getSlices(), pair.forward.getSliceArguments()))
    given.push_back({argument, slice});
  for (OpResult stack : pair.forward.getStackResults())
    if (!pair.isPrivate(stack))
      given.push_back({forwardValue(pair, stack), stack});
  SmallVector<Value> slices(pair.backward.getSlices());
  SmallVector<Value> added;
  for (auto [value, slice] : given)
    if (!llvm::is_contained(slices, slice))
      added.push_back(slice);
  pair.backward = addSlices(pair.backward, added);
  llvm::append_range(slices, added);
  for (auto [value, slice] : given)
    made.map(value, pair.backward.getSliceArguments()[llvm::find(slices, slice) - slices.begin()]);
}

/// What stands for a forward value at the builder; makes it, and what it is made of, where missing.
Value PairRewriter::make(Value value, OpBuilder &builder) {
  if (value.getParentBlock() != &pair.forward.getBody().front())
    return value;
  if (Value known = made.lookupOrNull(value))
    return known;
  Operation *op = value.getDefiningOp();
  assert(op && (isFree(op) || isRecomputable(op)) && "the cut leaves only what can be made");
  for (Value operand : op->getOperands())
    make(operand, builder);
  builder.clone(*op, made);
  return made.lookup(value);
}

/// Values that are no longer sliced are made before their first use.
void PairRewriter::replaceUses(const llvm::DenseMap<Value, Value> &dropped) {
  for (Operation &op : llvm::make_early_inc_range(pair.backward.getBody().front())) {
    OpBuilder builder(&op);
    op.walk([&](Operation *user) {
      for (OpOperand &operand : user->getOpOperands())
        if (Value value = dropped.lookup(operand.get()))
          operand.set(make(value, builder));
    });
  }
}

RepeatOp PairRewriter::run(const SetVector<Value> &kept) {
  mapGiven();
  mapKept(kept);
  llvm::DenseMap<Value, Value> dropped;
  for (auto [slice, argument] :
       llvm::zip(pair.backward.getSlices(), pair.backward.getSliceArguments()))
    if (Value value = forwardValue(pair, slice); value && made.lookupOrNull(value) != argument)
      dropped[argument] = value;
  replaceUses(dropped);
  pair.backward = dropUnused(pair.backward);
  pair.forward = dropUnused(pair.forward);
  return pair.backward;
}

//===-- the pass ----------------------------------------------------------===//

/// The repeats whose stacks `backward` reads while it runs them in the opposite order.
static SetVector<Operation *> forwardRepeatsOf(RepeatOp backward) {
  SetVector<Operation *> repeats;
  for (Value slice : backward.getSlices()) {
    auto forward = slice.getDefiningOp<RepeatOp>();
    if (forward && forward->getBlock() == backward->getBlock() &&
        forward.getReverse() != backward.getReverse() && forward.getCount() == backward.getCount())
      repeats.insert(forward);
  }
  return repeats;
}

/// Lets one stack of each value serve all readers.
static void mergeStacks(RepeatPair pair) {
  llvm::SmallDenseMap<Value, Value> stackOf;
  for (OpResult stack : pair.forward.getStackResults()) {
    auto [first, isNew] = stackOf.insert({forwardValue(pair, stack), stack});
    if (!isNew)
      stack.replaceAllUsesWith(first->second);
  }
}

/// Rewrites one pair; returns what its backward repeat has become.
static RepeatOp rematerialize(RepeatPair pair) {
  pair.backward = dropUnused(pair.backward);
  mergeStacks(pair);
  llvm::SmallDenseSet<Value> given(pair.forward.getSliceArguments().begin(),
                                   pair.forward.getSliceArguments().end());
  given.insert(pair.forward.getLayer());
  SmallVector<Value> needed;
  unsigned carries = pair.forward.getCarries().size();
  for (auto [index, stack] : llvm::enumerate(pair.forward.getStackResults())) {
    Value value = pair.yield()->getOperand(carries + index);
    if (!pair.isPrivate(stack))
      given.insert(value);
    else if (!stack.use_empty())
      needed.push_back(value);
  }
  SetVector<Value> kept = KeepGraph(pair.forward.getBody().front(), given).cheapest(needed);
  return PairRewriter(pair).run(kept);
}

namespace {
struct Rematerialize : mlir::lnx::impl::RematerializeBase<Rematerialize> {
  void runOnOperation() override {
    auto grad = getOperation().lookupSymbol<func::FuncOp>("grad");
    if (!grad)
      return;
    // A forward repeat comes before its backward one, so what is replaced has been visited.
    SmallVector<RepeatOp> repeats;
    grad.walk([&](RepeatOp repeat) { repeats.push_back(repeat); });
    for (RepeatOp backward : repeats)
      for (Operation *forward : forwardRepeatsOf(backward))
        backward = rematerialize({cast<RepeatOp>(forward), backward});
  }
};
} // namespace
