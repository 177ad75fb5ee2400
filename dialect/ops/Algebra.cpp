// Algebra.cpp: identities of arithmetic with numbers, as canonicalizations.
// Folding of numbers and of neutral elements is in ElementwiseClass.cpp.
#include "dialect/ops/Elementwise.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::lnx;

// (x + a) + b = x + (a + b), and the same for products; numbers stand on the right.
template <typename OpTy> static LogicalResult mergeNumbers(OpTy op, PatternRewriter &rewriter) {
  std::optional<double> outer = getNumber(op.getRhs());
  auto inner = op.getLhs().template getDefiningOp<OpTy>();
  std::optional<double> within = inner ? getNumber(inner.getRhs()) : std::nullopt;
  if (!outer || !within)
    return failure();
  double merged = op.compute({*outer, *within});
  Value number = ConstantOp::create(rewriter, op.getLoc(), merged);
  rewriter.replaceOpWithNewOp<OpTy>(op, inner.getLhs(), number);
  return success();
}

// x + (-y) = x - y.
static LogicalResult addNegation(AddOp op, PatternRewriter &rewriter) {
  for (auto [here, there] : {std::pair(op.getLhs(), op.getRhs()), {op.getRhs(), op.getLhs()}})
    if (auto negation = there.getDefiningOp<NegOp>()) {
      rewriter.replaceOpWithNewOp<SubOp>(op, here, negation.getX());
      return success();
    }
  return failure();
}

// x - a = x + (-a): sums of numbers then merge.
static LogicalResult subtractNumber(SubOp op, PatternRewriter &rewriter) {
  std::optional<double> number = getNumber(op.getRhs());
  if (!number)
    return failure();
  Value negated = ConstantOp::create(rewriter, op.getLoc(), -*number);
  rewriter.replaceOpWithNewOp<AddOp>(op, op.getLhs(), negated);
  return success();
}

// x - (-y) = x + y, and 0 - x = -x.
static LogicalResult subtractNegation(SubOp op, PatternRewriter &rewriter) {
  if (auto negation = op.getRhs().getDefiningOp<NegOp>()) {
    rewriter.replaceOpWithNewOp<AddOp>(op, op.getLhs(), negation.getX());
    return success();
  }
  if (getNumber(op.getLhs()) != 0.0 || op.getRhs().getType() != op.getType())
    return failure();
  rewriter.replaceOpWithNewOp<NegOp>(op, op.getRhs());
  return success();
}

// (-x) a = x (-a), and x (-1) = -x.
static LogicalResult multiplyNegation(MulOp op, PatternRewriter &rewriter) {
  std::optional<double> number = getNumber(op.getRhs());
  if (!number)
    return failure();
  if (*number == -1 && op.getLhs().getType() == op.getType()) {
    rewriter.replaceOpWithNewOp<NegOp>(op, op.getLhs());
    return success();
  }
  auto negation = op.getLhs().getDefiningOp<NegOp>();
  if (!negation)
    return failure();
  Value negated = ConstantOp::create(rewriter, op.getLoc(), -*number);
  rewriter.replaceOpWithNewOp<MulOp>(op, negation.getX(), negated);
  return success();
}

// x / a = x (1/a).
static LogicalResult divideByNumber(DivOp op, PatternRewriter &rewriter) {
  std::optional<double> number = getNumber(op.getRhs());
  if (!number || *number == 0)
    return failure();
  Value inverse = ConstantOp::create(rewriter, op.getLoc(), 1 / *number);
  rewriter.replaceOpWithNewOp<MulOp>(op, op.getLhs(), inverse);
  return success();
}

// x / sqrt(y) = x rsqrt(y): one root for each row instead of a division for each feature.
static LogicalResult divideByRoot(DivOp op, PatternRewriter &rewriter) {
  auto root = op.getRhs().getDefiningOp<SqrtOp>();
  if (!root)
    return failure();
  Value inverse = RsqrtOp::create(rewriter, op.getLoc(), root.getX());
  if (getNumber(op.getLhs()) == 1.0)
    rewriter.replaceOp(op, inverse);
  else
    rewriter.replaceOpWithNewOp<MulOp>(op, op.getLhs(), inverse);
  return success();
}

// Powers that plain arithmetic has a name for.
static LogicalResult namePower(PowOp op, PatternRewriter &rewriter) {
  double exponent = op.getNumber();
  Location loc = op.getLoc();
  Value x = op.getX();
  if (exponent == 1)
    return rewriter.replaceOp(op, x), success();
  if (exponent == 0.5)
    return rewriter.replaceOpWithNewOp<SqrtOp>(op, x), success();
  if (exponent == -0.5)
    return rewriter.replaceOpWithNewOp<RsqrtOp>(op, x), success();
  if (exponent == 2 || exponent == 3) {
    Value power = MulOp::create(rewriter, loc, x, x);
    if (exponent == 3)
      power = MulOp::create(rewriter, loc, power, x);
    return rewriter.replaceOp(op, power), success();
  }
  if (exponent != -1 && exponent != -2)
    return failure();
  Value one = ConstantOp::create(rewriter, loc, 1.0);
  Value power = exponent == -1 ? x : MulOp::create(rewriter, loc, x, x);
  return rewriter.replaceOpWithNewOp<DivOp>(op, one, power), success();
}

void AddOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *) {
  patterns.add(mergeNumbers<AddOp>);
  patterns.add(addNegation);
}
void SubOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *) {
  patterns.add(subtractNumber);
  patterns.add(subtractNegation);
}
void MulOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *) {
  patterns.add(mergeNumbers<MulOp>);
  patterns.add(multiplyNegation);
}
void DivOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *) {
  patterns.add(divideByNumber);
  patterns.add(divideByRoot);
}
void PowOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *) {
  patterns.add(namePower);
}
