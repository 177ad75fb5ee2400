// Schedule.cpp: arithmetic of bounds. Exact on sums of monomials while it can be; every other rule
// gives a sum above and a sum below for all large N (S49).
#include "dialect/Schedule.h"
#include <cmath>

namespace mlir::lnx {

/// Longer sums are not worth their time: nobody writes them.
static constexpr size_t mostTerms = 32;

/// N^(2^(1/2)) outgrows or is outgrown by its own rounding, and a coefficient near the ends of the
/// doubles has lost its digits or will: nothing is said with them.
static bool isUsable(const Sum &sum) {
  for (const Monomial &term : sum) {
    const double size = std::fabs(term.c.value());
    if (!(size > 1e-280 && size < 1e280) || !term.p.isExact() || !term.s.isExact() ||
        !term.q.isExact())
      return false;
  }
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
Schedule Schedule::upTo(Sum sum) { return between(Sum(), std::move(sum), Schedule()); }
Schedule Schedule::unknown(bool ofLayer) {
  Schedule result;
  result.ofLayer = ofLayer;
  return result;
}
Schedule Schedule::in(const Layers &layers) const {
  Schedule result = *this;
  result.where = layers;
  result.image.reset();
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
                           x.low ? std::optional(negated(*x.low)) : std::nullopt, x)
      .with(x.scaledImage(-1));
}

Schedule operator+(const Schedule &x, const Schedule &y) {
  std::optional<Sum> low, high;
  if (x.low && y.low)
    low = sumOf(*x.low, *y.low, Toward::below);
  if (x.high && y.high)
    high = sumOf(*x.high, *y.high, Toward::above);
  const Schedule sum = Schedule::between(std::move(low), std::move(high), x.joined(y));
  return x.image && y.image ? sum.differenceOf(*x.image, *y.image) : sum;
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
                               product(one->low, other->high, Toward::above), like)
          .with(other->scaledImage(one->asConstant()));
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
    return Schedule::ofSum({power(x.low->front(), -1)}, x).with(x.imageUnder(-1));
  if (!x.isNonNegative())
    return (-x).isNonNegative() ? -reciprocal(-x) : Schedule::unknown(x.ofLayer);
  std::optional<Sum> low = Sum(), high = inverseAbove(*x.low, x.where);
  if (!high) // it may be zero
    return Schedule::unknown(x.ofLayer);
  if (x.high)
    if (const Sum above = positiveAbove(*x.high); !above.empty())
      if (const std::optional<Monomial> one = oneAbove(above, x.where))
        low = Sum{power(*one, -1)};
  return Schedule::between(std::move(low), std::move(high), x).with(x.imageUnder(-1));
}

Schedule operator/(const Schedule &x, const Schedule &y) { return x * reciprocal(y); }

} // namespace mlir::lnx
