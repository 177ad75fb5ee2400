// SetPrecision: keep rows in bf16 between groups and compute on them in f32.
// Runs on level fused, where it is known which values are kept; parameters, their gradients and the
// numbers of a row stay f32 (decision 13).
#include "compiler/Passes.h"
#include "dialect/LnxDialect.h"
#include "llvm/ADT/EquivalenceClasses.h"

namespace mlir::lnx {
#define GEN_PASS_DEF_SETPRECISION
#include "compiler/Passes.h.inc"
} // namespace mlir::lnx

using namespace mlir;
using namespace mlir::lnx;

namespace {
/// The values of one entry that groups hand to each other.
class EntryPrecision {
public:
  explicit EntryPrecision(func::FuncOp entry)
      : entry(entry), narrow(BFloat16Type::get(entry.getContext())),
        wide(Float32Type::get(entry.getContext())) {}
  void run();

private:
  void visit(function_ref<void(Operation *)> body);
  void joinRepeat(RepeatOp repeat);
  void collect(Value value);
  void narrowTypes();
  void castInside(GroupOp group);
  void narrowInput(GroupOp group, BlockArgument argument);
  void narrowFactors(GroupOp group);
  Value narrowed(Value value);
  RankedTensorType as(Type type, Type element) {
    return RankedTensorType::get(cast<RankedTensorType>(type).getShape(), element);
  }

  func::FuncOp entry;
  Type narrow, wide;
  /// Values that share their memory, and so their precision.
  llvm::EquivalenceClasses<Value> classes;
  llvm::DenseMap<Value, Value> shadows; ///< fixed tensors in bf16
};
} // namespace

/// Row tensors of more than a number for each part of a row: sums over features, such as the
/// statistics of a norm, keep a last dimension of 1.
static bool hasRoundableShape(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.getElementType().isF32() || tensor.hasStaticShape())
    return false;
  ArrayRef<int64_t> shape = tensor.getShape();
  return !ShapedType::isDynamic(shape.back()) && shape.back() > 1;
}

// Everything but what is inside of groups.
void EntryPrecision::visit(function_ref<void(Operation *)> body) {
  entry->walk<WalkOrder::PreOrder>([&](Operation *op) {
    body(op);
    return isa<GroupOp>(op) ? WalkResult::skip() : WalkResult::advance();
  });
}

// A carry is one value in the course of time, a stack is its layers.
void EntryPrecision::joinRepeat(RepeatOp repeat) {
  ValueRange yielded = repeat.getBody().front().getTerminator()->getOperands();
  size_t carries = repeat.getCarries().size();
  for (size_t i = 0; i < carries; ++i) {
    Value start = repeat.getCarries()[i];
    for (Value same : {Value(repeat.getCarryArguments()[i]), yielded[i], repeat.getResult(i)})
      classes.unionSets(start, same);
  }
  for (auto [slice, argument] : llvm::zip_equal(repeat.getSlices(), repeat.getSliceArguments()))
    classes.unionSets(slice, argument);
  for (auto [layer, stack] : llvm::zip_equal(yielded.drop_front(carries), repeat.getStackResults()))
    classes.unionSets(layer, stack);
}

/// Whether the primitives that give or read a value inside of a group take it rounded.
static bool takesRounded(Value inside) {
  auto takes = [&](Operation *op) {
    auto primitive = dyn_cast_or_null<PrimitiveOpInterface>(op);
    return !primitive || !primitive.needsFullPrecision(inside);
  };
  return takes(inside.getDefiningOp()) && llvm::all_of(inside.getUsers(), takes);
}

/// Whether this use of a value outside of groups leaves it to us how it is kept.
static bool takesRounded(OpOperand &use) {
  Operation *user = use.getOwner();
  if (auto group = dyn_cast<GroupOp>(user))
    return takesRounded(group.getBody().getArgument(use.getOperandNumber()));
  return isa<RepeatOp, ReshapeOp>(user) ||
         (isa<YieldOp>(user) && isa<RepeatOp>(user->getParentOp()));
}

/// Whether this one of the values that share their memory may be rounded.
static bool isRoundable(Value value) {
  if (!hasRoundableShape(value.getType()) ||
      !llvm::all_of(value.getUses(), [](OpOperand &use) { return takesRounded(use); }))
    return false;
  Operation *definition = value.getDefiningOp();
  if (!definition)
    return isa<RepeatOp>(value.getParentBlock()->getParentOp());
  if (auto group = dyn_cast<GroupOp>(definition)) {
    unsigned number = cast<OpResult>(value).getResultNumber();
    return takesRounded(group.getBody().front().getTerminator()->getOperand(number));
  }
  return isa<RepeatOp, ReshapeOp>(definition);
}

void EntryPrecision::narrowTypes() {
  visit([&](Operation *op) {
    for (Value result : op->getResults())
      classes.insert(result);
    if (auto repeat = dyn_cast<RepeatOp>(op))
      joinRepeat(repeat);
    if (isa<ReshapeOp>(op))
      classes.unionSets(op->getOperand(0), op->getResult(0));
  });
  for (const auto *entry : classes) {
    if (!entry->isLeader())
      continue;
    auto members = classes.members(*entry);
    if (llvm::all_of(members, isRoundable))
      for (Value value : members)
        value.setType(as(value.getType(), narrow));
  }
}

/// Gives an argument its input's type; what reads it reads it widened.
void EntryPrecision::narrowInput(GroupOp group, BlockArgument argument) {
  OpBuilder b = OpBuilder::atBlockBegin(argument.getOwner());
  Type computed = argument.getType();
  argument.setType(group.getInputs()[argument.getArgNumber()].getType());
  auto cast = CastOp::create(b, group.getLoc(), computed, argument);
  argument.replaceAllUsesExcept(cast, cast);
}

/// Widens what a group reads and rounds what it gives.
void EntryPrecision::castInside(GroupOp group) {
  Block &body = group.getBody().front();
  for (BlockArgument argument : body.getArguments())
    if (group.getInputs()[argument.getArgNumber()].getType() != argument.getType())
      narrowInput(group, argument);
  Operation *yield = body.getTerminator();
  OpBuilder b(yield);
  for (auto [operand, result] : llvm::zip_equal(yield->getOpOperands(), group->getResults()))
    if (operand.get().getType() != result.getType())
      operand.set(b.createOrFold<CastOp>(group.getLoc(), result.getType(), operand.get()));
}

/// A fixed tensor in bf16, made right behind its definition: once for each place that reads it.
Value EntryPrecision::narrowed(Value value) {
  Value &shadow = shadows[value];
  if (shadow)
    return shadow;
  OpBuilder b(value.getContext());
  b.setInsertionPointAfterValue(value);
  auto kind = GroupKindAttr::get(b.getContext(), GroupKind::rows);
  Location loc = value.getLoc();
  auto group = GroupOp::create(b, loc, as(value.getType(), narrow), kind, value);
  Block &body = group.getBody().emplaceBlock();
  BlockArgument argument = body.addArgument(value.getType(), loc);
  OpBuilder inner = OpBuilder::atBlockEnd(&body);
  Value cast = CastOp::create(inner, loc, as(value.getType(), narrow), argument);
  YieldOp::create(inner, loc, cast);
  return shadow = group.getResult(0);
}

/// The fixed tensors that a product of bf16 rows takes in bf16 too: its matrix and, where it gives
/// bf16, what is added to it in the same group.
static SmallVector<BlockArgument> narrowFactorsOf(GroupOp group, PrimitiveOpInterface product) {
  for (Value operand : product->getOperands()) {
    auto type = cast<RankedTensorType>(operand.getType());
    bool isFull = isa<BlockArgument>(operand); // what is narrow has been widened
    if (type.getElementType().isF32() && hasRows(type) && isFull)
      return {};
  }
  bool givesNarrow = llvm::any_of(group.getResultTypes(), [](Type type) {
    return cast<RankedTensorType>(type).getElementType().isBF16();
  });
  return llvm::filter_to_vector(group.getBody().getArguments(), [&](BlockArgument argument) {
    auto type = cast<RankedTensorType>(argument.getType());
    bool isFactor = llvm::is_contained(product->getOperands(), argument);
    return type.getElementType().isF32() && !hasRows(type) && type.getRank() > 0 &&
           (isFactor || givesNarrow);
  });
}

void EntryPrecision::narrowFactors(GroupOp group) {
  llvm::SmallSetVector<Value, 2> factors;
  for (auto product : group.getBody().getOps<PrimitiveOpInterface>()) {
    if (product.getFlops().perRow == 0 && product.getFlops().perPair == 0)
      continue;
    SmallVector<BlockArgument> found = narrowFactorsOf(group, product);
    factors.insert(found.begin(), found.end());
  }
  for (Value factor : factors) {
    auto argument = cast<BlockArgument>(factor);
    OpOperand &input = group->getOpOperand(argument.getArgNumber());
    input.set(narrowed(input.get()));
    narrowInput(group, argument);
  }
}

void EntryPrecision::run() {
  narrowTypes();
  SmallVector<GroupOp> groups;
  entry.walk([&](GroupOp group) { groups.push_back(group); });
  for (GroupOp group : groups) {
    castInside(group);
    narrowFactors(group);
  }
}

namespace {
struct SetPrecision : lnx::impl::SetPrecisionBase<SetPrecision> {
  using SetPrecisionBase::SetPrecisionBase;
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isDeclaration())
        EntryPrecision(function).run();
  }
};
} // namespace
