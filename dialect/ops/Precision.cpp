// Precision.cpp: rounding of stored numbers.
// The evaluator computes in double and rounds where a cast narrows, so a program with casts has one
// meaning on every target.
#include "dialect/ops/Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::lnx;

static bool isNarrowing(CastOp op) {
  return getElementTypeOrSelf(op.getType()).isBF16() &&
         !getElementTypeOrSelf(op.getX().getType()).isBF16();
}

LogicalResult CastOp::verify() {
  auto from = cast<RankedTensorType>(getX().getType()), to = cast<RankedTensorType>(getType());
  if (from.getShape() == to.getShape())
    return success();
  return emitOpError("of ") << from << " to " << to << " would change the shape";
}

// What was widened is narrowed without a loss.
OpFoldResult CastOp::fold(FoldAdaptor) {
  if (getX().getType() == getType())
    return getX();
  if (auto inner = getX().getDefiningOp<CastOp>())
    if (inner.getX().getType() == getType() && !isNarrowing(inner))
      return inner.getX();
  return {};
}

OpClass CastOp::getOpClass() { return OpClass::Rowwise; }

double CastOp::compute(ArrayRef<double> x) {
  if (!isNarrowing(*this))
    return x[0];
  APFloat number(x[0]);
  bool isInexact = false;
  number.convert(APFloat::BFloat(), APFloat::rmNearestTiesToEven, &isInexact);
  return number.convertToDouble();
}

Value CastOp::emit(OpBuilder &builder, Location loc, ValueRange x) {
  Type from = x[0].getType(), to = getElementTypeOrSelf(getType());
  if (auto vector = dyn_cast<VectorType>(from))
    to = vector.clone(to);
  if (from == to)
    return x[0];
  if (isNarrowing(*this))
    return arith::TruncFOp::create(builder, loc, to, x[0]);
  return arith::ExtFOp::create(builder, loc, to, x[0]);
}

SmallVector<Array> CastOp::evaluate(ArrayRef<Array> operands, Batch batch) {
  return evaluateElementwise(*this, operands, batch);
}

void CastOp::lower(LoopBuilder &loops) { lowerElementwise(*this, loops); }

// Precision is fixed after the gradients are.
void CastOp::differentiate(GradBuilder &) { emitOpError("has no derivative"); }

// 8 significant bits: half a unit is at most 2^-8 of the number, or 2^-134 where it is subnormal.
// Half a unit above the largest, everything is infinite.
SmallVector<Moments> CastOp::moments(ArrayRef<Moments> x) {
  if (!isNarrowing(*this))
    return {x[0]};
  constexpr double unit = 0x1p-8, least = 0x1p-134, largest = 0x1.fep127;
  auto widen = [](double size) { return size * (1 + unit) + least; };
  if (!(x[0].peak <= largest))
    return {Moments::unknown()};
  return {{widen(x[0].rms), widen(x[0].peak)}};
}

std::vector<Abstract> CastOp::transfer(ArrayRef<Abstract> x) { return {join(x)}; }
