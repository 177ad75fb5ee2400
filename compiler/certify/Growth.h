// Growth: how a number grows in the layer l and the depth N, and what sums of it over the layers do
// (S48, S49). Only exponents are kept: constants do not change a class.
#ifndef LNX_COMPILER_CERTIFY_GROWTH_H
#define LNX_COMPILER_CERTIFY_GROWTH_H

#include <optional>
#include <string>
#include <vector>

namespace lnx::certify {

/// l^p N^s (log N)^q.
struct Monomial {
  double p = 0, s = 0, q = 0;
};
/// |x| <= C times the sum of these in all layers of all large depths; absent where nothing is
/// known.
using Rate = std::optional<std::vector<Monomial>>;

Rate sumOf(const Rate &x, const Rate &y);
Rate productOf(const Rate &x, const Rate &y);
/// Of a schedule as the program states it, "1/2*l^-1*N^-1/2 + 1e-13" or "0 .. N^-1".
Rate rateOf(const std::string &schedule);

/// N^power (log N)^logs, or the larger ones; in their order.
struct Class {
  enum Kind { polynomial, exponential, doubleExponential } kind = polynomial;
  double power = 0, logs = 0;
};
Class larger(const Class &x, const Class &y);
/// Of the sum of x over the layers 1 .. N, and of the largest.
Class classOfSum(const std::vector<Monomial> &x);
Class classOfLargest(const std::vector<Monomial> &x);
/// "bounded", "log", "linear", "power(1/2)", "exponential", ...
std::string print(const Class &x);

} // namespace lnx::certify

#endif
