// Abstract.cpp: the rules that several primitives share (4.2); their arithmetic is in Bounds.cpp.
// A rule names what it needs of an operation, never the operation.
#include "dialect/LnxDialect.h"
#include "dialect/Sensitivity.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;

static constexpr double infinity = std::numeric_limits<double>::infinity();

//===-- degrees --------------------------------------------------------------===//

static Degree afterFunction(Degree x, bool isHomogeneous) {
  return x.isZero() || (isHomogeneous && x.isPure()) ? x : Degree::none();
}

Degree Abstract::degreeIn(Value parameter) const {
  for (const auto &[key, degree] : degrees)
    if (key == parameter)
      return degree;
  return {};
}

Degree Abstract::wholeDegree() const {
  if (!hasSkip)
    return stream;
  return hasRest ? sumOfDegrees(stream, Degree::of(1)) : Degree::of(1);
}

// Degrees in everything that x or y depends on; `f` gets 0 where one does not.
static void mergeDegrees(Abstract &result, const Abstract &x, const Abstract &y,
                         function_ref<Degree(Degree, Degree)> f) {
  result.degrees.clear();
  for (const auto &[key, degree] : x.degrees)
    result.degrees.push_back({key, f(degree, y.degreeIn(key))});
  for (const auto &[key, degree] : y.degrees)
    if (llvm::none_of(x.degrees, [&](const auto &entry) { return entry.first == key; }))
      result.degrees.push_back({key, f({}, degree)});
}

static void mapDegrees(Abstract &x, function_ref<Degree(Degree)> f) {
  for (auto &entry : x.degrees)
    entry.second = f(entry.second);
}

//===-- values ---------------------------------------------------------------===//

Abstract Abstract::number(Series value) {
  Abstract x;
  Series size = abs(value);
  x.whole = x.part = x.across = x.peak = Bound::constant(size);
  x.partSize = 1;
  x.initial = value;
  x.low = std::move(value);
  x.slope = Slope::none();
  x.isFixed = x.isNumber = true;
  return x;
}

template <typename List> static void addAll(List &list, const List &more) {
  for (const auto &item : more)
    if (!llvm::is_contained(list, item))
      list.push_back(item);
}

Abstract lnx::join(ArrayRef<Abstract> operands) {
  Abstract result;
  result.isFixed = true;
  result.slope = Slope::none();
  bool isConstant = true;
  for (const Abstract &x : operands) {
    addAll(result.carriers, x.carriers);
    addAll(result.last, x.last);
    result.slope = joinSlopes(result.slope, x.slope);
    result.isFixed &= x.isFixed;
    result.grounds |= x.grounds;
    result.usesOlder |=
        x.usesOlder || (x.epoch >= 0 && result.epoch >= 0 && x.epoch != result.epoch);
    result.epoch = std::max(result.epoch, x.epoch);
    isConstant &= x.wholeDegree().isZero();
    if (!result.culprit)
      result.culprit = x.culprit;
    mergeDegrees(result, Abstract(result), x, [](Degree a, Degree b) {
      return a.isZero() && b.isZero() ? Degree() : Degree::none();
    });
  }
  result.stream = isConstant ? Degree() : Degree::none();
  return result;
}

static int64_t countOf(Type type) { return ShapedType::getNumElements(getFeatures(type)); }

int64_t lnx::lastOf(Type type) {
  ArrayRef<int64_t> features = getFeatures(type);
  return features.empty() ? 1 : features.back();
}

Bound lnx::partOf(const Abstract &x, Type type, int64_t size) {
  double count =
      static_cast<double>(std::max<int64_t>(1, countOf(type) / std::max<int64_t>(1, size)));
  Bound part = better(x.peak, Series(std::sqrt(count)) * x.whole);
  if (x.partSize > 0 && size % x.partSize == 0)
    part = better(x.part, part);
  else if (x.partSize > 0 && x.partSize % size == 0)
    part = better(Series(std::sqrt(double(x.partSize) / double(size))) * x.part, part);
  return part;
}

Bound lnx::restOf(const Abstract &x, Type type, int64_t size) {
  if (!x.hasSkip)
    return partOf(x, type, size);
  if (x.partSize > 0 && size % x.partSize == 0)
    return x.rest;
  double count = static_cast<double>(countOf(type)) / static_cast<double>(size);
  return Series(std::sqrt(std::max(1.0, count))) * x.rest;
}

// Blocks of `size` features, a part of the result's last axis. Repeating entries changes no other
// bound.
static Abstract broadcastTo(const Abstract &x, Type from, Type to, int64_t size) {
  Abstract result = x;
  bool isRepeated = lastOf(from) == 1 && lastOf(to) > 1;
  result.part = isRepeated ? x.peak : partOf(x, from, size);
  result.rest = !x.hasSkip ? result.part : restOf(x, from, isRepeated ? 1 : size);
  result.partSize = size;
  result.slope = broadcastSlope(x.slope, from, to, size);
  if (lastOf(from) != lastOf(to))
    result.spread = {}; // repeated along the row
  return result;
}

// The last axis, or the heads that one of the two is known by.
static int64_t blockOf(const Abstract &x, const Abstract &y, Type type) {
  int64_t size = lastOf(type);
  if (size == countOf(type))
    for (const Abstract *operand : {&x, &y})
      if (!operand->isFixed && operand->partSize > 1 && size % operand->partSize == 0)
        return operand->partSize;
  return size;
}

/// Whether adding two numbers loses some of the smaller: 1 + 1e-17 is 1.
static bool isRounded(const Series &x, const Series &y) {
  const double sum = x[0] + y[0];
  return x.isUniform() && y.isUniform() && (sum - x[0] != y[0] || sum - y[0] != x[0]);
}

static void tighten(Abstract &x) {
  x.part = better(x.part, x.peak);
  x.whole = better(x.whole, x.part);
  x.across = better(x.across, x.peak);
  x.whole = better(x.whole, x.across);
}

Abstract lnx::sumOf(const Abstract &left, Type xType, const Abstract &right, Type yType,
                    Type type) {
  if (left.isNumber && right.isNumber)
    return Abstract::number(left.low + right.low);
  int64_t block = blockOf(left, right, type);
  Abstract x = broadcastTo(left, xType, type, block), y = broadcastTo(right, yType, type, block);
  Abstract result = join({x, y});
  result.whole = x.whole + y.whole;
  result.part = x.part + y.part;
  result.across = x.across + y.across;
  result.peak = x.peak + y.peak;
  result.partSize = x.partSize;
  result.low = x.low + y.low;
  result.slope = tightened(x.slope + y.slope, type);
  result.spread = spreadOfSum(x, y, type);
  mergeDegrees(result, x, y, sumOfDegrees);
  // A bias belongs to its projection: both are scaled together.
  for (const auto &[matrix, bias] : {std::pair(&x, &y), std::pair(&y, &x)})
    if (matrix->isFresh && bias->isFixed && !bias->isNumber)
      for (auto &entry : result.degrees)
        if (llvm::is_contained(matrix->last, entry.first))
          entry.second = matrix->degreeIn(entry.first);
  result.initial = x.initial + y.initial;
  result.branches = x.branches;
  llvm::append_range(result.branches, y.branches);
  result.isNormed = x.isNormed || y.isNormed;
  result.isPost = (x.isPost && y.isFixed) || (y.isPost && x.isFixed);
  result.inputScale = x.isFixed ? y.inputScale : x.inputScale;
  result.initialSkip = x.initialSkip + y.initialSkip;
  result.hasSkip = x.hasSkip || y.hasSkip;
  result.skip = x.skip + y.skip;
  result.rest = x.rest + y.rest;
  if (x.hasSkip && y.hasSkip && isRounded(x.skip, y.skip)) {
    result.skip = larger(x.skip, y.skip);
    result.rest = result.rest + Bound{smaller(x.skip, y.skip), 0.0, 0.0};
  }
  result.hasRest = x.hasRest || y.hasRest;
  result.stream = !x.hasRest ? y.stream : !y.hasRest ? x.stream : sumOfDegrees(x.stream, y.stream);
  tighten(result);
  return result;
}

static Bound productOf(const Bound &x, const Bound &xPeak, const Bound &y, const Bound &yPeak) {
  return better(x * yPeak, xPeak * y);
}

Abstract lnx::productOf(const Abstract &left, Type xType, const Abstract &right, Type yType,
                        Type type) {
  if (left.isNumber && right.isNumber)
    return Abstract::number(left.low * right.low);
  int64_t block = blockOf(left, right, type);
  Abstract x = broadcastTo(left, xType, type, block), y = broadcastTo(right, yType, type, block);
  Abstract result = join({x, y});
  result.whole = ::productOf(x.whole, x.peak, y.whole, y.peak);
  result.part = ::productOf(x.part, x.peak, y.part, y.peak);
  result.across = ::productOf(x.across, x.peak, y.across, y.peak);
  result.peak = x.peak * y.peak;
  // |x y| summed is at most |x| |y|: entries of the product of two rows (S22).
  double root = std::sqrt(double(countOf(type)));
  result.whole = better(result.whole, Series(root) * (x.whole * y.whole));
  result.partSize = x.partSize;
  if (x.low.isNonNegative() && y.low.isNonNegative())
    result.low = x.low * y.low;
  result.slope = tightened(slopeOfProduct(x, y), type);
  result.spread = spreadOfProduct(left, xType, right, yType);
  result.hasNoMean = (x.hasNoMean && y.isNumber) || (y.hasNoMean && x.isNumber);
  mergeDegrees(result, x, y, productOfDegrees);
  bool isZero =
      (x.peak.isConstant() && x.peak.b.isZero()) || (y.peak.isConstant() && y.peak.b.isZero());
  if (isZero) {
    mapDegrees(result, [](Degree d) { return Degree{d.low, d.high, d.top, false}; });
    result.carriers.clear();
  }
  result.stream = productOfDegrees(x.wholeDegree(), y.wholeDegree());
  result.initial = x.initial * y.initial;
  for (const auto &[factor, value] : {std::pair(&x, &y), std::pair(&y, &x)})
    if (!value->isFixed) {
      result.branches = value->branches;
      result.isNormed |= value->isNormed;
      result.inputScale = value->inputScale;
      if (!factor->isFixed)
        continue;
      Series size = abs(factor->initial);
      for (Branch &branch : result.branches)
        branch.scale = branch.scale * size;
      result.inputScale = value->inputScale * size;
      result.initialSkip = value->initialSkip * size;
      result.isPost = value->isPost;
    }
  for (const auto &[factor, value] : {std::pair(&x, &y), std::pair(&y, &x)})
    if (value->hasSkip && factor->isFixed) {
      result.hasSkip = true;
      result.skip = value->skip * factor->peak.b;
      result.rest = factor->peak.b * value->rest;
      result.hasRest = value->hasRest;
      result.stream = value->stream;
    }
  tighten(result);
  return result;
}

Abstract lnx::quotientOf(const Abstract &x, Type xType, const Abstract &y, Type yType, Type type) {
  Abstract inverse = join({y});
  bool isPositive = y.low.isPositive();
  if (y.isNumber)
    inverse = Abstract::number(reciprocal(y.low));
  else if (isPositive) {
    inverse.whole = inverse.part = inverse.across = inverse.peak =
        Bound::constant(reciprocal(y.low));
    inverse.partSize = lastOf(yType);
    inverse.slope = reciprocal(y.low * y.low) * y.slope;
    inverse.low = 0.0;
    inverse.carriers.clear();
  }
  mergeDegrees(inverse, y, Abstract(), [](Degree d, Degree) {
    return d.isPure() ? Degree{-d.low, -d.high, false, d.exact} : Degree::none();
  });
  Degree degree = y.wholeDegree();
  inverse.stream = degree.isPure() ? Degree::of(-degree.low) : Degree::none();
  return productOf(x, xType, inverse, yType, type);
}

Abstract lnx::negated(const Abstract &x) {
  Abstract result = x;
  result.low = x.isNumber ? ::mlir::lnx::negated(x.low) : Series(-infinity);
  result.initial = ::mlir::lnx::negated(x.initial);
  result.isFresh = result.isStream = false;
  result.norm = Abstract::Norm::none;
  return result;
}

// A function of each entry: nothing of the sum it came from is left.
static Abstract functionOf(const Abstract &x, bool isHomogeneous, const Series &lipschitz) {
  Abstract result = x;
  result.slope = lipschitz * x.slope;
  result.spread = {};
  result.hasNoMean = false;
  result.isFresh = result.isStream = result.hasSkip = result.isNumber = false;
  result.hasRest = true;
  result.norm = Abstract::Norm::none;
  result.scores.reset();
  result.stream = afterFunction(x.wholeDegree(), isHomogeneous);
  mapDegrees(result, [&](Degree d) { return afterFunction(d, isHomogeneous); });
  result.spectral = result.frobenius = result.perhead = Series::top();
  result.rowSum = result.rowRms = Series::top();
  return result;
}

Abstract lnx::contracted(const Abstract &x, bool isHomogeneous, Series lipschitz) {
  Abstract result = functionOf(x, isHomogeneous, lipschitz);
  result.low = -infinity;
  return result;
}

Abstract lnx::limited(const Abstract &x, double limit, double low, Series lipschitz) {
  Abstract result = functionOf(x, /*isHomogeneous=*/false, lipschitz);
  result.peak = Bound::constant(limit);
  result.whole = result.part = result.across = result.peak;
  result.carriers.clear();
  result.grounds = 0;
  result.low = low;
  return result;
}

Abstract lnx::normalised(const Abstract &x, Type type, const NormShape &norm, Operation *place) {
  Abstract result = functionOf(x, /*isHomogeneous=*/true, Series::top());
  double size = static_cast<double>(lastOf(type)), rms = std::abs(norm.number) / std::sqrt(norm.q);
  bool isCentred = norm.isCentred;
  result.slope = slopeOfNorm(x, type, norm, place);
  result.spread = spreadOfNorm(x, type, norm);
  result.hasNoMean = isCentred;
  result.whole = result.part = Bound::constant(rms);
  result.partSize = lastOf(type);
  double peak = rms * std::sqrt(isCentred ? size - 1 : size);
  result.peak = result.across = Bound::constant(peak);
  result.low = -peak;
  result.carriers.clear();
  result.grounds = 0;
  result.culprit = nullptr;
  result.usesOlder = false;
  result.norm = Abstract::Norm::unit;
  result.isNormed = true;
  result.inputScale = rms;
  result.isPost = x.hasSkip && x.hasRest;
  if (!result.isPost)
    result.initialSkip = 0.0;
  if (!result.isPost)
    for (Branch &branch : result.branches) {
      branch.hasOutputNorm = true;
      branch.scale = rms;
    }
  auto scaleFree = [](Degree d) { return d.isPure() ? Degree() : Degree::none(); };
  result.stream = scaleFree(x.wholeDegree());
  mapDegrees(result, scaleFree);
  return result;
}

Abstract lnx::averagingWeights(const Abstract &x) {
  Abstract result = limited(x, 1, 0);
  result.culprit = nullptr;
  return result;
}

Abstract lnx::mixed(const Abstract &weights, const Abstract &x, Type type) {
  Abstract result = join({weights, x});
  int64_t size = lastOf(type);
  Bound part = weights.rowSum * partOf(x, type, size);
  result.part = part;
  result.partSize = size;
  result.whole = part;
  result.peak = weights.rowSum * x.peak;
  // One stream may hold all that X is over its streams together.
  int64_t streams = std::max<int64_t>(1, countOf(type) / size);
  result.across = weights.rowSum * better(x.peak, Series(std::sqrt(double(streams))) * x.across);
  result.slope = slopeOfProjection(x.slope, weights); // |A|_2 of all streams together
  result.slope.across = Series::top();
  result.slope.partSize = 0;
  if (!weights.isFixed)
    result.slope = joinSlopes(weights.slope, x.slope);
  mergeDegrees(result, weights, x, productOfDegrees);
  result.stream = x.stream;
  result.hasSkip = x.hasSkip;
  result.hasRest = x.hasRest;
  result.skip = weights.rowSum * x.skip;
  result.rest = weights.rowSum * restOf(x, type, size);
  result.initialSkip = x.initialSkip;
  result.branches = x.branches;
  tighten(result);
  return result;
}
