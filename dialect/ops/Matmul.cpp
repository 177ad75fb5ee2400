// Matmul.cpp: the matrix product with its four transposition cases, and the transpose of a matrix.
// The gradients of a matmul are matmuls with other flags; nothing is ever transposed in memory.
#include "dialect/Sensitivity.h"
#include "dialect/ops/Attributes.h"
#include "dialect/ops/Elementwise.h"
#include "mlir/IR/PatternMatch.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;

//===-- matmul: types ------------------------------------------------------===//

namespace {
/// Sizes of op(lhs) [m x k] and op(rhs) [k x n] as the types have them; rows are kDynamic.
struct Product {
  int64_t m, k, rhsK, n;
};
} // namespace

static Product productOf(Type lhs, Type rhs, bool transposeLhs, bool transposeRhs) {
  ArrayRef<int64_t> a = cast<ShapedType>(lhs).getShape(), b = cast<ShapedType>(rhs).getShape();
  return {a[transposeLhs], a[!transposeLhs], b[transposeRhs], b[!transposeRhs]};
}

static Product productOf(MatmulOp op) {
  return productOf(op.getLhs().getType(), op.getRhs().getType(), op.getTransposeLhs(),
                   op.getTransposeRhs());
}

LogicalResult MatmulOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location,
                                         ValueRange operands, DictionaryAttr attributes,
                                         OpaqueProperties properties, RegionRange regions,
                                         SmallVectorImpl<Type> &types) {
  auto flags = lnx::readProperties<MatmulOp>(attributes, properties);
  for (Value operand : operands)
    if (cast<ShapedType>(operand.getType()).getRank() != 2)
      return emitOptionalError(location, "matmul needs matrices, not ", operand.getType());
  Product p =
      ::productOf(operands[0].getType(), operands[1].getType(),
                  static_cast<bool>(flags.transpose_lhs), static_cast<bool>(flags.transpose_rhs));
  if (p.k != p.rhsK)
    return emitOptionalError(location, "cannot multiply ", operands[0].getType(), " by ",
                             operands[1].getType(), ": the sizes to sum over differ");
  if (ShapedType::isDynamic(p.n))
    return emitOptionalError(location, "the rows of ", operands[1].getType(),
                             " cannot become columns");
  bool withRows = ShapedType::isDynamic(p.m);
  if (withRows)
    types.push_back(getTensorType(context, {p.n}, withRows));
  else
    types.push_back(getTensorType(context, {p.m, p.n}, withRows));
  return success();
}

OpClass MatmulOp::getOpClass() { return OpClass::Contraction; }

//===-- matmul: the four answers -------------------------------------------===//

static Array transposed(const Array &x) {
  int64_t rows = x.shape[0], columns = x.shape[1];
  Array result({columns, rows});
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      result.data[j * rows + i] = x.data[i * columns + j];
  return result;
}

// [m x k] times [k x n].
static Array multiply(const Array &a, const Array &b) {
  int64_t m = a.shape[0], k = a.shape[1], n = b.shape[1];
  Array result({m, n});
  for (int64_t i = 0; i < m; ++i)
    for (int64_t l = 0; l < k; ++l) {
      double factor = a.data[i * k + l];
      const double *row = b.data.data() + l * n;
      double *out = result.data.data() + i * n;
      for (int64_t j = 0; j < n; ++j)
        out[j] += factor * row[j];
    }
  return result;
}

SmallVector<Array> MatmulOp::evaluate(ArrayRef<Array> operands, Batch) {
  return {multiply(getTransposeLhs() ? transposed(operands[0]) : operands[0],
                   getTransposeRhs() ? transposed(operands[1]) : operands[1])};
}

void MatmulOp::differentiate(GradBuilder &grad) {
  bool ta = getTransposeLhs(), tb = getTransposeRhs();
  Value a = getLhs(), b = getRhs(), dy = grad.gradient(getResult());
  auto product = [&](Value x, Value y, bool tx, bool ty) -> Value {
    return MatmulOp::create(grad.getBuilder(), grad.getLoc(), x, y, tx, ty);
  };
  // d op(a) = dy op(b)^T and d op(b) = op(a)^T dy, transposed once more where a flag is set.
  if (grad.wants(a))
    grad.add(a, ta ? product(b, dy, tb, true) : product(dy, b, false, !tb));
  if (grad.wants(b))
    grad.add(b, tb ? product(dy, a, true, ta) : product(a, dy, !ta, false));
}

// |y| <= |x| |W| in the Frobenius norm, so rms(y) <= k rms(x) rms(W); an entry is at most the norm
// of a row of the left times that of a column of the right.
SmallVector<Moments> MatmulOp::moments(ArrayRef<Moments> x) {
  Product p = ::productOf(*this);
  if (ShapedType::isDynamic(p.k))
    return {Moments::unknown()};
  double k = static_cast<double>(p.k), n = static_cast<double>(p.n);
  double m = ShapedType::isDynamic(p.m) ? 1 : static_cast<double>(p.m);
  double row = std::sqrt(k) * std::min(x[0].peak, std::sqrt(m) * x[0].rms);
  double column = std::sqrt(k) * std::min(x[1].peak, std::sqrt(n) * x[1].rms);
  double peak = boundProduct(row, column);
  return {Moments{k * boundProduct(x[0].rms, x[1].rms), peak}.tightened()};
}

void MatmulOp::lower(LoopBuilder &loops) {
  Value a = loops.operands[0], b = loops.operands[1];
  bool ta = getTransposeLhs(), tb = getTransposeRhs();
  auto at = [&](Value matrix, Value row, Value column, bool transpose) {
    return transpose ? loops.load(matrix, {column, row}) : loops.load(matrix, {row, column});
  };
  loops.forEach(loops.sizes(loops.results[0]), [&](ValueRange ij) {
    Value sum = loops.reduce(loops.size(a, !ta), loops.number(0), [&](Value k, Value carried) {
      return loops.add(carried, loops.mul(at(a, ij[0], k, ta), at(b, k, ij[1], tb)));
    });
    loops.store(0, ij, sum);
  });
}

Flops MatmulOp::getFlops() {
  Product p = ::productOf(*this);
  auto fixed = [](int64_t size) { return ShapedType::isDynamic(size) ? 1.0 : double(size); };
  if (!hasRows(getLhs().getType()))
    return {};
  return {.perRow = 2 * fixed(p.m) * fixed(p.k) * fixed(p.n)};
}

//===-- matmul: canonical form ---------------------------------------------===//

// matmul(transpose(a), b) = matmul(a, b) with the flag turned, and the same on the right.
static LogicalResult absorbTranspose(MatmulOp op, PatternRewriter &rewriter) {
  auto lhs = op.getLhs().getDefiningOp<TransposeOp>();
  auto rhs = op.getRhs().getDefiningOp<TransposeOp>();
  if (!lhs && !rhs)
    return failure();
  rewriter.replaceOpWithNewOp<MatmulOp>(op, lhs ? lhs.getX() : op.getLhs(),
                                        rhs ? rhs.getX() : op.getRhs(),
                                        op.getTransposeLhs() != static_cast<bool>(lhs),
                                        op.getTransposeRhs() != static_cast<bool>(rhs));
  return success();
}

void MatmulOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *) {
  patterns.add(absorbTranspose);
}

//===-- transpose ----------------------------------------------------------===//

OpClass TransposeOp::getOpClass() { return OpClass::Library; }

LogicalResult TransposeOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location,
                                            ValueRange operands, DictionaryAttr, OpaqueProperties,
                                            RegionRange, SmallVectorImpl<Type> &types) {
  auto type = cast<RankedTensorType>(operands[0].getType());
  if (hasRows(type) || type.getRank() != 2)
    return emitOptionalError(location, "transpose needs a matrix without rows, not ", type);
  types.push_back(
      getTensorType(context, {type.getDimSize(1), type.getDimSize(0)}, /*withRows=*/false));
  return success();
}

SmallVector<Array> TransposeOp::evaluate(ArrayRef<Array> operands, Batch) {
  return {transposed(operands[0])};
}

void TransposeOp::differentiate(GradBuilder &grad) {
  if (grad.wants(getX()))
    grad.add(getX(),
             TransposeOp::create(grad.getBuilder(), grad.getLoc(), grad.gradient(getResult())));
}

SmallVector<Moments> TransposeOp::moments(ArrayRef<Moments> x) { return {x[0]}; }

void TransposeOp::lower(LoopBuilder &loops) {
  loops.forEach(loops.sizes(loops.results[0]), [&](ValueRange ij) {
    loops.store(0, ij, loops.load(loops.operands[0], {ij[1], ij[0]}));
  });
}

static LogicalResult cancelTranspose(TransposeOp op, PatternRewriter &rewriter) {
  auto inner = op.getX().getDefiningOp<TransposeOp>();
  if (!inner)
    return failure();
  rewriter.replaceOp(op, inner.getX());
  return success();
}

void TransposeOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *) {
  patterns.add(cancelTranspose);
}

//===-- abstract values ----------------------------------------------------===//

// |x W| <= |W|_2 |x| (S15); entries from different rows are bounded by |W|_F (S42), heads by the
// norms of their columns. Of the projections behind it only this one is an output (S76).
std::vector<Abstract> MatmulOp::transfer(ArrayRef<Abstract> operands) {
  Product p = ::productOf(*this);
  Abstract result = join(operands);
  const Abstract &x = operands[0], &w = operands[1];
  result.degrees.clear();
  for (const Abstract *side : {&x, &w})
    for (const auto &[key, degree] : side->degrees)
      if (!llvm::is_contained(x.last, key) && (side == &x || x.degreeIn(key).isZero()))
        result.degrees.push_back({key, productOfDegrees(x.degreeIn(key), w.degreeIn(key))});
  result.stream = productOfDegrees(x.wholeDegree(), w.wholeDegree());
  if (getTransposeLhs() || !w.isFixed || ShapedType::isDynamic(p.k) || ShapedType::isDynamic(p.n))
    return {result};
  result.slope = slopeOfProjection(x.slope, w);
  if (getTransposeRhs()) // its columns are not the heads
    result.slope.partSize = 0;
  result.slope = tightened(std::move(result.slope), getType());
  result.last = {getResult()};
  result.degrees.push_back({getResult(), Degree::of(1)});
  result.isFresh = true;
  double k = static_cast<double>(p.k), n = static_cast<double>(p.n);
  Branch branch;
  branch.out = Series(k) * w.variance;
  if (!x.branches.empty() && !x.isStream) {
    branch.in = x.branches.back().out;
    branch.inputScale = x.branches.back().inputScale;
    branch.hasInputNorm = x.branches.back().hasInputNorm;
    branch.isCross = x.branches.back().isCross;
  } else {
    branch.inputScale = x.inputScale;
    branch.hasInputNorm = x.isNormed;
    branch.isCross = x.epoch < 0 && !x.isFixed;
  }
  result.branches = {branch};
  Series spectral = smaller(w.spectral, w.frobenius);
  Bound norm = Series(std::sqrt(k)) * x.whole;
  result.whole = spectral * (Series(1 / std::sqrt(n)) * norm);
  result.across = w.frobenius * (Series(1 / std::sqrt(n)) * norm);
  result.whole = better(result.whole, result.across);
  // The rows of a fixed matrix share one size, which may all be in one of them.
  double rows = hasRows(getLhs().getType()) ? 1 : std::sqrt(static_cast<double>(p.m));
  norm = Series(rows) * norm;
  result.peak = spectral * norm;
  if (w.perhead.isFinite() && w.partSize > 0 && !getTransposeRhs()) {
    result.partSize = w.partSize;
    result.part = w.perhead * (Series(1 / std::sqrt(double(w.partSize))) * norm);
    result.whole = better(result.whole, result.part);
  } else {
    result.part = Series(rows) * result.whole;
    result.partSize = p.n;
  }
  return {result};
}

std::vector<Abstract> TransposeOp::transfer(ArrayRef<Abstract> x) {
  Abstract result = x[0];
  result.part = x[0].peak;
  result.partSize = 1;
  result.perhead = result.rowSum = result.rowRms = Series::top();
  result.slope = hasRows(getType()) ? joinSlopes(x[0].slope, x[0].slope) : x[0].slope;
  result.slope.partSize = 0;
  result.spread = {};
  result.hasNoMean = false;
  return {result};
}
