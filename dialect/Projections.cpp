// Projections.cpp: the idioms of Idioms.h that are one primitive behind changes of shape.
// What reads a row of tokens at initialisation asks here instead of naming primitives.
#include "dialect/Idioms.h"
#include "dialect/LnxDialect.h"

using namespace mlir;
using namespace mlir::lnx;

Value lnx::behindReshape(Value value) {
  value = resolve(value);
  while (auto reshape = value.getDefiningOp<ReshapeOp>())
    value = resolve(reshape.getX());
  return value;
}

std::optional<Projection> lnx::matchProjection(Value value) {
  auto product = resolve(value).getDefiningOp<MatmulOp>();
  if (!product || product.getTransposeLhs() || !hasRows(product.getLhs().getType()) ||
      hasRows(product.getRhs().getType()))
    return std::nullopt;
  ArrayRef<int64_t> sizes = getFeatures(product.getRhs().getType());
  bool isTransposed = product.getTransposeRhs();
  Value matrix = resolve(product.getRhs());
  while (auto transpose = matrix.getDefiningOp<TransposeOp>())
    matrix = resolve(transpose.getX());
  return Projection{product.getLhs(), matrix, sizes[isTransposed], sizes[!isTransposed]};
}

std::optional<SoftmaxAttention> lnx::matchAttention(Value value) {
  value = behindReshape(value);
  auto attend = value.getDefiningOp<AttendOp>();
  if (!attend || value != attend.getOutput())
    return std::nullopt;
  return SoftmaxAttention{attend.getQ(),
                          attend.getK(),
                          attend.getV(),
                          static_cast<int64_t>(attend.getHeads()),
                          attend.getCausal(),
                          attend.getScaleAttr().getValueAsDouble(),
                          attend.getSoftcapAttr().getValueAsDouble()};
}

std::optional<Value> lnx::matchLookup(Value value) {
  if (auto gather = resolve(value).getDefiningOp<GatherOp>())
    return gather.getTable();
  return std::nullopt;
}
