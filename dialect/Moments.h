// Moments.h: how big a tensor can get, the abstract value of `moments`.
// Upper bounds only; claims S16.. of docs/stability.md say how each op carries them.
#ifndef LNX_DIALECT_MOMENTS_H
#define LNX_DIALECT_MOMENTS_H

#include <algorithm>
#include <limits>

namespace mlir::lnx {

/// Bounds on one tensor. Rows of a row tensor are bounded one by one; a fixed tensor is one row.
struct Moments {
  /// Largest root mean square of one row over its features.
  double rms = std::numeric_limits<double>::infinity();
  /// Largest absolute value of any entry; never less than any row's rms.
  double peak = std::numeric_limits<double>::infinity();

  static Moments unknown() { return {}; }
  /// An exactly known number.
  static Moments number(double v) { return {std::max(v, -v), std::max(v, -v)}; }
  /// rms <= peak holds for every tensor: tighten the one by the other.
  Moments tightened() const { return {std::min(rms, peak), peak}; }
};

} // namespace mlir::lnx

#endif
