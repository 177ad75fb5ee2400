// Copies: what the device's memory gives to a copy, which is what a row kernel can hope for.
#include "test/device/Suite.h"

#include <chrono>
#include <dlfcn.h>
#include <fmt/format.h>

using namespace lnx;
using namespace lnx::suite;

double lnx::suite::seconds(const std::function<void()> &body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double lnx::suite::copyBandwidth(const Options &options) {
  constexpr const char *emptyModule = ".version 8.3\n.target sm_90a\n.address_size 64\n";
  lnx_program program{};
  program.device_code = emptyModule;
  Result<std::unique_ptr<cuda::Cuda>> made = cuda::Cuda::create(program);
  // The driver that the device has opened; the runtime copies nothing inside the device.
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  const auto find = [&](const char *name) { return library ? dlsym(library, name) : nullptr; };
  auto *copy = reinterpret_cast<cuda::CUresult (*)(cuda::CUdeviceptr, cuda::CUdeviceptr, size_t)>(
      find("cuMemcpyDtoD_v2"));
  auto *synchronize = reinterpret_cast<cuda::CUresult (*)()>(find("cuCtxSynchronize"));
  if (!made || !copy || !synchronize) {
    fmt::print("no copies: {}\n\n",
               made ? "the driver does not copy inside the device" : made.error().message);
    return 0;
  }
  const size_t bytes = size_t{options.isShort ? 1u : 1024u} << 20;
  const int times = options.isShort ? 1 : 20;
  Result<void *> from = (*made)->reserve(bytes, "copies", Content::zeros);
  Result<void *> to = (*made)->reserve(bytes, "copies", Content::zeros);
  if (!from || !to)
    return 0;
  auto address = [](void *place) { return reinterpret_cast<cuda::CUdeviceptr>(place); };
  const auto copyAll = [&](int count) {
    for (int i = 0; i < count; ++i)
      copy(address(*to), address(*from), bytes);
    synchronize();
  };
  copyAll(1);
  const double time = seconds([&] { copyAll(times); });
  const double bandwidth = 2 * static_cast<double>(bytes) * times / time;
  fmt::print("A copy of {} MiB inside the device reads and writes {:.0f} GB/s.\n\n", bytes >> 20,
             bandwidth / 1e9);
  return bandwidth;
}
