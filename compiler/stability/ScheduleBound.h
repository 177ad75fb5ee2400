// ScheduleBound: sums of positive terms above a formula, and the classes of their sums and values
// (claim S49). Everything here is an upper bound for large N; constants in front are kept only
// where an exponent needs them.
#ifndef LNX_COMPILER_STABILITY_SCHEDULEBOUND_H
#define LNX_COMPILER_STABILITY_SCHEDULEBOUND_H

#include "compiler/stability/Schedule.h"

namespace mlir::lnx::stability::fitted {

/// formula(l, N) <= constant + sum of terms, every term with c > 0 and not constant.
struct UpperBound {
  double constant = 0;
  std::vector<ScheduleTerm> terms;

  bool isZero() const { return constant == 0 && terms.empty(); }
  void add(const UpperBound &other);
};

/// Where the layers of a piece lie.
struct Span {
  bool hasFixedLength = false;
  bool hasFixedStart = false;
  double startFraction = 0; // first layer >= startFraction * N; 0 where not known
};
Span spanOf(const Piece &piece, const std::vector<int64_t> &depths);

/// Absent where a negative power of a difference cannot be bounded, as 1/(N + 1 - l).
std::optional<UpperBound> upperBound(const Formula &formula, double smallestDepth);

bool isConstant(const ScheduleTerm &term);
/// l^-p N^-s (log N)^q <= 1 in all layers of all (large) depths.
bool isAtMostOne(const ScheduleTerm &term);
/// Below any epsilon in all but finitely many layers, whatever the depth.
bool isVanishing(const ScheduleTerm &term);

Growth classOfSum(const ScheduleTerm &term, const Span &span);
Growth classOfValue(const ScheduleTerm &term, const Span &span);
Growth classOfSum(const UpperBound &bound, const Span &span);
Growth classOfValue(const UpperBound &bound, const Span &span);
/// The factor k of sum ~ k log N, where that is the class of the sum.
double logCoefficient(const ScheduleTerm &term, const Span &span);

} // namespace mlir::lnx::stability::fitted

#endif
