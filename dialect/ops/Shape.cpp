// Shape.cpp: views and parts of tensors; no arithmetic.
// last_row moves towards the inputs, so that sampling computes the head for one row only.
#include "dialect/ops/Attributes.h"
#include "dialect/ops/Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;

//===-- reshape ------------------------------------------------------------===//

OpClass ReshapeOp::getOpClass() { return OpClass::Rowwise; }

LogicalResult ReshapeOp::verify() {
  Type from = getX().getType(), to = getType();
  int64_t before = ShapedType::getNumElements(getFeatures(from));
  int64_t after = ShapedType::getNumElements(getFeatures(to));
  if (hasRows(from) != hasRows(to))
    return emitOpError("of ") << from << " to " << to << " would change what a row is";
  if (before != after)
    return emitOpError("of ") << before << " features to " << after;
  return success();
}

OpFoldResult ReshapeOp::fold(FoldAdaptor) {
  if (getX().getType() == getType())
    return getX();
  if (auto inner = getX().getDefiningOp<ReshapeOp>()) {
    getXMutable().assign(inner.getX());
    return getResult();
  }
  return {};
}

SmallVector<Array> ReshapeOp::evaluate(ArrayRef<Array> operands, Batch batch) {
  Array result = operands[0];
  result.shape = Array::shapeOf(getType(), batch);
  return {result};
}

void ReshapeOp::differentiate(GradBuilder &grad) {
  if (grad.wants(getX()))
    grad.add(getX(), ReshapeOp::create(grad.getBuilder(), grad.getLoc(), getX().getType(),
                                       grad.gradient(getResult())));
}

SmallVector<Moments> ReshapeOp::moments(ArrayRef<Moments> x) { return {x[0]}; }

// The place of an element in its row, as one index: row-major over `shape`.
static Value linearIndex(LoopBuilder &loops, ArrayRef<int64_t> shape, ValueRange indices) {
  OpBuilder &b = loops.builder;
  Value linear = loops.index(0);
  for (auto [size, index] : llvm::zip_equal(shape, indices)) {
    Value scaled = arith::MulIOp::create(b, loops.loc, linear, loops.index(size));
    linear = arith::AddIOp::create(b, loops.loc, scaled, index);
  }
  return linear;
}

// The inverse of linearIndex.
static SmallVector<Value> splitIndex(LoopBuilder &loops, ArrayRef<int64_t> shape, Value linear) {
  OpBuilder &b = loops.builder;
  SmallVector<Value> indices;
  for (int64_t size : llvm::reverse(shape)) {
    indices.push_back(arith::RemUIOp::create(b, loops.loc, linear, loops.index(size)));
    linear = arith::DivUIOp::create(b, loops.loc, linear, loops.index(size));
  }
  std::reverse(indices.begin(), indices.end());
  return indices;
}

void ReshapeOp::lower(LoopBuilder &loops) {
  bool withRows = hasRows(getType());
  loops.forEach(loops.sizes(loops.results[0]), [&](ValueRange indices) {
    Value place = linearIndex(loops, getFeatures(getType()), indices.drop_front(withRows));
    SmallVector<Value> at = splitIndex(loops, getFeatures(getX().getType()), place);
    if (withRows)
      at.insert(at.begin(), indices[0]);
    loops.store(0, indices, loops.load(loops.operands[0], at));
  });
}

//===-- slice and unslice --------------------------------------------------===//

OpClass SliceOp::getOpClass() { return OpClass::Library; }

LogicalResult SliceOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location,
                                        ValueRange operands, DictionaryAttr, OpaqueProperties,
                                        RegionRange, SmallVectorImpl<Type> &types) {
  auto type = cast<RankedTensorType>(operands[0].getType());
  if (hasRows(type) || type.getRank() == 0)
    return emitOptionalError(location, "slice needs a fixed tensor with a dimension, not ", type);
  types.push_back(getTensorType(context, type.getShape().drop_front(), /*withRows=*/false));
  return success();
}

LogicalResult SliceOp::verify() {
  int64_t index = getIndex(), count = getX().getType().getDimSize(0);
  if (index < 0 || index >= count)
    return emitOpError("takes part ") << index << " of " << count;
  return success();
}

SmallVector<Array> SliceOp::evaluate(ArrayRef<Array> operands, Batch batch) {
  Array part(Array::shapeOf(getType(), batch));
  std::copy_n(operands[0].data.begin() + getIndex() * part.size(), part.size(), part.data.begin());
  return {part};
}

void SliceOp::differentiate(GradBuilder &grad) {
  if (grad.wants(getX()))
    grad.add(getX(), UnsliceOp::create(grad.getBuilder(), grad.getLoc(), grad.gradient(getResult()),
                                       getIndex(), getX().getType().getDimSize(0)));
}

SmallVector<Moments> SliceOp::moments(ArrayRef<Moments> x) {
  double count = static_cast<double>(getX().getType().getDimSize(0));
  return {Moments{std::sqrt(count) * x[0].rms, x[0].peak}.tightened()};
}

void SliceOp::lower(LoopBuilder &loops) {
  loops.forEach(loops.sizes(loops.results[0]), [&](ValueRange indices) {
    SmallVector<Value> at = {loops.index(getIndex())};
    llvm::append_range(at, indices);
    loops.store(0, indices, loops.load(loops.operands[0], at));
  });
}

OpClass UnsliceOp::getOpClass() { return OpClass::Library; }

LogicalResult UnsliceOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location,
                                          ValueRange operands, DictionaryAttr attributes,
                                          OpaqueProperties properties, RegionRange regions,
                                          SmallVectorImpl<Type> &types) {
  auto read = lnx::readProperties<UnsliceOp>(attributes, properties);
  if (failed(requireAttributes(location, {{"index", read.index}, {"count", read.count}})))
    return failure();
  int64_t index = read.index.getInt(), count = read.count.getInt();
  auto type = cast<RankedTensorType>(operands[0].getType());
  if (hasRows(type))
    return emitOptionalError(location, "unslice needs a fixed tensor, not ", type);
  if (index < 0 || index >= count)
    return emitOptionalError(location, "unslice fills part ", index, " of ", count);
  SmallVector<int64_t> shape = {count};
  llvm::append_range(shape, type.getShape());
  types.push_back(getTensorType(context, shape, /*withRows=*/false));
  return success();
}

SmallVector<Array> UnsliceOp::evaluate(ArrayRef<Array> operands, Batch batch) {
  Array whole(Array::shapeOf(getType(), batch));
  llvm::copy(operands[0].data, whole.data.begin() + getIndex() * operands[0].size());
  return {whole};
}

void UnsliceOp::differentiate(GradBuilder &grad) {
  if (grad.wants(getX()))
    grad.add(getX(), SliceOp::create(grad.getBuilder(), grad.getLoc(), grad.gradient(getResult()),
                                     getIndex()));
}

SmallVector<Moments> UnsliceOp::moments(ArrayRef<Moments> x) {
  return {{x[0].rms / std::sqrt(static_cast<double>(getCount())), x[0].peak}};
}

void UnsliceOp::lower(LoopBuilder &loops) {
  loops.clear(0);
  loops.forEach(loops.sizes(loops.operands[0]), [&](ValueRange indices) {
    SmallVector<Value> at = {loops.index(getIndex())};
    llvm::append_range(at, indices);
    loops.addTo(0, at, loops.load(loops.operands[0], indices));
  });
}

//===-- last_row -----------------------------------------------------------===//

OpClass LastRowOp::getOpClass() { return OpClass::Library; }

LogicalResult LastRowOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location,
                                          ValueRange operands, DictionaryAttr, OpaqueProperties,
                                          RegionRange, SmallVectorImpl<Type> &types) {
  Type type = operands[0].getType();
  if (!hasRows(type))
    return emitOptionalError(location, type, " has no rows");
  SmallVector<int64_t> shape = {1};
  llvm::append_range(shape, getFeatures(type));
  types.push_back(getTensorType(context, shape, /*withRows=*/false));
  return success();
}

SmallVector<Array> LastRowOp::evaluate(ArrayRef<Array> operands, Batch batch) {
  Array row(Array::shapeOf(getType(), batch));
  std::copy(operands[0].data.end() - row.size(), operands[0].data.end(), row.data.begin());
  return {row};
}

void LastRowOp::differentiate(GradBuilder &) { emitOpError("has no derivative"); }

SmallVector<Moments> LastRowOp::moments(ArrayRef<Moments> x) { return {x[0]}; }

void LastRowOp::lower(LoopBuilder &loops) {
  Value x = loops.operands[0];
  Value last = arith::SubIOp::create(loops.builder, loops.loc, loops.size(x, 0), loops.index(1));
  loops.forEach(loops.sizes(loops.results[0]), [&](ValueRange indices) {
    SmallVector<Value> at = {last};
    llvm::append_range(at, indices.drop_front());
    loops.store(0, indices, loops.load(x, at));
  });
}

// Rebuilds `producer` on the last rows of its operands; null when it cannot be rebuilt.
static Value rebuildOnLastRow(Operation *producer, RankedTensorType type,
                              PatternRewriter &rewriter) {
  IRMapping mapping;
  for (Value operand : producer->getOperands())
    if (hasRows(operand.getType()))
      mapping.map(operand, LastRowOp::create(rewriter, producer->getLoc(), operand).getResult());
  Operation *copy = rewriter.clone(*producer, mapping);
  if (auto infers = dyn_cast<InferTypeOpInterface>(copy)) {
    SmallVector<Type> types;
    if (failed(infers.inferReturnTypes(copy->getContext(), copy->getLoc(), copy->getOperands(),
                                       copy->getAttrDictionary(), copy->getPropertiesStorage(),
                                       copy->getRegions(), types)))
      return {};
    copy->getResult(0).setType(types.front());
  } else {
    copy->getResult(0).setType(type);
  }
  // Where all row operands had fewer features, the leading 1 was lost in broadcasting.
  if (copy->getResult(0).getType() == type)
    return copy->getResult(0);
  return ReshapeOp::create(rewriter, producer->getLoc(), type, copy->getResult(0));
}

// last_row(f(x, w)) = f(last_row(x), w) for row-wise f and for products with a fixed matrix.
static LogicalResult liftLastRow(LastRowOp op, PatternRewriter &rewriter) {
  auto producer = op.getX().getDefiningOp<PrimitiveOpInterface>();
  if (!producer || producer->getNumResults() != 1 ||
      llvm::any_of(producer->getOperandTypes(),
                   [](Type type) { return getElementTypeOrSelf(type).isInteger(); }))
    return failure();
  bool rowwise = producer.getOpClass() == OpClass::Rowwise;
  bool product = producer.getOpClass() == OpClass::Contraction &&
                 !hasRows(producer->getOperand(producer->getNumOperands() - 1).getType());
  if (!rowwise && !product)
    return failure();
  Value row = rebuildOnLastRow(producer, op.getType(), rewriter);
  if (!row)
    return failure();
  rewriter.replaceOp(op, row);
  return success();
}

void LastRowOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *) {
  patterns.add(liftLastRow);
}

//===-- abstract values ----------------------------------------------------===//

// The entries stay, the blocks of the new last axis may be others.
std::vector<Abstract> ReshapeOp::transfer(ArrayRef<Abstract> x) {
  Abstract result = x[0];
  // Of other rows and columns.
  result.spectral = result.perhead = result.rowSum = result.rowRms = Series::top();
  ArrayRef<int64_t> features = getFeatures(getType());
  int64_t size = features.empty() ? 1 : features.back();
  // Smaller blocks say more; they are kept when a reshape only joins them.
  if (x[0].partSize == 0 || size % x[0].partSize != 0) {
    result.part = partOf(x[0], getX().getType(), size);
    result.rest = restOf(x[0], getX().getType(), size);
    result.partSize = size;
  }
  ArrayRef<int64_t> before = getFeatures(getX().getType());
  if (before.empty() || before.back() != size) {
    result.spread = {}; // of other rows
    result.hasNoMean = false;
  }
  return {result};
}

// |one part| <= |the whole|; a matrix keeps no spectral bound that its stack did not have.
std::vector<Abstract> SliceOp::transfer(ArrayRef<Abstract> x) {
  Abstract result = x[0];
  double count = static_cast<double>(getX().getType().getDimSize(0));
  result.whole = better(x[0].peak, Series(std::sqrt(count)) * x[0].whole);
  result.part = result.across = result.whole;
  result.rest = restOf(x[0], getX().getType(), 1);
  result.partSize = result.slope.partSize = 0;
  result.rowRms = Series::top();
  result.spread = {};
  result.hasNoMean = false;
  return {result};
}
std::vector<Abstract> UnsliceOp::transfer(ArrayRef<Abstract> x) { return {join(x)}; }
std::vector<Abstract> LastRowOp::transfer(ArrayRef<Abstract> x) { return {x[0]}; }
