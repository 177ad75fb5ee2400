// Activation.cpp: tanh, sigmoid, ReLU, SiLU and GELU.
// Written with exp and division so that small results keep their relative accuracy.
#include "dialect/ops/Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;

static double logistic(double x) { return 1 / (1 + std::exp(-x)); }

// x / (1 + e^-u): the one shape behind sigmoid (x = 1), SiLU (u = x) and GELU.
static Value emitGated(OpBuilder &builder, Location loc, Value x, Value u) {
  Value one = emitNumber(builder, loc, u.getType(), 1);
  Value decay = math::ExpOp::create(builder, loc, arith::NegFOp::create(builder, loc, u));
  return arith::DivFOp::create(builder, loc, x, arith::AddFOp::create(builder, loc, one, decay));
}

static Term sigmoid(GradBuilder &grad, Term x) {
  return grad.term(SigmoidOp::create(grad.getBuilder(), grad.getLoc(), x));
}

double TanhOp::compute(ArrayRef<double> x) { return std::tanh(x[0]); }
Value TanhOp::emit(OpBuilder &builder, Location loc, ValueRange x) {
  return math::TanhOp::create(builder, loc, x[0]);
}
void TanhOp::differentiate(GradBuilder &grad) {
  Term y = grad.term(getResult());
  if (grad.wants(getX()))
    grad.add(getX(), grad[getResult()] * (1 - y * y));
}
SmallVector<Moments> TanhOp::moments(ArrayRef<Moments> x) {
  return {Moments{x[0].rms, std::tanh(x[0].peak)}.tightened()};
}

double SigmoidOp::compute(ArrayRef<double> x) { return logistic(x[0]); }
Value SigmoidOp::emit(OpBuilder &builder, Location loc, ValueRange x) {
  return emitGated(builder, loc, emitNumber(builder, loc, x[0].getType(), 1), x[0]);
}
void SigmoidOp::differentiate(GradBuilder &grad) {
  Term y = grad.term(getResult());
  if (grad.wants(getX()))
    grad.add(getX(), grad[getResult()] * (y * (1 - y)));
}
SmallVector<Moments> SigmoidOp::moments(ArrayRef<Moments> x) {
  return {Moments::number(logistic(x[0].peak))};
}

double ReluOp::compute(ArrayRef<double> x) { return std::max(x[0], 0.0); }
Value ReluOp::emit(OpBuilder &builder, Location loc, ValueRange x) {
  return arith::MaximumFOp::create(builder, loc, x[0], emitNumber(builder, loc, x[0].getType(), 0));
}
void ReluOp::differentiate(GradBuilder &grad) {
  if (!grad.wants(getX()))
    return;
  Term open = grad.term(StepFunctionOp::create(grad.getBuilder(), grad.getLoc(), getX()));
  grad.add(getX(), grad[getResult()] * open);
}
SmallVector<Moments> ReluOp::moments(ArrayRef<Moments> x) { return {x[0]}; }

double SiluOp::compute(ArrayRef<double> x) { return x[0] * logistic(x[0]); }
Value SiluOp::emit(OpBuilder &builder, Location loc, ValueRange x) {
  return emitGated(builder, loc, x[0], x[0]);
}
void SiluOp::differentiate(GradBuilder &grad) {
  if (!grad.wants(getX()))
    return;
  Term x = grad.term(getX()), s = sigmoid(grad, x);
  grad.add(getX(), grad[getResult()] * (s * (1 + x * (1 - s))));
}
// |x sigmoid(x)| <= |x| sigmoid(|x|).
SmallVector<Moments> SiluOp::moments(ArrayRef<Moments> x) {
  double gate = logistic(x[0].peak);
  return {{x[0].rms * gate, x[0].peak * gate}};
}

// GPT-2's GELU: x sigmoid(2u) with u = sqrt(2/pi) (x + 0.044715 x^3).
static constexpr double geluScale = 0.7978845608028654;
static constexpr double geluCubic = 0.044715;

double GeluOp::compute(ArrayRef<double> x) {
  return x[0] * logistic(2 * geluScale * (x[0] + geluCubic * x[0] * x[0] * x[0]));
}
Value GeluOp::emit(OpBuilder &builder, Location loc, ValueRange operands) {
  Value x = operands[0];
  auto number = [&](double value) { return emitNumber(builder, loc, x.getType(), value); };
  Value square = arith::MulFOp::create(builder, loc, x, x);
  Value cubic = arith::MulFOp::create(builder, loc, square, number(2 * geluScale * geluCubic));
  Value slope = arith::AddFOp::create(builder, loc, cubic, number(2 * geluScale));
  return emitGated(builder, loc, x, arith::MulFOp::create(builder, loc, x, slope));
}
void GeluOp::differentiate(GradBuilder &grad) {
  if (!grad.wants(getX()))
    return;
  Term x = grad.term(getX()), square = x * x;
  Term s = sigmoid(grad, x * (2 * geluScale + 2 * geluScale * geluCubic * square));
  Term slope = 2 * geluScale + 6 * geluScale * geluCubic * square; // of the sigmoid's argument
  grad.add(getX(), grad[getResult()] * (s + x * (s * (1 - s)) * slope));
}
SmallVector<Moments> GeluOp::moments(ArrayRef<Moments> x) { return {x[0]}; }

//===-- abstract values ----------------------------------------------------===//

std::vector<Abstract> TanhOp::transfer(ArrayRef<Abstract> x) {
  Abstract result = limited(x[0], 1, -1, /*lipschitz=*/1.0);
  Abstract linear = contracted(x[0], /*isHomogeneous=*/false);
  if (linear.whole.isConstant() && linear.carriers.empty()) {
    result.whole = better(result.whole, linear.whole);
    result.grounds = linear.grounds;
  }
  return {result};
}
std::vector<Abstract> SigmoidOp::transfer(ArrayRef<Abstract> x) {
  return {limited(x[0], 1, 0, /*lipschitz=*/0.25)};
}
std::vector<Abstract> ReluOp::transfer(ArrayRef<Abstract> x) {
  Abstract result = contracted(x[0], /*isHomogeneous=*/true, /*lipschitz=*/1.0);
  result.low = 0.0;
  return {result};
}
// The largest slopes, rounded up: 1.0998393 at x = 2.3994, 1.1289929 at x = 1.4098 (S20).
std::vector<Abstract> SiluOp::transfer(ArrayRef<Abstract> x) {
  return {contracted(x[0], /*isHomogeneous=*/false, /*lipschitz=*/1.09984)};
}
std::vector<Abstract> GeluOp::transfer(ArrayRef<Abstract> x) {
  return {contracted(x[0], /*isHomogeneous=*/false, /*lipschitz=*/1.12900)};
}
