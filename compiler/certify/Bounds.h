// Bounds: a number for each layer, and polynomials in the size r of the stream with such numbers
// (S14). Every operation rounds outward.
#ifndef LNX_COMPILER_CERTIFY_BOUNDS_H
#define LNX_COMPILER_CERTIFY_BOUNDS_H

#include "compiler/certify/Rates.h"
#include "compiler/certify/Rounding.h"
#include <cstddef>
#include <string>
#include <vector>

namespace lnx::certify {

/// One number for all layers, or one for each, and what it is at other depths.
struct Series {
  std::vector<double> values = {0};
  Rate rate = rateOf(0.0);

  Series() = default;
  Series(double value) : values{value}, rate(rateOf(value)) {}
  Series(std::vector<double> values, Rate rate)
      : values(std::move(values)), rate(std::move(rate)) {}

  bool isUniform() const { return values.size() == 1; }
  double operator[](size_t layer) const { return isUniform() ? values[0] : values[layer]; }
  bool isZero() const;
  bool isFinite() const;
  bool isAtLeast(double limit) const;
  /// The same number in all layers of all depths.
  bool isOne() const { return isUniform() && largestOf(rate) == std::abs(values[0]); }
  /// f of the values, whose rate is known where they are one.
  template <typename F> Series map(F f) const {
    if (isOne())
      return f(values[0]);
    Series result(values, std::nullopt);
    for (double &value : result.values)
      value = f(value);
    return result;
  }
  template <typename F> static Series zip(const Series &x, const Series &y, F f) {
    if (x.isOne() && y.isOne())
      return f(x[0], y[0]);
    Series result(x.isUniform() ? y.values : x.values, std::nullopt);
    for (size_t i = 0; i < result.values.size(); ++i)
      result.values[i] = f(x[i], y[i]);
    return result;
  }
  Series with(Rate other) const { return Series(values, std::move(other)); }
};
Series operator+(const Series &x, const Series &y);
Series operator*(const Series &x, const Series &y);
Series least(const Series &x, const Series &y);

/// one + line r + square r^2; infinite where nothing is known.
struct Size {
  Series one, line, square;

  static Size unknown() { return {infinity, 0.0, 0.0}; }
  static Size constant(Series value) { return {std::move(value), 0.0, 0.0}; }
  bool isConstant() const { return line.isZero() && square.isZero(); }
  bool isKnown() const { return one.isFinite() && line.isFinite() && square.isFinite(); }
  /// Upper bound in this layer for a stream of size at most r.
  double at(size_t layer, double r) const;
};
Size operator+(const Size &x, const Size &y);
/// Unknown where r^3 would be needed.
Size operator*(const Size &x, const Size &y);
Size operator*(const Series &factor, const Size &x);

/// Whether `claimed` is `exact` to nine digits. `exact` may be off by 2e-11 of itself, what the
/// rounding of some ten thousand operations adds up to.
bool isNineDigits(double claimed, double exact);
/// Whether `claimed` is `exact` rounded up to nine digits; never below it.
bool isNineDigitsUp(double claimed, double exact);

/// "3.2", "0.1 .. 0.5 in 12 layers", "2 r + 1".
std::string print(double number);
std::string print(const Size &size);

} // namespace lnx::certify

#endif
