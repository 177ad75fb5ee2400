// SelfTest: three training steps of a tiny model, compiled here and held against the plain lowering.
// For `lnx doctor`; sees public runtime headers only, no MLIR.
#pragma once

#include "lnx/result.h"

#include <string>

namespace lnx {

/// What both computed: the loss before and after three AdamW updates.
struct SelfTest {
  double before = 0, after = 0;
  double difference = 0; ///< the larger of the two, to the reference
  double seconds = 0;    ///< to compile for the device and take the steps
};

/// Compiles for `device` ("cpu" or "cuda") and, as the reference, every primitive's own plain
/// loops. A difference above 1e-4 is an error: f32 sums of a few hundred terms in another order
/// differ by about 1e-6, and AdamW may turn the sign of a gradient near zero into a whole step of
/// the rate.
Result<SelfTest> selfTest(const std::string &device);

} // namespace lnx
