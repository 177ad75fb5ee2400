// ScheduleFunctions.cpp: powers, exp, log, choices and roundings of bounds: each gives a sum above
// and a sum below for all large N (S49), exact where the result is one term.
#include "dialect/Schedule.h"
#include <cmath>

namespace mlir::lnx {

/// Whole powers and exp of more magnify the errors of coefficients too much (coefficientError).
static constexpr double largestExponent = 64;

static bool isWhole(const Scalar &x) { return x.isExact() && x.whole().has_value(); }

//===-- powers ---------------------------------------------------------------===//

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
  if (!e && x.positiveFloor().value_or(Sum()).empty())
    return Schedule::unknown(x.ofLayer || exponent.ofLayer);
  if (!e)
    return exp(exponent * log(x));
  if (std::fabs(e->value()) > largestExponent)
    return Schedule::unknown(x.ofLayer);
  if (*e == 1)
    return x;
  const bool isOne = x.exact && x.low->size() == 1;
  if (isOne && (isPositive(x.low->front().c) || isWhole(*e)))
    return Schedule::ofSum({power(x.low->front(), *e)}, x).with(x.imageUnder(*e));
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
  return Schedule::between(std::move(low), std::move(high), x).with(x.imageUnder(*e));
}

//===-- exp and log ----------------------------------------------------------===//

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
  constant = sign > 0 ? constant + most : constant - most;
  if (!(std::fabs(constant.value()) <= largestExponent))
    return std::nullopt;
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

static double logOf(const Scalar &x) {
  const Scalar beyond = x - 1;
  return x.isExact() && std::fabs(beyond.value()) < 0.5 ? std::log1p(beyond.value())
                                                        : std::log(x.value());
}

/// Above (below) log of one monomial: log l lies between the logs of the ends of the layers.
static std::optional<Sum> logBound(const Monomial &x, Toward toward, const Layers &layers) {
  if (!x.q.isZero())
    return std::nullopt;
  Sum result;
  Scalar logs = x.s;
  const auto addConstant = [&](double value) {
    if (value != 0)
      add(result, {Scalar::inexact(value)}, toward);
  };
  if (!x.p.isZero()) {
    const bool isAtEnd = isPositive(x.p) == (toward == Toward::above);
    const Scalar &share = isAtEnd ? layers.to : layers.from;
    if (isPositive(share))
      logs = logs + x.p;
    addConstant(x.p.value() * logOf(isPositive(share) ? share
                                    : isAtEnd         ? layers.last
                                                      : layers.first));
  }
  addConstant(logOf(x.c));
  if (!x.c.isExact()) // its error is relative, that of its logarithm is not
    addConstant(toward == Toward::above ? coefficientError : -coefficientError);
  add(result, {logs, 0, 0, 1}, toward);
  return result;
}

/// log(m + t) <= log m + t/m.
static std::optional<Sum> logAbove(const Sum &x, const Layers &layers) {
  const Sum positive = positiveAbove(x);
  if (positive.empty())
    return std::nullopt;
  const Monomial main = leading(positive), inverse = power(main, -1);
  std::optional<Sum> result = logBound(main, Toward::above, layers);
  for (const Monomial &term : x)
    if (result && !term.hasShapeOf(main))
      add(*result, term * inverse, Toward::above);
  return result;
}

Schedule log(const Schedule &x) {
  std::optional<Sum> low, high;
  if (x.high)
    high = logAbove(*x.high, x.where);
  if (const std::optional<Sum> floor = x.positiveFloor(); floor && !floor->empty())
    low = logBound(leading(*floor), Toward::below, x.where);
  return Schedule::between(std::move(low), std::move(high), x).with(x.imageUnder(std::nullopt));
}

//===-- choices and roundings ------------------------------------------------===//

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
  return (-x).isNonNegative() ? -floor(half - x)
                              : Schedule::between((x - half).low, (x + half).high, x);
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
