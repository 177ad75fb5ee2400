// Sensitivity.cpp: how values change with the stream, and how far rows stay from a constant row.
// Upper bounds never shrink by rounding: the verifier rounds each step outward once (S14).
#include "dialect/Sensitivity.h"
#include "dialect/LnxDialect.h"
#include <cfloat>
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;

static int64_t countOf(Type type) { return ShapedType::getNumElements(getFeatures(type)); }
static Series root(double x) { return std::sqrt(x); }
static Series constantOf(const Bound &bound) {
  return bound.isConstant() ? bound.b : Series::top();
}

//===-- slopes ---------------------------------------------------------------===//

template <typename List, typename More> static void addAll(List &list, const More &more) {
  for (const auto &item : more)
    if (!llvm::is_contained(list, item))
      list.push_back(item);
}

Slope Slope::none() {
  Slope x;
  x.whole = x.part = x.across = 0.0;
  x.partSize = 1;
  return x;
}

Slope Slope::stream(int64_t count, int64_t size) {
  Slope x;
  x.whole = x.part = 1.0;
  x.across = root(double(count));
  x.partSize = size;
  return x;
}

bool Slope::isNone() const { return whole.isZero() && across.isZero(); }

Slope lnx::joinSlopes(const Slope &x, const Slope &y) {
  Slope result = x.isNone() && y.isNone() ? Slope::none() : Slope();
  result.grounds = x.grounds | y.grounds;
  result.carriers = x.carriers;
  addAll(result.carriers, y.carriers);
  result.vacuous = x.vacuous;
  addAll(result.vacuous, y.vacuous);
  result.usesOlder =
      x.usesOlder || y.usesOlder || (x.epoch >= 0 && y.epoch >= 0 && x.epoch != y.epoch);
  result.epoch = std::max(x.epoch, y.epoch);
  result.culprit = x.culprit ? x.culprit : y.culprit;
  return result;
}

Slope lnx::operator+(const Slope &x, const Slope &y) {
  Slope result = joinSlopes(x, y);
  result.whole = x.whole + y.whole;
  result.across = x.across + y.across;
  result.partSize = x.isNone() ? y.partSize : x.partSize;
  if (result.partSize > 0)
    result.part = slopeOfBlock(x, result.partSize) + slopeOfBlock(y, result.partSize);
  return result;
}

Slope lnx::largerSlope(const Slope &x, const Slope &y) {
  Slope result = joinSlopes(x, y);
  result.whole = larger(x.whole, y.whole);
  result.across = larger(x.across, y.across);
  result.partSize = 0;
  return result;
}

Slope lnx::operator*(const Series &factor, const Slope &x) {
  Slope result = x;
  result.whole = factor * x.whole;
  result.part = factor * x.part;
  result.across = factor * x.across;
  return result;
}

Series lnx::slopeOfBlock(const Slope &x, int64_t size) {
  Series block = smaller(x.whole, x.across);
  if (x.partSize > 0 && size % x.partSize == 0)
    block = smaller(block, root(double(size) / double(x.partSize)) * x.part);
  else if (x.partSize > 0 && x.partSize % size == 0)
    block = smaller(block, x.part);
  return block;
}

Slope lnx::broadcastSlope(const Slope &x, Type from, Type to, int64_t size) {
  double times = double(countOf(to)) / double(std::max<int64_t>(1, countOf(from)));
  Slope result = x;
  result.whole = root(times) * x.whole;
  result.across = root(times) * x.across;
  bool isRepeated = lastOf(from) == 1 && lastOf(to) > 1;
  result.part = isRepeated ? root(double(size)) * slopeOfBlock(x, 1) : slopeOfBlock(x, size);
  result.partSize = size;
  return result;
}

Slope lnx::tightened(Slope x, Type type) {
  double count = double(countOf(type));
  x.whole = smaller(x.whole, x.across);
  if (x.partSize > 0)
    x.whole = smaller(x.whole, root(count / double(x.partSize)) * x.part);
  x.part = slopeOfBlock(x, std::max<int64_t>(1, x.partSize));
  // Entry by entry, no entry changes more than its block.
  x.across = smaller(x.across, root(count) * slopeOfBlock(x, 1));
  return x;
}

Slope lnx::slopeOfProduct(const Abstract &x, const Abstract &y) {
  Slope left = constantOf(y.peak) * x.slope, right = constantOf(x.peak) * y.slope;
  for (const auto &[slope, factor] : {std::pair(&left, &y), std::pair(&right, &x)})
    if (!slope->isNone()) {
      slope->grounds |= factor->grounds;
      if (!constantOf(factor->peak).isFinite())
        addAll(slope->carriers, factor->carriers);
    }
  return left + right;
}

Slope lnx::slopeOfProjection(const Slope &x, const Abstract &matrix) {
  if (x.isNone())
    return x;
  Slope result = x;
  Series spectral = smaller(matrix.spectral, matrix.frobenius);
  result.whole = spectral * x.whole;
  result.across = matrix.frobenius * x.whole;
  result.partSize = matrix.partSize;
  result.part = smaller(spectral, matrix.perhead) * x.whole;
  result.grounds |= matrix.grounds;
  if (!spectral.isFinite())
    addAll(result.carriers, matrix.carriers);
  return result;
}

Slope lnx::slopeOfReduction(const Slope &x, int64_t n, double factor) {
  Slope result = x;
  Series times = root(double(n)) * Series(std::abs(factor));
  result.whole = times * x.whole;
  result.across = times * x.across;
  result.part = result.whole;
  result.partSize = 1;
  return result;
}

Slope lnx::slopeOfAttention(const Abstract &q, Type queries, const Abstract &k, const Abstract &v,
                            Type keys, HeadSizes at) {
  double heads = double(at.heads), groups = double(at.groups);
  Series shared = root(heads / groups), each = root(double(at.size));
  // sqrt of the sum over heads of the largest square over rows.
  auto overHeads = [&](const Slope &x) {
    return shared * smaller(x.across, root(groups) * slopeOfBlock(x, at.size));
  };
  auto sizeOf = [&](const Abstract &x, Type type) {
    return each * constantOf(partOf(x, type, at.size));
  };
  Series sizeQ = sizeOf(q, queries), sizeK = sizeOf(k, keys), sizeV = sizeOf(v, keys);
  Series weights = at.scale * sizeV;
  Slope result = joinSlopes(joinSlopes(q.slope, k.slope), v.slope);
  if (result.isNone())
    return result;
  result.whole =
      overHeads(v.slope) + weights * (sizeK * q.slope.whole + sizeQ * overHeads(k.slope));
  result.partSize = at.size;
  result.part = slopeOfBlock(v.slope, at.size) + weights * (sizeK * slopeOfBlock(q.slope, at.size) +
                                                            sizeQ * slopeOfBlock(k.slope, at.size));
  for (const auto &[x, size] : {std::pair(&q, &sizeQ), {&k, &sizeK}, {&v, &sizeV}}) {
    result.grounds |= x->grounds;
    if (!size->isFinite())
      addAll(result.carriers, x->carriers);
  }
  result.across = Series::top();
  return result;
}

Slope lnx::slopeOfNorm(const Abstract &x, Type type, NormShape norm, Operation *place) {
  Slope result = x.slope;
  if (result.isNone())
    return result;
  Series least = lowest(x.spread);
  Series root = sqrt(Series(norm.q) * (least * least) + norm.eps) + norm.outside;
  Series factor = Series(std::abs(norm.number)) * reciprocal(root);
  result = factor * x.slope;
  result.partSize = lastOf(type);
  result.part = factor * slopeOfBlock(x.slope, lastOf(type));
  result.across = Series::top();
  result.grounds |= x.spread.grounds;
  if (!least.isPositive())
    addAll(result.vacuous, llvm::SmallVector<Operation *, 2>{place});
  return tightened(std::move(result), type);
}

//===-- spreads --------------------------------------------------------------===//

// Lower bounds are rounded down: both terms of a difference towards less (S14).
static constexpr double down = 1 - 1e-12, up = 1 + 1e-12;
// Eight roundings or fewer, once a step: 1e-12 would be seen at a thousand steps.
static constexpr double slightlyDown = 1 - 16 * DBL_EPSILON;

bool SpreadStage::isLinear() const { return q == 0 && eps == 1 && outside == 0; }

double SpreadStage::at(size_t layer, double t) const {
  double f = factor[layer], o = offset[layer];
  double u = (f == 0 || t == 0 ? 0 : f * t * slightlyDown) + o * (o < 0 ? up : down);
  if (!(u > 0) || isLinear())
    return std::max(u, 0.0);
  return slightlyDown * u / (std::sqrt(q * u * u + eps) + outside);
}

double Spread::at(size_t layer, double stream) const {
  double t = stages.empty() ? 0 : stream;
  for (const SpreadStage &stage : stages)
    t = stage.at(layer, t);
  return t;
}

// Rounding is of the values alone; a schedule is rounded by its own arithmetic.
static Series rounded(const Series &x, double factor) {
  Series result = Series(factor) * x;
  return x.hasSchedule() ? result.with(x.schedule()) : result;
}

// u/(sqrt(q u^2 + eps) + outside) = 1/(sqrt(q + eps/u^2) + outside/u) grows with u: written so, a
// schedule below u gives one below the result.
Series SpreadStage::at(const Series &t) const {
  Series u = larger(rounded(factor * t, down) + rounded(offset, up), 0.0);
  if (isLinear())
    return u;
  Series root = sqrt(Series(q) + Series(eps) * reciprocal(u * u));
  return rounded(reciprocal(root + Series(outside) * reciprocal(u)), down);
}

Series lnx::spreadFrom(const Spread &x, const Series &stream) {
  Series t = x.stages.empty() ? Series(0.0) : stream;
  for (const SpreadStage &stage : x.stages)
    t = stage.at(t);
  return t;
}

Series lnx::lowest(const Spread &x) { return spreadFrom(x, 0.0); }

static void push(Spread &x, SpreadStage stage) {
  if (x.stages.empty())
    return;
  if (x.stages.size() == 8) // no equation of a model is that long
    x.stages.clear();
  else
    x.stages.push_back(std::move(stage));
}

Spread Spread::constant(const Series &value) {
  Spread x;
  x.stages.push_back({0.0, rounded(value, down * down)}); // an offset is rounded up
  return x;
}
Spread Spread::stream() {
  Spread x;
  x.stages.push_back({});
  return x;
}

Spread lnx::spreadOfSum(const Abstract &x, const Abstract &y, Type type) {
  for (const auto &[kept, other] : {std::pair(&x, &y), std::pair(&y, &x)}) {
    Series loss = constantOf(partOf(*other, type, lastOf(type)));
    if (kept->spread.stages.empty() || !loss.isFinite())
      continue;
    Spread result = kept->spread;
    result.grounds |= other->grounds;
    push(result, {1.0, negated(loss)});
    return result;
  }
  return {};
}

Spread lnx::spreadOfProduct(const Abstract &x, Type xType, const Abstract &y, Type yType) {
  for (const auto &[kept, keptType, factor, type] :
       {std::tuple(&x, xType, &y, yType), std::tuple(&y, yType, &x, xType)}) {
    bool isRepeated = lastOf(keptType) < lastOf(type);
    if (kept->spread.stages.empty() || !factor->isFixed || isRepeated)
      continue;
    Series least = factor->isNumber ? factor->peak.b : larger(factor->low, 0.0);
    if (countOf(type) > 1) {
      Series most = constantOf(factor->peak);
      if (!kept->hasNoMean || !least.isPositive() || !most.isFinite())
        continue;
      const bool isOne = least == most && !least.hasSchedule() && !most.hasSchedule();
      if (!isOne) {
        Series root = rounded(sqrt(least * most), down);
        least = least * (Series(2.0) * root * reciprocal(least + most));
      }
    }
    Spread result = kept->spread;
    result.grounds |= factor->grounds | factor->lowGrounds;
    push(result, {least, 0.0});
    return result;
  }
  return {};
}

Spread lnx::spreadOfNorm(const Abstract &x, Type type, NormShape norm) {
  Spread result = x.spread;
  if (norm.isCentred) {
    push(result, {1.0, 0.0, norm.q, norm.eps, norm.outside});
    push(result, {std::abs(norm.number), 0.0});
    return result;
  }
  // A mean that is left makes the divisor larger: the row's rms bounds it.
  Series size = constantOf(partOf(x, type, lastOf(type)));
  if (!size.isFinite())
    return {};
  result.grounds |= x.grounds;
  Series root = sqrt(Series(norm.q) * (size * size) + norm.eps) + norm.outside;
  push(result, {rounded(Series(std::abs(norm.number)) * reciprocal(root), down), 0.0});
  return result;
}
