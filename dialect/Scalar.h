// Scalar.h: a number known when compiling, exact as long as possible.
// Sees the standard library only; conditions, sizes and schedules rest on its exactness (S5).
#ifndef LNX_DIALECT_SCALAR_H
#define LNX_DIALECT_SCALAR_H

#include <cstdint>
#include <optional>

namespace mlir::lnx {

/// An exact fraction while numerator and denominator fit 127 bits, else a double.
class Scalar {
public:
  using Int = __int128;

  Scalar(int64_t whole = 0) : num(whole), den(1), approximate(double(whole)) {}
  /// num/den reduced; `den` is not 0.
  static Scalar fraction(Int num, Int den);
  static Scalar inexact(double value);
  /// digits * 10^exponent, exactly if it fits.
  static Scalar decimal(uint64_t digits, int32_t exponent);

  bool isExact() const { return den != 0; }
  double value() const { return approximate; }
  bool isZero() const { return approximate == 0; }
  bool isFinite() const { return approximate - approximate == 0; }
  /// The integer that this is, if it is one of at most 62 bits.
  std::optional<int64_t> whole() const;
  Int numerator() const { return num; }
  Int denominator() const { return den; }

  /// Negative, zero or positive as a < b, a == b, a > b; exact when both are.
  static int compare(const Scalar &a, const Scalar &b);
  bool operator==(const Scalar &other) const { return compare(*this, other) == 0; }

private:
  Int num = 0, den = 0; // den == 0: inexact
  double approximate = 0;
};

inline bool isPositive(const Scalar &a) { return Scalar::compare(a, 0) > 0; }
inline bool isNegative(const Scalar &a) { return Scalar::compare(a, 0) < 0; }

Scalar operator-(const Scalar &a);
Scalar operator+(const Scalar &a, const Scalar &b);
Scalar operator-(const Scalar &a, const Scalar &b);
Scalar operator*(const Scalar &a, const Scalar &b);
/// b is not zero.
Scalar operator/(const Scalar &a, const Scalar &b);
/// Exact for whole exponents and perfect roots. NaN where the power is not real.
Scalar power(const Scalar &base, const Scalar &exponent);
Scalar floor(const Scalar &a);
Scalar ceil(const Scalar &a);

} // namespace mlir::lnx

#endif
