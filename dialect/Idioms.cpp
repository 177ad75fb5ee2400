// Idioms.cpp: the algebra behind Idioms.h.
// Products, sums and roots are flattened first, so that order and spelling do not matter.
#include "dialect/Idioms.h"
#include "dialect/LnxDialect.h"
#include "dialect/ops/Elementwise.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;

Value lnx::resolve(Value value) {
  for (;;) {
    if (auto apply = value.getDefiningOp<ApplyOp>()) {
      unsigned index = cast<OpResult>(value).getResultNumber();
      value = apply.getBody().front().getTerminator()->getOperand(index);
    } else if (auto step = value.getDefiningOp<StepOp>()) {
      value = step.getNext();
    } else {
      return value;
    }
  }
}

static bool isSame(Value x, Value y, int depth) {
  x = resolve(x);
  y = resolve(y);
  if (x == y)
    return true;
  Operation *a = x.getDefiningOp(), *b = y.getDefiningOp();
  if (!a || !b || depth == 0 || !isa<PrimitiveOpInterface>(a) || a->getName() != b->getName() ||
      a->getAttrDictionary() != b->getAttrDictionary() || x.getType() != y.getType() ||
      cast<OpResult>(x).getResultNumber() != cast<OpResult>(y).getResultNumber() ||
      a->getNumOperands() != b->getNumOperands())
    return false;
  auto operandsAre = [&](unsigned i, unsigned j) {
    return isSame(a->getOperand(i), b->getOperand(j), depth - 1);
  };
  if (a->hasTrait<OpTrait::IsCommutative>() && operandsAre(0, 1) && operandsAre(1, 0))
    return true;
  for (unsigned i = 0; i < a->getNumOperands(); ++i)
    if (!operandsAre(i, i))
      return false;
  return true;
}

// Deep enough for a norm's statistics; a longer chain is one value only when it is shared.
bool lnx::isSameValue(Value x, Value y) { return isSame(x, y, 12); }

//===-- products and sums ----------------------------------------------------===//

static void flatten(Value value, bool isBelow, Factors &product, int depth, Value stop) {
  value = resolve(value);
  if (std::optional<double> number = getNumber(value)) {
    product.number *= isBelow ? 1 / *number : *number;
    return;
  }
  if (depth > 0 && value != stop) {
    if (auto mul = value.getDefiningOp<MulOp>()) {
      flatten(mul.getLhs(), isBelow, product, depth - 1, stop);
      flatten(mul.getRhs(), isBelow, product, depth - 1, stop);
      return;
    }
    if (auto div = value.getDefiningOp<DivOp>()) {
      flatten(div.getLhs(), isBelow, product, depth - 1, stop);
      flatten(div.getRhs(), !isBelow, product, depth - 1, stop);
      return;
    }
    if (auto negation = value.getDefiningOp<NegOp>()) {
      product.number = -product.number;
      flatten(negation.getX(), isBelow, product, depth - 1, stop);
      return;
    }
  }
  (isBelow ? product.below : product.above).push_back(value);
}

static void flatten(Value value, double factor, Summands &sum, int depth, Value stop) {
  value = resolve(value);
  if (std::optional<double> number = getNumber(value)) {
    sum.number += factor * *number;
    return;
  }
  if (value == stop) {
    sum.terms.push_back({factor, value});
    return;
  }
  auto add = value.getDefiningOp<AddOp>();
  auto sub = value.getDefiningOp<SubOp>();
  if (depth > 0 && (add || sub)) {
    flatten(value.getDefiningOp()->getOperand(0), factor, sum, depth - 1, stop);
    flatten(value.getDefiningOp()->getOperand(1), sub ? -factor : factor, sum, depth - 1, stop);
    return;
  }
  auto mul = value.getDefiningOp<MulOp>();
  auto div = value.getDefiningOp<DivOp>();
  std::optional<double> left = mul ? getNumber(resolve(mul.getLhs())) : std::nullopt;
  std::optional<double> right = mul   ? getNumber(resolve(mul.getRhs()))
                                : div ? getNumber(resolve(div.getRhs()))
                                      : std::nullopt;
  if (depth > 0 && left)
    return flatten(mul.getRhs(), factor * *left, sum, depth - 1, stop);
  if (depth > 0 && right)
    return flatten(value.getDefiningOp()->getOperand(0), mul ? factor * *right : factor / *right,
                   sum, depth - 1, stop);
  sum.terms.push_back({factor, value});
}

Factors lnx::factorsOf(Value value, int depth, Value stop) {
  Factors product;
  flatten(value, /*isBelow=*/false, product, depth, stop);
  return product;
}

Summands lnx::summandsOf(Value value, int depth, Value stop) {
  Summands sum;
  flatten(value, 1, sum, depth, stop);
  return sum;
}

//===-- normalisation --------------------------------------------------------===//

namespace {
/// factor * (radicand)^(1/2), plus `outside`; `isInverse`: one over it.
struct Root {
  Value radicand;
  double outside = 0;
  bool isInverse = false;
};
} // namespace

static std::optional<Root> matchRoot(Value value) {
  value = resolve(value);
  if (auto root = value.getDefiningOp<SqrtOp>())
    return Root{root.getX(), 0, false};
  if (auto root = value.getDefiningOp<RsqrtOp>())
    return Root{root.getX(), 0, true};
  if (auto power = value.getDefiningOp<PowOp>()) {
    if (std::abs(power.getNumber()) == 0.5)
      return Root{power.getX(), 0, power.getNumber() < 0};
    return std::nullopt;
  }
  Summands sum = summandsOf(value, 4);
  if (sum.terms.size() != 1 || sum.terms[0].first != 1 || sum.number <= 0 ||
      sum.terms[0].second == value)
    return std::nullopt;
  std::optional<Root> inner = matchRoot(sum.terms[0].second);
  if (!inner || inner->isInverse || inner->outside != 0)
    return std::nullopt;
  inner->outside = sum.number;
  return inner;
}

/// The value whose square this is.
static Value matchSquare(Value value) {
  value = resolve(value);
  if (auto mul = value.getDefiningOp<MulOp>())
    return isSameValue(mul.getLhs(), mul.getRhs()) ? resolve(mul.getLhs()) : Value();
  if (auto power = value.getDefiningOp<PowOp>())
    return power.getNumber() == 2 ? resolve(power.getX()) : Value();
  return {};
}

/// `factor` times the mean over the last axis: the value averaged, and its size.
static Value matchMean(Value value, double &factor) {
  Factors product = factorsOf(value, 2);
  if (product.above.size() != 1 || !product.below.empty())
    return {};
  factor *= product.number;
  value = product.above.front();
  auto reduction = dyn_cast_or_null<ReductionOpInterface>(value.getDefiningOp());
  if (!reduction || reduction.getReducedAxis() != -1 || reduction.getIdentity() != 0)
    return {};
  Value x = value.getDefiningOp()->getOperand(0);
  int64_t count = getReducedSize(x.getType(), -1);
  factor *= reduction.getFactor(count) * static_cast<double>(count);
  return resolve(x);
}

/// y where `value` is y - mean(y).
static Value matchCentred(Value value) {
  Summands sum = summandsOf(value, 1); // one level only: y may be a sum itself
  if (sum.number != 0 || sum.terms.size() != 2)
    return {};
  for (int i : {0, 1}) {
    double factor = sum.terms[1 - i].first;
    Value mean = matchMean(sum.terms[1 - i].second, factor);
    if (mean && sum.terms[i].first == 1 && std::abs(factor + 1) < 1e-12 &&
        isSameValue(mean, sum.terms[i].second))
      return sum.terms[i].second;
  }
  return {};
}

/// q where `radicand` is q mean(v v) + eps, or q (mean(y y) - mean(y)^2) + eps for v = y - mean(y).
static bool matchRadicand(Value radicand, Value v, Value uncentred, double &q, double &eps) {
  Summands sum = summandsOf(radicand, 6);
  eps = sum.number;
  if (eps < 0 || sum.terms.empty() || sum.terms.size() > 2)
    return false;
  double square = 0, ofMean = 0;
  for (auto [coefficient, term] : sum.terms) {
    double factor = coefficient;
    if (Value base = matchMean(term, factor)) {
      Value root = matchSquare(base);
      bool isBare = sum.terms.size() == 2;
      if (!root || !isSameValue(root, isBare ? uncentred : v))
        return false;
      square = factor;
    } else if (Value base = matchSquare(term)) {
      double unit = 1;
      Value mean = matchMean(base, unit);
      if (!mean || !uncentred || !isSameValue(mean, uncentred))
        return false;
      ofMean = coefficient * unit * unit;
    } else {
      return false;
    }
  }
  if (sum.terms.size() == 2 && std::abs(square + ofMean) > 1e-12 * std::abs(square))
    return false;
  q = square;
  return q > 0;
}

/// The values whose squares are summed below a root.
static SmallVector<Value> squaredBelow(Value radicand) {
  SmallVector<Value> squared;
  for (auto [coefficient, term] : summandsOf(radicand, 6).terms)
    if (Value base = matchMean(term, coefficient))
      if (Value root = matchSquare(base))
        squared.push_back(root);
  return squared;
}

/// Whether `product`, the factors of `value`, has one that is normalised by another.
static std::optional<Normalisation> matchFactors(const Factors &product, Value value) {
  SmallVector<std::pair<Value, bool>> all;
  for (Value factor : product.above)
    all.push_back({factor, false});
  for (Value factor : product.below)
    all.push_back({factor, true});
  for (size_t i = 0; i < all.size(); ++i) {
    std::optional<Root> root = matchRoot(all[i].first);
    if (!root || root->isInverse == all[i].second)
      continue;
    for (size_t j = 0; j < product.above.size(); ++j) {
      Value v = product.above[j];
      if (j == i || v.getType() != value.getType())
        continue;
      Value uncentred = matchCentred(v);
      Normalisation found;
      if (!matchRadicand(root->radicand, v, uncentred, found.q, found.eps))
        continue;
      bool isRestAbove =
          llvm::all_of(product.below, [&](Value below) { return below == all[i].first; });
      if (!isRestAbove || (all[i].second && product.below.size() > 1))
        return std::nullopt;
      found.input = uncentred ? uncentred : v;
      found.isCentred = static_cast<bool>(uncentred);
      found.outside = root->outside;
      found.number = product.number;
      for (size_t k = 0; k < product.above.size(); ++k)
        if (k != j && k != i)
          found.factors.push_back(product.above[k]);
      return found;
    }
  }
  return std::nullopt;
}

std::optional<Normalisation> lnx::matchNormalisation(Value value) {
  value = resolve(value);
  if (!value.getDefiningOp<MulOp>() && !value.getDefiningOp<DivOp>())
    return std::nullopt;
  Factors product = factorsOf(value, 8);
  if (std::optional<Normalisation> found = matchFactors(product, value))
    return found;
  // What is normalised may be a product itself: 0.1*f(x) over the root of its own mean square.
  SmallVector<Value> all(product.above);
  llvm::append_range(all, product.below);
  for (Value factor : all)
    if (std::optional<Root> root = matchRoot(factor))
      for (Value whole : squaredBelow(root->radicand))
        if (std::optional<Normalisation> found = matchFactors(factorsOf(value, 8, whole), value))
          return found;
  return std::nullopt;
}

//===-- weights and streams --------------------------------------------------===//

std::optional<Value> lnx::matchAveraging(Value value) {
  auto div = resolve(value).getDefiningOp<DivOp>();
  if (!div)
    return std::nullopt;
  Value below = resolve(div.getRhs());
  auto reduction = dyn_cast_or_null<ReductionOpInterface>(below.getDefiningOp());
  if (!reduction || reduction.getIdentity() != 0)
    return std::nullopt;
  Value x = below.getDefiningOp()->getOperand(0);
  int64_t count = getReducedSize(x.getType(), reduction.getReducedAxis());
  if (reduction.getFactor(count) != 1 || !isSameValue(x, div.getLhs()))
    return std::nullopt;
  return resolve(x);
}

std::optional<Mixing> lnx::matchMixing(Value value) {
  value = resolve(value);
  auto reduction = dyn_cast_or_null<ReductionOpInterface>(value.getDefiningOp());
  if (!reduction || reduction.getReducedAxis() != -2 || reduction.getIdentity() != 0)
    return std::nullopt;
  Value products = resolve(value.getDefiningOp()->getOperand(0));
  auto mul = products.getDefiningOp<MulOp>();
  int64_t count = getReducedSize(products.getType(), -2);
  if (!mul || reduction.getFactor(count) != 1)
    return std::nullopt;
  Value weights = resolve(mul.getLhs()), streams = resolve(mul.getRhs());
  ArrayRef<int64_t> w = getFeatures(weights.getType()), x = getFeatures(streams.getType());
  ArrayRef<int64_t> p = getFeatures(products.getType());
  // Weights [.., s, 1] times streams [.., s, d], not repeated along s by broadcasting.
  if (hasRows(weights.getType()) || !hasRows(streams.getType()) || w.size() < 2 || x.size() < 2 ||
      w.back() != 1 || w[w.size() - 2] != count || x[x.size() - 2] != count || x.back() != p.back())
    return std::nullopt;
  for (int64_t size : x.drop_back(2))
    if (size != 1)
      return std::nullopt;
  // What is known of the rows of another shape is not about these.
  Value matrix = behindReshape(weights), whole = behindReshape(streams);
  if (getFeatures(matrix.getType()).empty() || getFeatures(matrix.getType()).back() != count)
    return std::nullopt;
  bool isCut =
      getFeatures(whole.getType()).empty() || getFeatures(whole.getType()).back() != x.back();
  return Mixing{matrix, isCut ? streams : whole};
}

std::optional<Pair> lnx::matchProduct(Value value) {
  if (auto mul = resolve(value).getDefiningOp<MulOp>())
    return Pair{mul.getLhs(), mul.getRhs()};
  return std::nullopt;
}

std::optional<Pair> lnx::matchSum(Value value) {
  if (auto add = resolve(value).getDefiningOp<AddOp>())
    return Pair{add.getLhs(), add.getRhs()};
  return std::nullopt;
}
