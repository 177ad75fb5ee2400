// GrowthFlow: the class of r followed through the stacks of a chain, in order (S47, S48, S50).
// Sees no IR: coefficients are schedules, which bound them in all layers at all large depths.
#ifndef LNX_COMPILER_STABILITY_GROWTHFLOW_H
#define LNX_COMPILER_STABILITY_GROWTHFLOW_H

#include "compiler/stability/LayerSum.h"

namespace mlir::lnx::stability {

/// r' <= (a + gain) r + b + c r^2 in the layers of a stack; none of them is negative. The skip `a`
/// is apart from the gain, so that 1 + 1e-17 is more than 1.
struct StepSchedule {
  Schedule a = Schedule::constant(1), gain = Schedule::constant(0), b = Schedule::constant(0),
           c = Schedule::constant(0);
};

/// The steps of each layer of one stack.
struct StackSchedule {
  Span span;
  std::vector<StepSchedule> steps;
};

class GrowthFlow {
public:
  /// From r0, which is a function of N.
  explicit GrowthFlow(const Schedule &start);
  void pass(const StackSchedule &stack);
  /// Never below the class of r.
  const Growth &result() const { return state; }
  /// Terms of N above r, where r is at most a power and its factor is known.
  const std::optional<Sum> &bound() const { return r; }

private:
  struct Update;
  static std::optional<Update> read(const StepSchedule &step);
  void set(std::optional<Sum> above, const Growth &otherwise);
  void lose();
  void passOnce(const Update &update, const Layers &layers);
  void passFixed(llvm::ArrayRef<Update> updates, const Span &span);
  bool passContraction(llvm::ArrayRef<Update> updates, const Layers &layers);
  void passProduct(llvm::ArrayRef<Update> updates, const Layers &layers);
  void passPower(llvm::ArrayRef<Update> updates, const Layers &layers, const Sum &logs,
                 const Scalar &share);

  Growth state;
  std::optional<Sum> r;
};

/// Upper class of r after all stacks, and a class that r reaches where every bound is attained.
Growth classOf(const Schedule &start, llvm::ArrayRef<StackSchedule> stacks);
Growth lowerClassOf(llvm::ArrayRef<StackSchedule> stacks);

} // namespace mlir::lnx::stability

#endif
