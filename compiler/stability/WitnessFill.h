// WitnessFill: the numbers that a Fill stands for, and their norms.
// Norms are exact where the fill says them, otherwise never too small.
#ifndef LNX_COMPILER_STABILITY_WITNESSFILL_H
#define LNX_COMPILER_STABILITY_WITNESSFILL_H

#include "compiler/stability/Witness.h"
#include "dialect/LnxDialect.h"

namespace mlir::lnx::stability {

/// The value of `op` in layer `layer` (0-based within its repeat): an array of its shape, or only
/// the first `rows` of its leading entries where that is not negative.
Array materialise(const Fill &fill, ParamOp op, int64_t layer, int64_t rows = -1);

/// Norms of one matrix; of a vector those of its largest entry and Frobenius norm mean something.
struct Norms {
  double spectral = 0, frobenius = 0;
  double perhead = 0; ///< largest spectral norm of `headSize` neighbouring columns
  double largest = 0; ///< |entry|
  double rowSum = 0;  ///< largest sum of |entries| of a row
};
Norms normsOf(const Fill &fill, ParamOp op, int64_t layer, int64_t headSize);

} // namespace mlir::lnx::stability

#endif
