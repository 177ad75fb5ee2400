// Buffers: views of the state, of stacks and of results, and moving data between buffers.
// Part of EntryLowering; every view has identity layout, so targets see plain memrefs.
#include "compiler/lower/EntryLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::lnx;

static constexpr int64_t floatBytes = 4;

static MemRefType bufferType(RankedTensorType type) {
  return MemRefType::get(type.getShape(), type.getElementType());
}

Value EntryLowering::index(int64_t value) {
  return arith::ConstantIndexOp::create(builder, loc, value);
}

SmallVector<Value> EntryLowering::zerosFor(Value buffer) {
  return SmallVector<Value>(cast<MemRefType>(buffer.getType()).getRank(), index(0));
}

Value EntryLowering::allocate(RankedTensorType type) {
  SmallVector<Value> sizes(type.getNumDynamicDims(), rows);
  return memref::AllocOp::create(builder, loc, bufferType(type), sizes);
}

Value EntryLowering::viewBytes(Value bytes, Value offset, RankedTensorType type) {
  SmallVector<Value> sizes(type.getNumDynamicDims(), rows);
  return memref::ViewOp::create(builder, loc, bufferType(type), bytes, offset, sizes);
}

// The same elements under another shape.
Value EntryLowering::viewAs(Value buffer, RankedTensorType type) {
  if (buffer.getType() == bufferType(type))
    return buffer;
  SmallVector<OpFoldResult> sizes, strides(type.getRank());
  int64_t stride = 1;
  for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
    strides[dim] = builder.getIndexAttr(stride);
    if (!type.isDynamicDim(dim))
      stride *= type.getDimSize(dim);
  }
  for (int64_t size : type.getShape())
    sizes.push_back(ShapedType::isDynamic(size) ? OpFoldResult(rows) : builder.getIndexAttr(size));
  return memref::ReinterpretCastOp::create(builder, loc, bufferType(type), buffer,
                                           OpFoldResult(builder.getIndexAttr(0)), sizes, strides);
}

Value EntryLowering::viewSlot(const Slots &slots, Value number, RankedTensorType type) {
  if (slots.first != 0)
    number = arith::AddIOp::create(builder, loc, number, index(slots.first));
  Value offset = arith::MulIOp::create(builder, loc, number, slots.slotBytes);
  return viewBytes(slots.bytes, offset, type);
}

Value EntryLowering::viewParameter(unsigned arena, ParameterOp parameter, Value layer,
                                   RankedTensorType type) {
  int64_t first = arena * program.layout.floats + program.layout.offset(parameter);
  Value offset = index(first * floatBytes);
  if (layer) {
    Value step = index(StateLayout::layerFloats(parameter) * floatBytes);
    Value skipped = arith::MulIOp::create(builder, loc, buffers.lookup(layer), step);
    offset = arith::AddIOp::create(builder, loc, offset, skipped);
  }
  return viewBytes(state, offset, type);
}

Value EntryLowering::viewSegment(StringRef arena, int64_t segment, RankedTensorType type) {
  int64_t number = llvm::StringSwitch<int64_t>(arena)
                       .Case("param", 0)
                       .Case("grad", 1)
                       .Case("m", 2)
                       .Case("v", 3)
                       .Default(-1);
  assert(number >= 0 && "an arena is one of param, grad, m, v");
  int64_t first = number * program.layout.floats + (segment ? program.layout.decayFloats : 0);
  return viewBytes(state, index(first * floatBytes), type);
}

Value EntryLowering::viewResult(RankedTensorType type) { return viewAs(results, type); }

// A few numbers, copied one by one: results are not aligned behind the first one.
void EntryLowering::appendResult(Value from, int64_t offset, RankedTensorType type) {
  int64_t count = type.getNumElements();
  Value flat = viewAs(from, RankedTensorType::get({count}, type.getElementType()));
  auto loop = scf::ForOp::create(builder, loc, index(0), index(count), index(1));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  Value number = memref::LoadOp::create(builder, loc, flat, loop.getInductionVar());
  Value to = arith::AddIOp::create(builder, loc, loop.getInductionVar(), index(offset));
  memref::StoreOp::create(builder, loc, number, results, to);
}

//===-- moving data --------------------------------------------------------===//

// Elements [lo, hi) of two flat buffers, 16 at a time and then one by one.
static void buildTransfer(OpBuilder &builder, ValueRange buffers, Value lo, Value hi, bool adds) {
  Location loc = lo.getLoc();
  Value from = buffers[0], to = buffers[1];
  auto vectorType = VectorType::get({16}, getElementTypeOrSelf(from.getType()));
  Value step = arith::ConstantIndexOp::create(builder, loc, 16);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value count = arith::SubIOp::create(builder, loc, hi, lo);
  Value rest = arith::RemUIOp::create(builder, loc, count, step);
  Value middle = arith::SubIOp::create(builder, loc, hi, rest);
  scf::ForOp::create(builder, loc, lo, middle, step, {},
                     [&](OpBuilder &b, Location loc, Value iv, ValueRange) {
                       Value value = vector::LoadOp::create(b, loc, vectorType, from, iv);
                       if (adds)
                         value = arith::AddFOp::create(
                             b, loc, vector::LoadOp::create(b, loc, vectorType, to, iv), value);
                       vector::StoreOp::create(b, loc, value, to, iv);
                       scf::YieldOp::create(b, loc);
                     });
  scf::ForOp::create(
      builder, loc, middle, hi, one, {}, [&](OpBuilder &b, Location loc, Value iv, ValueRange) {
        Value value = memref::LoadOp::create(b, loc, from, iv);
        if (adds)
          value = arith::AddFOp::create(b, loc, memref::LoadOp::create(b, loc, to, iv), value);
        memref::StoreOp::create(b, loc, value, to, iv);
        scf::YieldOp::create(b, loc);
      });
}

void EntryLowering::transferNumber(Value from, Value to, Transfer kind) {
  Value value = memref::LoadOp::create(builder, loc, from, zerosFor(from));
  if (kind == Transfer::Add) {
    Value sum = memref::LoadOp::create(builder, loc, to, zerosFor(to));
    value = arith::AddFOp::create(builder, loc, sum, value);
  }
  memref::StoreOp::create(builder, loc, value, to, zerosFor(to));
}

void EntryLowering::transferFlat(Value from, Value to, Value count, Transfer kind) {
  bool adds = kind == Transfer::Add;
  StringRef name = adds ? "add" : "copy";
  GroupBuffers group(builder, loc, program.kernels);
  if (program.target && succeeded(program.target->transfer(group, from, to, count, adds)))
    return;
  std::string key = llvm::formatv("{0} {1}", name, from.getType());
  func::FuncOp kernel = group.kernel(key, name, {from.getType(), to.getType()},
                                     [&](OpBuilder &b, ValueRange buffers, Value lo, Value hi) {
                                       buildTransfer(b, buffers, lo, hi, adds);
                                     });
  // 64 KiB of f32 a task: a task of this size costs more than handing it out, and two fit in an L2
  // cache.
  group.parallel(kernel, {from, to}, count, index(16384));
}

void EntryLowering::transfer(Value from, Value to, Transfer kind) {
  if (from == to && kind == Transfer::Copy)
    return;
  auto type = cast<MemRefType>(from.getType());
  int64_t fixed = 1;
  for (int64_t size : type.getShape())
    fixed *= ShapedType::isDynamic(size) ? 1 : size;
  if (type.hasStaticShape() && fixed == 1)
    return transferNumber(from, to, kind);
  Value count = index(fixed);
  if (!type.hasStaticShape())
    count = arith::MulIOp::create(builder, loc, rows, count);
  auto flatType = MemRefType::get({ShapedType::kDynamic}, type.getElementType());
  auto flatten = [&](Value buffer) -> Value {
    OpFoldResult offset = builder.getIndexAttr(0), stride = builder.getIndexAttr(1), size = count;
    return memref::ReinterpretCastOp::create(builder, loc, flatType, buffer, offset, ArrayRef(size),
                                             ArrayRef(stride));
  };
  transferFlat(flatten(from), flatten(to), count, kind);
}
