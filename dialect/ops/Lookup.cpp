// Lookup.cpp: rows of tables by id, and positions.
// scatter_rows is the transpose of gather; both run over rows in order, so sums have one order.
#include "dialect/ops/Attributes.h"
#include "dialect/ops/Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;

static LogicalResult expectIds(std::optional<Location> location, Type ids) {
  auto tensor = cast<RankedTensorType>(ids);
  if (hasRows(ids) && tensor.getRank() == 1)
    return success();
  return emitOptionalError(location, "ids must be tensor<?xi32>, not ", ids);
}

//===-- positions ----------------------------------------------------------===//

OpClass PositionsOp::getOpClass() { return OpClass::Library; }

LogicalResult PositionsOp::inferReturnTypes(MLIRContext *, std::optional<Location> location,
                                            ValueRange operands, DictionaryAttr, OpaqueProperties,
                                            RegionRange, SmallVectorImpl<Type> &types) {
  types.push_back(operands[0].getType());
  return expectIds(location, types.back());
}

SmallVector<Array> PositionsOp::evaluate(ArrayRef<Array>, Batch batch) {
  Array result({batch.rows()});
  for (int64_t row = 0; row < batch.rows(); ++row)
    result.data[row] = static_cast<double>(row % batch.time);
  return {result};
}

void PositionsOp::differentiate(GradBuilder &) {}

SmallVector<Moments> PositionsOp::moments(ArrayRef<Moments>) { return {Moments::unknown()}; }

void PositionsOp::lower(LoopBuilder &loops) {
  OpBuilder &b = loops.builder;
  loops.forEach(loops.sizes(loops.results[0]), [&](ValueRange indices) {
    Value position = arith::RemUIOp::create(b, loops.loc, indices[0], loops.time);
    loops.store(0, indices, arith::IndexCastOp::create(b, loops.loc, b.getI32Type(), position));
  });
}

//===-- gather -------------------------------------------------------------===//

OpClass GatherOp::getOpClass() { return OpClass::Library; }

LogicalResult GatherOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location,
                                         ValueRange operands, DictionaryAttr, OpaqueProperties,
                                         RegionRange, SmallVectorImpl<Type> &types) {
  auto table = cast<RankedTensorType>(operands[0].getType());
  if (hasRows(table) || table.getRank() == 0)
    return emitOptionalError(location, "cannot look up rows of ", table);
  types.push_back(getTensorType(context, table.getShape().drop_front(), /*withRows=*/true));
  return expectIds(location, operands[1].getType());
}

SmallVector<Array> GatherOp::evaluate(ArrayRef<Array> operands, Batch batch) {
  Array result(Array::shapeOf(getType(), batch));
  int64_t width = result.size() / std::max<int64_t>(batch.rows(), 1);
  for (int64_t row = 0; row < batch.rows(); ++row)
    std::copy_n(operands[0].data.begin() + static_cast<int64_t>(operands[1].data[row]) * width,
                width, result.data.begin() + row * width);
  return {result};
}

void GatherOp::differentiate(GradBuilder &grad) {
  if (grad.wants(getTable()))
    grad.add(getTable(),
             ScatterRowsOp::create(grad.getBuilder(), grad.getLoc(), grad.gradient(getResult()),
                                   getIds(), getTable().getType().getDimSize(0)));
}

SmallVector<Moments> GatherOp::moments(ArrayRef<Moments> x) {
  double count = static_cast<double>(getTable().getType().getDimSize(0));
  return {Moments{std::sqrt(count) * x[0].rms, x[0].peak}.tightened()};
}

void GatherOp::lower(LoopBuilder &loops) {
  loops.forEach(loops.sizes(loops.results[0]), [&](ValueRange indices) {
    SmallVector<Value> at(indices);
    at[0] = loops.loadIndex(loops.operands[1], indices[0]);
    loops.store(0, indices, loops.load(loops.operands[0], at));
  });
}

//===-- scatter_rows -------------------------------------------------------===//

OpClass ScatterRowsOp::getOpClass() { return OpClass::Library; }

LogicalResult ScatterRowsOp::inferReturnTypes(MLIRContext *context,
                                              std::optional<Location> location, ValueRange operands,
                                              DictionaryAttr attributes,
                                              OpaqueProperties properties, RegionRange regions,
                                              SmallVectorImpl<Type> &types) {
  auto read = lnx::readProperties<ScatterRowsOp>(attributes, properties);
  if (failed(requireAttributes(location, {{"count", read.count}})))
    return failure();
  Type x = operands[0].getType();
  int64_t count = read.count.getInt();
  if (!hasRows(x))
    return emitOptionalError(location, x, " has no rows");
  if (count < 1)
    return emitOptionalError(location, "a table of ", count, " rows");
  SmallVector<int64_t> shape = {count};
  llvm::append_range(shape, getFeatures(x));
  types.push_back(getTensorType(context, shape, /*withRows=*/false));
  return expectIds(location, operands[1].getType());
}

SmallVector<Array> ScatterRowsOp::evaluate(ArrayRef<Array> operands, Batch batch) {
  Array result(Array::shapeOf(getType(), batch));
  int64_t width = result.size() / getType().getDimSize(0);
  for (int64_t row = 0; row < batch.rows(); ++row) {
    double *target = result.data.data() + static_cast<int64_t>(operands[1].data[row]) * width;
    for (int64_t i = 0; i < width; ++i)
      target[i] += operands[0].data[row * width + i];
  }
  return {result};
}

void ScatterRowsOp::differentiate(GradBuilder &grad) {
  if (grad.wants(getX()))
    grad.add(getX(), GatherOp::create(grad.getBuilder(), grad.getLoc(), grad.gradient(getResult()),
                                      getIds()));
}

SmallVector<Moments> ScatterRowsOp::moments(ArrayRef<Moments>) { return {Moments::unknown()}; }

void ScatterRowsOp::lower(LoopBuilder &loops) {
  loops.clear(0);
  loops.forEach(loops.sizes(loops.operands[0]), [&](ValueRange indices) {
    SmallVector<Value> at(indices);
    at[0] = loops.loadIndex(loops.operands[1], indices[0]);
    loops.addTo(0, at, loops.load(loops.operands[0], indices));
  });
}

//===-- abstract values ----------------------------------------------------===//

std::vector<Abstract> PositionsOp::transfer(ArrayRef<Abstract> x) { return {join(x)}; }

// A row of the table: its entries are the table's; its rms at most the table's largest entry, or
// that of the table's largest row.
std::vector<Abstract> GatherOp::transfer(ArrayRef<Abstract> x) {
  Abstract result = join({x[0]}); // ids do not change by little
  result.isFixed = result.isNumber = false;
  result.peak = x[0].peak;
  result.part = result.across = result.whole = result.peak;
  result.partSize = 1;
  if (x[0].rowRms.isFinite() && getTable().getType().getRank() > 1) {
    result.part = result.whole = Bound::constant(smaller(result.peak.b, x[0].rowRms));
    result.partSize = lastOf(getType());
  }
  result.low = x[0].low;
  result.degrees = x[0].degrees;
  return {result};
}
std::vector<Abstract> ScatterRowsOp::transfer(ArrayRef<Abstract> x) { return {join(x)}; }
