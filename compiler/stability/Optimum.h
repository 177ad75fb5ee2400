// Optimum: what all minimisers of an L2-regularised objective keep, whatever bounds their weights
// one by one (S72): |theta|^2 <= 2 J0/decay, and each update is a product of matrices among them.
#ifndef LNX_COMPILER_STABILITY_OPTIMUM_H
#define LNX_COMPILER_STABILITY_OPTIMUM_H

#include "compiler/stability/Assumptions.h"
#include "compiler/stability/Growth.h"
#include "compiler/stability/Verdict.h"

namespace mlir::lnx::stability {

class Subject;

/// Of J = E loss + decay/2 sum |W|_F^2 over all parameters with two or more dimensions. J0 is a
/// value of J that weights within the promises have, so that no minimiser exceeds it; the loss is
/// at least 0. With m matrices W_i in an update of layer l, prod |W_i| <= (sum |W_i|^2/m)^(m/2)
/// (AM-GM), and the sums of unlike updates share one budget 2 J0/decay.
struct Optimum {
  const Assumption *objective = nullptr;
  std::string obstacle; ///< why nothing follows; empty: everything below holds
  std::optional<Location> where;
  std::vector<std::string> missing; ///< promises about what is no matrix
  double decay = 0, j0 = 0;
  int64_t classes = 0;  ///< J0 is the logarithm of it; 0: the author says what J0 is
  double added = 0;     ///< r_N <= (max(r0, forgotten) + added) * skips * exp(exponent)
  double exponent = 0;  ///< sum of what updates add in proportion to the stream
  double skips = 1;     ///< product of max(1, |a_k|)
  double forgotten = 0; ///< largest size behind a step that forgets the stream
  Growth growth;        ///< class of that bound
  uint64_t grounds = 0;

  double bound(double r0) const;
};

/// Nothing where the model assumes no objective.
std::optional<Optimum> optimumOf(Subject &subject);

/// Verdicts of basis `optimum`, where an objective is assumed.
std::optional<Verdict> optimumGrowth(Subject &subject);
std::optional<Verdict> optimumBound(Subject &subject);
std::optional<Verdict> optimumWellPosed(Subject &subject);

} // namespace mlir::lnx::stability

#endif
