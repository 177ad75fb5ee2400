// FittedGrowth: classes read from tables of a model elaborated at several depths. What is left of
// it serves the class of backward.sensitivity_bound, whose factors have no schedules.
#ifndef LNX_COMPILER_STABILITY_FITTEDGROWTH_H
#define LNX_COMPILER_STABILITY_FITTEDGROWTH_H

#include "compiler/stability/Growth.h"
#include <functional>

namespace mlir::lnx::stability::fitted {

/// One term c * l^-p * N^-s * (log N)^q of a schedule, recognised from tables and checked at every
/// entry.
struct ScheduleTerm {
  double c = 0, p = 0, s = 0, q = 0;
};

/// A number for each layer 1..N (or K of them for each, layer by layer), at depth N.
using Table = std::function<std::vector<double>(int64_t depth)>;

/// The term that reproduces the tables around `depth` to 1e-9 relative, if one does.
std::optional<ScheduleTerm> recognise(const Table &table, int64_t depth);

/// Class of sum_{l<=N} table(N)[l] (S49), and of prod (1 + table) (S50). Piecewise tables are
/// split.
Growth classOfSum(const Table &table, int64_t depth);
Growth classOfProduct(const Table &factorsMinusOne, int64_t depth);

/// r_{k+1} <= A_k r_k + B_k + C_k r_k^2 over all updates of all layers, in order (S47), at the
/// depths that growth() asks for.
struct Recurrence {
  using Coefficients = stability::Recurrence::Coefficients;
  std::function<std::vector<Coefficients>(int64_t depth)> at;
  std::function<std::vector<Coefficients>(int64_t depth, int64_t layer)> layerAt;

  /// Class of r_N (S48), from formulas that reproduce every table.
  Growth growth(int64_t depth) const;
};

/// The depths growth() asks tables for: b, b+1, 3b/2, 2b, 3b+1, 4b, 6b+1, 8b, where b is depth
/// clamped to 48..96.
std::vector<int64_t> sampleDepths(int64_t depth);

} // namespace mlir::lnx::stability::fitted

#endif
