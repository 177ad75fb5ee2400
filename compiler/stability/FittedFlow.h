// FittedFlow: the class of r followed through the pieces of a recurrence, in order (claims S48,
// S50). Relies on formulas that reproduce every table; knows nothing of how they were found.
#ifndef LNX_COMPILER_STABILITY_FITTEDFLOW_H
#define LNX_COMPILER_STABILITY_FITTEDFLOW_H

#include "compiler/stability/ScheduleBound.h"

namespace mlir::lnx::stability::fitted {

/// Columns of the tables of a recurrence: a, b, c, gain for each update of a layer.
constexpr size_t columnsPerUpdate = 4;

/// One update of all layers of a piece: A <= a, B <= b, C <= c.
struct Update {
  UpperBound a, b, c;
  bool isReset = false; // A and C are zero
};

/// Follows the class of r through the pieces.
class GrowthFlow {
public:
  explicit GrowthFlow(const Samples &samples) : samples(samples) {}
  /// False where a formula has no bound.
  bool pass(const Piece &piece);
  Growth result() const { return state; }

private:
  bool readUpdates(const Piece &piece);
  void passOnce(const Update &update);
  bool passReset();
  bool passContraction();
  void passProduct();
  std::vector<ScheduleTerm> logTerms(bool &isExponential) const;
  void passLogarithm(const std::vector<ScheduleTerm> &logs);

  const Samples &samples;
  Growth state;
  Span span;
  std::vector<Update> updates;
};

} // namespace mlir::lnx::stability::fitted

#endif
