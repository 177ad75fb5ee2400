// Sensitivity: how much the last stream of a model changes with its first, at one depth (S83..S85).
// Changes are measured in l2, of the row that changes most; every number is an upper bound.
#ifndef LNX_COMPILER_STABILITY_SENSITIVITY_H
#define LNX_COMPILER_STABILITY_SENSITIVITY_H

#include "compiler/stability/Analysis.h"

namespace mlir::lnx::stability {

/// |d x_N| <= prod_k L_k |d x_0| over all steps k of all streams.
struct Sensitivity {
  double product = 1;      ///< prod_k L_k, rounded up; may be too large for a double
  double logarithm = 0;    ///< of the same, rounded up; infinite where some L_k is
  double exponent = 0;     ///< sum_k (L_k - 1): |J| <= exp of it where every a_k is 1 (S84)
  double least = 0;        ///< smallest standard deviation of a token of any stream
  double taken = INFINITY; ///< where that is 0: what all updates may take of it
  Slope reasons;           ///< what the factors rest on, and what makes them large
  llvm::SmallVector<StepOp, 2> unbounded; ///< steps whose L_k is infinite
  bool isSum = true;                      ///< every step is x <- x + ..., so that a_k = 1
  bool isPost = true;                     ///< every step normalises the stream

  bool isFinite() const { return logarithm < INFINITY; }
};

/// Whether a layer's factors are about its own streams, or about the worst of all layers'.
enum class Detail { eachLayer, worstLayer };

/// `plain` is the run without ranges, for the same weights.
Sensitivity sensitivityOf(const Analysis &plain, Detail detail);
/// How large the streams are before each step, from the run without ranges.
Ranges rangesOfSizes(const Analysis &plain, Detail detail);
/// One stream, and no step looks further back than to the step before.
bool isOrdered(const Analysis &analysis);

/// a x + f with the stream x, which stands there once; of f, the slope and, where it is known, the
/// rms. What is apart is not lost beside a, nor is it what a difference of bounds leaves.
struct StreamSum {
  std::optional<Schedule> skip;
  Schedule slope = Schedule::constant(0);
  std::optional<Schedule> size = Schedule::constant(0);

  /// False where `value` is no such sum.
  bool add(const Analysis &analysis, Value value, Value stream);
};

/// Class in depth of the product, from schedules: never below the true one.
Growth sensitivityGrowth(const Analysis &plain);
/// Steps whose product has the class of prod_k L_k, where every step is x <- norm(a x + f), from a
/// run with the sizes of streams at every depth (S85).
std::optional<std::vector<StackSchedule>> postNormsOf(const Analysis &sized);
/// A number below the schedule in all its layers at all large depths; 0 where none is known.
double leastOf(const Schedule &schedule);
/// What would give the norms of `sensitivity.reasons.vacuous` a lower bound, a promise a line.
std::vector<std::string> missingDeviations(const Analysis &plain, const Sensitivity &sensitivity);

} // namespace mlir::lnx::stability

#endif
