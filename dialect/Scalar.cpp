// Scalar.cpp: checked 128-bit fractions, and doubles where they end.
// A result that does not fit falls back to the nearest double and says so.
#include "dialect/Scalar.h"

#include <cassert>
#include <cmath>
#include <cstdlib>
#include <string>
#include <utility>

namespace mlir::lnx {
namespace {
using Int = Scalar::Int;
constexpr Int maxInt = ~(Int(1) << 127);

Int magnitude(Int a) { return a < 0 ? -a : a; }

Int gcd(Int a, Int b) {
  a = magnitude(a);
  b = magnitude(b);
  while (b != 0) {
    if (a <= INT64_MAX && b <= INT64_MAX) { // 128-bit division is slow
      uint64_t x = uint64_t(a), y = uint64_t(b);
      while (y != 0) {
        const uint64_t r = x % y;
        x = y;
        y = r;
      }
      return Int(x);
    }
    const Int r = a % b;
    a = b;
    b = r;
  }
  return a;
}

// By hand: the builtin for 128 bits calls a function that libgcc does not have.
std::optional<Int> times(Int a, Int b) {
  if (a == 0 || b == 0)
    return Int(0);
  if (magnitude(a) > maxInt / magnitude(b))
    return std::nullopt;
  return a * b;
}

std::optional<Int> plus(std::optional<Int> a, std::optional<Int> b) {
  Int sum;
  if (!a || !b || __builtin_add_overflow(*a, *b, &sum) || magnitude(sum) < 0)
    return std::nullopt;
  return sum;
}

/// The whole root of a >= 0, if a is a perfect power.
std::optional<Int> root(Int a, int64_t degree) {
  if (degree < 1 || degree > 126)
    return std::nullopt;
  const double guess = std::round(std::pow(double(a), 1.0 / double(degree)));
  if (!(guess < 9e18))
    return std::nullopt;
  Int product = 1;
  for (int64_t i = 0; i < degree; ++i) {
    const std::optional<Int> next = times(product, Int(guess));
    if (!next)
      return std::nullopt;
    product = *next;
  }
  return product == a ? std::optional<Int>(Int(guess)) : std::nullopt;
}

/// a/b against c/d for positive b and d, by their continued fractions: products need not fit.
int compareFractions(Int a, Int b, Int c, Int d) {
  const auto floorOf = [](Int n, Int m) { return n / m - (n % m < 0); };
  for (int sign = 1;; sign = -sign) {
    const Int p = floorOf(a, b), q = floorOf(c, d);
    if (p != q)
      return p < q ? -sign : sign;
    a -= p * b;
    c -= q * d;
    if (a == 0 || c == 0)
      return a == c ? 0 : a == 0 ? -sign : sign;
    std::swap(a, b);
    std::swap(c, d);
  }
}

std::optional<Scalar> wholePower(const Scalar &base, int64_t exponent) {
  if (exponent < -4096 || exponent > 4096 || !base.isExact())
    return std::nullopt;
  if (base.isZero())
    return exponent > 0    ? std::optional<Scalar>(Scalar(0))
           : exponent == 0 ? std::optional<Scalar>(Scalar(1))
                           : std::nullopt;
  Int num = 1, den = 1;
  for (int64_t i = std::abs(exponent); i > 0; --i) {
    const std::optional<Int> n = times(num, base.numerator()), d = times(den, base.denominator());
    if (!n || !d)
      return std::nullopt;
    if (*n == num && *d == den)
      break; // 1
    num = *n;
    den = *d;
  }
  return exponent < 0 ? Scalar::fraction(den, num) : Scalar::fraction(num, den);
}
} // namespace

Scalar Scalar::fraction(Int num, Int den) {
  assert(den != 0 && "a fraction has a denominator");
  const Int divisor = gcd(num, den);
  Scalar result;
  result.num = num / divisor;
  result.den = den / divisor;
  if (result.den < 0) {
    result.num = -result.num;
    result.den = -result.den;
  }
  result.approximate = double(result.num) / double(result.den);
  return result;
}

Scalar Scalar::inexact(double value) {
  Scalar result;
  result.num = result.den = 0;
  result.approximate = value;
  return result;
}

Scalar Scalar::decimal(uint64_t digits, int32_t exponent) {
  const Scalar ten = 10;
  if (digits == 0)
    return 0;
  if (std::abs(exponent) <= 38)
    if (std::optional<Scalar> scale = wholePower(ten, exponent)) {
      const Scalar exact = fraction(Int(digits), 1) * *scale;
      if (exact.isExact())
        return exact;
    }
  return inexact(
      std::strtod((std::to_string(digits) + "e" + std::to_string(exponent)).c_str(), nullptr));
}

std::optional<int64_t> Scalar::whole() const {
  constexpr int64_t limit = int64_t(1) << 62;
  if (isExact()) {
    if (den != 1 || magnitude(num) > limit)
      return std::nullopt;
    return int64_t(num);
  }
  if (!(std::fabs(approximate) < double(limit)) || approximate != std::floor(approximate))
    return std::nullopt;
  return int64_t(approximate);
}

int Scalar::compare(const Scalar &a, const Scalar &b) {
  if (a.isExact() && b.isExact())
    return compareFractions(a.num, a.den, b.num, b.den);
  return a.approximate < b.approximate ? -1 : a.approximate > b.approximate;
}

Scalar operator-(const Scalar &a) {
  return a.isExact() ? Scalar::fraction(-a.numerator(), a.denominator())
                     : Scalar::inexact(-a.value());
}

Scalar operator+(const Scalar &a, const Scalar &b) {
  if (a.isExact() && b.isExact()) {
    const std::optional<Int> num =
        plus(times(a.numerator(), b.denominator()), times(b.numerator(), a.denominator()));
    const std::optional<Int> den = times(a.denominator(), b.denominator());
    if (num && den)
      return Scalar::fraction(*num, *den);
  }
  return Scalar::inexact(a.value() + b.value());
}

Scalar operator-(const Scalar &a, const Scalar &b) { return a + -b; }

Scalar operator*(const Scalar &a, const Scalar &b) {
  if (a.isExact() && b.isExact()) {
    const std::optional<Int> num = times(a.numerator(), b.numerator());
    const std::optional<Int> den = times(a.denominator(), b.denominator());
    if (num && den)
      return Scalar::fraction(*num, *den);
  }
  return Scalar::inexact(a.value() * b.value());
}

Scalar operator/(const Scalar &a, const Scalar &b) {
  if (b.isExact() && b.numerator() != 0)
    return a * Scalar::fraction(b.denominator(), b.numerator());
  return Scalar::inexact(a.value() / b.value());
}

Scalar power(const Scalar &base, const Scalar &exponent) {
  if (exponent.isExact()) {
    const Int p = exponent.numerator(), q = exponent.denominator();
    if (magnitude(p) <= 4096 && q <= 126) {
      if (q == 1) {
        if (std::optional<Scalar> exact = wholePower(base, int64_t(p)))
          return *exact;
      } else if (base.isExact() && base.numerator() > 0) {
        const std::optional<Int> num = root(base.numerator(), int64_t(q));
        const std::optional<Int> den = root(base.denominator(), int64_t(q));
        if (num && den)
          if (std::optional<Scalar> exact = wholePower(Scalar::fraction(*num, *den), int64_t(p)))
            return *exact;
      }
    }
  }
  return Scalar::inexact(std::pow(base.value(), exponent.value()));
}

Scalar floor(const Scalar &a) {
  if (!a.isExact()) {
    const double value = std::floor(a.value());
    return std::fabs(value) < 9e18 ? Scalar(int64_t(value)) : Scalar::inexact(value);
  }
  const Int quotient = a.numerator() / a.denominator();
  const bool isRoundedUp = a.numerator() < 0 && quotient * a.denominator() != a.numerator();
  return Scalar::fraction(quotient - isRoundedUp, 1);
}

Scalar ceil(const Scalar &a) { return -floor(-a); }

} // namespace mlir::lnx
