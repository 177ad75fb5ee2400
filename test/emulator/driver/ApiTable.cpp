// ApiTable: names of errors, and entry points by name.
// cuGetErrorString adds what the emulator knows: the sentence of the last failure.
#include "emulator/driver/Driver.h"

#include <cstring>

#include <dlfcn.h>

using namespace emulator;

namespace {

struct ErrorName {
  CUresult code;
  const char *name;
  const char *meaning;
};
constexpr ErrorName Errors[] = {
    {CUDA_SUCCESS, "CUDA_SUCCESS", "no error"},
    {CUDA_ERROR_INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {CUDA_ERROR_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {CUDA_ERROR_NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {CUDA_ERROR_INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {CUDA_ERROR_INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {CUDA_ERROR_INVALID_PTX, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {CUDA_ERROR_INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {CUDA_ERROR_NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {CUDA_ERROR_NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
    {CUDA_ERROR_ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS",
     "an illegal memory access was encountered"},
    {CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES",
     "too many resources requested for launch"},
    {CUDA_ERROR_LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {CUDA_ERROR_NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
     "operation not permitted when stream is capturing"},
    {CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "operation failed due to a previous error during capture"},
    {CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED",
     "capture was not ended in the same stream as it began"},
    {CUDA_ERROR_STREAM_CAPTURE_UNJOINED, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED",
     "capturing stream has unjoined work"},
};

const ErrorName *find(CUresult code) {
  for (const ErrorName &e : Errors)
    if (e.code == code)
      return &e;
  return nullptr;
}

} // namespace

EMULATED CUresult cuGetErrorName(CUresult code, const char **name) {
  const ErrorName *e = find(code);
  *name = e ? e->name : nullptr;
  return e ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

// The text lives until the next call.
EMULATED CUresult cuGetErrorString(CUresult code, const char **text) {
  std::lock_guard lock(driver().mutex);
  static std::string last;
  const ErrorName *e = find(code);
  if (!e) {
    *text = nullptr;
    return CUDA_ERROR_INVALID_VALUE;
  }
  last = e->meaning;
  if (code != CUDA_SUCCESS && !driver().log.empty())
    last += ": " + driver().log;
  *text = last.c_str();
  return CUDA_SUCCESS;
}

// Versioned names as the real driver resolves them: the newest form that exists here.
EMULATED CUresult cuGetProcAddress_v2(const char *name, void **function, int, uint64_t,
                                      int *found) {
  Dl_info self;
  void *library = dladdr(reinterpret_cast<void *>(&cuGetProcAddress_v2), &self)
                      ? dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD)
                      : nullptr;
  *function = nullptr;
  for (const char *suffix : {"_v2", ""})
    if (library && !*function)
      *function = dlsym(library, (std::string(name) + suffix).c_str());
  if (library)
    dlclose(library);
  if (found)
    *found = *function ? 0 : 1; // 1: no such symbol
  return *function ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

// How often an entry point was called so far, by its name without version, or how many bytes were
// copied: "bytes to device", "bytes to host". Not CUDA's.
EMULATED uint64_t lnxEmulatorCalls(const char *name) {
  std::lock_guard lock(driver().mutex);
  return driver().calls[name];
}

// From now on there is no product with this epilogue. Not CUDA's.
EMULATED void lnxEmulatorRefuseEpilogue(int epilogue) {
  std::lock_guard lock(driver().mutex);
  driver().refusedEpilogues.insert(epilogue);
}

// From now on the algorithm that adds k in so many parts takes the least time. Not CUDA's.
EMULATED void lnxEmulatorFastestSplits(uint64_t splits) {
  std::lock_guard lock(driver().mutex);
  driver().fastestSplits = splits;
}

// What a kernel has cost so far: the fields of emulator::Counters in their order. Not CUDA's.
EMULATED int lnxEmulatorCounters(const char *kernel, uint64_t *out, size_t count) {
  std::lock_guard lock(driver().mutex);
  auto it = driver().counters.find(kernel);
  if (it == driver().counters.end())
    return 0;
  std::memcpy(out, &it->second, std::min(count * sizeof(uint64_t), sizeof(Counters)));
  return 1;
}
