// Suite: the parts of device-suite; each prints its section and counts what is wrong.
// Sections are Markdown, to be committed as they are.
#ifndef LNX_TEST_DEVICE_SUITE_H
#define LNX_TEST_DEVICE_SUITE_H

#include "device/cuda/Cuda.h"
#include "lnx/runtime.h"
#include "test/device/Bundle.h"

#include <functional>

namespace lnx::suite {

struct Options {
  bool isShort = false; ///< on the emulator: everything once, times mean nothing
  /// Expected values are moved by ten tolerances: every comparison has to fail.
  bool isSelfTest = false;
};

/// Results of primitives are within this of the double evaluator, relative to the largest value:
/// approximations are off by 2^-22 and sums of a hundred terms add up. Losses absolutely.
inline constexpr double tolerance = 1e-4;

/// Seconds that `body` takes.
double seconds(const std::function<void()> &body);

/// All kernels of the primitives and of whole trainings beside the double evaluator: how many
/// differ.
int compareCases(const Bundle &bundle, const Options &options);
int compareTrainings(const Bundle &bundle, const Options &options);
/// Which products cuBLASLt has, beside matmul.def: how many lines of it are wrong.
int listProducts();
/// Bytes read and written a second by a copy inside the device's memory.
double copyBandwidth(const Options &options);
/// Each kernel of a training step alone: time and share of the copy's bandwidth.
int profileStep(const Entry<Timing> &timing, double bandwidth, const Options &options);
/// Whole steps: tokens a second, utilisation, memory.
int timeSteps(const Bundle &bundle, const Options &options);

} // namespace lnx::suite

#endif
