// Number: a number known when compiling, exact as long as possible, perhaps different per layer.
// Sees the standard library only; the elaborator's conditions and sizes rest on its exactness (S5).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace lnx::spec {

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

/// One Scalar, or one for each layer of the repeat being elaborated.
class Number {
public:
  Number(Scalar value = {}) : single(value) {}
  /// Not empty; values that all agree become one.
  explicit Number(std::vector<Scalar> layers);

  bool isUniform() const { return !layers; }
  /// Of the first layer; the only one when uniform.
  const Scalar &front() const { return layers ? layers->front() : single; }
  const Scalar &at(size_t layer) const { return layers ? (*layers)[layer] : single; }
  size_t size() const { return layers ? layers->size() : 1; }
  std::vector<double> values() const;

  Number map(const std::function<Scalar(const Scalar &)> &f) const;
  static Number map(const Number &a, const Number &b,
                    const std::function<Scalar(const Scalar &, const Scalar &)> &f);
  bool any(const std::function<bool(const Scalar &)> &f) const;
  bool operator==(const Number &other) const;

  /// Made from the model's depth: another depth may give another number.
  bool isOfDepth = false;
  /// Made from the index of the layer: deeper models have more of them.
  bool isOfLayer = false;
  bool isSchedule() const { return isOfDepth || isOfLayer; }

private:
  Scalar single;
  std::shared_ptr<const std::vector<Scalar>> layers;
};

/// As messages show it: "768", "2730.67", "1e-05".
std::string format(double value);
std::string format(const Scalar &value);
/// The first value and that there are more: "0.5 (layer 1)".
std::string format(const Number &value);

} // namespace lnx::spec
