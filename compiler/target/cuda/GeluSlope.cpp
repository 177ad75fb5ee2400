// GeluSlope: finds the derivative of GELU among the operations that differentiation left of it.
// What canonicalisation made of the expression does not matter: it is known by its values.
#include "compiler/target/cuda/Epilogues.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;

/// Operations that are analytic wherever they have values: two expressions of them that agree on an
/// interval agree everywhere.
static bool isAnalytic(Operation *op) {
  return isa_and_nonnull<AddOp, SubOp, MulOp, NegOp, SigmoidOp, TanhOp>(op);
}

bool cuda::collectExpression(Value value, llvm::SetVector<Operation *> &ops, Value &leaf) {
  Operation *op = value.getDefiningOp();
  if (op && ops.contains(op))
    return true;
  if (!isAnalytic(op) && !isa_and_nonnull<ConstantOp>(op)) {
    if (leaf && leaf != value)
      return false;
    leaf = value;
    return true;
  }
  for (Value operand : op->getOperands())
    if (!collectExpression(operand, ops, leaf))
      return false;
  ops.insert(op);
  return true;
}

/// The derivative of x/2 (1 + tanh(u)), u = sqrt(2/pi) (x + 0.044715 x^3).
static double slopeAt(double x) {
  constexpr double scale = 0.7978845608028654, cubic = 0.044715;
  const double t = std::tanh(scale * (x + cubic * x * x * x));
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * scale * (1 + 3 * cubic * x * x);
}

/// The value of an expression of `leaf` where that is `x`; `ops` are its operations in order.
static double valueAt(ArrayRef<Operation *> ops, Value leaf, double x) {
  llvm::DenseMap<Value, double> values = {{leaf, x}};
  double last = x;
  for (Operation *op : ops) {
    if (auto constant = dyn_cast<ConstantOp>(op)) {
      last = constant.getNumber();
    } else {
      SmallVector<double> operands = llvm::map_to_vector(
          op->getOperands(), [&](Value operand) { return values.lookup(operand); });
      last = cast<ElementwiseOpInterface>(op).compute(operands);
    }
    values[op->getResult(0)] = last;
  }
  return last;
}

Value cuda::geluArgument(Value slope) {
  llvm::SetVector<Operation *> ops;
  Value leaf;
  if (!collectExpression(slope, ops, leaf) || !leaf || ops.empty() ||
      leaf.getType() != slope.getType())
    return Value();
  // Both are of order 1 here and are computed to 1e-15.
  for (int i = 0; i <= 64; ++i) {
    const double x = -6 + 0.1875 * i;
    if (!(std::abs(valueAt(ops.getArrayRef(), leaf, x) - slopeAt(x)) < 1e-12))
      return Value();
  }
  return leaf;
}
