// Driver: looks the functions up by name and says in words what fails.
// The stub library of the toolkit is no driver: its cuInit fails and says so.
#include "device/cuda/Driver.h"

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

Opened open() {
  Opened opened;
  void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    opened.error = Error{"no CUDA driver: " + text(dlerror()), Exit::device};
    return opened;
  }
  auto find = [&](auto &function, const char *name) {
    void *symbol = dlsym(handle, name);
    if (!symbol && !opened.error)
      opened.error = Error{std::string("the CUDA driver has no '") + name +
                               "': it is older than CUDA 12.3, update it",
                           Exit::device};
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
  if (opened.error)
    return opened;
  if (auto error = d.check(d.init(0), "start the driver")) {
    opened.error = error;
    return opened;
  }
  int version = 0;
  d.driverGetVersion(&version);
  if (version < oldestDriver)
    opened.error = Error{"the CUDA driver is of version " + std::to_string(version / 1000) + "." +
                             std::to_string(version % 1000 / 10) + ", 12.3 is needed: update it",
                         Exit::device};
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

std::optional<Error> Driver::check(CUresult result, const char *what) const {
  if (result == 0)
    return std::nullopt;
  const char *name = nullptr, *words = nullptr;
  getErrorName(result, &name);
  getErrorString(result, &words);
  return Error{std::string("cuda: cannot ") + what + ": " +
                   (words ? words : "error " + std::to_string(result)) + " (" +
                   (name ? name : "unknown") + ")",
               Exit::device};
}
