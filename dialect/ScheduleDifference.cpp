// ScheduleDifference.cpp: f(x) - f(y) for a logarithm or a power f. It lies between its tangents,
// f'(x) (x - y) and f'(y) (x - y), far below what bounds of f(x) and f(y) apart say.
#include "dialect/Schedule.h"

namespace mlir::lnx {

struct Schedule::Image {
  Schedule argument;
  std::optional<Scalar> exponent; ///< absent: a logarithm
  Scalar factor = 1;
};

Schedule Schedule::with(ImagePtr image) const {
  Schedule result = *this;
  result.image = std::move(image);
  return result;
}

/// Of x^exponent, or of log x, for this x.
Schedule::ImagePtr Schedule::imageUnder(const std::optional<Scalar> &exponent) const {
  if (exponent && !exponent->isExact())
    return {};
  if (exponent && image && image->exponent) { // a power of a power
    const Scalar factor =
        isPositive(image->factor) ? power(image->factor, *exponent) : Scalar::inexact(0);
    const Scalar both = *image->exponent * *exponent;
    return factor.isExact() && both.isExact()
               ? std::make_shared<const Image>(Image{image->argument, both, factor})
               : nullptr;
  }
  const std::optional<Sum> floor = exact ? positiveFloor() : std::nullopt;
  return floor && !floor->empty() ? std::make_shared<const Image>(Image{*this, exponent}) : nullptr;
}

Schedule::ImagePtr Schedule::scaledImage(const std::optional<Scalar> &factor) const {
  if (!image || !factor)
    return {};
  const Scalar product = image->factor * *factor;
  return product.isExact() && !product.isZero()
             ? std::make_shared<const Image>(Image{image->argument, image->exponent, product})
             : nullptr;
}

/// This, a sum of x and y, with tighter bounds where it is a difference.
Schedule Schedule::differenceOf(const Image &x, const Image &y) const {
  const bool isSame = x.exponent.has_value() == y.exponent.has_value() &&
                      (!x.exponent || *x.exponent == *y.exponent) && (x.factor + y.factor).isZero();
  if (!isSame || exact)
    return *this;
  const Schedule step = constant(x.factor) * (x.argument - y.argument);
  const auto tangentAt = [&](const Schedule &point) {
    if (!x.exponent)
      return reciprocal(point) * step;
    return constant(*x.exponent) * power(point, constant(*x.exponent - 1)) * step;
  };
  // A concave function lies below its tangents: f'(x) (x - y) <= f(x) - f(y) <= f'(y) (x - y).
  const bool isConcave = !x.exponent || (isPositive(*x.exponent) && isNegative(*x.exponent - 1));
  const bool isBelow = isConcave == isPositive(x.factor);
  const Schedule lower = tangentAt(isBelow ? x.argument : y.argument),
                 upper = tangentAt(isBelow ? y.argument : x.argument);
  return between(maximum(*this, lower).low, minimum(*this, upper).high, *this);
}

} // namespace mlir::lnx
