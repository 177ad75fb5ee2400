// GrowthFixture: recurrences written as texts of schedules, and growth measured by iterating them.
// Measured exponents are independent of the algebra under test.
#ifndef LNX_TEST_COMPILER_GROWTHFIXTURE_H
#define LNX_TEST_COMPILER_GROWTHFIXTURE_H

#include "compiler/stability/GrowthFlow.h"
#include <cmath>
#include <functional>

namespace mlir::lnx::stability {

using Coefficients = Recurrence::Coefficients;
/// The updates of layer l of N.
using Layer = std::function<std::vector<Coefficients>(double l, double N)>;

inline double evaluate(const Layer &layer, int64_t depth, double r0) {
  Recurrence result(r0);
  for (int64_t l = 1; l <= depth; ++l)
    for (const Coefficients &k : layer(static_cast<double>(l), static_cast<double>(depth)))
      result.pass(k);
  return result.last();
}

/// x <- x + f(norm(x)) with this bound on the branch.
inline Coefficients step(double b) { return {1, b, 0, 0}; }
/// x <- norm(x + f(x)).
inline Coefficients postNorm(double size) { return {0, size, 0, 0}; }
/// x <- x + f(x) with |f(x)| <= lipschitz |x|.
inline Coefficients branch(double lipschitz) { return {1, 0, 0, lipschitz}; }

/// One update of each layer, every coefficient a schedule's text.
struct Texts {
  std::string a = "1", b = "0", c = "0", gain = "0";

  StepSchedule in(const Layers &layers) const {
    auto read = [&](const std::string &text) { return Schedule::parse(text)->in(layers); };
    return {read(a), read(gain), read(b), read(c)};
  }
};
inline Texts stepOf(const std::string &b) { return {"1", b}; }
inline Texts normOf(const std::string &b) { return {"0", b}; }
inline Texts branchOf(const std::string &gain) { return {"1", "0", "0", gain}; }

/// A stack of as many layers as `count` says, which lie in these.
inline StackSchedule stackOf(const std::vector<Texts> &updates, const Layers &layers = {},
                             const std::string &count = "N") {
  StackSchedule stack{Span::of({layers, *Schedule::parse(count)}), {}};
  for (const Texts &update : updates)
    stack.steps.push_back(update.in(layers));
  return stack;
}
/// Layers first, ..., last at every depth.
inline StackSchedule fewOf(const std::vector<Texts> &updates, int64_t first = 1, int64_t last = 1) {
  return stackOf(updates, {first, 0, 0, last}, std::to_string(last - first + 1));
}
/// The last layer, N.
inline StackSchedule lastOf(const std::vector<Texts> &updates) {
  return stackOf(updates, {1, 1, 1}, "1");
}

inline std::string classOf(const std::vector<StackSchedule> &stacks) {
  return classOf(Schedule::constant(1), stacks).print();
}
inline std::string classOf(const std::vector<Texts> &updates) {
  return classOf(std::vector{stackOf(updates)});
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
  return measuredExponent(
      [&](int64_t n) {
        double value = evaluate(layer, n, 1);
        return ofLogarithm ? std::log(value) : value;
      },
      depth);
}

} // namespace mlir::lnx::stability

#endif
