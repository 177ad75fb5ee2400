// Elementwise.cpp: arithmetic on single elements, and numbers.
// What all of them answer alike is in ElementwiseClass.cpp, their algebra in Algebra.cpp.
#include "dialect/ops/Elementwise.h"
#include "dialect/Sensitivity.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;

//===-- numbers ------------------------------------------------------------===//

double ConstantOp::compute(ArrayRef<double>) { return getNumber(); }
Value ConstantOp::emit(OpBuilder &builder, Location loc, ValueRange) {
  return emitNumber(builder, loc, builder.getF32Type(), getNumber());
}
void ConstantOp::differentiate(GradBuilder &) {}
SmallVector<Moments> ConstantOp::moments(ArrayRef<Moments>) {
  return {Moments::number(getNumber())};
}

//===-- sums ---------------------------------------------------------------===//

static Moments boundSum(ArrayRef<Moments> x) {
  return {x[0].rms + x[1].rms, x[0].peak + x[1].peak};
}

double AddOp::compute(ArrayRef<double> x) { return x[0] + x[1]; }
Value AddOp::emit(OpBuilder &builder, Location loc, ValueRange x) {
  return arith::AddFOp::create(builder, loc, x[0], x[1]);
}
void AddOp::differentiate(GradBuilder &grad) {
  Term dy = grad[getResult()];
  grad.add(getLhs(), dy);
  grad.add(getRhs(), dy);
}
SmallVector<Moments> AddOp::moments(ArrayRef<Moments> x) { return {boundSum(x)}; }

double SubOp::compute(ArrayRef<double> x) { return x[0] - x[1]; }
Value SubOp::emit(OpBuilder &builder, Location loc, ValueRange x) {
  return arith::SubFOp::create(builder, loc, x[0], x[1]);
}
void SubOp::differentiate(GradBuilder &grad) {
  Term dy = grad[getResult()];
  grad.add(getLhs(), dy);
  if (grad.wants(getRhs()))
    grad.add(getRhs(), -dy);
}
SmallVector<Moments> SubOp::moments(ArrayRef<Moments> x) { return {boundSum(x)}; }

double NegOp::compute(ArrayRef<double> x) { return -x[0]; }
Value NegOp::emit(OpBuilder &builder, Location loc, ValueRange x) {
  return arith::NegFOp::create(builder, loc, x[0]);
}
void NegOp::differentiate(GradBuilder &grad) { grad.add(getX(), -grad[getResult()]); }
SmallVector<Moments> NegOp::moments(ArrayRef<Moments> x) { return {x[0]}; }

//===-- products -----------------------------------------------------------===//

double MulOp::compute(ArrayRef<double> x) { return x[0] * x[1]; }
Value MulOp::emit(OpBuilder &builder, Location loc, ValueRange x) {
  return arith::MulFOp::create(builder, loc, x[0], x[1]);
}
void MulOp::differentiate(GradBuilder &grad) {
  Term dy = grad[getResult()];
  if (grad.wants(getLhs()))
    grad.add(getLhs(), dy * grad.term(getRhs()));
  if (grad.wants(getRhs()))
    grad.add(getRhs(), dy * grad.term(getLhs()));
}
SmallVector<Moments> MulOp::moments(ArrayRef<Moments> x) {
  double rms = std::min(boundProduct(x[0].rms, x[1].peak), boundProduct(x[0].peak, x[1].rms));
  return {{rms, boundProduct(x[0].peak, x[1].peak)}};
}

double DivOp::compute(ArrayRef<double> x) { return x[0] / x[1]; }
Value DivOp::emit(OpBuilder &builder, Location loc, ValueRange x) {
  return arith::DivFOp::create(builder, loc, x[0], x[1]);
}
void DivOp::differentiate(GradBuilder &grad) {
  Term dy = grad[getResult()], rhs = grad.term(getRhs());
  if (!grad.wants(getLhs()) && !grad.wants(getRhs()))
    return;
  Term dx = dy / rhs;
  grad.add(getLhs(), dx);
  if (grad.wants(getRhs()))
    grad.add(getRhs(), -(dx * grad.term(getResult())));
}
SmallVector<Moments> DivOp::moments(ArrayRef<Moments> x) {
  std::optional<double> divisor = lnx::getNumber(getRhs());
  if (!divisor || *divisor == 0)
    return {Moments::unknown()};
  return {{x[0].rms / std::abs(*divisor), x[0].peak / std::abs(*divisor)}};
}

//===-- choices ------------------------------------------------------------===//

// A maximum or minimum is one of its operands, so its square is at most the sum of theirs.
static Moments boundChoice(ArrayRef<Moments> x) {
  return Moments{std::hypot(x[0].rms, x[1].rms), std::max(x[0].peak, x[1].peak)}.tightened();
}

// Splits dy: `lhsWins` is 1 where the left operand is the result. Ties go to the right.
static void differentiateChoice(GradBuilder &grad, Value lhs, Value rhs, Term dy, Term difference) {
  Term lhsWins = dy;
  lhsWins.value = StepFunctionOp::create(grad.getBuilder(), grad.getLoc(), difference);
  if (grad.wants(lhs))
    grad.add(lhs, dy * lhsWins);
  if (grad.wants(rhs))
    grad.add(rhs, dy * (1 - lhsWins));
}

double MaximumOp::compute(ArrayRef<double> x) { return std::max(x[0], x[1]); }
Value MaximumOp::emit(OpBuilder &builder, Location loc, ValueRange x) {
  return arith::MaximumFOp::create(builder, loc, x[0], x[1]);
}
void MaximumOp::differentiate(GradBuilder &grad) {
  differentiateChoice(grad, getLhs(), getRhs(), grad[getResult()],
                      grad.term(getLhs()) - grad.term(getRhs()));
}
SmallVector<Moments> MaximumOp::moments(ArrayRef<Moments> x) { return {boundChoice(x)}; }

double MinimumOp::compute(ArrayRef<double> x) { return std::min(x[0], x[1]); }
Value MinimumOp::emit(OpBuilder &builder, Location loc, ValueRange x) {
  return arith::MinimumFOp::create(builder, loc, x[0], x[1]);
}
void MinimumOp::differentiate(GradBuilder &grad) {
  differentiateChoice(grad, getLhs(), getRhs(), grad[getResult()],
                      grad.term(getRhs()) - grad.term(getLhs()));
}
SmallVector<Moments> MinimumOp::moments(ArrayRef<Moments> x) { return {boundChoice(x)}; }

//===-- signs --------------------------------------------------------------===//

// `onTrue` where x > 0, else `onFalse`.
static Value emitIfPositive(OpBuilder &builder, Location loc, Value x, Value onTrue,
                            Value onFalse) {
  Value zero = emitNumber(builder, loc, x.getType(), 0);
  Value positive = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT, x, zero);
  return arith::SelectOp::create(builder, loc, positive, onTrue, onFalse);
}

double AbsOp::compute(ArrayRef<double> x) { return std::abs(x[0]); }
Value AbsOp::emit(OpBuilder &builder, Location loc, ValueRange x) {
  return math::AbsFOp::create(builder, loc, x[0]);
}
void AbsOp::differentiate(GradBuilder &grad) {
  if (!grad.wants(getX()))
    return;
  Term sign = grad.term(SignOp::create(grad.getBuilder(), grad.getLoc(), getX()));
  grad.add(getX(), grad[getResult()] * sign);
}
SmallVector<Moments> AbsOp::moments(ArrayRef<Moments> x) { return {x[0]}; }

double SignOp::compute(ArrayRef<double> x) { return (x[0] > 0) - (x[0] < 0); }
Value SignOp::emit(OpBuilder &builder, Location loc, ValueRange x) {
  Type type = x[0].getType();
  Value zero = emitNumber(builder, loc, type, 0), one = emitNumber(builder, loc, type, 1);
  Value minus = emitNumber(builder, loc, type, -1);
  Value isNegative = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, x[0], zero);
  Value below = arith::SelectOp::create(builder, loc, isNegative, minus, zero);
  return emitIfPositive(builder, loc, x[0], one, below);
}
void SignOp::differentiate(GradBuilder &) {}
SmallVector<Moments> SignOp::moments(ArrayRef<Moments>) { return {{1, 1}}; }

double StepFunctionOp::compute(ArrayRef<double> x) { return x[0] > 0; }
Value StepFunctionOp::emit(OpBuilder &builder, Location loc, ValueRange x) {
  Type type = x[0].getType();
  return emitIfPositive(builder, loc, x[0], emitNumber(builder, loc, type, 1),
                        emitNumber(builder, loc, type, 0));
}
void StepFunctionOp::differentiate(GradBuilder &) {}
SmallVector<Moments> StepFunctionOp::moments(ArrayRef<Moments>) { return {{1, 1}}; }

//===-- exponentials, roots and powers -------------------------------------===//

double ExpOp::compute(ArrayRef<double> x) { return std::exp(x[0]); }
Value ExpOp::emit(OpBuilder &builder, Location loc, ValueRange x) {
  return math::ExpOp::create(builder, loc, x[0]);
}
void ExpOp::differentiate(GradBuilder &grad) {
  if (grad.wants(getX()))
    grad.add(getX(), grad[getResult()] * grad.term(getResult()));
}
SmallVector<Moments> ExpOp::moments(ArrayRef<Moments> x) {
  return {{std::exp(x[0].peak), std::exp(x[0].peak)}};
}

double LogOp::compute(ArrayRef<double> x) { return std::log(x[0]); }
Value LogOp::emit(OpBuilder &builder, Location loc, ValueRange x) {
  return math::LogOp::create(builder, loc, x[0]);
}
void LogOp::differentiate(GradBuilder &grad) {
  if (grad.wants(getX()))
    grad.add(getX(), grad[getResult()] / grad.term(getX()));
}
SmallVector<Moments> LogOp::moments(ArrayRef<Moments>) { return {Moments::unknown()}; }

double SqrtOp::compute(ArrayRef<double> x) { return std::sqrt(x[0]); }
Value SqrtOp::emit(OpBuilder &builder, Location loc, ValueRange x) {
  return math::SqrtOp::create(builder, loc, x[0]);
}
void SqrtOp::differentiate(GradBuilder &grad) {
  if (grad.wants(getX()))
    grad.add(getX(), 0.5 * grad[getResult()] / grad.term(getResult()));
}
// The mean of sqrt(x)^2 is the mean of x, which is at most its rms.
SmallVector<Moments> SqrtOp::moments(ArrayRef<Moments> x) {
  return {{std::sqrt(x[0].rms), std::sqrt(x[0].peak)}};
}

double RsqrtOp::compute(ArrayRef<double> x) { return 1 / std::sqrt(x[0]); }
Value RsqrtOp::emit(OpBuilder &builder, Location loc, ValueRange x) {
  return math::RsqrtOp::create(builder, loc, x[0]);
}
void RsqrtOp::differentiate(GradBuilder &grad) {
  Term y = grad.term(getResult());
  if (grad.wants(getX()))
    grad.add(getX(), -0.5 * grad[getResult()] * (y * y * y));
}
SmallVector<Moments> RsqrtOp::moments(ArrayRef<Moments>) { return {Moments::unknown()}; }

double PowOp::compute(ArrayRef<double> x) { return std::pow(x[0], getNumber()); }

// x^n for a whole n > 0 by repeated squaring: exact signs, no logarithm.
static Value emitWholePower(OpBuilder &builder, Location loc, Value x, int n) {
  Value result;
  for (Value square = x; n > 0; n /= 2) {
    if (n % 2 != 0)
      result = result ? arith::MulFOp::create(builder, loc, result, square) : square;
    if (n > 1)
      square = arith::MulFOp::create(builder, loc, square, square);
  }
  return result;
}

Value PowOp::emit(OpBuilder &builder, Location loc, ValueRange x) {
  double exponent = getNumber();
  Type type = x[0].getType();
  Value one = emitNumber(builder, loc, type, 1);
  if (exponent == 0)
    return one;
  if (exponent != std::round(exponent) || std::abs(exponent) > 64)
    return math::PowFOp::create(builder, loc, x[0], emitNumber(builder, loc, type, exponent));
  Value power = emitWholePower(builder, loc, x[0], static_cast<int>(std::abs(exponent)));
  return exponent > 0 ? power : arith::DivFOp::create(builder, loc, one, power);
}
void PowOp::differentiate(GradBuilder &grad) {
  double exponent = getNumber();
  if (exponent == 0 || !grad.wants(getX()))
    return;
  Term slope = grad.term(PowOp::create(grad.getBuilder(), grad.getLoc(), getX(), exponent - 1));
  grad.add(getX(), exponent * grad[getResult()] * slope);
}
SmallVector<Moments> PowOp::moments(ArrayRef<Moments> x) {
  double exponent = getNumber();
  if (exponent == 0)
    return {{1, 1}};
  if (exponent < 0)
    return {Moments::unknown()};
  double peak = std::pow(x[0].peak, exponent);
  // Below 1 the power is concave in x^2 (Jensen), above it one factor keeps the rms.
  double rms = exponent <= 1 ? std::pow(x[0].rms, exponent)
                             : boundProduct(x[0].rms, std::pow(x[0].peak, exponent - 1));
  return {Moments{rms, peak}.tightened()};
}

//===-- abstract values ----------------------------------------------------===//

std::vector<Abstract> ConstantOp::transfer(ArrayRef<Abstract>) {
  return {Abstract::number(getNumber())};
}
std::vector<Abstract> AddOp::transfer(ArrayRef<Abstract> x) {
  return {sumOf(x[0], getLhs().getType(), x[1], getRhs().getType(), getType())};
}
std::vector<Abstract> SubOp::transfer(ArrayRef<Abstract> x) {
  return {sumOf(x[0], getLhs().getType(), negated(x[1]), getRhs().getType(), getType())};
}
std::vector<Abstract> MulOp::transfer(ArrayRef<Abstract> x) {
  return {productOf(x[0], getLhs().getType(), x[1], getRhs().getType(), getType())};
}
std::vector<Abstract> DivOp::transfer(ArrayRef<Abstract> x) {
  return {quotientOf(x[0], getLhs().getType(), x[1], getRhs().getType(), getType())};
}

// A function of numbers is a number, where it has a value.
static std::optional<Abstract> numberOf(ElementwiseOpInterface op, ArrayRef<Abstract> x) {
  if (!llvm::all_of(x, [](const Abstract &operand) { return operand.isNumber; }))
    return std::nullopt;
  Series value = Series::zip(x.front().low, x.back().low, [&](double a, double b) {
    return op.compute(ArrayRef<double>{a, b}.take_front(x.size()));
  });
  return value.isFinite() ? std::optional(Abstract::number(std::move(value))) : std::nullopt;
}

// One of the two everywhere, so bounded by their sum; at least as large as the larger low.
static Abstract choiceOf(Operation *op, ArrayRef<Abstract> x) {
  Abstract sum = sumOf(x[0], op->getOperand(0).getType(), x[1], op->getOperand(1).getType(),
                       op->getResult(0).getType());
  Abstract result = contracted(sum, /*isHomogeneous=*/false, /*lipschitz=*/1.0);
  result.low = smaller(x[0].low, x[1].low);
  return result;
}
std::vector<Abstract> MaximumOp::transfer(ArrayRef<Abstract> x) {
  if (std::optional<Abstract> number = numberOf(*this, x))
    return {*number};
  Abstract result = choiceOf(*this, x);
  result.low = larger(x[0].low, x[1].low);
  return {result};
}
std::vector<Abstract> MinimumOp::transfer(ArrayRef<Abstract> x) {
  if (std::optional<Abstract> number = numberOf(*this, x))
    return {*number};
  return {choiceOf(*this, x)};
}
std::vector<Abstract> NegOp::transfer(ArrayRef<Abstract> x) { return {negated(x[0])}; }
std::vector<Abstract> AbsOp::transfer(ArrayRef<Abstract> x) {
  Abstract result = contracted(x[0], /*isHomogeneous=*/true, /*lipschitz=*/1.0);
  result.low = 0.0;
  result.initial = abs(x[0].initial);
  return {result};
}
std::vector<Abstract> SignOp::transfer(ArrayRef<Abstract> x) { return {limited(x[0], 1, -1)}; }
std::vector<Abstract> StepFunctionOp::transfer(ArrayRef<Abstract> x) {
  return {limited(x[0], 1, 0)};
}
std::vector<Abstract> ExpOp::transfer(ArrayRef<Abstract> x) {
  if (std::optional<Abstract> number = numberOf(*this, x))
    return {*number};
  Abstract result = join(x);
  if (x[0].peak.isConstant())
    result.peak = Bound::constant(exp(x[0].peak.b));
  result.whole = result.part = result.across = result.peak;
  result.partSize = 1;
  result.low = 0.0;
  if (result.peak.isConstant())
    result.slope = result.peak.b * x[0].slope;
  return {result};
}
std::vector<Abstract> LogOp::transfer(ArrayRef<Abstract> x) {
  if (std::optional<Abstract> number = numberOf(*this, x))
    return {*number};
  Abstract result = join(x);
  if (x[0].low.isPositive())
    result.slope = reciprocal(x[0].low) * x[0].slope;
  return {result};
}

// sqrt(v) <= max(1, v) <= 1 + v.
std::vector<Abstract> SqrtOp::transfer(ArrayRef<Abstract> x) {
  if (std::optional<Abstract> number = numberOf(*this, x))
    return {*number};
  Abstract result = join(x);
  Bound one = Bound::constant(1.0);
  auto root = [&](const Bound &bound) {
    return bound.isConstant() ? Bound::constant(sqrt(bound.b)) : bound + one;
  };
  result.whole = root(x[0].whole);
  result.part = root(x[0].part);
  result.across = root(x[0].across);
  result.peak = root(x[0].peak);
  result.partSize = x[0].partSize;
  result.low = sqrt(x[0].low);
  result.slope = Series(0.5) * reciprocal(result.low) * x[0].slope;
  return {result};
}
std::vector<Abstract> RsqrtOp::transfer(ArrayRef<Abstract> x) {
  if (std::optional<Abstract> number = numberOf(*this, x))
    return {*number};
  Abstract result = join(x);
  if (x[0].low.isPositive()) {
    result.peak = Bound::constant(reciprocal(sqrt(x[0].low)));
    result.whole = result.part = result.across = result.peak;
    result.partSize = 1;
    result.slope = Series(0.5) * reciprocal(x[0].low * sqrt(x[0].low)) * x[0].slope;
    result.carriers.clear();
  }
  result.low = 0.0;
  return {result};
}
std::vector<Abstract> PowOp::transfer(ArrayRef<Abstract> x) {
  if (std::optional<Abstract> number = numberOf(*this, x))
    return {*number};
  double exponent = getNumber();
  if (exponent == 1)
    return {x[0]};
  if (exponent == 2)
    return {productOf(x[0], getX().getType(), x[0], getX().getType(), getType())};
  Abstract result = join(x);
  if (exponent == 0)
    return {limited(x[0], 1, 0)};
  bool isWhole = exponent == std::round(exponent);
  if (x[0].peak.isConstant() && exponent >= 1)
    result.slope = Series(exponent) * power(x[0].peak.b, exponent - 1) * x[0].slope;
  if (x[0].peak.isConstant() && exponent > 0)
    result.peak = Bound::constant(power(x[0].peak.b, exponent));
  else if (exponent < 0 && x[0].low.isPositive())
    result.peak = Bound::constant(power(x[0].low, exponent));
  result.whole = result.part = result.across = result.peak;
  result.partSize = 1;
  if (!isWhole)
    result.low = 0.0;
  return {result};
}
