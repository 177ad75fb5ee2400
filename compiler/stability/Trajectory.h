// Trajectory: what an optimizer can make of a weight in T steps, whatever the gradients are (claims
// S73..S75). All bounds are rounded up; settings that make no sense give infinity, never a small
// number.
#ifndef LNX_COMPILER_STABILITY_TRAJECTORY_H
#define LNX_COMPILER_STABILITY_TRAJECTORY_H

#include <cstdint>

namespace mlir::lnx::stability {

/// `assume adamw(...)`: `lr` is the largest learning rate of the schedule, `steps` may be infinity.
struct AdamW {
  double lr = 0;
  double steps = 0;
  double decay = 0; ///< lambda, decoupled; 0 for parameters that are not decayed
  double beta1 = 0.9, beta2 = 0.95;
};
/// `assume sgd(...)`: gradients clipped to the Frobenius norm `clip`.
struct Sgd {
  double lr = 0;
  double steps = 0;
  double clip = 0;
};
/// `assume muon(...)`: every update has spectral norm <= size.
struct Muon {
  double lr = 0;
  double steps = 0;
  double decay = 0;
  double size = 1;
};

/// U(beta1, beta2) = (1 - beta1) / sqrt((1 - beta2)(1 - beta1^2/beta2)), the largest |m^|/sqrt(v^)
/// of Adam (S73): Cauchy-Schwarz over the gradients seen so far, attained by g_k ~ (beta1/beta2)^k.
/// Infinity unless beta1^2 < beta2 < 1.
double adamwStep(double beta1, double beta2);

/// |W_ij| of an entry that starts at most `initial` (S73): with decay max(initial, U/lambda) where
/// lr lambda <= 1, always initial + U lr steps; the smaller where both hold.
double adamwEntryBound(double initial, const AdamW &optimizer);

/// |W|_F of a matrix that starts at most `initial` (S74): initial + clip lr steps.
double sgdFrobeniusBound(double initial, const Sgd &optimizer);

/// |W|_2 of a matrix that starts at most `initial` (S75): max(initial, size/lambda) where lr lambda
/// <= 1, always initial + size lr steps.
double muonSpectralBound(double initial, const Muon &optimizer);

/// |W|_2 <= |W|_F <= sqrt(rows columns) max|W_ij| (S73).
double spectralFromEntries(int64_t rows, int64_t columns, double largestEntry);

} // namespace mlir::lnx::stability

#endif
