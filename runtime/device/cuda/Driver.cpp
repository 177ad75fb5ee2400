// Driver: looks the functions up by name and says in words what fails.
// The stub library of the toolkit is no driver: its cuInit fails and says so.
#include "device/cuda/Driver.h"

#include "device/cuda/Probe.h"

#include <dlfcn.h>

using namespace lnx;
using namespace lnx::cuda;

namespace {

constexpr const char *library = "libcuda.so.1";

/// The driver, or why it could not be opened.
struct Opened {
  Driver driver{};
  std::optional<Error> error;
};

std::string text(const char *message) { return message ? message : "no reason given"; }

Error missing(const std::string &what) {
  return {what +
              "\nhelp: install NVIDIA's driver 545 (CUDA 12.3) or newer, or use the device 'cpu'",
          Exit::device};
}

std::optional<Error> start(const Driver &driver, const std::string &path) {
  constexpr CUresult stub = 34;
  const CUresult started = driver.init(0);
  if (started == stub)
    return Error{"'" + path + "' is the CUDA toolkit's stub for linking, no driver" +
                     helpLine(started),
                 Exit::device};
  return started == noDevice ? noGpu() : driver.check(started, "start the driver");
}

Opened open() {
  Opened opened;
  void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    opened.error = missing("no CUDA driver: " + text(dlerror()));
    return opened;
  }
  std::string absent;
  auto find = [&](auto &function, const char *name) {
    void *symbol = dlsym(handle, name);
    if (!symbol && absent.empty())
      absent = name;
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(symbol);
  };
  Driver &d = opened.driver;
  find(d.init, "cuInit");
  find(d.driverGetVersion, "cuDriverGetVersion");
  find(d.deviceGetCount, "cuDeviceGetCount");
  find(d.deviceGet, "cuDeviceGet");
  find(d.deviceGetName, "cuDeviceGetName");
  find(d.deviceGetAttribute, "cuDeviceGetAttribute");
  find(d.devicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain");
  find(d.devicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2");
  find(d.ctxSetCurrent, "cuCtxSetCurrent");
  find(d.moduleLoadDataEx, "cuModuleLoadDataEx");
  find(d.moduleUnload, "cuModuleUnload");
  find(d.moduleGetFunction, "cuModuleGetFunction");
  find(d.launchKernel, "cuLaunchKernel");
  find(d.memGetInfo, "cuMemGetInfo_v2");
  find(d.memAlloc, "cuMemAlloc_v2");
  find(d.memFree, "cuMemFree_v2");
  find(d.memcpyHtoDAsync, "cuMemcpyHtoDAsync_v2");
  find(d.memcpyDtoHAsync, "cuMemcpyDtoHAsync_v2");
  find(d.memsetD8Async, "cuMemsetD8Async");
  find(d.memsetD16Async, "cuMemsetD16Async");
  find(d.memsetD32Async, "cuMemsetD32Async");
  find(d.streamCreate, "cuStreamCreate");
  find(d.streamDestroy, "cuStreamDestroy_v2");
  find(d.streamSynchronize, "cuStreamSynchronize");
  find(d.eventCreate, "cuEventCreate");
  find(d.eventDestroy, "cuEventDestroy_v2");
  find(d.eventRecord, "cuEventRecord");
  find(d.eventSynchronize, "cuEventSynchronize");
  find(d.eventElapsedTime, "cuEventElapsedTime");
  find(d.streamBeginCapture, "cuStreamBeginCapture_v2");
  find(d.streamEndCapture, "cuStreamEndCapture");
  find(d.graphInstantiate, "cuGraphInstantiateWithFlags");
  find(d.graphLaunch, "cuGraphLaunch");
  find(d.graphDestroy, "cuGraphDestroy");
  find(d.graphExecDestroy, "cuGraphExecDestroy");
  find(d.getErrorName, "cuGetErrorName");
  find(d.getErrorString, "cuGetErrorString");
  // The version comes first: an old driver lacks functions, too. A stub says none.
  if (d.driverGetVersion && d.driverGetVersion(&d.version) == 0 && d.version < oldestDriver)
    opened.error = missing("the CUDA driver is of version " + versionText(d.version) +
                           ", the kernels need " + versionText(oldestDriver));
  else if (!absent.empty())
    opened.error = missing("'" + pathOf(handle, library) + "' has no '" + absent +
                           "', it is no driver of CUDA 12.3 or newer");
  else
    opened.error = start(d, pathOf(handle, library));
  return opened;
}

} // namespace

Result<const Driver *> Driver::open() {
  // Opened once: the driver cannot be unloaded safely, and threads may ask at the same time.
  static const Opened opened = ::open();
  if (opened.error)
    return *opened.error;
  return &opened.driver;
}

std::optional<Error> Driver::check(CUresult result, const std::string &what,
                                   const std::string &note) const {
  if (result == 0)
    return std::nullopt;
  const char *name = nullptr, *words = nullptr;
  getErrorName(result, &name);
  getErrorString(result, &words);
  return Error{"cuda: cannot " + what + ": " + (words ? words : "error " + std::to_string(result)) +
                   " (" + (name ? name : "unknown") + ")" +
                   (note.empty() ? "" : "\nnote: " + note) + helpLine(result),
               Exit::device};
}
