// RepeatLowering: a repeat becomes one loop whose carries keep their buffers.
// Part of EntryLowering. A layer of a stack is a view; a carry is copied only where its producer
// could not write it in place.
#include "compiler/lower/EntryLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::lnx;

// The first value of a carry may live on as the carry when the repeat is the last to read it.
bool EntryLowering::canAdopt(RepeatOp repeat, OpOperand &use) {
  Value first = use.get();
  if (!owned.contains(first) || first.getParentBlock() != repeat->getBlock())
    return false;
  satisfied.insert(&use);
  bool adopts = overwrite(first, repeat, first.getType()) == Overwrite::AfterReads;
  satisfied.erase(&use);
  return adopts;
}

Value EntryLowering::carryBuffer(RepeatOp repeat, OpOperand &use) {
  Value first = buffers.lookup(use.get());
  if (canAdopt(repeat, use))
    return first;
  Value buffer = allocate(cast<RankedTensorType>(use.get().getType()));
  transfer(first, buffer, Transfer::Copy);
  return buffer;
}

// Layers start at multiples of 64 bytes: rows are padded to 16, each a multiple of 4 bytes.
Stack EntryLowering::createStack(RankedTensorType layerType, int64_t count) {
  int64_t bytes = layerType.getElementTypeBitWidth() / 8;
  for (int64_t size : layerType.getShape())
    bytes *= ShapedType::isDynamic(size) ? 1 : size;
  auto byteType = builder.getI8Type();
  if (layerType.hasStaticShape()) {
    bytes = llvm::alignTo(bytes, 64);
    Value stack = memref::AllocOp::create(builder, loc, MemRefType::get({count * bytes}, byteType));
    return {stack, index(bytes)};
  }
  Value layerBytes = arith::MulIOp::create(builder, loc, paddedRows, index(bytes));
  Value allBytes = arith::MulIOp::create(builder, loc, paddedRows, index(bytes * count));
  auto stackType = MemRefType::get({ShapedType::kDynamic}, byteType);
  return {memref::AllocOp::create(builder, loc, stackType, ValueRange(allBytes)), layerBytes};
}

// Gives the body's arguments their buffers. What is stacked without being computed here is copied
// first, before a carry is overwritten.
LogicalResult EntryLowering::bindBody(RunningRepeat &repeat) {
  RepeatOp op = repeat.op;
  buffers[op.getLayer()] = repeat.layer;
  for (auto [argument, buffer] : llvm::zip_equal(op.getCarryArguments(), repeat.carries))
    buffers[argument] = buffer;
  for (auto [argument, slice] : llvm::zip_equal(op.getSliceArguments(), op.getSlices())) {
    auto stack = stacks.find(slice);
    if (stack == stacks.end())
      return op.emitOpError("slices a value that no repeat has stacked");
    buffers[argument] =
        viewLayer(stack->second, repeat.layer, cast<RankedTensorType>(argument.getType()));
  }
  Operation *yield = op.getBody().front().getTerminator();
  for (OpOperand &use : yield->getOpOperands().drop_front(repeat.carries.size())) {
    Value buffer = buffers.lookup(use.get());
    if (!buffer)
      continue;
    auto type = cast<RankedTensorType>(use.get().getType());
    const Stack &stack = repeat.stacks[use.getOperandNumber() - repeat.carries.size()];
    transfer(buffer, viewLayer(stack, repeat.layer, type), Transfer::Copy);
    satisfied.insert(&use);
  }
  return success();
}

// Stacks and carries that nothing wrote directly. A carry that becomes another carry goes through a
// temporary: both change at once.
void EntryLowering::finishIteration(RunningRepeat &repeat) {
  Operation *yield = repeat.op.getBody().front().getTerminator();
  unsigned carries = repeat.carries.size();
  for (OpOperand &use : yield->getOpOperands().drop_front(carries)) {
    if (satisfied.contains(&use))
      continue;
    auto type = cast<RankedTensorType>(use.get().getType());
    const Stack &stack = repeat.stacks[use.getOperandNumber() - carries];
    transfer(buffers.lookup(use.get()), viewLayer(stack, repeat.layer, type), Transfer::Copy);
  }
  SmallVector<std::pair<Value, Value>> moves;
  for (OpOperand &use : yield->getOpOperands().take_front(carries)) {
    Value from = buffers.lookup(use.get()), to = repeat.carries[use.getOperandNumber()];
    if (satisfied.contains(&use) || from == to)
      continue;
    Value root = use.get();
    while (auto reshape = root.getDefiningOp<ReshapeOp>())
      root = reshape.getX();
    if (isa<BlockArgument>(root)) {
      Value temporary = allocate(cast<RankedTensorType>(use.get().getType()));
      transfer(from, temporary, Transfer::Copy);
      from = temporary;
    }
    moves.emplace_back(from, to);
  }
  for (auto [from, to] : moves)
    transfer(from, to, Transfer::Copy);
}

LogicalResult EntryLowering::lowerRepeat(RepeatOp repeat) {
  RunningRepeat current{repeat, {}, {}, {}};
  int64_t count = repeat.getCount();
  unsigned carries = repeat.getCarries().size();
  for (OpOperand &use : repeat->getOpOperands().take_front(carries))
    current.carries.push_back(carryBuffer(repeat, use));
  for (Value stack : repeat.getStackResults())
    current.stacks.push_back(createStack(RepeatOp::getLayerType(stack.getType()), count));
  auto loop = scf::ForOp::create(builder, loc, index(0), index(count), index(1));
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(loop.getBody()->getTerminator());
    current.layer = loop.getInductionVar();
    if (repeat.getReverse())
      current.layer = arith::SubIOp::create(builder, loc, index(count - 1), current.layer);
    RunningRepeat *outer = std::exchange(running, &current);
    llvm::scope_exit restore([&] { running = outer; });
    if (failed(bindBody(current)) || failed(lowerBlock(repeat.getBody().front())))
      return failure();
    finishIteration(current);
  }
  for (auto [result, buffer] : llvm::zip_equal(repeat.getCarryResults(), current.carries)) {
    buffers[result] = buffer;
    owned.insert(result);
  }
  for (auto [result, stack] : llvm::zip_equal(repeat.getStackResults(), current.stacks))
    stacks[result] = stack;
  return success();
}
