// Driver: the CUDA driver, opened when a session asks for it; nothing of it is needed to build.
// Our own declarations of the few functions used (cuda-target 6.2). Relied on by this folder only.
#ifndef LNX_RUNTIME_DEVICE_CUDA_DRIVER_H
#define LNX_RUNTIME_DEVICE_CUDA_DRIVER_H

#include "lnx/result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace lnx::cuda {

using CUresult = int;
using CUdevice = int;
using CUdeviceptr = uint64_t;
using CUcontext = struct Context *;
using CUmodule = struct Module *;
using CUfunction = struct Function *;
using CUstream = struct Stream *;
using CUevent = struct Event *;
using CUgraph = struct Graph *;
using CUgraphExec = struct GraphExec *;

/// The driver's functions by their names without the prefix and version.
struct Driver {
  CUresult (*init)(unsigned flags);
  CUresult (*driverGetVersion)(int *version);
  CUresult (*deviceGetCount)(int *count);
  CUresult (*deviceGet)(CUdevice *device, int ordinal);
  CUresult (*deviceGetName)(char *name, int length, CUdevice device);
  CUresult (*deviceGetAttribute)(int *value, int attribute, CUdevice device);
  CUresult (*devicePrimaryCtxRetain)(CUcontext *context, CUdevice device);
  CUresult (*devicePrimaryCtxRelease)(CUdevice device);
  CUresult (*ctxSetCurrent)(CUcontext context);
  CUresult (*moduleLoadDataEx)(CUmodule *module, const void *image, unsigned count, int *options,
                               void **values);
  CUresult (*moduleUnload)(CUmodule module);
  CUresult (*moduleGetFunction)(CUfunction *function, CUmodule module, const char *name);
  CUresult (*launchKernel)(CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ,
                           unsigned blockX, unsigned blockY, unsigned blockZ, unsigned sharedBytes,
                           CUstream stream, void **parameters, void **extra);
  CUresult (*memGetInfo)(size_t *available, size_t *total);
  CUresult (*memAlloc)(CUdeviceptr *address, size_t bytes);
  CUresult (*memFree)(CUdeviceptr address);
  CUresult (*memcpyHtoDAsync)(CUdeviceptr to, const void *from, size_t bytes, CUstream stream);
  CUresult (*memcpyDtoHAsync)(void *to, CUdeviceptr from, size_t bytes, CUstream stream);
  CUresult (*memsetD8Async)(CUdeviceptr to, unsigned char value, size_t bytes, CUstream stream);
  CUresult (*memsetD16Async)(CUdeviceptr to, unsigned short value, size_t count, CUstream stream);
  CUresult (*memsetD32Async)(CUdeviceptr to, unsigned value, size_t count, CUstream stream);
  CUresult (*streamCreate)(CUstream *stream, unsigned flags);
  CUresult (*streamDestroy)(CUstream stream);
  CUresult (*streamSynchronize)(CUstream stream);
  CUresult (*eventCreate)(CUevent *event, unsigned flags);
  CUresult (*eventDestroy)(CUevent event);
  CUresult (*eventRecord)(CUevent event, CUstream stream);
  CUresult (*eventSynchronize)(CUevent event);
  CUresult (*eventElapsedTime)(float *milliseconds, CUevent start, CUevent end);
  CUresult (*streamBeginCapture)(CUstream stream, int mode);
  CUresult (*streamEndCapture)(CUstream stream, CUgraph *graph);
  CUresult (*graphInstantiate)(CUgraphExec *executable, CUgraph graph, unsigned long long flags);
  CUresult (*graphLaunch)(CUgraphExec executable, CUstream stream);
  CUresult (*graphDestroy)(CUgraph graph);
  CUresult (*graphExecDestroy)(CUgraphExec executable);
  CUresult (*getErrorName)(CUresult error, const char **name);
  CUresult (*getErrorString)(CUresult error, const char **text);
  int version; ///< 12080 is CUDA 12.8

  /// The driver of this process, or why there is none. It stays open to the end of the process.
  static Result<const Driver *> open();

  /// What went wrong in the driver's words: "cuda: cannot WHAT: out of memory
  /// (CUDA_ERROR_OUT_OF_MEMORY)", a line "note: NOTE" and, where one is known, a line "help: NEXT
  /// STEP"; nothing for success.
  std::optional<Error> check(CUresult result, const std::string &what,
                             const std::string &note = "") const;
};

inline constexpr CUresult outOfMemory = 2, noDevice = 100;

/// Device attributes.
inline constexpr int computeMajor = 75, computeMinor = 76;

/// What PTX ISA 8.3 needs: the driver of CUDA 12.3.
inline constexpr int oldestDriver = 12030;

} // namespace lnx::cuda

#endif
