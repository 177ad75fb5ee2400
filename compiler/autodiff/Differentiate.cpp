// Differentiate: append the backward pass to @grad.
// Relies on each primitive's `differentiate`; writes one backward repeat for each forward one.
#include "compiler/Passes.h"
#include "compiler/autodiff/Activity.h"
#include "compiler/autodiff/Stacks.h"
#include "lnx/abi.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::lnx {
#define GEN_PASS_DEF_DIFFERENTIATE
#include "compiler/Passes.h.inc"
} // namespace mlir::lnx

using namespace mlir;
using namespace mlir::lnx;

static Value zeroLike(OpBuilder &builder, Location loc, Value like) {
  Value zero = ConstantOp::create(builder, loc, builder.getF64FloatAttr(0));
  return BroadcastOp::create(builder, loc, zero, like);
}

//===-- values the backward body reads ------------------------------------===//

namespace {
/// Replaces what a backward body reads of the forward body: parameters, tables, constants and ids
/// are made again, slices are sliced again, everything else becomes a stack of the forward repeat.
class SavedValues {
public:
  SavedValues(Block &forward, RepeatOp repeat, Block &backward, SmallVector<Value> &slices)
      : forward(forward), repeat(repeat), backward(backward), slices(slices),
        builder(repeat.getContext()) {
    builder.setInsertionPointToStart(&backward);
    replacement.map(forward.getArgument(0), backward.getArgument(0));
  }

  /// Rewrites the backward body; slices of the forward's own slices are added to `slices`.
  void replaceUses() {
    backward.walk([&](Operation *op) {
      for (OpOperand &operand : op->getOpOperands())
        if (isForward(operand.get()))
          operand.set(get(operand.get()));
    });
  }

  /// Values to stack, and the backward arguments that stand for one layer of them.
  ArrayRef<Value> getStacked() const { return stacked; }

private:
  bool isForward(Value value) const { return value.getParentBlock() == &forward; }
  Value get(Value value);
  static bool isMadeAgain(Operation *op);

  Block &forward;
  RepeatOp repeat;
  Block &backward;
  SmallVector<Value> &slices;
  OpBuilder builder;
  IRMapping replacement;
  SmallVector<Value> stacked;
};
} // namespace

bool SavedValues::isMadeAgain(Operation *op) {
  bool isFloat = llvm::all_of(op->getResultTypes(),
                              [](Type type) { return isa<FloatType>(getElementTypeOrSelf(type)); });
  return isa<GetOp, TableOp>(op) || op->hasTrait<OpTrait::ConstantLike>() || !isFloat;
}

Value SavedValues::get(Value value) {
  if (Value known = replacement.lookupOrNull(value))
    return known;
  if (Operation *op = value.getDefiningOp(); op && isMadeAgain(op)) {
    for (Value operand : op->getOperands())
      if (isForward(operand))
        get(operand);
    builder.clone(*op, replacement);
    return replacement.lookup(value);
  }
  Value argument = backward.addArgument(value.getType(), value.getLoc());
  replacement.map(value, argument);
  unsigned firstSlice = 1 + repeat.getCarries().size();
  auto block = dyn_cast<BlockArgument>(value);
  if (block && block.getArgNumber() >= firstSlice) {
    slices.push_back(repeat.getSlices()[block.getArgNumber() - firstSlice]);
  } else {
    // Its slice is known when the forward repeat has been rebuilt.
    stacked.push_back(value);
    slices.push_back(nullptr);
  }
  return argument;
}

//===-- reversing blocks --------------------------------------------------===//

namespace {
/// One backward repeat while it grows.
struct BackwardRepeat {
  Region region;
  SmallVector<Value> carries, next;    ///< initial values; what the body yields for them
  SmallVector<Value> slices, stacks;   ///< operands; what the body yields after the carries
  SmallVector<Value> carryOf, stackOf; ///< whose gradient a carry or stack result is

  Block &body() { return region.front(); }
};

class Differentiator {
public:
  explicit Differentiator(func::FuncOp function) : function(function), activity(function) {}
  ~Differentiator() {
    for (Operation *op : replaced)
      op->destroy();
  }
  void run();

private:
  void reverse(Block &block, GradBuilder &grad);
  void reverseRepeat(RepeatOp repeat, GradBuilder &outer);
  void openCarries(RepeatOp repeat, GradBuilder &outer, BackwardRepeat &back, GradBuilder &inner);
  void closeCarries(RepeatOp repeat, BackwardRepeat &back, GradBuilder &inner);
  void closeCaptures(RepeatOp repeat, GradBuilder &outer, BackwardRepeat &back, GradBuilder &inner);
  void finish(RepeatOp repeat, GradBuilder &outer, BackwardRepeat &back);
  RepeatOp stackValues(RepeatOp repeat, ArrayRef<Value> values);

  func::FuncOp function;
  Activity activity;
  /// Rebuilt repeats stay allocated until the end: maps are keyed by their results' addresses.
  SmallVector<Operation *> replaced;
};
} // namespace

static bool hasGradient(GradBuilder &grad, ValueRange values) {
  return llvm::any_of(values, [&](Value value) { return !grad.contributions(value).empty(); });
}

/// One lnx.accumulate for each contribution, right behind it: summing them first, or keeping them
/// until the parameter's turn comes, would cost buffers of its size.
static void accumulate(GetOp get, GradBuilder &grad) {
  OpBuilder &builder = grad.getBuilder();
  for (Value part : grad.contributions(get.getResult())) {
    OpBuilder::InsertionGuard guard(builder);
    if (part.getParentBlock() == builder.getInsertionBlock() && part.getDefiningOp())
      builder.setInsertionPointAfter(part.getDefiningOp());
    AccumulateOp::create(builder, get.getLoc(), get.getParameterAttr(), get.getLayer(), part);
  }
}

void Differentiator::run() {
  Block &body = function.getBody().front();
  Operation *end = body.getTerminator();
  OpBuilder builder(end);
  auto isWanted = [this](Value value) { return activity.isWanted(value); };
  GradBuilder grad(builder, end->getLoc(), isWanted);
  Value loss = end->getOperand(0);
  grad.add(loss, ArgumentOp::create(builder, end->getLoc(), loss.getType(),
                                    builder.getI64IntegerAttr(LNX_ARGUMENT_SCALE)));
  reverse(body, grad);
}

void Differentiator::reverse(Block &block, GradBuilder &grad) {
  SmallVector<Operation *> forward;
  for (Operation &op : block)
    forward.push_back(&op);
  for (Operation *op : llvm::reverse(forward)) {
    if (!hasGradient(grad, op->getResults()))
      continue;
    grad.setLoc(op->getLoc());
    if (auto repeat = dyn_cast<RepeatOp>(op))
      reverseRepeat(repeat, grad);
    else if (auto get = dyn_cast<GetOp>(op))
      accumulate(get, grad);
    else if (auto primitive = dyn_cast<PrimitiveOpInterface>(op))
      primitive.differentiate(grad);
  }
}

void Differentiator::reverseRepeat(RepeatOp repeat, GradBuilder &outer) {
  BackwardRepeat back;
  back.region.push_back(new Block);
  back.body().addArgument(outer.getBuilder().getIndexType(), repeat.getLoc());
  OpBuilder builder(repeat.getContext());
  builder.setInsertionPointToEnd(&back.body());
  auto isWanted = [this](Value value) { return activity.isWanted(value); };
  GradBuilder inner(builder, repeat.getLoc(), isWanted);
  openCarries(repeat, outer, back, inner);
  reverse(repeat.getBody().front(), inner);
  inner.setLoc(repeat.getLoc());
  closeCarries(repeat, back, inner);
  closeCaptures(repeat, outer, back, inner);
  SmallVector<Value> yielded = back.next;
  llvm::append_range(yielded, back.stacks);
  YieldOp::create(builder, repeat.getLoc(), yielded);
  finish(repeat, outer, back);
}

/// The gradients that come in: of the last carried values as carries, of stacks as slices.
void Differentiator::openCarries(RepeatOp repeat, GradBuilder &outer, BackwardRepeat &back,
                                 GradBuilder &inner) {
  Location loc = repeat.getLoc();
  Operation *yield = repeat.getBody().front().getTerminator();
  unsigned carryCount = repeat.getCarries().size();
  for (auto [index, result] : llvm::enumerate(repeat.getCarryResults())) {
    if (!activity.isWanted(result))
      continue;
    Value incoming = outer.gradient(result);
    back.carries.push_back(incoming ? incoming : zeroLike(outer.getBuilder(), loc, result));
    back.carryOf.push_back(repeat.getCarries()[index]);
    inner.add(yield->getOperand(index), back.body().addArgument(result.getType(), loc));
  }
  for (auto [index, result] : llvm::enumerate(repeat.getStackResults())) {
    Value incoming = outer.gradient(result);
    if (!incoming)
      continue;
    back.slices.push_back(incoming);
    Value yielded = yield->getOperand(carryCount + index);
    inner.add(yielded, back.body().addArgument(yielded.getType(), loc));
  }
}

/// The gradients that leave one layer: of its carried values and of its slices.
void Differentiator::closeCarries(RepeatOp repeat, BackwardRepeat &back, GradBuilder &inner) {
  Location loc = repeat.getLoc();
  for (auto [result, argument] : llvm::zip(repeat.getCarryResults(), repeat.getCarryArguments())) {
    if (!activity.isWanted(result))
      continue;
    Value outgoing = inner.gradient(argument);
    if (!outgoing)
      outgoing = zeroLike(inner.getBuilder(), loc, back.body().getArgument(1 + back.next.size()));
    back.next.push_back(outgoing);
  }
  for (auto [slice, argument] : llvm::zip(repeat.getSlices(), repeat.getSliceArguments())) {
    Value outgoing = inner.gradient(argument);
    if (!outgoing)
      continue;
    back.stacks.push_back(outgoing);
    back.stackOf.push_back(slice);
  }
}

/// Values from around the repeat that its body uses, in the order of their first use.
static SetVector<Value> capturesOf(RepeatOp repeat) {
  SetVector<Value> captures;
  repeat.getBody().walk([&](Operation *op) {
    for (Value operand : op->getOperands())
      if (!repeat.getBody().isAncestor(operand.getParentRegion()))
        captures.insert(operand);
  });
  return captures;
}

/// Gradients of captured values are summed over the layers in carries of their own; those of
/// parameters go to memory layer by layer.
void Differentiator::closeCaptures(RepeatOp repeat, GradBuilder &outer, BackwardRepeat &back,
                                   GradBuilder &inner) {
  for (Value captured : capturesOf(repeat)) {
    if (!hasGradient(inner, captured))
      continue;
    if (auto get = captured.getDefiningOp<GetOp>()) {
      accumulate(get, inner);
      continue;
    }
    Location loc = repeat.getLoc();
    back.carries.push_back(zeroLike(outer.getBuilder(), loc, captured));
    back.carryOf.push_back(captured);
    Value sum = back.body().insertArgument(back.carries.size(), captured.getType(), loc);
    back.next.push_back(inner.term(sum) + inner[captured]);
  }
}

/// The forward repeat with one more stack for each of `values`.
RepeatOp Differentiator::stackValues(RepeatOp repeat, ArrayRef<Value> values) {
  if (values.empty())
    return repeat;
  RepeatOp stacked = addStacks(repeat, values);
  repeat->remove();
  replaced.push_back(repeat);
  return stacked;
}

/// Builds the backward repeat and hands its results to the gradients around it.
void Differentiator::finish(RepeatOp repeat, GradBuilder &outer, BackwardRepeat &back) {
  SavedValues saved(repeat.getBody().front(), repeat, back.body(), back.slices);
  saved.replaceUses();
  RepeatOp forward = stackValues(repeat, saved.getStacked());
  auto stacks = forward->getResults().take_back(saved.getStacked().size());
  for (unsigned next = 0; Value &slice : back.slices)
    if (!slice)
      slice = stacks[next++];
  auto backward = RepeatOp::create(outer.getBuilder(), forward.getLoc(), forward.getFirst(),
                                   forward.getCount(), !forward.getReverse(), forward.getScope(),
                                   back.carries, back.slices, ValueRange(back.stacks).getTypes());
  backward.getBody().takeBody(back.region);
  for (auto [value, gradient] : llvm::zip(back.carryOf, backward.getCarryResults()))
    outer.add(value, gradient);
  for (auto [value, gradient] : llvm::zip(back.stackOf, backward.getStackResults()))
    outer.add(value, gradient);
}

/// A gradient is that of one number, the first result; others are only observed.
static bool returnsLoss(func::FuncOp function) {
  auto number = RankedTensorType::get({}, Float32Type::get(function.getContext()));
  return !function.isExternal() && function.getNumResults() > 0 &&
         function.getResultTypes().front() == number;
}

namespace {
struct Differentiate : mlir::lnx::impl::DifferentiateBase<Differentiate> {
  void runOnOperation() override {
    auto grad = getOperation().lookupSymbol<func::FuncOp>("grad");
    if (!grad)
      return;
    if (!returnsLoss(grad)) {
      grad.emitError() << "a loss is one number, not " << grad.getFunctionType();
      return signalPassFailure();
    }
    Differentiator(grad).run();
  }
};
} // namespace
