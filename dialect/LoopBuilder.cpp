// LoopBuilder.cpp: loops, loads and stores of the reference lowerings.
// Each op's `lower` relies on it; see LoopBuilder.h for the rules of broadcasting and accumulation.
#include "dialect/LoopBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::lnx;

Value LoopBuilder::size(Value buffer, int64_t dim) {
  auto type = cast<MemRefType>(buffer.getType());
  if (!type.isDynamicDim(dim))
    return index(type.getDimSize(dim));
  return memref::DimOp::create(builder, loc, buffer, dim);
}

SmallVector<Value> LoopBuilder::sizes(Value buffer) {
  SmallVector<Value> all;
  for (int64_t dim = 0, rank = cast<MemRefType>(buffer.getType()).getRank(); dim < rank; ++dim)
    all.push_back(size(buffer, dim));
  return all;
}

Value LoopBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(builder, loc, value);
}

Value LoopBuilder::number(double value) {
  return arith::ConstantOp::create(builder, loc,
                                   builder.getF32FloatAttr(static_cast<float>(value)));
}

void LoopBuilder::forEach(ArrayRef<Value> sizes, function_ref<void(ValueRange)> body) {
  OpBuilder::InsertionGuard guard(builder);
  SmallVector<Value> indices;
  for (Value size : sizes) {
    auto loop = scf::ForOp::create(builder, loc, index(0), size, index(1));
    indices.push_back(loop.getInductionVar());
    builder.setInsertionPointToStart(loop.getBody());
  }
  body(indices);
}

Value LoopBuilder::reduce(Value size, Value init, function_ref<Value(Value, Value)> body) {
  auto loop = scf::ForOp::create(builder, loc, index(0), size, index(1), init);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  Value next = body(loop.getInductionVar(), loop.getRegionIterArg(0));
  scf::YieldOp::create(builder, loc, next);
  return loop.getResult(0);
}

Value LoopBuilder::load(Value buffer, ValueRange indices) {
  return memref::LoadOp::create(builder, loc, buffer, indices);
}

Value LoopBuilder::loadIndex(Value buffer, Value row) {
  return arith::IndexCastOp::create(builder, loc, builder.getIndexType(), load(buffer, row));
}

Value LoopBuilder::loadBroadcast(Value buffer, ValueRange indices, bool resultHasRows) {
  auto type = cast<MemRefType>(buffer.getType());
  bool withRows = type.getRank() > 0 && type.isDynamicDim(0);
  SmallVector<Value> place;
  if (withRows)
    place.push_back(indices.front());
  ArrayRef<int64_t> features = type.getShape().drop_front(withRows);
  ValueRange inner = indices.drop_front(resultHasRows).take_back(features.size());
  for (auto [size, index] : llvm::zip_equal(features, inner))
    place.push_back(size == 1 ? this->index(0) : index);
  return load(buffer, place);
}

void LoopBuilder::store(unsigned result, ValueRange indices, Value value) {
  if (accumulate[result])
    return addTo(result, indices, value);
  memref::StoreOp::create(builder, loc, value, results[result], indices);
}

void LoopBuilder::clear(unsigned result) {
  if (accumulate[result])
    return;
  Value zero = number(0);
  forEach(sizes(results[result]), [&](ValueRange indices) {
    memref::StoreOp::create(builder, loc, zero, results[result], indices);
  });
}

void LoopBuilder::addTo(unsigned result, ValueRange indices, Value value) {
  Value sum = add(load(results[result], indices), value);
  memref::StoreOp::create(builder, loc, sum, results[result], indices);
}

Value LoopBuilder::add(Value a, Value b) { return arith::AddFOp::create(builder, loc, a, b); }
Value LoopBuilder::sub(Value a, Value b) { return arith::SubFOp::create(builder, loc, a, b); }
Value LoopBuilder::mul(Value a, Value b) { return arith::MulFOp::create(builder, loc, a, b); }
