// Reduce.cpp: reductions over features and over rows, and their gradient, broadcast.
// Sum and mean share everything but their factor.
#include "dialect/Sensitivity.h"
#include "dialect/ops/Elementwise.h"
#include "mlir/IR/PatternMatch.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;

//===-- along a feature axis -----------------------------------------------===//

int64_t lnx::getReducedSize(Type type, int64_t axis) {
  ArrayRef<int64_t> features = getFeatures(type);
  return features[features.size() + axis];
}

LogicalResult lnx::inferReduction(MLIRContext *context, std::optional<Location> location,
                                  Type operand, int64_t axis, SmallVectorImpl<Type> &types) {
  SmallVector<int64_t> features(getFeatures(operand));
  int64_t rank = features.size();
  if (axis >= 0 || axis < -rank)
    return emitOptionalError(location, "axis ", axis, " is not one of the ", rank,
                             " feature axes of ", operand, "; the last is -1");
  features[rank + axis] = 1;
  types.push_back(getTensorType(context, features, hasRows(operand)));
  return success();
}

Array lnx::evaluateReduction(const Array &x, int64_t axis, double factor) {
  ArrayRef<int64_t> shape = x.shape;
  int64_t place = static_cast<int64_t>(shape.size()) + axis;
  int64_t outer = ShapedType::getNumElements(shape.take_front(place));
  int64_t inner = ShapedType::getNumElements(shape.drop_front(place + 1));
  SmallVector<int64_t> reduced(shape);
  reduced[place] = 1;
  Array result(reduced);
  for (int64_t i = 0; i < outer; ++i)
    for (int64_t j = 0; j < shape[place]; ++j)
      for (int64_t k = 0; k < inner; ++k)
        result.data[i * inner + k] += x.data[(i * shape[place] + j) * inner + k];
  for (double &value : result.data)
    value *= factor;
  return result;
}

// |sum of n| <= n peak, and <= sqrt(n) times the norm of the whole row, sqrt(size) rms.
Moments lnx::boundReduction(Moments x, Type type, int64_t axis, double factor) {
  double n = static_cast<double>(getReducedSize(type, axis));
  double size = static_cast<double>(ShapedType::getNumElements(getFeatures(type)));
  double peak = std::min(n * x.peak, std::sqrt(n * size) * x.rms);
  return Moments{factor * n * x.rms, factor * peak}.tightened();
}

void lnx::lowerReduction(LoopBuilder &loops, int64_t axis, double factor) {
  Value x = loops.operands[0];
  int64_t place = cast<MemRefType>(x.getType()).getRank() + axis;
  loops.forEach(loops.sizes(loops.results[0]), [&](ValueRange indices) {
    SmallVector<Value> at(indices);
    Value sum =
        loops.reduce(loops.size(x, place), loops.number(0), [&](Value index, Value carried) {
          at[place] = index;
          return loops.add(carried, loops.load(x, at));
        });
    loops.store(0, indices, loops.mul(sum, loops.number(factor)));
  });
}

static Value broadcastLike(GradBuilder &grad, Value x, Value like) {
  return BroadcastOp::create(grad.getBuilder(), grad.getLoc(), x, like);
}

double SumOp::getFactor(int64_t) { return 1; }
void SumOp::differentiate(GradBuilder &grad) {
  if (grad.wants(getX()))
    grad.add(getX(), broadcastLike(grad, grad[getResult()], getX()));
}

double MeanOp::getFactor(int64_t count) { return 1 / static_cast<double>(count); }
void MeanOp::differentiate(GradBuilder &grad) {
  if (!grad.wants(getX()))
    return;
  Term part = getFactor(getReducedSize()) * grad[getResult()];
  grad.add(getX(), broadcastLike(grad, part, getX()));
}

//===-- over rows ----------------------------------------------------------===//

OpClass SumRowsOp::getOpClass() { return OpClass::Rowwise; }

LogicalResult SumRowsOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location,
                                          ValueRange operands, DictionaryAttr, OpaqueProperties,
                                          RegionRange, SmallVectorImpl<Type> &types) {
  auto type = cast<RankedTensorType>(operands[0].getType());
  if (type.getRank() == 0)
    return emitOptionalError(location, "cannot sum the rows of ", type);
  types.push_back(getTensorType(context, type.getShape().drop_front(), /*withRows=*/false));
  return success();
}

SmallVector<Array> SumRowsOp::evaluate(ArrayRef<Array> operands, Batch) {
  const Array &x = operands[0];
  Array result(ArrayRef<int64_t>(x.shape).drop_front());
  for (int64_t i = 0; i < x.size(); ++i)
    result.data[i % result.size()] += x.data[i];
  return {result};
}

void SumRowsOp::differentiate(GradBuilder &grad) {
  if (grad.wants(getX()))
    grad.add(getX(), broadcastLike(grad, grad[getResult()], getX()));
}

SmallVector<Moments> SumRowsOp::moments(ArrayRef<Moments> x) {
  if (hasRows(getX().getType()))
    return {Moments::unknown()};
  double count = static_cast<double>(getX().getType().getDimSize(0));
  return {{count * x[0].rms, count * x[0].peak}};
}

void SumRowsOp::lower(LoopBuilder &loops) {
  Value x = loops.operands[0];
  loops.clear(0);
  loops.forEach(loops.sizes(x), [&](ValueRange indices) {
    loops.addTo(0, indices.drop_front(), loops.load(x, indices));
  });
}

//===-- broadcast ----------------------------------------------------------===//

OpClass BroadcastOp::getOpClass() { return OpClass::Rowwise; }

LogicalResult BroadcastOp::inferReturnTypes(MLIRContext *, std::optional<Location> location,
                                            ValueRange operands, DictionaryAttr, OpaqueProperties,
                                            RegionRange, SmallVectorImpl<Type> &types) {
  Type type = operands[1].getType();
  FailureOr<RankedTensorType> common = broadcastTypes({operands[0].getType(), type});
  if (failed(common) || *common != type)
    return emitOptionalError(location, "cannot broadcast ", operands[0].getType(), " to ", type);
  types.push_back(type);
  return success();
}

SmallVector<Array> BroadcastOp::evaluate(ArrayRef<Array> operands, Batch batch) {
  return {broadcastArray(operands[0], getX().getType(), getType(), batch)};
}

// Element-wise work broadcasts by itself: x + broadcast(y, like) is x + y where x has that shape.
LogicalResult BroadcastOp::canonicalize(BroadcastOp op, PatternRewriter &rewriter) {
  bool changed = false;
  for (OpOperand &use : llvm::make_early_inc_range(op->getUses())) {
    Operation *user = use.getOwner();
    if (!isa<ElementwiseOpInterface>(user))
      continue;
    SmallVector<Type> types(user->getOperandTypes());
    types[use.getOperandNumber()] = op.getX().getType();
    FailureOr<RankedTensorType> common = broadcastTypes(types);
    if (failed(common) || *common != user->getResult(0).getType())
      continue;
    rewriter.modifyOpInPlace(user, [&] { use.set(op.getX()); });
    changed = true;
  }
  return success(changed);
}

void BroadcastOp::differentiate(GradBuilder &grad) { grad.add(getX(), grad[getResult()]); }

SmallVector<Moments> BroadcastOp::moments(ArrayRef<Moments> x) { return {x[0]}; }

void BroadcastOp::lower(LoopBuilder &loops) {
  bool withRows = hasRows(getType());
  loops.forEach(loops.sizes(loops.results[0]), [&](ValueRange indices) {
    loops.store(0, indices, loops.loadBroadcast(loops.operands[0], indices, withRows));
  });
}

//===-- abstract values ----------------------------------------------------===//

// Over the last axis a sum of n is at most n times its part's rms; over another one, n times the
// peak entry by entry, and the rms of the sum is at most n times the rms.
Abstract lnx::transferReduction(const Abstract &x, Type type, int64_t axis, double factor) {
  double n = static_cast<double>(getReducedSize(type, axis));
  Abstract result = join({x});
  result.peak = Series(n * factor) * x.peak;
  result.across = result.peak;
  if (axis == -1) {
    result.peak =
        better(result.peak, Series(n * factor) * partOf(x, type, getReducedSize(type, -1)));
    result.part = result.peak;
    result.partSize = 1;
  } else {
    result.partSize = getReducedSize(type, -1);
    result.part = Series(n * factor) * partOf(x, type, result.partSize);
  }
  result.whole = better(Series(n * factor) * x.whole, result.peak);
  result.low = x.low.isNonNegative() ? Series(n * factor) * x.low : Series(-INFINITY);
  result.stream = x.wholeDegree();
  result.degrees = x.degrees;
  result.slope = slopeOfReduction(x.slope, getReducedSize(type, axis), factor);
  return result;
}

std::vector<Abstract> SumRowsOp::transfer(ArrayRef<Abstract> x) { return {join(x)}; }

// Repeated entries keep their mean square and their largest, not their sums or neighbours.
std::vector<Abstract> BroadcastOp::transfer(ArrayRef<Abstract> x) {
  Abstract result = x[0];
  result.part = x[0].peak;
  result.rest = restOf(x[0], getX().getType(), 1);
  result.partSize = 1;
  result.spectral = result.frobenius = result.perhead = Series::top();
  result.rowSum = result.rowRms = Series::top();
  result.slope = broadcastSlope(x[0].slope, getX().getType(), getType(), 1);
  result.spread = {};
  result.hasNoMean = false;
  return {result};
}
