// Trajectory: bounds on weights from the optimizer's settings alone (claims S73..S75).
// One step is W <- (1 - lr lambda) W - lr u with |u| <= U in some norm; both bounds follow by
// induction.
#include "compiler/stability/Trajectory.h"
#include "compiler/stability/Growth.h"
#include <algorithm>
#include <cmath>

namespace mlir::lnx::stability {

double adamwStep(double beta1, double beta2) {
  if (!(beta1 >= 0 && beta1 < 1 && beta2 < 1 && beta1 * beta1 < beta2))
    return HUGE_VAL;
  return roundUp((1 - beta1) / std::sqrt((1 - beta2) * (1 - beta1 * beta1 / beta2)));
}

/// Bound on |W_T| where every update is at most `step`.
static double bound(double initial, double lr, double steps, double decay, double step) {
  if (!(initial >= 0 && lr >= 0 && steps >= 0 && decay >= 0 && step >= 0))
    return HUGE_VAL;
  if (steps == 0 || lr == 0)
    return initial;
  // Beyond lr lambda = 2 the decay itself can amplify.
  double moved = step == 0 ? 0 : step * lr * steps;
  double summed = lr * decay <= 2 ? initial + moved : HUGE_VAL;
  double decayed = decay > 0 && lr * decay <= 1 ? std::max(initial, step / decay) : HUGE_VAL;
  return roundUp(std::min(summed, decayed));
}

double adamwEntryBound(double initial, const AdamW &optimizer) {
  return bound(initial, optimizer.lr, optimizer.steps, optimizer.decay,
               adamwStep(optimizer.beta1, optimizer.beta2));
}

double sgdFrobeniusBound(double initial, const Sgd &optimizer) {
  return bound(initial, optimizer.lr, optimizer.steps, /*decay=*/0, optimizer.clip);
}

double muonSpectralBound(double initial, const Muon &optimizer) {
  return bound(initial, optimizer.lr, optimizer.steps, optimizer.decay, optimizer.size);
}

double spectralFromEntries(int64_t rows, int64_t columns, double largestEntry) {
  if (!(rows > 0 && columns > 0 && largestEntry >= 0))
    return HUGE_VAL;
  return roundUp(std::sqrt(static_cast<double>(rows) * static_cast<double>(columns)) *
                 largestEntry);
}

} // namespace mlir::lnx::stability
