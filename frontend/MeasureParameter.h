// MeasureParameter: the sizes that bounds of the stream need, of the numbers a parameter has now.
// One pass over memory; every number is rounded upward (S14).
#pragma once

#include "compiler/Verify.h"

#include <cstdint>
#include <span>

namespace lnx {

/// Sizes of one layer of a parameter, row major of this shape. A spectral norm is bounded by the
/// smaller of the Frobenius norm and sqrt(|W|_1 |W|_inf). `headSize` 0: no heads. Where an entry is
/// no number nothing is known.
mlir::lnx::stability::ParameterSize
measureParameter(std::span<const float> values, std::span<const int64_t> shape, int64_t headSize);

} // namespace lnx
