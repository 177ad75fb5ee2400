// Probe: what this machine has for CUDA programs, one step at a time: driver, GPU, cuBLASLt.
// Sessions and `lnx doctor` take the same steps, so both say the same about what is missing. A
// message may end with a line "help: ...", the next step.
#ifndef LNX_RUNTIME_DEVICE_CUDA_PROBE_H
#define LNX_RUNTIME_DEVICE_CUDA_PROBE_H

#include "device/cuda/Driver.h"

#include <string>
#include <vector>

namespace lnx::cuda {

/// "12.8" of 12080, the way in which the driver counts.
std::string versionText(int version);

/// The line "\nhelp: ..." for an error of the driver; empty where nothing general is known.
std::string helpLine(CUresult result);

/// There is a driver, but it sees no GPU.
Error noGpu();

/// The file that dlopen took for `handle`, `name` where it does not say.
std::string pathOf(void *handle, const char *name);

struct Gpu {
  CUdevice device = 0;
  std::string name;         ///< "NVIDIA H100 80GB HBM3"
  int major = 0, minor = 0; ///< compute capability
};

/// Every GPU that the driver sees. An error where it sees none.
Result<std::vector<Gpu>> listGpus(const Driver &driver);

/// The first of compute capability 9.0: code for sm_90a runs on no other. An error names those that
/// are there.
Result<Gpu> findGpu(const Driver &driver);

struct FoundBlas {
  void *handle = nullptr; ///< of dlopen; stays open
  std::string path;
  std::string version; ///< "13.1.0"
};

/// cuBLASLt of CUDA 13 or 12, the newest that `driverVersion` (12080) can carry: a library of CUDA
/// 13 needs a driver of CUDA 13 (NVIDIA's compatibility guide: minor versions mix, major ones do
/// not).
Result<FoundBlas> findBlas(int driverVersion);

/// The same as helpLine for a status of cuBLASLt.
std::string blasHelpLine(int status);

} // namespace lnx::cuda

#endif
