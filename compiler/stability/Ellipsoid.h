// Ellipsoid: the largest output of a norm whose gains and biases are known numbers (4.4, S40).
// Sees no IR; the answer is a feasible point of the dual problem, so it is a bound in any case.
#ifndef LNX_COMPILER_STABILITY_ELLIPSOID_H
#define LNX_COMPILER_STABILITY_ELLIPSOID_H

#include <span>
#include <vector>

namespace mlir::lnx::stability {

/// What a norm subtracts before it divides: LayerNorm the mean, RMSNorm nothing.
enum class Centring { none, mean };

/// Largest rms of gain * u + bias over all u of d entries with rms(u) <= 1 and, where the norm
/// centres, mean(u) = 0 (S40); rounded up. Never more than max|gain| + rms(bias) (S39). Both spans
/// have the same d >= 1 entries.
double ellipsoidSupremum(std::span<const double> gain, std::span<const double> bias,
                         Centring centring = Centring::mean);

/// Some u of the same set that comes close: a witness of the supremum, and the test of it.
std::vector<double> ellipsoidWitness(std::span<const double> gain, std::span<const double> bias,
                                     Centring centring = Centring::mean);

} // namespace mlir::lnx::stability

#endif
