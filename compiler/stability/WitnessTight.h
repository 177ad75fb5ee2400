// WitnessTight: weights that reach the proved bound of the last stream (S53..S55, S69).
// Shown by evaluation, never assumed: the ratio of what is measured to the bound.
#ifndef LNX_COMPILER_STABILITY_WITNESSTIGHT_H
#define LNX_COMPILER_STABILITY_WITNESSTIGHT_H

#include "compiler/stability/Subject.h"
#include "compiler/stability/Witness.h"

namespace mlir::lnx::stability {

struct TightWitness {
  Witness witness; ///< mean |x| of the last stream; its limit is the bound
  double bound = 0;

  double ratio() const { return witness.measured / bound; }
};

/// Every stream is r0 times alternating signs, of which all norms, matrices and biases make more of
/// the same: equality in every step of Theorem 4 (peri), of rank-one weights (pre, none). Nothing
/// where the bound is infinite or the evaluation would take too long; the ratio is below 1 where
/// the structure allows no equality (several heads, an activation below its bound).
std::optional<TightWitness> tightWitness(const Analysis &analysis);

/// The same weights at N and at 2N layers, both of which reach their bound: then what is measured
/// grows like the bound (S57). Of models with one stack of layers.
std::optional<Witness> tightGrowth(const Analysis &analysis, const VerifyOptions &options);

/// Bounds that are reached to this share have the class of what is measured (S57): eps of the norms
/// and activations that are not exactly linear take the rest.
inline constexpr double leastTightness = 0.999;

} // namespace mlir::lnx::stability

#endif
