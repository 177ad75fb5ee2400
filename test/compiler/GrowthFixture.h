// GrowthFixture: recurrences written as a function of l and N, and growth measured by iterating
// them. Measured exponents are independent of the algebra under test.
#ifndef LNX_TEST_COMPILER_GROWTHFIXTURE_H
#define LNX_TEST_COMPILER_GROWTHFIXTURE_H

#include "compiler/stability/Growth.h"
#include <cmath>

namespace mlir::lnx::stability {

using Coefficients = Recurrence::Coefficients;
/// The updates of layer l of N.
using Layer = std::function<std::vector<Coefficients>(double l, double N)>;

inline Recurrence recurrence(const Layer &layer) {
  Recurrence result;
  result.at = [=](int64_t depth) {
    std::vector<Coefficients> table;
    for (int64_t l = 1; l <= depth; ++l)
      for (const Coefficients &k : layer(static_cast<double>(l), static_cast<double>(depth)))
        table.push_back(k);
    return table;
  };
  return result;
}

/// x <- x + f(norm(x)) with this bound on the branch.
inline Coefficients step(double b) { return {1, b, 0, 0}; }
/// x <- norm(x + f(x)).
inline Coefficients postNorm(double size) { return {0, size, 0, 0}; }
/// x <- x + f(x) with |f(x)| <= lipschitz |x|.
inline Coefficients branch(double lipschitz) { return {1, 0, 0, lipschitz}; }

inline std::string classOf(const Layer &layer, int64_t depth = 12) {
  return recurrence(layer).growth(depth).print();
}

/// log2 of the ratio of successive increments of value(N), value(2N), value(4N): e for N^e, 0 for
/// log N, below 0 for what converges, NaN for what overflows.
inline double measuredExponent(const std::function<double(int64_t)> &value, int64_t depth = 20000) {
  double a = value(depth), b = value(2 * depth), c = value(4 * depth);
  double first = b - a, second = c - b, noise = 1e-7 * std::abs(c);
  if (!std::isfinite(c))
    return NAN;
  if (second <= noise)
    return -1;
  return std::log2(first <= noise ? c / b : second / first);
}

/// Exponent of r_N, or of log r_N where r is stretched or exponential.
inline double measuredGrowth(const Layer &layer, bool ofLogarithm, int64_t depth = 20000) {
  Recurrence r = recurrence(layer);
  return measuredExponent(
      [&](int64_t n) {
        double value = r.evaluate(n, 1);
        return ofLogarithm ? std::log(value) : value;
      },
      depth);
}

} // namespace mlir::lnx::stability

#endif
