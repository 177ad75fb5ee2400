// Parts: pieces that the rules share: values made of others, sums, products and their degrees.
#ifndef LNX_COMPILER_CERTIFY_PARTS_H
#define LNX_COMPILER_CERTIFY_PARTS_H

#include "compiler/certify/Rules.h"

namespace lnx::certify {

/// Nothing but what every value made of these has.
Derived joined(const std::vector<const Value *> &operands);
/// All that x has, but for its blocks, which a rule has to say something about.
Derived copied(const Value &x);
/// A function of each entry: f(c x) = c f(x) for c > 0 where it is homogeneous.
Derived functionOf(const Value &x, bool isHomogeneous);
Derived sumOf(const Site &site, const Value &x, const Value &y);
Derived productOf(const Site &site, const Value &x, const Step &xStep, const Value &y,
                  const Step &yStep);
/// Of the streams among the summands of factor times x.
Skip scaled(Skip x, const Series &factor);
/// 1 / y.
Value inverseOf(const Value &y, const Step &step);
void setAll(Derived &x, const Size &size);
/// A parameter with features, or made of some: what may be the gain or the bias of a norm.
bool isGain(const Value &x, const Step &step);
/// sqrt(n), above.
double root(int64_t n);
Degree productOf(Degree x, Degree y);

} // namespace lnx::certify

#endif
