// Sensitivity: how much the last stream of a model changes with its first, at one depth (S83..S85).
// Changes are measured in l2, of the row that changes most; every number is an upper bound.
#ifndef LNX_COMPILER_STABILITY_SENSITIVITY_H
#define LNX_COMPILER_STABILITY_SENSITIVITY_H

#include "compiler/stability/Analysis.h"

namespace mlir::lnx::stability {

/// Steps x <- norm(a x + f), gains 1 and biases 0, where a standard deviation above 1/2 stays
/// there: log prod_k L_k <= sum_k (L_f/a + 4 B/a) + log(1/s_0) where 4 B/a <= 1 (S85).
struct PostNorms {
  std::vector<Recurrence::Coefficients> logs; ///< 1 + L_f/a + 4 B/a, layer by layer
  double skip = 0;                            ///< a, of all steps
  double start = 0;                           ///< s_0
  double eps = 0;
  /// Whether the bound holds here, at this depth.
  bool holds() const;
};

/// |d x_N| <= prod_k L_k |d x_0| over all steps k of all streams.
struct Sensitivity {
  /// L_k = a + gain of each step, by chain, layer by layer, steps that a layer lacks filled up.
  std::vector<std::vector<Recurrence::Coefficients>> factors;
  double product = 1;      ///< prod_k L_k, rounded up; may be too large for a double
  double logarithm = 0;    ///< of the same, rounded up; infinite where some L_k is
  double exponent = 0;     ///< sum_k (L_k - 1): |J| <= exp of it where every a_k is 1 (S84)
  double least = 0;        ///< smallest standard deviation of a token of any stream
  double taken = INFINITY; ///< where that is 0: what all updates may take of it
  Slope reasons;           ///< what the factors rest on, and what makes them large
  llvm::SmallVector<StepOp, 2> unbounded; ///< steps whose L_k is infinite
  bool isSum = true;                      ///< every step is x <- x + ..., so that a_k = 1
  bool isPost = true;                     ///< every step normalises the stream
  bool isOrdered = true; ///< one stream, and no step looks further back than to the step before

  std::optional<PostNorms> post; ///< of the worst layer only

  bool isFinite() const { return logarithm < INFINITY; }
};

/// Whether a layer's factors are about its own streams, or about the worst of all layers', so that
/// they are functions of the depth that can be recognised.
enum class Detail { eachLayer, worstLayer };

/// `plain` is the run without ranges, for the same weights.
Sensitivity sensitivityOf(const Analysis &plain, Detail detail);
/// From the runs with sizes and with everything that is known.
std::optional<PostNorms> postNormsOf(const Analysis &sized, const Analysis &known);
/// What would give the norms of `sensitivity.reasons.vacuous` a lower bound, a promise a line.
std::vector<std::string> missingDeviations(const Analysis &plain, const Sensitivity &sensitivity);

} // namespace mlir::lnx::stability

#endif
