// Bounds.cpp: arithmetic of series, bounds and degrees of homogeneity, the numbers of Abstract.h.
// Every operation keeps an upper bound an upper bound.
#include "dialect/Abstract.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;

//===-- series ---------------------------------------------------------------===//

bool Series::isAll(double value) const {
  return llvm::all_of(values, [&](double entry) { return entry == value; });
}
bool Series::isFinite() const {
  return llvm::all_of(values, [](double value) { return std::isfinite(value); });
}
double Series::largest() const { return *llvm::max_element(values); }

Series Series::map(function_ref<double(double)> f) const {
  Series result = *this;
  for (double &value : result.values)
    value = f(value);
  return result;
}

Series Series::zip(const Series &x, const Series &y, function_ref<double(double, double)> f) {
  Series result = x.isUniform() ? y : x;
  for (size_t i = 0; i < result.values.size(); ++i)
    result.values[i] = f(x[i], y[i]);
  return result;
}

Series lnx::operator+(const Series &x, const Series &y) {
  if (y.isUniform() && y.values[0] == 0)
    return x;
  if (x.isUniform() && x.values[0] == 0)
    return y;
  return Series::zip(x, y, std::plus<double>());
}
Series lnx::operator*(const Series &x, const Series &y) {
  if ((x.isUniform() && x.values[0] == 0) || (y.isUniform() && y.values[0] == 0))
    return 0.0;
  return Series::zip(x, y, [](double a, double b) { return a == 0 || b == 0 ? 0 : a * b; });
}
Series lnx::operator/(const Series &x, const Series &y) {
  return Series::zip(x, y, [](double a, double b) { return a / b; });
}
Series lnx::smaller(const Series &x, const Series &y) {
  return Series::zip(x, y, [](double a, double b) { return std::min(a, b); });
}
Series lnx::larger(const Series &x, const Series &y) {
  return Series::zip(x, y, [](double a, double b) { return std::max(a, b); });
}

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
