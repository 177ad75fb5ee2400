// Emulated: what the look-alikes of driver and cuBLASLt tell tests beyond what the real ones do.
// The library is the one that the session has opened.
#ifndef LNX_TEST_RUNTIME_EMULATED_H
#define LNX_TEST_RUNTIME_EMULATED_H

#include <gtest/gtest.h>

#include <cstdint>
#include <dlfcn.h>

namespace lnx {

inline void *emulated(const char *name) {
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  void *function = library ? dlsym(library, name) : nullptr;
  EXPECT_TRUE(function) << name << ": is the emulator on LD_LIBRARY_PATH?";
  return function;
}

/// How often the driver's function was called so far, or how many "bytes to host" were copied.
inline uint64_t emulatedCalls(const char *name) {
  auto *function = reinterpret_cast<uint64_t (*)(const char *)>(emulated("lnxEmulatorCalls"));
  return function ? function(name) : 0;
}

/// From now on the library has no product with this epilogue of its own numbering.
inline void refuseEpilogue(int epilogue) {
  auto *function = reinterpret_cast<void (*)(int)>(emulated("lnxEmulatorRefuseEpilogue"));
  if (function)
    function(epilogue);
}

/// Products that add k in so many parts are the fastest from now on.
inline void setFastestSplits(uint64_t splits) {
  auto *function = reinterpret_cast<void (*)(uint64_t)>(emulated("lnxEmulatorFastestSplits"));
  if (function)
    function(splits);
}

} // namespace lnx

#endif
