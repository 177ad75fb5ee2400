// OptimumTerms: |x W| <= |W|_F |x|, |x * y| <= |x| |y|, attention averages head by head (S42, S44),
// and what a primitive with one operand does to a size it says itself.
#include "compiler/stability/OptimumTerms.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

static int64_t countOf(Value value) {
  return ShapedType::getNumElements(getFeatures(value.getType()));
}

static bool isBefore(ParamOp x, ParamOp y) { return x.getOperation() < y.getOperation(); }

static void scale(OptimumTerms &terms, const Series &factor) {
  for (OptimumTerm &term : terms)
    term.factor = factor * term.factor;
}

/// Absent where a matrix would count twice: its square is no product of different ones.
static std::optional<OptimumTerm> timesOf(const OptimumTerm &x, const OptimumTerm &y) {
  OptimumTerm result;
  result.factor = x.factor * y.factor;
  result.ofStream = x.ofStream || y.ofStream;
  if (x.ofStream && y.ofStream)
    return std::nullopt;
  result.matrices = x.matrices;
  for (ParamOp matrix : y.matrices) {
    if (llvm::is_contained(result.matrices, matrix))
      return std::nullopt;
    result.matrices.push_back(matrix);
  }
  llvm::sort(result.matrices, isBefore);
  return result;
}

std::optional<OptimumTerms> TermReader::read(Value value) {
  if (resolve(value) == stream)
    return OptimumTerms{{1.0, {}, /*ofStream=*/true, /*isAcross=*/false}};
  std::optional<OptimumTerms> parts = readParts(resolve(value));
  // Fewer than two matrices in a product grow with depth, and a number does not need them.
  auto isFree = [](const OptimumTerm &term) {
    return !term.ofStream && (term.matrices.size() >= 2 || term.factor.isZero());
  };
  if (parts && llvm::all_of(*parts, isFree))
    return parts;
  if (std::optional<OptimumTerms> known = constant(value))
    return known;
  if (!parts && !culprit)
    culprit = resolve(value).getDefiningOp();
  return parts;
}

/// A bound that the promises alone give, whatever the stream and all other weights are.
std::optional<OptimumTerms> TermReader::constant(Value value) {
  const double root = std::sqrt(double(countOf(value)));
  for (;;) {
    const Abstract *x = declared.find(value);
    if (x && x->whole.isConstant() && !x->whole.isTop()) {
      grounds |= x->grounds;
      return OptimumTerms{{Series(root) * x->whole.b, {}, false, x->isFixed}};
    }
    auto apply = value.getDefiningOp<ApplyOp>();
    if (!apply)
      return std::nullopt;
    value = apply.getBody().front().getTerminator()->getOperand(
        cast<OpResult>(value).getResultNumber());
  }
}

std::optional<OptimumTerms> TermReader::readParts(Value value) {
  if (!value.getDefiningOp() || isa<ParamOp>(value.getDefiningOp()))
    return std::nullopt;
  if (matchProjection(value))
    return readProjection(value);
  if (matchAttention(value))
    return readAttention(value);
  const Summands sum = summandsOf(value, /*depth=*/1, stream);
  const bool isSum = sum.terms.size() > 1 || (!sum.terms.empty() && sum.terms[0].second != value);
  if (sum.number == 0 && isSum) {
    OptimumTerms all;
    for (const auto &[factor, summand] : sum.terms) {
      std::optional<OptimumTerms> terms;
      if (countOf(summand) == countOf(value))
        terms = read(summand);
      if (!terms)
        return std::nullopt;
      scale(*terms, std::abs(factor));
      llvm::append_range(all, *terms);
    }
    return all;
  }
  return matchProduct(value) ? readProduct(value) : readUnary(value);
}

std::optional<OptimumTerms> TermReader::readProjection(Value value) {
  const std::optional<Projection> projection = matchProjection(value);
  auto matrix = projection->matrix.getDefiningOp<ParamOp>();
  if (!matrix || matrix.getType().getRank() != 2)
    return std::nullopt;
  std::optional<OptimumTerms> terms = read(projection->input);
  if (!terms)
    return std::nullopt;
  for (OptimumTerm &term : *terms) {
    std::optional<OptimumTerm> product = timesOf(term, {1.0, {matrix}, false, true});
    if (!product)
      return std::nullopt;
    term = *product;
    term.isAcross = true; // sum over blocks of max_j |x_j W^b|^2 <= |W|_F^2 max_j |x_j|^2
  }
  return terms;
}

// Each head averages values of its own group: sum_h max_j |v_j^g(h)|^2 counts a group heads/groups
// times, and a bound of whole rows counts for every group.
std::optional<OptimumTerms> TermReader::readAttention(Value value) {
  const std::optional<SoftmaxAttention> attention = matchAttention(value);
  const double heads = double(attention->heads);
  const double groups = double(countOf(attention->value)) / (double(countOf(value)) / heads);
  std::optional<OptimumTerms> terms = read(attention->value);
  if (!terms || !(groups >= 1))
    return std::nullopt;
  for (OptimumTerm &term : *terms) {
    term.factor = Series(std::sqrt(term.isAcross ? heads / groups : heads)) * term.factor;
    term.isAcross = false;
  }
  return terms;
}

std::optional<OptimumTerms> TermReader::readProduct(Value value) {
  const Pair pair = *matchProduct(value);
  for (auto [number, other] : {std::pair(pair.x, pair.y), std::pair(pair.y, pair.x)}) {
    const Abstract *x = declared.find(number);
    if (!x || !x->isFixed || !x->peak.isConstant() || x->peak.isTop() ||
        countOf(other) != countOf(value))
      continue;
    std::optional<OptimumTerms> terms = read(other);
    if (terms)
      scale(*terms, x->peak.b);
    grounds |= x->grounds;
    return terms;
  }
  if (countOf(pair.x) != countOf(value) || countOf(pair.y) != countOf(value))
    return std::nullopt;
  std::optional<OptimumTerms> left = read(pair.x), right = read(pair.y);
  if (!left || !right)
    return std::nullopt;
  OptimumTerms all;
  for (const OptimumTerm &x : *left)
    for (const OptimumTerm &y : *right) {
      std::optional<OptimumTerm> term = timesOf(x, y);
      if (!term)
        return std::nullopt;
      all.push_back(std::move(*term));
    }
  return all;
}

/// A primitive asked for a row of size r: it keeps what it makes at most a r.
std::optional<OptimumTerms> TermReader::readUnary(Value value) {
  auto op = dyn_cast<PrimitiveOpInterface>(value.getDefiningOp());
  if (!op || op->getNumOperands() != 1 || op->getNumResults() != 1 ||
      countOf(op->getOperand(0)) != countOf(value))
    return std::nullopt;
  Abstract x;
  const int64_t size = lastOf(op->getOperand(0).getType());
  x.partSize = size;
  x.whole = Bound::stream();
  x.part = Series(std::sqrt(double(countOf(value)) / double(size))) * Bound::stream();
  x.peak = Series(std::sqrt(double(countOf(value)))) * Bound::stream();
  const Bound whole = op.transfer({x}).front().whole;
  if (!whole.b.isZero() || !whole.c.isZero() || !whole.a.isFinite())
    return std::nullopt;
  std::optional<OptimumTerms> terms = read(op->getOperand(0));
  if (!terms)
    return std::nullopt;
  const bool isReshape = behindReshape(value) != value;
  for (OptimumTerm &term : *terms) {
    term.factor = whole.a * term.factor;
    term.isAcross &= isReshape;
  }
  return terms;
}
