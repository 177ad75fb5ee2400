// JoinEpilogues: products and what cuBLASLt can do behind them become groups.
// Runs before lnx-form-groups, which leaves groups alone; a group that turns out to have no call is
// lowered one operation after another.
#include "compiler/target/cuda/Epilogues.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::lnx;

namespace {

struct JoinEpilogues : PassWrapper<JoinEpilogues, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(JoinEpilogues)

  StringRef getArgument() const final { return "lnx-join-epilogues"; }
  void runOnOperation() final;
};

} // namespace

//===-- groups -----------------------------------------------------------------===//

/// Makes a group of `ops`, in their order, in the place of `at`. Others may go on using some of
/// them.
static void makeGroup(ArrayRef<Operation *> ops, Operation *at, ValueRange outputs) {
  OpBuilder builder(at);
  Location loc = at->getLoc();
  llvm::SetVector<Value> inputs;
  for (Operation *op : ops)
    for (Value operand : op->getOperands())
      if (!llvm::is_contained(ops, operand.getDefiningOp()))
        inputs.insert(operand);
  auto kind = GroupKindAttr::get(builder.getContext(), GroupKind::gemm);
  auto group =
      GroupOp::create(builder, loc, outputs.getTypes(), kind, ValueRange(inputs.getArrayRef()));
  Block &body = group.getBody().emplaceBlock();
  IRMapping mapping;
  for (Value input : inputs)
    mapping.map(input, body.addArgument(input.getType(), input.getLoc()));
  OpBuilder inner = OpBuilder::atBlockEnd(&body);
  for (Operation *op : ops)
    inner.clone(*op, mapping);
  SmallVector<Value> yielded =
      llvm::map_to_vector(outputs, [&](Value output) { return mapping.lookup(output); });
  YieldOp::create(inner, loc, yielded);
  for (auto [output, result] : llvm::zip_equal(outputs, group.getResults()))
    output.replaceUsesWithIf(
        result, [&](OpOperand &use) { return !llvm::is_contained(ops, use.getOwner()); });
  for (Operation *op : llvm::reverse(ops))
    if (op->use_empty())
      op->erase();
}

//===-- bias and GELU ----------------------------------------------------------===//

/// The one vector that `add` adds to each row of `rows`; null where it adds something else.
static Value biasOf(AddOp add, Value rows) {
  Value other = add.getLhs() == rows ? add.getRhs() : add.getLhs();
  auto type = cast<RankedTensorType>(other.getType());
  bool isVector = type.getRank() == 1 &&
                  type.getDimSize(0) == cast<RankedTensorType>(rows.getType()).getDimSize(1);
  return other != rows && isVector && add.getResult().getType() == rows.getType() ? other : Value();
}

template <typename Op> static Op userOf(Value value) {
  for (Operation *user : value.getUsers())
    if (auto op = dyn_cast<Op>(user))
      return op;
  return Op();
}

/// Whether a value is in memory whoever reads it.
static bool isStored(Value value) {
  auto producer = dyn_cast_or_null<PrimitiveOpInterface>(value.getDefiningOp());
  return !producer || producer.getOpClass() != OpClass::Rowwise;
}

/// Whether someone needs `sum` in memory, or its GELU: what only kernels for rows read is added
/// there on the fly.
static bool isKept(Value sum) {
  return llvm::any_of(sum.getUsers(), [](Operation *user) {
    if (isa<YieldOp, func::ReturnOp, GeluOp>(user))
      return true;
    auto primitive = dyn_cast<PrimitiveOpInterface>(user);
    return primitive && !isa<ReshapeOp>(user) && primitive.getOpClass() != OpClass::Rowwise;
  });
}

/// The sum of a product and a bias that is kept, where the product has no other reader but stacks.
static AddOp keptSum(MatmulOp product) {
  auto add = userOf<AddOp>(product.getResult());
  bool isPlain = add && biasOf(add, product.getResult()) && isKept(add.getResult()) &&
                 add->getBlock() == product->getBlock();
  return isPlain ? add : AddOp();
}

/// The bias of layer `layer` that `add` adds to `rows`; null where it adds something else.
static GetOp parameterOf(AddOp add, Value rows, Value layer) {
  Value bias = biasOf(add, rows);
  auto get = bias ? bias.getDefiningOp<GetOp>() : GetOp();
  return get && get.getLayer() == layer ? get : GetOp();
}

/// Whether every reader of layer's `slice` adds the same parameter to it.
static bool addsEverywhere(RepeatOp repeat, BlockArgument slice, FlatSymbolRefAttr bias) {
  return llvm::all_of(slice.getUsers(), [&](Operation *user) {
    auto add = dyn_cast<AddOp>(user);
    GetOp get = add ? parameterOf(add, slice, repeat.getLayer()) : GetOp();
    return get && get.getParameterAttr() == bias;
  });
}

/// Lets a stack hold the sums of products and bias where it holds products, to which the bias is
/// added again by all who read them.
static void stackSums(RepeatOp repeat, MatmulOp product, AddOp add) {
  GetOp bias = parameterOf(add, product.getResult(), repeat.getLayer());
  Operation *yield = repeat.getBody().front().getTerminator();
  unsigned carries = repeat.getCarries().size();
  for (OpOperand &use : llvm::make_early_inc_range(product.getResult().getUses())) {
    if (!bias || use.getOwner() != yield || use.getOperandNumber() < carries)
      continue;
    SmallVector<BlockArgument> slices;
    bool canHold = true;
    for (OpOperand &read : repeat.getResult(use.getOperandNumber()).getUses()) {
      auto reader = dyn_cast<RepeatOp>(read.getOwner());
      unsigned first = reader ? reader.getCarries().size() : 0;
      canHold &= reader && read.getOperandNumber() >= first &&
                 reader.getFirst() == repeat.getFirst() && reader.getCount() == repeat.getCount();
      if (!canHold)
        break;
      slices.push_back(reader.getSliceArguments()[read.getOperandNumber() - first]);
      canHold = addsEverywhere(reader, slices.back(), bias.getParameterAttr());
      if (!canHold)
        break;
    }
    if (!canHold)
      continue;
    use.set(add.getResult());
    for (BlockArgument slice : slices)
      for (Operation *again : llvm::make_early_inc_range(slice.getUsers())) {
        again->getResult(0).replaceAllUsesWith(slice);
        again->erase();
      }
  }
}

static void joinBias(MatmulOp product) {
  SmallVector<Operation *> ops = {product};
  SmallVector<Value> outputs;
  Operation *place = product;
  Value last = product.getResult();
  if (AddOp add = keptSum(product)) {
    if (auto repeat = dyn_cast<RepeatOp>(product->getParentOp()))
      stackSums(repeat, product, add);
    if (product.getResult().hasOneUse()) {
      ops.push_back(place = add);
      last = add.getResult();
    }
  }
  auto gelu = userOf<GeluOp>(last);
  if (gelu && gelu->getBlock() == product->getBlock()) {
    if (!last.hasOneUse())
      outputs.push_back(last);
    ops.push_back(gelu);
    last = gelu.getResult();
  }
  outputs.push_back(last);
  if (ops.size() == 1)
    return;
  // Others may read the sum before its GELU is taken.
  makeGroup(ops, place, outputs);
}

//===-- the slope of GELU ------------------------------------------------------===//

/// A gradient of rows times the derivative of GELU at a value that is in memory.
static bool joinSlope(MatmulOp product) {
  auto mul = userOf<MulOp>(product.getResult());
  if (!mul || !product.getResult().hasOneUse() || mul->getBlock() != product->getBlock())
    return false;
  Value slope = mul.getLhs() == product.getResult() ? mul.getRhs() : mul.getLhs();
  Value argument = slope == product.getResult() ? Value() : cuda::geluArgument(slope);
  if (!argument || !isStored(argument))
    return false;
  llvm::SetVector<Operation *> ops;
  ops.insert(product);
  cuda::collectExpression(slope, ops, argument);
  ops.insert(mul);
  makeGroup(ops.getArrayRef(), mul, mul->getResults());
  return true;
}

//===-- gradients of weight and bias -------------------------------------------===//

/// The sum over the rows of `value` where it is read from memory anyway: what a kernel for rows
/// computes it sums on the way.
static SumRowsOp sumOf(Value value) {
  return value.getDefiningOp() && isStored(value) ? userOf<SumRowsOp>(value) : SumRowsOp();
}

static void joinSum(MatmulOp product) {
  if (!product.getTransposeLhs() || product.getTransposeRhs())
    return;
  SumRowsOp sum = sumOf(product.getRhs());
  if (!sum)
    sum = sumOf(product.getLhs());
  if (!sum || sum->getBlock() != product->getBlock())
    return;
  // The group takes the product's place, so the readers of the sum have to stand behind it.
  for (Operation *user : llvm::make_early_inc_range(sum->getUsers()))
    if (isa<AccumulateOp>(user))
      user->moveAfter(product->isBeforeInBlock(sum) ? sum.getOperation() : product.getOperation());
  bool isFree = llvm::all_of(sum->getUsers(), [&](Operation *user) {
    Operation *ancestor = product->getBlock()->findAncestorOpInBlock(*user);
    return ancestor && product->isBeforeInBlock(ancestor);
  });
  if (isFree)
    makeGroup({product, sum}, product, {product.getResult(), sum.getResult()});
}

void JoinEpilogues::runOnOperation() {
  SmallVector<MatmulOp> products;
  getOperation().walk([&](MatmulOp product) {
    if (!product->getParentOfType<GroupOp>() &&
        cast<RankedTensorType>(product.getResult().getType()).getRank() == 2)
      products.push_back(product);
  });
  for (MatmulOp product : products) {
    if (product.getTransposeLhs())
      joinSum(product);
    else if (!joinSlope(product))
      joinBias(product);
  }
}

std::unique_ptr<Pass> cuda::createJoinEpilogues() { return std::make_unique<JoinEpilogues>(); }
