// Schedule.h: a number as a function of the layer l and the depth N: an upper and a lower bound
// that hold in all its layers for all large N (S49; Monomials.h says what that means). Growth
// classes are read off these forms, never off numbers at some depths. Sees the standard library
// only.
#ifndef LNX_DIALECT_SCHEDULE_H
#define LNX_DIALECT_SCHEDULE_H

#include "dialect/Monomials.h"
#include <memory>
#include <string>
#include <string_view>

namespace mlir::lnx {

class Schedule {
public:
  static Schedule constant(const Scalar &value);
  /// share * N: the depth, or what of it another stack has.
  static Schedule depth(const Scalar &share);
  /// The index of a layer among these.
  static Schedule layer(const Layers &layers);
  static Schedule between(const Scalar &low, const Scalar &high);
  /// From 0 to this sum of positive terms of N.
  static Schedule upTo(Sum sum);
  /// Nothing is known.
  static Schedule unknown(bool ofLayer);

  /// The value is exactly this sum.
  bool isExact() const { return exact; }
  /// Absent where the value is not bounded on that side by a sum of monomials.
  const std::optional<Sum> &above() const { return high; }
  const std::optional<Sum> &below() const { return low; }
  /// Positive terms above |value|; absent where nothing is known.
  std::optional<Sum> magnitude() const;
  /// For all large N.
  bool isNonNegative() const { return positiveFloor().has_value(); }
  /// Positive terms below a value that is not negative.
  std::optional<Sum> positiveFloor() const;
  std::optional<Scalar> asConstant() const;
  /// Made from l, even where its bounds do not show it.
  bool isOfLayer() const { return ofLayer; }
  const Layers &layers() const { return where; }
  Schedule in(const Layers &layers) const;

  /// "1/4*N^-1 + 1e-13", "1/2*N - 1 .. 1/2*N", "0 .. ?", "?".
  std::string print() const;
  static std::optional<Schedule> parse(std::string_view text);

  friend Schedule operator-(const Schedule &x);
  friend Schedule operator+(const Schedule &x, const Schedule &y);
  friend Schedule operator*(const Schedule &x, const Schedule &y);
  friend Schedule reciprocal(const Schedule &x);
  friend Schedule power(const Schedule &x, const Schedule &exponent);
  friend Schedule exp(const Schedule &x);
  friend Schedule log(const Schedule &x);
  friend Schedule abs(const Schedule &x);
  friend Schedule minimum(const Schedule &x, const Schedule &y);
  friend Schedule maximum(const Schedule &x, const Schedule &y);
  friend Schedule floor(const Schedule &x);
  friend Schedule round(const Schedule &x);
  /// f between -|x| and |x|, of the sign of x: tanh, relu, silu from above.
  friend Schedule contracted(const Schedule &x);

private:
  Schedule() = default;
  static Schedule ofSum(Sum sum, const Schedule &like);
  static Schedule between(std::optional<Sum> low, std::optional<Sum> high, const Schedule &like);
  Schedule joined(const Schedule &other) const;

  /// factor * x^exponent, or factor * log x, of an x > 0 that is known exactly.
  struct Image;
  using ImagePtr = std::shared_ptr<const Image>;
  ImagePtr imageUnder(const std::optional<Scalar> &exponent) const;
  ImagePtr scaledImage(const std::optional<Scalar> &factor) const;
  Schedule with(ImagePtr image) const;
  Schedule differenceOf(const Image &x, const Image &y) const;

  std::optional<Sum> low, high;
  bool exact = false, ofLayer = false;
  Layers where;
  ImagePtr image; ///< what this is besides its bounds, where that is known
};

Schedule operator-(const Schedule &x);
Schedule operator+(const Schedule &x, const Schedule &y);
Schedule operator-(const Schedule &x, const Schedule &y);
Schedule operator*(const Schedule &x, const Schedule &y);
Schedule operator/(const Schedule &x, const Schedule &y);
Schedule reciprocal(const Schedule &x);
Schedule power(const Schedule &x, const Schedule &exponent);
Schedule exp(const Schedule &x);
Schedule log(const Schedule &x);
Schedule abs(const Schedule &x);
Schedule minimum(const Schedule &x, const Schedule &y);
Schedule maximum(const Schedule &x, const Schedule &y);
Schedule floor(const Schedule &x);
Schedule ceil(const Schedule &x);
Schedule round(const Schedule &x);
Schedule contracted(const Schedule &x);

} // namespace mlir::lnx

#endif
