// RepeatLowering: a repeat becomes one loop whose carries keep their memory.
// Part of EntryLowering. Layers of stacks are views, and carries are written where the next
// iteration reads them; copies are left only for values that nothing computes.
#include "compiler/lower/EntryLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/ScopeExit.h"

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

// What a body yields at position `index`.
static Value yielded(RepeatOp repeat, unsigned index) {
  return repeat.getBody().front().getTerminator()->getOperand(index);
}

// Whether the stack at yield position `index` holds the carry as it comes in, or as it goes out.
static bool stacksCarry(RepeatOp repeat, unsigned index, unsigned carry) {
  Value value = yielded(repeat, index);
  return value == repeat.getCarryArguments()[carry] || value == yielded(repeat, carry);
}

Carry::Kind EntryLowering::chooseKind(RepeatOp repeat, unsigned carry) const {
  Value old = repeat.getCarryArguments()[carry], next = yielded(repeat, carry);
  if (old == next)
    return Carry::Overwritten;
  unsigned carries = repeat.getCarries().size(), values = carries + repeat.getStackResults().size();
  for (unsigned index = carries; index < values; ++index)
    if (stacksCarry(repeat, index, carry) && !outerStack(repeat.getResult(index)))
      return Carry::Stacked;
  auto producer = next.getDefiningOp<GroupOp>();
  bool isComputed = producer && producer->getBlock() == &repeat.getBody().front();
  if (!isComputed || overwrite(old, producer, next.getType()) != Overwrite::No)
    return Carry::Overwritten;
  return Carry::Alternating;
}

// A carry at its first value.
Carry EntryLowering::startCarry(RepeatOp repeat, OpOperand &use) {
  Value first = buffers.lookup(use.get());
  auto type = cast<RankedTensorType>(use.get().getType());
  Carry carry;
  carry.kind = chooseKind(repeat, use.getOperandNumber());
  if (carry.kind == Carry::Overwritten) {
    bool adopts = canAdopt(repeat, use);
    carry.buffer = adopts ? first : allocate(type);
    if (!adopts)
      transfer(first, carry.buffer, Transfer::Copy);
    return carry;
  }
  int64_t count = carry.kind == Carry::Stacked ? repeat.getCount() + 1 : 2;
  carry.slots = createSlots(type, count);
  bool fromTheEnd = carry.kind == Carry::Stacked && repeat.getReverse();
  Value slot = index(fromTheEnd ? count - 1 : 0);
  transfer(first, viewSlot(carry.slots, slot, type), Transfer::Copy);
  return carry;
}

// Of all of it, or for each padded row, whose size counts as a multiple of 4 bytes.
static int64_t bytesOf(RankedTensorType type) {
  int64_t bytes = type.getElementTypeBitWidth() / 8;
  for (int64_t size : llvm::reverse(type.getShape()))
    bytes = ShapedType::isDynamic(size) ? llvm::alignTo(bytes, 4) : bytes * size;
  return bytes;
}

// Slots of rows start at multiples of 64 bytes: rows are padded to 16, each a multiple of 4 bytes.
// Layers of layers lie densely, so a slot can hold the slots of a repeat inside.
Slots EntryLowering::createSlots(RankedTensorType type, int64_t count) {
  int64_t bytes = bytesOf(type);
  auto byteType = builder.getI8Type();
  if (type.hasStaticShape()) {
    auto allType = MemRefType::get({count * bytes}, byteType);
    return {memref::AllocOp::create(builder, loc, allType), index(bytes)};
  }
  Value slotBytes = arith::MulIOp::create(builder, loc, paddedRows, index(bytes));
  Value allBytes = arith::MulIOp::create(builder, loc, paddedRows, index(bytes * count));
  auto allType = MemRefType::get({ShapedType::kDynamic}, byteType);
  return {memref::AllocOp::create(builder, loc, allType, ValueRange(allBytes)), slotBytes};
}

// The use of a stack as one layer of a stack of the repeat around.
OpOperand *EntryLowering::outerStack(Value stack) const {
  for (OpOperand &use : stack.getUses())
    if (running && use.getOwner() == running->op.getBody().front().getTerminator() &&
        use.getOperandNumber() >= running->carries.size())
      return &use;
  return nullptr;
}

// One layer of a stack of stacks, which is a stack itself.
Slots EntryLowering::layerOf(const Slots &stack, Value layer, RankedTensorType type) {
  int64_t bytes = bytesOf(RepeatOp::getLayerType(type));
  Value first = arith::AddIOp::create(builder, loc, layer, index(stack.first));
  Value offset = arith::MulIOp::create(builder, loc, first, stack.slotBytes);
  Value size = index(bytes);
  if (!type.hasStaticShape())
    size = arith::MulIOp::create(builder, loc, paddedRows, size);
  auto byteType = MemRefType::get({ShapedType::kDynamic}, builder.getI8Type());
  Value view = memref::ViewOp::create(builder, loc, byteType, stack.bytes, offset, stack.slotBytes);
  return {view, size};
}

Slots EntryLowering::createStack(RunningRepeat &repeat, unsigned number) {
  RepeatOp op = repeat.op;
  unsigned carries = repeat.carries.size();
  Value stack = op.getStackResults()[number];
  auto type = cast<RankedTensorType>(stack.getType());
  if (OpOperand *use = outerStack(stack)) {
    satisfied.insert(use);
    return layerOf(running->stacks[use->getOperandNumber() - running->carries.size()],
                   running->layer, type);
  }
  for (unsigned carry = 0; carry < carries; ++carry) {
    if (repeat.carries[carry].kind != Carry::Stacked || !stacksCarry(op, carries + number, carry))
      continue;
    Slots shared = repeat.carries[carry].slots;
    bool isIncoming = yielded(op, carries + number) == op.getCarryArguments()[carry];
    shared.first = isIncoming == op.getReverse() ? 1 : 0;
    satisfied.insert(&op.getBody().front().getTerminator()->getOpOperand(carries + number));
    return shared;
  }
  return createSlots(RepeatOp::getLayerType(type), op.getCount());
}

// The layers of a stacked carry are its slots: running forward, slot l is what comes into layer l
// and slot l + 1 what leaves it; in reverse the other way round.
void EntryLowering::createStacks(RunningRepeat &repeat) {
  for (unsigned number = 0; number < repeat.op.getStackResults().size(); ++number)
    repeat.stacks.push_back(createStack(repeat, number));
}

// The slots of this iteration.
void EntryLowering::turnCarries(RunningRepeat &repeat) {
  for (auto [carry, argument] : llvm::zip_equal(repeat.carries, repeat.op.getCarryArguments())) {
    auto type = cast<RankedTensorType>(argument.getType());
    if (carry.kind == Carry::Overwritten) {
      carry.current = carry.next = carry.buffer;
    } else {
      bool isStacked = carry.kind == Carry::Stacked;
      Value number = repeat.layer, other;
      if (isStacked) {
        other = arith::AddIOp::create(builder, loc, number, index(1));
      } else {
        number = arith::AndIOp::create(builder, loc, repeat.iteration, index(1));
        other = arith::SubIOp::create(builder, loc, index(1), number);
      }
      if (isStacked && repeat.op.getReverse())
        std::swap(number, other);
      carry.current = viewSlot(carry.slots, number, type);
      carry.next = viewSlot(carry.slots, other, type);
    }
    buffers[argument] = carry.current;
  }
}

// Copies a yielded value into its layer.
void EntryLowering::stackLayer(RunningRepeat &repeat, OpOperand &use) {
  auto type = cast<RankedTensorType>(use.get().getType());
  const Slots &stack = repeat.stacks[use.getOperandNumber() - repeat.carries.size()];
  auto inner = stacks.find(use.get());
  if (inner == stacks.end())
    return transfer(buffers.lookup(use.get()), viewSlot(stack, repeat.layer, type), Transfer::Copy);
  // All slots at once: as many padded rows as the stack inside has.
  auto flatType = MemRefType::get({ShapedType::kDynamic}, builder.getF32Type());
  Value floats = arith::DivUIOp::create(builder, loc, stack.slotBytes, index(4));
  Value start =
      arith::MulIOp::create(builder, loc, inner->second.slotBytes, index(inner->second.first));
  Value from = memref::ViewOp::create(builder, loc, flatType, inner->second.bytes, start,
                                      ValueRange(floats));
  Slots to = layerOf(stack, repeat.layer, type);
  Value into =
      memref::ViewOp::create(builder, loc, flatType, to.bytes, index(0), ValueRange(floats));
  transferFlat(from, into, floats, Transfer::Copy);
}

// Gives the body's arguments their buffers. What is stacked without being computed here is copied
// first, before a carry is overwritten.
LogicalResult EntryLowering::bindBody(RunningRepeat &repeat) {
  RepeatOp op = repeat.op;
  buffers[op.getLayer()] = repeat.layer;
  turnCarries(repeat);
  for (auto [argument, slice] : llvm::zip_equal(op.getSliceArguments(), op.getSlices())) {
    auto stack = stacks.find(slice);
    if (stack == stacks.end())
      return op.emitOpError("slices a value that no repeat has stacked");
    auto type = cast<RankedTensorType>(argument.getType());
    const Slots slots = stack->second;
    if (type.hasStaticShape() || type.isDynamicDim(0))
      buffers[argument] = viewSlot(slots, repeat.layer, type);
    if (type.getRank() > 0 && !type.isDynamicDim(0))
      stacks[argument] = layerOf(slots, repeat.layer, type);
  }
  Operation *yield = op.getBody().front().getTerminator();
  for (OpOperand &use : yield->getOpOperands().drop_front(repeat.carries.size())) {
    bool isThere = buffers.contains(use.get()) || stacks.contains(use.get());
    if (isThere && satisfied.insert(&use).second)
      stackLayer(repeat, use);
  }
  return success();
}

// Layers that nothing wrote directly.
void EntryLowering::finishStacks(RunningRepeat &repeat) {
  Operation *yield = repeat.op.getBody().front().getTerminator();
  for (OpOperand &use : yield->getOpOperands().drop_front(repeat.carries.size()))
    if (satisfied.insert(&use).second)
      stackLayer(repeat, use);
}

// Carries that nothing wrote directly. All change at once: slots that nobody reads any more are
// written first, and a carry that becomes another one goes through a temporary.
void EntryLowering::finishCarries(RunningRepeat &repeat) {
  Operation *yield = repeat.op.getBody().front().getTerminator();
  SmallVector<std::pair<Value, Value>> moves;
  for (bool overwrites : {false, true})
    for (OpOperand &use : yield->getOpOperands().take_front(repeat.carries.size())) {
      const Carry &carry = repeat.carries[use.getOperandNumber()];
      Value from = buffers.lookup(use.get());
      bool isOverwritten = carry.kind == Carry::Overwritten;
      if (satisfied.contains(&use) || isOverwritten != overwrites || from == carry.next)
        continue;
      if (!overwrites) {
        transfer(from, carry.next, Transfer::Copy);
        continue;
      }
      Value root = use.get();
      while (auto reshape = root.getDefiningOp<ReshapeOp>())
        root = reshape.getX();
      if (isa<BlockArgument>(root)) {
        Value temporary = allocate(cast<RankedTensorType>(use.get().getType()));
        transfer(from, temporary, Transfer::Copy);
        from = temporary;
      }
      moves.emplace_back(from, carry.next);
    }
  for (auto [from, to] : moves)
    transfer(from, to, Transfer::Copy);
}

void EntryLowering::bindResults(RunningRepeat &repeat) {
  RepeatOp op = repeat.op;
  for (auto [result, carry] : llvm::zip_equal(op.getCarryResults(), repeat.carries)) {
    if (carry.kind == Carry::Overwritten) {
      buffers[result] = carry.buffer;
      owned.insert(result);
      continue;
    }
    bool isStacked = carry.kind == Carry::Stacked;
    int64_t last = isStacked ? (op.getReverse() ? 0 : op.getCount()) : op.getCount() % 2;
    buffers[result] = viewSlot(carry.slots, index(last), cast<RankedTensorType>(result.getType()));
  }
  for (auto [result, stack] : llvm::zip_equal(op.getStackResults(), repeat.stacks)) {
    stacks[result] = stack;
    auto type = cast<RankedTensorType>(result.getType());
    if (!type.hasStaticShape())
      continue;
    Value start = arith::MulIOp::create(builder, loc, stack.slotBytes, index(stack.first));
    buffers[result] = viewBytes(stack.bytes, start, type);
  }
}

LogicalResult EntryLowering::lowerRepeat(RepeatOp repeat) {
  RunningRepeat current{repeat, {}, {}, {}, {}};
  int64_t count = repeat.getCount();
  for (OpOperand &use : repeat->getOpOperands().take_front(repeat.getCarries().size()))
    current.carries.push_back(startCarry(repeat, use));
  createStacks(current);
  auto loop = scf::ForOp::create(builder, loc, index(0), index(count), index(1));
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(loop.getBody()->getTerminator());
    current.iteration = current.layer = loop.getInductionVar();
    if (repeat.getReverse())
      current.layer = arith::SubIOp::create(builder, loc, index(count - 1), current.layer);
    RunningRepeat *outer = std::exchange(running, &current);
    llvm::scope_exit restore([&] { running = outer; });
    if (failed(bindBody(current)) || failed(lowerBlock(repeat.getBody().front())))
      return failure();
    finishStacks(current);
    finishCarries(current);
  }
  bindResults(current);
  return success();
}
