// Monomials.h: sums of c * l^p * N^s * (log N)^q in the layer l of a model of depth N, and how they
// compare where N is large (S49). Sees the standard library only.
#ifndef LNX_DIALECT_MONOMIALS_H
#define LNX_DIALECT_MONOMIALS_H

#include "dialect/Scalar.h"
#include <vector>

namespace mlir::lnx {

/// "For all large N": there is a depth from which on the statement holds at every depth, in every
/// layer it speaks about. Exponents are exact; an inexact coefficient is within this share of what
/// it stands for. A chain of operations adds roundings of 1.1e-16, each times an exponent of at
/// most 64: this leaves room for ten thousand of them.
inline constexpr double coefficientError = 1e-10;

/// Where the layers of a schedule lie, for all large N: first <= l and from N <= l <= to N, or
/// l <= last where `to` is 0. first >= 1.
struct Layers {
  Scalar first = 1, from = 0, to = 1, last = 0;
};

/// c * l^p * N^s * (log N)^q.
struct Monomial {
  Scalar c = 1, p = 0, s = 0, q = 0;

  bool isConstant() const { return p.isZero() && s.isZero() && q.isZero(); }
  bool hasShapeOf(const Monomial &other) const {
    return p == other.p && s == other.s && q == other.q;
  }
  double at(double layer, double depth) const;
};
Monomial operator*(const Monomial &x, const Monomial &y);
/// c > 0, or a whole exponent.
Monomial power(const Monomial &x, const Scalar &exponent);

/// Below x without its c in all layers, for all large N: 0 where x vanishes somewhere, infinity
/// where it exceeds every number, else the least value that it has.
Scalar smallest(const Monomial &x, const Layers &layers);
/// The same above x: 0, infinity or the largest value.
Scalar largest(const Monomial &x, const Layers &layers);

/// Terms of different shapes, none of them zero.
using Sum = std::vector<Monomial>;

/// Where inexact coefficients cancel, the sum is rounded this way by more than their error.
enum class Toward { below, above };
void add(Sum &sum, Monomial term, Toward toward);
Sum sumOf(const Sum &x, const Sum &y, Toward toward);
Sum productOf(const Sum &x, const Sum &y, Toward toward);
Sum negated(Sum x);
double valueOf(const Sum &x, double layer, double depth);

/// The positive terms alone, above the sum.
Sum positiveAbove(const Sum &x);
/// Positive terms below the sum for all large N; absent where it may be negative.
std::optional<Sum> positiveBelow(const Sum &x, const Layers &layers);
/// The term that is largest in the last layers; x is not empty.
const Monomial &leading(const Sum &x);
/// One term above a sum of positive ones, for all large N; absent where none is.
std::optional<Monomial> oneAbove(const Sum &x, const Layers &layers);
/// A number above a sum of positive terms; infinity where there is none.
Scalar limitOf(const Sum &x, const Layers &layers);
/// Terms above x^exponent, exponent > 0, for positive terms x (S49).
Sum powerAbove(const Sum &x, const Scalar &exponent, const Layers &layers);

} // namespace mlir::lnx

#endif
