// Client: the look-alikes as the runtime meets them, through dlopen, for their tests.
// A failed device stays failed, so every test runs in a process of its own.
#ifndef LNX_TEST_EMULATOR_DRIVER_CLIENT_H
#define LNX_TEST_EMULATOR_DRIVER_CLIENT_H

#include "emulator/driver/Cuda.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include <dlfcn.h>

namespace emulator {

// The entry points, by the names the real library has.
class Cuda {
public:
  Cuda() : library(dlopen(EMULATED_CUDA, RTLD_NOW | RTLD_LOCAL)) {
    EXPECT_TRUE(library) << dlerror();
    call("cuInit", 0u);
    CUdevice device = -1;
    call("cuDeviceGet", &device, 0);
    CUcontext context = nullptr;
    call("cuDevicePrimaryCtxRetain", &context, device);
    call("cuCtxSetCurrent", context);
  }
  // The code a function returns.
  template <typename... A> CUresult ask(const char *name, A... arguments) {
    auto function = reinterpret_cast<CUresult (*)(A...)>(dlsym(library, name));
    EXPECT_TRUE(function) << name;
    return function ? function(arguments...) : CUDA_ERROR_NOT_FOUND;
  }
  template <typename... A> void call(const char *name, A... arguments) {
    CUresult r = ask(name, arguments...);
    EXPECT_EQ(r, CUDA_SUCCESS) << name << ": " << words(r);
  }
  std::string words(CUresult code) {
    const char *text = nullptr;
    ask("cuGetErrorString", code, &text);
    return text ? text : "";
  }
  CUdeviceptr allocate(size_t bytes) {
    CUdeviceptr address = 0;
    call("cuMemAlloc_v2", &address, bytes);
    return address;
  }
  CUdeviceptr upload(const std::vector<uint32_t> &values) {
    CUdeviceptr address = allocate(values.size() * 4);
    call("cuMemcpyHtoD_v2", address, static_cast<const void *>(values.data()), values.size() * 4);
    return address;
  }
  std::vector<uint32_t> download(CUdeviceptr address, size_t n) {
    std::vector<uint32_t> values(n);
    call("cuMemcpyDtoH_v2", static_cast<void *>(values.data()), address, n * 4);
    return values;
  }
  CUfunction function(const char *text, const char *name) {
    call("cuModuleLoadData", &module, static_cast<const void *>(text));
    CUfunction f = nullptr;
    call("cuModuleGetFunction", &f, module, name);
    return f;
  }
  // A kernel of the tests: its parameters are a count and an array.
  CUresult launch(CUfunction f, unsigned grid, unsigned block, CUstream stream, uint32_t n,
                  CUdeviceptr data, unsigned shared = 0) {
    void *parameters[] = {&n, &data};
    return ask("cuLaunchKernel", f, grid, 1u, 1u, block, 1u, 1u, shared, stream,
               static_cast<void **>(parameters), static_cast<void **>(nullptr));
  }

  void *library;
  CUmodule module = nullptr;
};

// A child prints nothing of its own accord.
inline void sayWhatFailed() {
  const testing::TestResult &result =
      *testing::UnitTest::GetInstance()->current_test_info()->result();
  for (int k = 0; k < result.total_part_count(); ++k)
    std::fprintf(stderr, "line %d: %s\n", result.GetTestPartResult(k).line_number(),
                 result.GetTestPartResult(k).message());
}

// Runs `body` in a child that has not loaded the library before.
template <typename F> void isolated(F body) {
  EXPECT_EXIT(
      {
        body();
        sayWhatFailed();
        std::exit(testing::Test::HasFailure());
      },
      testing::ExitedWithCode(0), "");
}

} // namespace emulator

#endif
