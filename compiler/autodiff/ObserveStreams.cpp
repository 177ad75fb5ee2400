// ObserveStreams: make @grad return how large the stream is after each layer.
// Runs before differentiate; the sums are row-wise work, so form-groups puts them into the kernel
// that computes the stream and nothing is read once more.
#include "compiler/Passes.h"

namespace mlir::lnx {
#define GEN_PASS_DEF_OBSERVESTREAMS
#include "compiler/Passes.h.inc"
} // namespace mlir::lnx

using namespace mlir;
using namespace mlir::lnx;

/// Sums over all rows and features: tensor<?x..xWxf32> to tensor<..x1xf32>, one number for each
/// leading feature.
static Value sumOverAll(OpBuilder &builder, Location loc, Value x) {
  return SumRowsOp::create(builder, loc, SumOp::create(builder, loc, x, /*axis=*/-1));
}

/// What one layer adds to the stacks: sums of |x|, x and x^2 of each stream.
static SmallVector<Value> observe(RepeatOp repeat, SmallVectorImpl<Attribute> &table) {
  Operation *yield = repeat.getBody().front().getTerminator();
  OpBuilder builder(yield);
  SmallVector<Value> sums;
  for (Value x : yield->getOperands().take_front(repeat.getCarries().size())) {
    auto type = cast<RankedTensorType>(x.getType());
    if (!hasRows(type) || !isa<FloatType>(type.getElementType()) || getFeatures(type).empty())
      continue;
    int64_t features = ShapedType::getNumElements(getFeatures(type));
    int64_t sumsPerLayer = features / getFeatures(type).back();
    Location loc = yield->getLoc();
    sums.push_back(sumOverAll(builder, loc, AbsOp::create(builder, loc, x)));
    sums.push_back(sumOverAll(builder, loc, x));
    sums.push_back(sumOverAll(builder, loc, MulOp::create(builder, loc, x, x)));
    table.push_back(builder.getDenseI64ArrayAttr({static_cast<int64_t>(repeat.getFirst()),
                                                  static_cast<int64_t>(repeat.getCount()), features,
                                                  sumsPerLayer}));
  }
  return sums;
}

/// The same repeat with `sums` as further stacks.
static RepeatOp withStacks(RepeatOp repeat, ArrayRef<Value> sums) {
  Operation *yield = repeat.getBody().front().getTerminator();
  yield->insertOperands(yield->getNumOperands(), sums);
  OpBuilder builder(repeat);
  auto observed = RepeatOp::create(
      builder, repeat.getLoc(), repeat.getFirst(), repeat.getCount(), repeat.getReverse(),
      repeat.getScope(), repeat.getCarries(), repeat.getSlices(),
      yield->getOperands().drop_front(repeat.getCarries().size()).getTypes());
  observed.getBody().takeBody(repeat.getBody());
  repeat->replaceAllUsesWith(observed->getResults().take_front(repeat->getNumResults()));
  repeat.erase();
  return observed;
}

namespace {
struct ObserveStreams : mlir::lnx::impl::ObserveStreamsBase<ObserveStreams> {
  void runOnOperation() override {
    auto grad = getOperation().lookupSymbol<func::FuncOp>("grad");
    if (!grad || grad.isExternal())
      return;
    Block &body = grad.getBody().front();
    Operation *end = body.getTerminator();
    SmallVector<Attribute> table;
    for (RepeatOp repeat : llvm::make_early_inc_range(body.getOps<RepeatOp>())) {
      if (repeat.getCount() == 0)
        continue;
      SmallVector<Value> sums = observe(repeat, table);
      if (sums.empty())
        continue;
      RepeatOp observed = withStacks(repeat, sums);
      end->insertOperands(end->getNumOperands(), observed->getResults().take_back(sums.size()));
    }
    if (table.empty())
      return;
    grad.setType(FunctionType::get(&getContext(), grad.getArgumentTypes(), end->getOperandTypes()));
    getOperation()->setAttr("lnx.streams", ArrayAttr::get(&getContext(), table));
  }
};
} // namespace
