// Growth: classes in the depth N, and that of a stream behind a repeat: r' <= line r + one +
// square r^2 in each step (S48..S50).
#ifndef LNX_COMPILER_CERTIFY_GROWTH_H
#define LNX_COMPILER_CERTIFY_GROWTH_H

#include "compiler/certify/Bounds.h"

namespace lnx::certify {

/// N^power (log N)^logs, exp(that), or larger ones, in their order; or one that rounding hides.
struct Class {
  enum Kind { polynomial, stretched, exponential, doubleExponential, unclear } kind = polynomial;
  double power = 0, logs = 0;
};
Class larger(const Class &x, const Class &y);
Class productOf(const Class &x, const Class &y);
/// "bounded", "log", "linear", "power(1/2)", "stretched(1/4)", "exponential", ...
std::string print(const Class &x);
/// Some number times what has this class.
Rate rateOf(const Class &x);

/// One residual step: a stream of size r becomes one of size next(r).
struct Update {
  Size next;
  Series share;          ///< how much of next.line the stream itself may be
  bool isFalling = true; ///< the stream may become smaller
};

/// Class of a stream behind so many layers of these steps, from its class before; absent where
/// nothing is known.
std::optional<Class> classBehind(const std::vector<Update> &steps, const Span &span, int64_t count,
                                 const std::optional<Class> &before);
/// Of the largest that a number is.
std::optional<Class> classOf(const Rate &x);

} // namespace lnx::certify

#endif
