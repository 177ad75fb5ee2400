// MicroKernel: which instruction set this machine runs best.
// Relies on the three sets, each compiled for its own instructions from the same text.
#include "device/cpu/MicroKernel.h"

#include <cstring>

namespace lnx {

extern const MicroKernel microKernelAvx512;
extern const MicroKernel microKernelAvx2;
extern const MicroKernel microKernelPortable;

const MicroKernel *findMicroKernel(const char *wanted) {
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  auto takes = [wanted](const MicroKernel &kernel) {
    return !wanted || std::strcmp(wanted, kernel.name) == 0;
  };
  if (avx512 && takes(microKernelAvx512))
    return &microKernelAvx512;
  if (avx2 && takes(microKernelAvx2))
    return &microKernelAvx2;
  return takes(microKernelPortable) ? &microKernelPortable : nullptr;
}

} // namespace lnx
