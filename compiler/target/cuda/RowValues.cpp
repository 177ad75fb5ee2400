// RowValues: how a team reads its inputs and computes its values.
// The other half of RowEmitter; nests and reductions are in RowEmitter.cpp.
#include "compiler/target/cuda/RowEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::cuda;

//===-- values -----------------------------------------------------------===//

/// Whether a value of these dimensions differs between the lanes of a thread.
bool RowEmitter::isWide(DimSet dims) const {
  return team.shape.lanes > 1 && !nest->dims.empty() && (dims >> (nest->dims.size() - 1) & 1);
}

Value RowEmitter::widened(Value value) {
  if (team.shape.lanes == 1 || isa<VectorType>(value.getType()))
    return value;
  auto type = VectorType::get({team.shape.lanes}, value.getType());
  return vector::BroadcastOp::create(b, loc, type, value);
}

Value RowEmitter::get(Value value, DimSet dims, size_t piece) {
  auto known = [&]() -> Value & {
    if (dims == 0)
      return numbers[value];
    SmallVector<Value> &all =
        dims == nest->all() ? wholes[{value, nest->size}] : parts[{value, dims}];
    all.resize(pieces.size());
    return all[piece];
  };
  if (Value found = known())
    return found;
  Value result = compute(value, dims, piece);
  return known() = result;
}

Value RowEmitter::compute(Value value, DimSet dims, size_t piece) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return load(buffers.inputs[cast<BlockArgument>(value).getArgNumber()], dims, piece);
  if (plan.isView(op))
    return get(op->getOperand(0), plan.operandDims(*nest, value, op->getOperand(0), dims), piece);
  if (!isa<ReductionOpInterface>(op))
    return emitElementwise(op, value, dims, piece);
  Value at = flatten(dims, pieces[piece].ivs);
  Value start = team.offset(plan.shape(value).size);
  at = arith::AddIOp::create(b, loc, start, at);
  return loadAt(exchanged.lookup(value), at, isWide(dims));
}

Value RowEmitter::emitElementwise(Operation *op, Value value, DimSet dims, size_t piece) {
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(get(operand, plan.operandDims(*nest, value, operand, dims), piece));
  if (isWide(dims))
    for (Value &operand : operands)
      operand = widened(operand);
  return cast<ElementwiseOpInterface>(op).emit(b, loc, operands);
}

//===-- memory -----------------------------------------------------------===//

SmallVector<Value> RowEmitter::address(const RowBuffer &buffer, DimSet dims, size_t piece,
                                       Value row) {
  SmallVector<Value> indices;
  if (cast<MemRefType>(buffer.memref.getType()).getRank() == 0)
    return indices;
  if (buffer.hasRows)
    indices.push_back(row);
  indices.push_back(flatten(dims, pieces[piece].ivs));
  return indices;
}

Value RowEmitter::loadAt(const RowBuffer &buffer, ArrayRef<Value> indices, bool wide) {
  if (!wide)
    return memref::LoadOp::create(b, loc, buffer.memref, indices);
  auto type = VectorType::get({team.shape.lanes}, getElementTypeOrSelf(buffer.memref.getType()));
  return vector::LoadOp::create(b, loc, type, buffer.memref, indices, /*nontemporal=*/false,
                                alignmentOf(type.getElementType(), team.shape.lanes));
}

Value RowEmitter::load(const RowBuffer &buffer, DimSet dims, size_t piece) {
  return loadAt(buffer, address(buffer, dims, piece, row), isWide(dims));
}

void RowEmitter::store(const RowBuffer &buffer, size_t piece, Value row, Value value) {
  SmallVector<Value> at = address(buffer, nest->all(), piece, row);
  if (!isa<VectorType>(value.getType())) {
    memref::StoreOp::create(b, loc, value, buffer.memref, at);
    return;
  }
  vector::StoreOp::create(b, loc, value, buffer.memref, at, /*nontemporal=*/false,
                          alignmentOf(getElementTypeOrSelf(value.getType()), team.shape.lanes));
}

Value RowEmitter::isLeader() {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, team.thread, indexOf(b, loc, 0));
}

void RowEmitter::writeResult(const Sink &sink, size_t piece, Value value) {
  const RowBuffer &buffer = buffers.results[sink.result];
  Value mine = nest->dims.empty() ? isLeader() : pieces[piece].isValid;
  guarded({mine, isRow}, [&] {
    if (buffers.accumulate[sink.result]) {
      Value old = loadAt(buffer, address(buffer, nest->all(), piece, row), isWide(nest->all()));
      value = arith::AddFOp::create(b, loc, old, value);
    }
    store(buffer, piece, row, value);
  });
}

/// Runs the code of `body` where all conditions hold; null ones do.
void RowEmitter::guarded(ArrayRef<Value> conditions, function_ref<void()> body) {
  Value all;
  for (Value condition : conditions)
    if (condition)
      all = all ? arith::AndIOp::create(b, loc, all, condition).getResult() : condition;
  if (!all)
    return body();
  auto choice = scf::IfOp::create(b, loc, all);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&choice.getThenRegion().front());
  body();
}
