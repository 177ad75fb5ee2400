// NestValues: how a nest reads its inputs and computes its values.
// The other half of NestEmitter; the loops are in NestEmitter.cpp.
#include "compiler/target/cpu/NestEmitter.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::lnx;

//===-- memory -----------------------------------------------------------===//

/// The indices of the element that the loops stand at, emitted at the depth of `dims`.
SmallVector<Value> NestEmitter::address(const RowBuffer &buffer, DimSet dims) {
  SmallVector<Value> indices;
  if (cast<MemRefType>(buffer.memref.getType()).getRank() == 0)
    return indices;
  if (buffer.hasRows)
    indices.push_back(scope.row);
  Value flat;
  for (unsigned dim = 0; dim < depths; ++dim) {
    if (!(dims >> dim & 1))
      continue;
    flat = flat ? arith::MulIOp::create(b, loc, flat, index(nest.dims[dim])).getResult() : Value();
    flat = flat ? arith::AddIOp::create(b, loc, flat, ivs[dim]).getResult() : ivs[dim];
  }
  indices.push_back(flat ? flat : index(0));
  return indices;
}

Value NestEmitter::load(const RowBuffer &buffer, DimSet dims) {
  SmallVector<Value> indices = address(buffer, dims);
  if (depths == 0 || depthOf(dims) < depths)
    return memref::LoadOp::create(b, loc, buffer.memref, indices);
  auto type = VectorType::get({width}, getElementTypeOrSelf(buffer.memref.getType()));
  if (mask)
    return vector::MaskedLoadOp::create(b, loc, type, buffer.memref, indices, mask,
                                        arith::ConstantOp::create(b, loc, b.getZeroAttr(type)));
  return vector::LoadOp::create(b, loc, type, buffer.memref, indices);
}

void NestEmitter::store(const RowBuffer &buffer, DimSet dims, Value value) {
  SmallVector<Value> indices = address(buffer, dims);
  if (depths == 0 || depthOf(dims) < depths)
    memref::StoreOp::create(b, loc, value, buffer.memref, indices);
  else if (mask)
    vector::MaskedStoreOp::create(b, loc, buffer.memref, indices, mask, asVector(value));
  else
    vector::StoreOp::create(b, loc, asVector(value), buffer.memref, indices);
}

RowBuffer NestEmitter::stackBuffer(Value value, int64_t size) {
  Value &buffer = scope.stack[value];
  if (!buffer) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(scope.entry);
    auto type = MemRefType::get({size}, getElementTypeOrSelf(value.getType()));
    buffer = memref::AllocaOp::create(b, loc, type, b.getI64IntegerAttr(64));
  }
  return {buffer, false};
}

void NestEmitter::clearStack(const RowBuffer &buffer, int64_t size, double value) {
  auto loop = scf::ForOp::create(b, loc, index(0), index(size), index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  memref::StoreOp::create(b, loc, number(value), buffer.memref, loop.getInductionVar());
}

/// An input, a reduction's result or a kept value.
Value NestEmitter::loadLeaf(Value value, DimSet dims) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return load(scope.arguments.inputs[argument.getArgNumber()], dims);
  if (int result = plan.keptIn(value); result >= 0)
    return load(scope.arguments.results[result], dims);
  return load(stackBuffer(value, plan.shape(value).size), dims);
}

//===-- values -----------------------------------------------------------===//

Value NestEmitter::asVector(Value value) {
  if (isa<VectorType>(value.getType()))
    return value;
  return vector::BroadcastOp::create(b, loc, VectorType::get({width}, value.getType()), value);
}

Value NestEmitter::get(Value value, DimSet dims) {
  unsigned depth = depthOf(dims);
  bool isInner = depths > 0 && depth == depths;
  auto find = [&]() -> Value & {
    if (depth == 0)
      return scope.rowNumbers[value];
    return (isInner ? inner : outer)[{value, dims}];
  };
  if (Value known = find())
    return known;
  Value result = compute(value, dims);
  return find() = result;
}

Value NestEmitter::compute(Value value, DimSet dims) {
  Operation *op = value.getDefiningOp();
  int index = static_cast<int>(&nest - plan.nests.begin());
  bool isReduction = op && isa<ReductionOpInterface>(op) && !plan.isView(op);
  bool isKept = plan.keptBy(value) >= 0 && plan.keptBy(value) < index;
  if (op && !isReduction && !isKept && plan.isView(op))
    return get(op->getOperand(0), plan.operandDims(nest, value, op->getOperand(0), dims));
  if (op && !isReduction && !isKept)
    return emitElementwise(op, value, dims);
  OpBuilder::InsertionGuard guard(b);
  b.restoreInsertionPoint(points[depthOf(dims)]);
  return loadLeaf(value, dims);
}

Value NestEmitter::emitElementwise(Operation *op, Value value, DimSet dims) {
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(get(operand, plan.operandDims(nest, value, operand, dims)));
  OpBuilder::InsertionGuard guard(b);
  unsigned depth = depthOf(dims);
  b.restoreInsertionPoint(points[depth]);
  if (depths > 0 && depth == depths)
    for (Value &operand : operands)
      operand = asVector(operand);
  return cast<ElementwiseOpInterface>(op).emit(b, loc, operands);
}
