// ParameterSize: how large one parameter is in one layer, measured.
// Every number is an upper bound, so that a bound made of them is one; `low` is a lower bound.
#ifndef LNX_COMPILER_STABILITY_PARAMETERSIZE_H
#define LNX_COMPILER_STABILITY_PARAMETERSIZE_H

#include <limits>

namespace mlir::lnx::stability {

struct ParameterSize {
  static constexpr double unknown = std::numeric_limits<double>::infinity();

  double low = -unknown; ///< smallest entry
  double peak = unknown; ///< largest |entry|
  double frobenius = unknown;
  double rowRms = unknown;   ///< largest rms of a row, which is one line of the last axis
  double rowSum = unknown;   ///< largest sum of |entries| of a row
  double spectral = unknown; ///< of a matrix
  double perhead = unknown;  ///< largest spectral norm of the columns of one head, of a matrix
};

} // namespace mlir::lnx::stability

#endif
