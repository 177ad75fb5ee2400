// Schedule.cpp: arithmetic of bounds. Exact on sums of monomials while it can be; every other rule
// gives a sum above and a sum below for all large N (S49).
#include "dialect/Schedule.h"
#include <cmath>

namespace mlir::lnx {

/// Longer sums are not worth their time: nobody writes them.
static constexpr size_t mostTerms = 32;

static bool isPositive(const Scalar &x) { return Scalar::compare(x, 0) > 0; }
static bool isNegative(const Scalar &x) { return Scalar::compare(x, 0) < 0; }
static bool isWhole(const Scalar &x) { return x.isExact() && x.whole().has_value(); }

static bool isUsable(const Sum &sum) {
  for (const Monomial &term : sum)
    if (!term.c.isFinite() || !term.p.isFinite() || !term.s.isFinite() || !term.q.isFinite())
      return false;
  return sum.size() <= mostTerms;
}

static bool isSame(const Sum &x, const Sum &y) {
  if (x.size() != y.size())
    return false;
  for (size_t i = 0; i < x.size(); ++i)
    if (!x[i].hasShapeOf(y[i]) || !(x[i].c == y[i].c))
      return false;
  return true;
}

//===-- making ---------------------------------------------------------------===//

Schedule Schedule::between(std::optional<Sum> low, std::optional<Sum> high, const Schedule &like) {
  Schedule result;
  if (low && isUsable(*low))
    result.low = std::move(low);
  if (high && isUsable(*high))
    result.high = std::move(high);
  result.exact = result.low && result.high && isSame(*result.low, *result.high);
  result.ofLayer = like.ofLayer;
  result.where = like.where;
  return result;
}

Schedule Schedule::ofSum(Sum sum, const Schedule &like) { return between(sum, sum, like); }

Schedule Schedule::constant(const Scalar &value) {
  if (!value.isFinite())
    return unknown(/*ofLayer=*/false);
  return ofSum(value.isZero() ? Sum() : Sum{{value}}, Schedule());
}
Schedule Schedule::depth(const Scalar &share) { return ofSum({{share, 0, 1, 0}}, Schedule()); }
Schedule Schedule::layer(const Layers &layers) {
  Schedule like;
  like.ofLayer = true;
  like.where = layers;
  return ofSum({{1, 1, 0, 0}}, like);
}
Schedule Schedule::between(const Scalar &low, const Scalar &high) {
  Schedule like;
  like.ofLayer = true;
  return between(constant(low).low, constant(high).high, like);
}
Schedule Schedule::unknown(bool ofLayer) {
  Schedule result;
  result.ofLayer = ofLayer;
  return result;
}
Schedule Schedule::in(const Layers &layers) const {
  Schedule result = *this;
  result.where = layers;
  return result;
}

/// What a number made of both keeps besides its bounds.
Schedule Schedule::joined(const Schedule &other) const {
  Schedule like = unknown(ofLayer || other.ofLayer);
  like.where = ofLayer ? where : other.where;
  return like;
}

//===-- asking ---------------------------------------------------------------===//

std::optional<Sum> Schedule::positiveFloor() const {
  return low ? positiveBelow(*low, where) : std::nullopt;
}

std::optional<Sum> Schedule::magnitude() const {
  if (isNonNegative())
    return high ? std::optional(positiveAbove(*high)) : std::nullopt;
  if (!low || !high)
    return std::nullopt;
  if ((-*this).isNonNegative())
    return positiveAbove(negated(*low));
  if (!exact)
    return sumOf(positiveAbove(*high), positiveAbove(negated(*low)), Toward::above);
  Sum result = *high;
  for (Monomial &term : result)
    if (isNegative(term.c))
      term.c = -term.c;
  return result;
}

std::optional<Scalar> Schedule::asConstant() const {
  if (!exact || low->size() > 1 || (low->size() == 1 && !low->front().isConstant()))
    return std::nullopt;
  return low->empty() ? Scalar(0) : low->front().c;
}

//===-- ring -----------------------------------------------------------------===//

Schedule operator-(const Schedule &x) {
  return Schedule::between(x.high ? std::optional(negated(*x.high)) : std::nullopt,
                           x.low ? std::optional(negated(*x.low)) : std::nullopt, x);
}

Schedule operator+(const Schedule &x, const Schedule &y) {
  std::optional<Sum> low, high;
  if (x.low && y.low)
    low = sumOf(*x.low, *y.low, Toward::below);
  if (x.high && y.high)
    high = sumOf(*x.high, *y.high, Toward::above);
  return Schedule::between(std::move(low), std::move(high), x.joined(y));
}

Schedule operator-(const Schedule &x, const Schedule &y) { return x + -y; }

static std::optional<Sum> product(const std::optional<Sum> &x, const std::optional<Sum> &y,
                                  Toward toward) {
  if (!x || !y || x->size() * y->size() > mostTerms * mostTerms)
    return std::nullopt;
  return productOf(*x, *y, toward);
}

Schedule operator*(const Schedule &x, const Schedule &y) {
  const Schedule like = x.joined(y);
  for (const auto &[one, other] : {std::pair(&x, &y), std::pair(&y, &x)}) {
    if (!one->exact || one->low->size() > 1)
      continue;
    if (one->low->empty() && other->low && other->high)
      return Schedule::ofSum({}, like);
    if (!one->low->empty() && isPositive(one->low->front().c))
      return Schedule::between(product(one->low, other->low, Toward::below),
                               product(one->low, other->high, Toward::above), like);
  }
  if (x.exact && y.exact)
    return Schedule::between(product(x.low, y.low, Toward::below),
                             product(x.low, y.low, Toward::above), like);
  const bool isX = x.isNonNegative(), isY = y.isNonNegative();
  if (isX && isY)
    return Schedule::between(product(x.low, y.low, Toward::below),
                             product(x.high, y.high, Toward::above), like);
  if (!isX && (-x).isNonNegative())
    return -(-x * y);
  if (!isY && (-y).isNonNegative())
    return -(x * -y);
  const std::optional<Sum> most = product(x.magnitude(), y.magnitude(), Toward::above);
  return Schedule::between(most ? std::optional(negated(*most)) : std::nullopt, most, like);
}

/// Above 1/x for x >= sum, where the sum is positive: 1/(m - t) <= 1/m + 2 t/m^2 where t vanishes
/// beside m, else the inverse of one term below the sum.
static std::optional<Sum> inverseAbove(const Sum &sum, const Layers &layers) {
  const std::optional<Sum> floor = positiveBelow(sum, layers);
  if (!floor || floor->empty())
    return std::nullopt;
  const Monomial main = leading(positiveAbove(sum)), inverse = power(main, -1);
  Sum result = {inverse};
  for (const Monomial &term : sum) {
    if (!isNegative(term.c))
      continue;
    if (smallest(main * power({1, term.p, term.s, term.q}, -1), layers).isFinite())
      return Sum{power(leading(*floor), -1)};
    Monomial more = inverse * inverse * term;
    more.c = more.c * -2;
    add(result, more, Toward::above);
  }
  return result;
}

Schedule reciprocal(const Schedule &x) {
  if (x.exact && x.low->size() == 1)
    return Schedule::ofSum({power(x.low->front(), -1)}, x);
  if (!x.isNonNegative())
    return (-x).isNonNegative() ? -reciprocal(-x) : Schedule::unknown(x.ofLayer);
  std::optional<Sum> low = Sum(), high = inverseAbove(*x.low, x.where);
  if (!high) // it may be zero
    return Schedule::unknown(x.ofLayer);
  if (x.high)
    if (const Sum above = positiveAbove(*x.high); !above.empty())
      if (const std::optional<Monomial> one = oneAbove(above, x.where))
        low = Sum{power(*one, -1)};
  return Schedule::between(std::move(low), std::move(high), x);
}

Schedule operator/(const Schedule &x, const Schedule &y) { return x * reciprocal(y); }

//===-- functions ------------------------------------------------------------===//

static Schedule powerOf(const Schedule &x, int64_t exponent) {
  Schedule result = x;
  for (int64_t i = 1; i < exponent; ++i)
    result = result * x;
  return result;
}

/// x^e for a constant e.
static Schedule powerOf(const Schedule &x, const Scalar &e) {
  if (e.isZero())
    return Schedule::constant(1);
  if (isNegative(e))
    return reciprocal(powerOf(x, -e));
  const bool isSmall = isWhole(e) && *e.whole() <= 4;
  if (isSmall && x.isExact())
    return powerOf(x, *e.whole());
  return power(x, Schedule::constant(e));
}

Schedule power(const Schedule &x, const Schedule &exponent) {
  const std::optional<Scalar> e = exponent.asConstant();
  if (!e)
    return exp(exponent * log(x));
  if (*e == 1)
    return x;
  const bool isOne = x.exact && x.low->size() == 1;
  if (isOne && (isPositive(x.low->front().c) || isWhole(*e)))
    return Schedule::ofSum({power(x.low->front(), *e)}, x);
  if (e->isZero() || isNegative(*e) || (x.exact && isWhole(*e) && *e->whole() <= 4))
    return powerOf(x, *e);
  if (!x.isNonNegative()) {
    const std::optional<Sum> most = isWhole(*e) ? x.magnitude() : std::nullopt;
    if (!most)
      return Schedule::unknown(x.ofLayer);
    const Sum above = powerAbove(*most, *e, x.where);
    return Schedule::between(*e->whole() % 2 == 0 ? Sum() : negated(above), above, x);
  }
  std::optional<Sum> low = Sum(), high;
  if (const Sum floor = *x.positiveFloor(); !floor.empty())
    low = Sum{power(leading(floor), *e)};
  if (x.high)
    high = powerAbove(positiveAbove(*x.high), *e, x.where);
  return Schedule::between(std::move(low), std::move(high), x);
}

static bool isLogOfDepth(const Monomial &term) {
  return term.p.isZero() && term.s.isZero() && term.q == 1;
}

/// One monomial above (or, with `sign` -1, below) exp(x) for x <= sum (x >= sum): exp(c + a log N)
/// is e^c N^a. A term that falls without limit gives exp(-c m) <= (4/(e c m))^4.
static std::optional<Monomial> expBound(const Sum &sum, int sign, const Layers &layers) {
  Scalar constant = 0;
  Monomial result;
  Sum rising, falling;
  for (const Monomial &term : sum) {
    const bool isUp = isPositive(term.c) == (sign > 0);
    if (term.isConstant())
      constant = constant + term.c;
    else if (isLogOfDepth(term))
      result.s = term.c;
    else if (isUp)
      rising.push_back(term);
    else if (!smallest(term, layers).isZero())
      falling.push_back(term);
  }
  const Scalar most = limitOf(sign > 0 ? rising : negated(rising), layers);
  if (!most.isFinite())
    return std::nullopt;
  constant = sign > 0 ? constant + most : constant - most;
  result.c = Scalar::inexact(std::exp(constant.value()));
  if (constant.isZero())
    result.c = 1;
  if (sign > 0 && !falling.empty()) {
    const Monomial main = leading(falling);
    Monomial inverse = power({1, main.p, main.s, main.q}, -4);
    inverse.c = Scalar::inexact(std::pow(4 / (std::exp(1.0) * -main.c.value()), 4));
    result = result * inverse;
  }
  return result;
}

Schedule exp(const Schedule &x) {
  std::optional<Sum> low = Sum(), high;
  if (x.high)
    if (const std::optional<Monomial> one = expBound(*x.high, 1, x.where))
      high = Sum{*one};
  if (x.low)
    if (const std::optional<Monomial> one = expBound(*x.low, -1, x.where))
      low = Sum{*one};
  return Schedule::between(std::move(low), std::move(high), x);
}

/// Above (below) log of one monomial: log l is between log first and log(to N).
static std::optional<Sum> logBound(const Monomial &x, int sign, const Layers &layers) {
  if (!x.q.isZero())
    return std::nullopt;
  double constant = std::log(x.c.value());
  Scalar logs = x.s;
  if (isPositive(x.p) == (sign > 0) && !x.p.isZero()) {
    logs = logs + x.p;
    constant += x.p.value() * std::log(layers.to.value());
  } else {
    constant += x.p.value() * std::log(layers.first.value());
  }
  Sum result;
  add(result, {constant == 0 ? Scalar(0) : Scalar::inexact(constant)}, Toward::above);
  add(result, {logs, 0, 0, 1}, Toward::above);
  return result;
}

Schedule log(const Schedule &x) {
  std::optional<Sum> low, high;
  if (x.high)
    if (const Sum above = positiveAbove(*x.high); !above.empty())
      if (const std::optional<Monomial> one = oneAbove(above, x.where))
        high = logBound(*one, 1, x.where);
  if (const std::optional<Sum> floor = x.positiveFloor(); floor && !floor->empty())
    low = logBound(leading(*floor), -1, x.where);
  return Schedule::between(std::move(low), std::move(high), x);
}

Schedule abs(const Schedule &x) {
  if (x.isNonNegative())
    return x;
  if ((-x).isNonNegative())
    return -x;
  return Schedule::between(Sum(), x.magnitude(), x);
}

/// Below both, where neither is below the other.
static std::optional<Sum> belowBoth(const Schedule &x, const Schedule &y) {
  if (x.isNonNegative() && y.isNonNegative())
    return Sum();
  if (!x.below() || !y.below())
    return std::nullopt;
  Sum result = positiveAbove(negated(*x.below()));
  for (const Monomial &term : positiveAbove(negated(*y.below())))
    add(result, term, Toward::above);
  return negated(result);
}

static const std::optional<Sum> &smallerOf(const std::optional<Sum> &x,
                                           const std::optional<Sum> &y) {
  if (!x || !y)
    return x ? x : y;
  const Sum a = positiveAbove(*x), b = positiveAbove(*y);
  if (a.empty() || b.empty())
    return a.empty() ? x : y;
  const Monomial &m = leading(a), &n = leading(b);
  int order = Scalar::compare(m.p + m.s, n.p + n.s);
  if (order == 0)
    order = Scalar::compare(m.q, n.q);
  if (order == 0)
    order = Scalar::compare(m.s, n.s);
  return order <= 0 ? x : y;
}

Schedule minimum(const Schedule &x, const Schedule &y) {
  const Schedule like = x.joined(y);
  if ((y - x).isNonNegative())
    return Schedule::between(x.low, x.high, like);
  if ((x - y).isNonNegative())
    return Schedule::between(y.low, y.high, like);
  return Schedule::between(belowBoth(x, y), smallerOf(x.high, y.high), like);
}

Schedule maximum(const Schedule &x, const Schedule &y) { return -minimum(-x, -y); }

/// Whole for every whole l and N.
static bool isWholeEverywhere(const Sum &sum) {
  for (const Monomial &term : sum)
    if (!isWhole(term.c) || !isWhole(term.p) || !isWhole(term.s) || isNegative(term.p) ||
        isNegative(term.s) || !term.q.isZero())
      return false;
  return true;
}

Schedule floor(const Schedule &x) {
  if (x.exact && isWholeEverywhere(*x.low))
    return x;
  Schedule result = Schedule::between((x - Schedule::constant(1)).low, x.high, x);
  if (x.isNonNegative() && !result.isNonNegative())
    result.low = Sum();
  return result;
}

Schedule ceil(const Schedule &x) { return -floor(-x); }

/// Half away from zero, so within 1/2.
Schedule round(const Schedule &x) {
  const Schedule half = Schedule::constant(Scalar::fraction(1, 2));
  if (x.isNonNegative())
    return floor(x + half);
  return (-x).isNonNegative() ? -floor(half - x) : maximum(floor(x), ceil(x));
}

Schedule contracted(const Schedule &x) {
  if (x.isNonNegative())
    return Schedule::between(Sum(), x.high, x);
  if ((-x).isNonNegative())
    return Schedule::between(x.low, Sum(), x);
  const std::optional<Sum> most = x.magnitude();
  return Schedule::between(most ? std::optional(negated(*most)) : std::nullopt, most, x);
}

} // namespace mlir::lnx
