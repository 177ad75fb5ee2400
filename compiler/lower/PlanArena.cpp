// PlanArena: place every buffer in the one scratch block.
// Runs last on level loops; the runtime reserves what the attributes of each entry say.
#include "compiler/Passes.h"
#include "compiler/lower/Intervals.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/DenseMap.h"

namespace mlir::lnx {
#define GEN_PASS_DEF_PLANARENA
#include "compiler/Passes.h.inc"
} // namespace mlir::lnx

using namespace mlir;
using namespace mlir::lnx;

namespace {
/// A buffer of the entry function: so many bytes for each (padded) row, or in all.
struct Buffer {
  memref::AllocOp op;
  bool perRow = false;
  Interval interval;
};

/// Positions of operations in the order they run, loops as nested ranges.
class Timeline {
public:
  explicit Timeline(func::FuncOp function) { number(function.getBody()); }
  int64_t begin(Operation *op) const { return ranges.lookup(op).first; }
  int64_t end(Operation *op) const { return ranges.lookup(op).second; }

private:
  void number(Region &region) {
    for (Block &block : region)
      for (Operation &op : block) {
        int64_t first = next++;
        for (Region &inner : op.getRegions())
          number(inner);
        ranges[&op] = {first, next++};
      }
  }
  llvm::DenseMap<Operation *, std::pair<int64_t, int64_t>> ranges;
  int64_t next = 0;
};
} // namespace

static bool isConstant(Value value, int64_t expected) {
  return getConstantIntValue(value) == expected;
}

// rows = batch * time, the two index arguments of every entry.
static bool isRows(Value value, func::FuncOp function) {
  auto product = value.getDefiningOp<arith::MulIOp>();
  auto isArgument = [&](Value factor) {
    auto argument = dyn_cast<BlockArgument>(factor);
    return argument && argument.getOwner() == &function.getBody().front();
  };
  return product && isArgument(product.getLhs()) && isArgument(product.getRhs());
}

// (rows + 15) & -16.
static bool isPaddedRows(Value value, func::FuncOp function) {
  auto masked = value.getDefiningOp<arith::AndIOp>();
  if (!masked || !isConstant(masked.getRhs(), -16))
    return false;
  auto raised = masked.getLhs().getDefiningOp<arith::AddIOp>();
  return raised && isConstant(raised.getRhs(), 15) && isRows(raised.getLhs(), function);
}

// Bytes of a buffer: in all when its size is static, for each row when it is linear in the rows.
static LogicalResult measure(Buffer &buffer, func::FuncOp function) {
  MemRefType type = buffer.op.getType();
  int64_t bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  for (int64_t size : type.getShape())
    bytes *= ShapedType::isDynamic(size) ? 1 : size;
  buffer.interval.bytes = bytes;
  buffer.perRow = !type.hasStaticShape();
  if (!buffer.perRow)
    return success();
  Value size = buffer.op.getDynamicSizes().front();
  if (buffer.op.getDynamicSizes().size() == 1 && isRows(size, function))
    return success();
  auto product = size.getDefiningOp<arith::MulIOp>();
  APInt factor;
  if (type.getElementTypeBitWidth() != 8 || !product || !isPaddedRows(product.getLhs(), function) ||
      !matchPattern(product.getRhs(), m_ConstantInt(&factor)))
    return buffer.op.emitOpError("has a size that is not linear in the rows");
  buffer.interval.bytes *= factor.getSExtValue();
  return success();
}

// True where a result is another name of what the operand points to. Addresses are followed through
// index arithmetic to the call that takes them.
static bool passesOn(Operation *user, Value operand) {
  if (isa<ViewLikeOpInterface, memref::ExtractAlignedPointerAsIndexOp>(user))
    return true;
  return operand.getType().isIntOrIndex() && isa<arith::ArithDialect>(user->getDialect());
}

// A buffer lives from its first to its last use. What is used in a loop that it was made outside of
// lives for the whole loop.
static void setLifetime(Buffer &buffer, const Timeline &timeline) {
  Block *block = buffer.op->getBlock();
  int64_t first = timeline.end(buffer.op), last = first;
  bool isUsed = false;
  SmallVector<Value> names = {buffer.op.getResult()};
  while (!names.empty()) {
    Value name = names.pop_back_val();
    for (Operation *user : name.getUsers()) {
      Operation *ancestor = block->findAncestorOpInBlock(*user);
      first = isUsed ? std::min(first, timeline.begin(ancestor)) : timeline.begin(ancestor);
      last = std::max(last, timeline.end(ancestor));
      isUsed = true;
      if (passesOn(user, name))
        names.append(user->result_begin(), user->result_end());
    }
  }
  buffer.interval.begin = first;
  buffer.interval.end = last;
}

// Places the buffers of one class; returns their size together.
static int64_t placeClass(MutableArrayRef<Buffer> buffers, bool perRow, int64_t alignment) {
  SmallVector<Interval> intervals;
  for (Buffer &buffer : buffers)
    if (buffer.perRow == perRow)
      intervals.push_back(buffer.interval);
  int64_t size = placeIntervals(intervals, alignment);
  Interval *next = intervals.begin();
  for (Buffer &buffer : buffers)
    if (buffer.perRow == perRow)
      buffer.interval = *next++;
  return size;
}

// The row part comes first, so fixed buffers start behind rows * bytesPerRow.
static void replace(Buffer &buffer, Value scratch, Value paddedRows, int64_t bytesPerRow) {
  memref::AllocOp op = buffer.op;
  OpBuilder b(op);
  Location loc = op.getLoc();
  auto index = [&](int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); };
  int64_t offset = buffer.interval.offset;
  Value start =
      arith::MulIOp::create(b, loc, paddedRows, index(buffer.perRow ? offset : bytesPerRow));
  if (!buffer.perRow)
    start = arith::AddIOp::create(b, loc, start, index(offset));
  Value view = memref::ViewOp::create(b, loc, op.getType(), scratch, start, op.getDynamicSizes());
  op.replaceAllUsesWith(view);
  op.erase();
}

static Value createPaddedRows(func::FuncOp function) {
  OpBuilder b = OpBuilder::atBlockBegin(&function.getBody().front());
  Location loc = function.getLoc();
  Value rows = arith::MulIOp::create(b, loc, function.getArgument(4), function.getArgument(5));
  Value raised = arith::AddIOp::create(b, loc, rows, arith::ConstantIndexOp::create(b, loc, 15));
  return arith::AndIOp::create(b, loc, raised, arith::ConstantIndexOp::create(b, loc, -16));
}

static LogicalResult planArena(func::FuncOp function) {
  SmallVector<Buffer> buffers;
  function.walk([&](memref::AllocOp op) { buffers.push_back({op, false, {}}); });
  Timeline timeline(function);
  for (Buffer &buffer : buffers) {
    if (failed(measure(buffer, function)))
      return failure();
    setLifetime(buffer, timeline);
  }
  // Rows are padded to 16, so multiples of 4 bytes a row are multiples of 64 bytes.
  int64_t bytesPerRow = placeClass(buffers, /*perRow=*/true, /*alignment=*/4);
  int64_t fixedBytes = placeClass(buffers, /*perRow=*/false, /*alignment=*/64);
  if (!buffers.empty()) {
    Value paddedRows = createPaddedRows(function);
    for (Buffer &buffer : buffers)
      replace(buffer, function.getArgument(1), paddedRows, bytesPerRow);
  }
  Builder builder(function.getContext());
  function->setAttr("lnx.scratch_bytes_per_row", builder.getI64IntegerAttr(bytesPerRow));
  function->setAttr("lnx.scratch_fixed_bytes", builder.getI64IntegerAttr(fixedBytes));
  return success();
}

namespace {
struct PlanArena : lnx::impl::PlanArenaBase<PlanArena> {
  using PlanArenaBase::PlanArenaBase;
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function->hasAttr("lnx.entry") && failed(planArena(function)))
        return signalPassFailure();
  }
};
} // namespace
