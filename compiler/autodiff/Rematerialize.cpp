// Rematerialize: keep fewer values between the forward and the backward repeat.
// A minimum cut decides; only row-wise work, which is free inside fused kernels, is done again.
#include "compiler/Passes.h"
#include "compiler/autodiff/KeepGraph.h"
#include "compiler/autodiff/Stacks.h"

namespace mlir::lnx {
#define GEN_PASS_DEF_REMATERIALIZE
#include "compiler/Passes.h.inc"
} // namespace mlir::lnx

using namespace mlir;
using namespace mlir::lnx;

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
} // namespace

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

/// What the backward body reads through slices that nobody else shares.
static void addNeeds(RepeatPair pair, KeepGraph &graph) {
  for (auto [slice, argument] :
       llvm::zip(pair.backward.getSlices(), pair.backward.getSliceArguments()))
    if (Value value = forwardValue(pair, slice))
      graph.addNeed(value, llvm::any_of(argument.getUses(), readsMemory));
}

/// Rewrites one pair; returns what its backward repeat has become.
static RepeatOp rematerialize(RepeatPair pair, int64_t storagePrice) {
  pair.backward = dropUnused(pair.backward);
  mergeStacks(pair);
  llvm::SmallDenseSet<Value> given(pair.forward.getSliceArguments().begin(),
                                   pair.forward.getSliceArguments().end());
  given.insert(pair.forward.getLayer());
  for (OpResult stack : pair.forward.getStackResults())
    if (!pair.isPrivate(stack))
      given.insert(forwardValue(pair, stack));
  KeepGraph graph(pair.forward.getBody().front(), given, storagePrice);
  addNeeds(pair, graph);
  return PairRewriter(pair).run(graph.solve());
}

namespace {
struct Rematerialize : mlir::lnx::impl::RematerializeBase<Rematerialize> {
  using RematerializeBase::RematerializeBase;
  void runOnOperation() override {
    auto grad = getOperation().lookupSymbol<func::FuncOp>("grad");
    if (!grad)
      return;
    // A forward repeat comes before its backward one, so what is replaced has been visited.
    SmallVector<RepeatOp> repeats;
    grad.walk([&](RepeatOp repeat) { repeats.push_back(repeat); });
    for (RepeatOp backward : repeats)
      for (Operation *forward : forwardRepeatsOf(backward))
        backward = rematerialize({cast<RepeatOp>(forward), backward}, storagePrice);
  }
};
} // namespace
