// Bounds.cpp: arithmetic of bounds and degrees of homogeneity, the numbers of Abstract.h.
// Every operation keeps an upper bound an upper bound.
#include "dialect/Abstract.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;

//===-- bounds ---------------------------------------------------------------===//

double Bound::at(size_t layer, double r) const {
  double bound = b[layer];
  if (a[layer] != 0)
    bound += a[layer] * r;
  if (c[layer] != 0)
    bound += c[layer] * r * r;
  return bound;
}

Bound lnx::operator+(const Bound &x, const Bound &y) { return {x.a + y.a, x.b + y.b, x.c + y.c}; }

Bound lnx::operator*(const Bound &x, const Bound &y) {
  Series cubic = x.a * y.c + x.c * y.a + x.c * y.c;
  if (!cubic.isZero())
    return Bound::top();
  return {x.a * y.b + x.b * y.a, x.b * y.b, x.c * y.b + x.a * y.a + x.b * y.c};
}

Bound lnx::operator*(const Series &factor, const Bound &x) {
  return {factor * x.a, factor * x.b, factor * x.c};
}

static int degreeOf(const Bound &x) { return !x.c.isZero() ? 2 : !x.a.isZero() ? 1 : 0; }

Bound lnx::better(const Bound &x, const Bound &y) {
  if (x.isTop() != y.isTop())
    return x.isTop() ? y : x;
  if (degreeOf(x) != degreeOf(y))
    return degreeOf(x) < degreeOf(y) ? x : y;
  if (x.isConstant())
    return Bound::constant(smaller(x.b, y.b));
  double left = x.c.largest() + x.a.largest(), right = y.c.largest() + y.a.largest();
  return left < right || (left == right && x.b.largest() <= y.b.largest()) ? x : y;
}

//===-- degrees --------------------------------------------------------------===//

Degree lnx::sumOfDegrees(Degree x, Degree y) {
  if (x.top || y.top)
    return Degree::none();
  bool mayCancel = x.high > 0 && y.high > 0;
  return {std::min(x.low, y.low), std::max(x.high, y.high), false,
          x.exact && y.exact && !mayCancel};
}

Degree lnx::productOfDegrees(Degree x, Degree y) {
  if (x.top || y.top)
    return Degree::none();
  return {x.low + y.low, x.high + y.high, false, x.exact && y.exact};
}
