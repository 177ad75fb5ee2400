// Rounding: double arithmetic whose results are never below, or never above, the exact ones.
// The error of each operation is computed exactly, so exact results stay as they are.
#ifndef LNX_COMPILER_CERTIFY_ROUNDING_H
#define LNX_COMPILER_CERTIFY_ROUNDING_H

#include <cmath>
#include <limits>

namespace lnx::certify {

inline constexpr double infinity = std::numeric_limits<double>::infinity();

inline double above(double x) { return std::nextafter(x, infinity); }

inline double addUp(double x, double y) {
  double sum = x + y;
  if (!std::isfinite(sum))
    return sum;
  double other = sum - x;
  double error = (x - (sum - other)) + (y - other);
  return error > 0 ? above(sum) : sum;
}

/// Nothing times anything is nothing, even times infinity.
inline double mulUp(double x, double y) {
  if (x == 0 || y == 0)
    return 0;
  double product = x * y;
  if (!std::isfinite(product))
    return product;
  // Where the error itself may be too small for a double, one step up is always enough.
  if (std::abs(product) < 1e-290)
    return above(product);
  return std::fma(x, y, -product) > 0 ? above(product) : product;
}

/// x / y for y > 0.
inline double divUp(double x, double y) {
  double quotient = x / y;
  if (!std::isfinite(quotient) || x == 0)
    return quotient;
  if (std::abs(quotient) < 1e-290 || std::abs(x) < 1e-290)
    return above(quotient);
  return std::fma(-quotient, y, x) > 0 ? above(quotient) : quotient;
}

inline double sqrtUp(double x) {
  double root = std::sqrt(x);
  if (x > 0 && x < 1e-290)
    return above(root);
  return std::isfinite(root) && std::fma(-root, root, x) > 0 ? above(root) : root;
}

inline double addDown(double x, double y) { return -addUp(-x, -y); }
inline double mulDown(double x, double y) { return -mulUp(-x, y); }
inline double divDown(double x, double y) { return -divUp(-x, y); }
inline double sqrtDown(double x) { return x > 0 ? divDown(x, sqrtUp(x)) : 0; }

} // namespace lnx::certify

#endif
