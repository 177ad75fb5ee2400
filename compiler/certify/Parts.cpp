// Parts: sums and products with broadcasting. Each bound in a list holds; the claim takes one.
#include "compiler/certify/Parts.h"
#include <algorithm>

namespace lnx::certify {

//===-- degrees ----------------------------------------------------------------===//

static Degree ofSum(Degree x, Degree y) {
  return {std::min(x.low, y.low), std::max(x.high, y.high), x.isNone || y.isNone};
}
Degree productOf(Degree x, Degree y) {
  return {x.low + y.low, x.high + y.high, x.isNone || y.isNone};
}
static Degree ofAny(Degree x, Degree y) { return {0, 0, !x.isZero() || !y.isZero()}; }

static std::map<int64_t, Degree> merged(const Value &x, const Value &y,
                                        Degree (*f)(Degree, Degree)) {
  std::map<int64_t, Degree> result;
  for (const Value *value : {&x, &y})
    for (const auto &[key, degree] : value->degrees)
      result[key] = f(x.degreeIn(key), y.degreeIn(key));
  return result;
}

//===-- values -----------------------------------------------------------------===//

double root(int64_t n) { return sqrtUp(static_cast<double>(n)); }

bool isGain(const Value &x, const Step &step) {
  return x.isFixed && !x.number && !step.shape.empty();
}

void setAll(Derived &x, const Size &size) { x.bounds.fill({size}); }

Derived copied(const Value &x) {
  Derived result;
  static_cast<Value &>(result) = x;
  for (int kind = 0; kind < kinds; ++kind)
    result.bounds[kind] = {x.bound[kind]};
  result.bounds[part].clear();
  result.scores = Size::unknown();
  return result;
}

Derived joined(const std::vector<const Value *> &operands) {
  Derived result;
  result.isFixed = true;
  for (const Value *x : operands) {
    result.isFixed = result.isFixed && x->isFixed;
    result.isOlder = result.isOlder || x->isOlder ||
                     (x->epoch >= 0 && result.epoch >= 0 && x->epoch != result.epoch);
    result.epoch = std::max(result.epoch, x->epoch);
    for (int64_t projection : x->last)
      if (std::find(result.last.begin(), result.last.end(), projection) == result.last.end())
        result.last.push_back(projection);
    result.degrees = merged(result, *x, ofAny);
  }
  return result;
}

Derived functionOf(const Value &x, bool isHomogeneous) {
  Derived result = copied(x);
  result.number.reset();
  result.isFresh = result.isStream = false;
  result.skip = Skip();
  result.share = 0.0;
  result.norm = Value::Norm::none;
  result.spectral = result.frobenius = result.perhead = result.rowSum = infinity;
  result.low = -infinity;
  for (auto &[key, degree] : result.degrees)
    if (!degree.isZero() && !(isHomogeneous && degree.isPure()))
      degree.isNone = true;
  return result;
}

//===-- sums and products ------------------------------------------------------===//

std::vector<Size> partsOf(const Value &x, const Step &step, int64_t block) {
  std::vector<Size> parts = {x[peak]};
  if (block < 1 || step.count() % block != 0)
    return parts;
  parts.push_back(Series(root(step.count() / block)) * x[rms]);
  if (x.block > 0 && block % x.block == 0)
    parts.push_back(x[part]);
  else if (x.block > 0 && x.block % block == 0)
    parts.push_back(Series(root(x.block / block)) * x[part]);
  return parts;
}

/// The same of an operand repeated over the features of `step`.
static std::vector<Size> repeatedParts(const Value &x, const Step &xStep, const Step &step,
                                       int64_t block) {
  if (xStep.last() != step.last() || block < 1 || step.last() % block != 0)
    return {x[peak]};
  return partsOf(x, xStep, block);
}

Skip scaled(Skip x, const Series &factor) {
  x.factor = factor * x.factor;
  x.rest = factor * x.rest;
  return x;
}

static Skip sumOf(const Value &x, const Value &y) {
  if (x.skip.count == 0 && y.skip.count == 0)
    return Skip();
  Skip sum = {x.skip.count + y.skip.count, x.skip.factor + y.skip.factor, -1, Size()};
  for (const Value *one : {&x, &y}) {
    if (one->skip.count > 0)
      sum.epoch = sum.epoch == -1 || sum.epoch == one->skip.epoch ? one->skip.epoch : -2;
    sum.rest = sum.rest + (one->skip.count > 0 ? one->skip.rest : (*one)[peak]);
  }
  return sum;
}

Derived sumOf(const Site &site, const Value &x, const Value &y) {
  Derived result = joined({&x, &y});
  for (Kind kind : {rms, across, peak})
    result.bounds[kind] = {x[kind] + y[kind]};
  std::vector<Size> yParts = repeatedParts(y, site.stepOf(1), site.step(), site.block());
  for (const Size &a : repeatedParts(x, site.stepOf(0), site.step(), site.block()))
    for (const Size &b : yParts)
      result.bounds[part].push_back(a + b);
  result.low = Series::zip(x.low, y.low, addDown);
  result.degrees = merged(x, y, ofSum);
  // A bias belongs to its projection: both are scaled together (S76).
  for (auto [matrix, bias] : {std::pair(&x, &y), std::pair(&y, &x)})
    if (matrix->isFresh && bias->isFixed && !bias->number)
      for (int64_t projection : matrix->last)
        result.degrees[projection] = matrix->degreeIn(projection);
  result.skip = sumOf(x, y);
  result.share = x.share + y.share;
  return result;
}

Derived productOf(const Site &site, const Value &x, const Step &xStep, const Value &y,
                  const Step &yStep) {
  Derived result = joined({&x, &y});
  for (Kind kind : {rms, across})
    result.bounds[kind] = {x[kind] * y[peak], x[peak] * y[kind]};
  result.bounds[peak] = {x[peak] * y[peak]};
  // |x y| summed is at most |x| |y|: entries of the product of two rows (S22).
  result.bounds[rms].push_back(Series(root(site.step().count())) * (x[rms] * y[rms]));
  for (const Size &size : repeatedParts(x, xStep, site.step(), site.block()))
    result.bounds[part].push_back(size * y[peak]);
  for (const Size &size : repeatedParts(y, yStep, site.step(), site.block()))
    result.bounds[part].push_back(x[peak] * size);
  if (x.low.isAtLeast(0) && y.low.isAtLeast(0))
    result.low = Series::zip(x.low, y.low, mulDown);
  result.degrees = merged(x, y, productOf);
  for (auto [factor, value] : {std::pair(&x, &y), std::pair(&y, &x)})
    if (value->skip.count > 0 && factor->isFixed) {
      const Size &size = factor->bound[peak];
      const Series most = size.isConstant() ? size.one : Series(infinity);
      result.skip = scaled(value->skip, most);
      result.share = most * value->share;
    }
  return result;
}

Value inverseOf(const Value &y, const Step &step) {
  Value inverse = joined({&y});
  Series smallest = y.number ? y.number->map([](double v) { return std::abs(v); }) : y.low;
  if (Series(smallest).map([](double v) { return v > 0 ? 1.0 : 0.0; }).isAtLeast(1)) {
    Series one = smallest.map([](double v) { return divUp(1, v); });
    if (step.op == "table" && !step.schedule.empty())
      one.rate = rateOfInverse(step.schedule);
    inverse.bound.fill(Size::constant(std::move(one)));
    inverse.block = step.last();
  }
  if (!y.number)
    inverse.low = y.low.isAtLeast(0) ? 0.0 : -infinity;
  for (const auto &[key, degree] : y.degrees)
    inverse.degrees[key] = {-degree.low, -degree.low, !degree.isPure()};
  return inverse;
}

} // namespace lnx::certify
