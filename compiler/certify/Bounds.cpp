// Bounds: arithmetic of series and of polynomials in r, and decimals of nine digits.
#include "compiler/certify/Bounds.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace lnx::certify {

bool Series::isZero() const {
  return rate && rate->empty() &&
         std::all_of(values.begin(), values.end(), [](double v) { return v == 0; });
}
bool Series::isFinite() const {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}
bool Series::isAtLeast(double limit) const {
  return std::all_of(values.begin(), values.end(), [=](double v) { return v >= limit; });
}

Series operator+(const Series &x, const Series &y) {
  return Series::zip(x, y, addUp).with(sumOf(x.rate, y.rate));
}
Series operator*(const Series &x, const Series &y) {
  return Series::zip(x, y, mulUp).with(productOf(x.rate, y.rate));
}
Series least(const Series &x, const Series &y) { // both hold everywhere
  return Series::zip(x, y, [](double a, double b) { return std::min(a, b); })
      .with(isLess(y.rate, x.rate) ? y.rate : x.rate);
}

double Size::at(size_t layer, double r) const {
  double squared = mulUp(square[layer], mulUp(r, r));
  return addUp(addUp(one[layer], mulUp(line[layer], r)), squared);
}

Size operator+(const Size &x, const Size &y) {
  return {x.one + y.one, x.line + y.line, x.square + y.square};
}

Size operator*(const Size &x, const Size &y) {
  bool isCubic = (!x.square.isZero() && !y.isConstant()) || (!y.square.isZero() && !x.isConstant());
  if (isCubic)
    return Size::unknown();
  return {x.one * y.one, x.line * y.one + x.one * y.line,
          x.square * y.one + x.one * y.square + x.line * y.line};
}

Size operator*(const Series &factor, const Size &x) {
  return {factor * x.one, factor * x.line, factor * x.square};
}

//===-- nine digits ------------------------------------------------------------===//

static constexpr double noise = 2e-11;

/// x rounded to nine digits, then `units` of the last of them more.
static double nineDigits(double x, long units) {
  if (x == 0)
    return 0;
  char text[40];
  std::snprintf(text, sizeof text, "%.8e", x); // d.dddddddde+XX
  std::string digits = std::string(1, text[0]) + std::string(text + 2, 8);
  long exponent = std::strtol(text + 11, nullptr, 10) - 8;
  std::snprintf(text, sizeof text, "%lde%ld", std::strtol(digits.c_str(), nullptr, 10) + units,
                exponent);
  return std::strtod(text, nullptr);
}

static double nineDigitsUp(double x) {
  double nearest = nineDigits(x, 0);
  return nearest >= x ? nearest : nineDigits(x, 1);
}

template <typename F> static bool isRounded(double claimed, double exact, F rounded) {
  if (!std::isfinite(exact) || exact < 0 || std::abs(claimed - exact) > 2e-8 * exact)
    return false;
  return claimed == rounded(exact) || claimed == rounded(exact * (1 - noise)) ||
         claimed == rounded(exact * (1 + noise));
}

bool isNineDigits(double claimed, double exact) {
  return isRounded(claimed, exact, [](double x) { return nineDigits(x, 0); });
}
bool isNineDigitsUp(double claimed, double exact) {
  return claimed >= exact && isRounded(claimed, exact, nineDigitsUp);
}

//===-- text -------------------------------------------------------------------===//

std::string print(double number) {
  char text[40];
  std::snprintf(text, sizeof text, "%.10g", number);
  return text;
}

static std::string print(const Series &series) {
  if (series.isUniform())
    return print(series.values[0]);
  return print(series.values.front()) + " .. " + print(series.values.back()) + " in " +
         std::to_string(series.values.size()) + " layers";
}

std::string print(const Size &size) {
  if (!size.isKnown())
    return "no bound";
  std::string text;
  if (!size.square.isZero())
    text += print(size.square) + " r^2 + ";
  if (!size.line.isZero())
    text += print(size.line) + " r + ";
  return text + print(size.one);
}

} // namespace lnx::certify
