// Probe: looks for a GPU and for cuBLASLt and says in words what is missing and what to do.
// Numbers of errors are those of cuda.h and cublas_api.h.
#include "device/cuda/Probe.h"

#include <dlfcn.h>
#include <link.h>

#include <array>
#include <cstdlib>

using namespace lnx;
using namespace lnx::cuda;

namespace {

struct Help {
  CUresult result;
  const char *text;
};
constexpr Help helps[] = {
    {outOfMemory, "'nvidia-smi' lists what else uses the GPU's memory"},
    {34, "take the folder of the toolkit's stubs out of LD_LIBRARY_PATH, so that the driver's own "
         "libcuda.so.1 is found"},
    {46, "another process has the GPU for itself: 'nvidia-smi -q -d COMPUTE' shows the mode"},
    {noDevice, "'nvidia-smi -L' must list the GPU; a container must be started with it, such as by "
               "'--gpus all'"},
    {214, "the GPU's memory has failed: 'nvidia-smi -q -d ECC' says how often"},
    {218, "report it together with what 'lnx doctor' prints: the kernels assemble elsewhere"},
    {222, "update NVIDIA's driver: the kernels are PTX 8.3, which drivers of CUDA 12.3 read"},
    {700, "run it under 'compute-sanitizer', which names the kernel and the address"},
    {701, "the kernel needs more registers or shared memory than this GPU gives a block"},
    {702, "the GPU also drives a display, which ends long kernels: use one that does not"},
    {716, "run it under 'compute-sanitizer', which names the kernel and the address"},
    {719, "run it under 'compute-sanitizer', which names the kernel and the address"},
    {802, "start the service 'nvidia-fabricmanager' and wait until it is up"},
    {803, "the driver's library and its kernel module are of different versions: restart the "
          "machine, or install the driver again"},
    {804, "take the folder of CUDA's forward compatibility package out of LD_LIBRARY_PATH"},
    {999, "'nvidia-modprobe -u' loads the driver's kernel module; 'dmesg' says why it would not"},
};

/// cublasLtGetVersion counts 130100, before CUDA 12 also 11805.
int majorOf(size_t version) {
  return static_cast<int>(version >= 100000 ? version / 10000 : version / 1000);
}

std::string blasVersionText(size_t version) {
  const size_t rest = version % (version >= 100000 ? 10000 : 1000);
  return std::to_string(majorOf(version)) + "." + std::to_string(rest / 100) + "." +
         std::to_string(rest % 100);
}

/// The library of one major version, or why it cannot be used.
Result<FoundBlas> openBlas(int major, int driverVersion) {
  const std::string name = "libcublasLt.so." + std::to_string(major);
  if (driverVersion / 1000 < major)
    return Error{"'" + name + "' needs a driver of CUDA " + std::to_string(major) +
                     ", this one is of " + versionText(driverVersion),
                 Exit::device};
  void *handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char *reason = dlerror();
    return Error{reason ? reason : name + " cannot be opened", Exit::device};
  }
  FoundBlas library{handle, pathOf(handle, name.c_str()), ""};
  auto getVersion = reinterpret_cast<size_t (*)()>(dlsym(handle, "cublasLtGetVersion"));
  if (!getVersion)
    return Error{"'" + library.path + "' has no 'cublasLtGetVersion', it is no cuBLASLt",
                 Exit::device};
  library.version = blasVersionText(getVersion());
  if (majorOf(getVersion()) != major)
    return Error{"'" + library.path + "' is cuBLASLt " + library.version + ", its name says " +
                     std::to_string(major),
                 Exit::device};
  return library;
}

} // namespace

std::string cuda::versionText(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string cuda::helpLine(CUresult result) {
  for (const Help &help : helps)
    if (help.result == result)
      return std::string("\nhelp: ") + help.text;
  return "";
}

Error cuda::noGpu() {
  Error error{"the CUDA driver sees no GPU", Exit::device};
  if (const char *visible = std::getenv("CUDA_VISIBLE_DEVICES"))
    error.message += ", CUDA_VISIBLE_DEVICES is '" + std::string(visible) + "'";
  error.message += helpLine(noDevice);
  return error;
}

std::string cuda::pathOf(void *handle, const char *name) {
  link_map *map = nullptr;
  const bool found = dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map && *map->l_name;
  return found ? map->l_name : name;
}

Result<std::vector<Gpu>> cuda::listGpus(const Driver &driver) {
  int count = 0;
  const CUresult counted = driver.deviceGetCount(&count);
  if (counted == noDevice || (counted == 0 && count == 0))
    return noGpu();
  if (auto error = driver.check(counted, "count the GPUs"))
    return *error;
  std::vector<Gpu> gpus;
  for (int i = 0; i < count; ++i) {
    Gpu gpu;
    if (auto error =
            driver.check(driver.deviceGet(&gpu.device, i), "open GPU " + std::to_string(i)))
      return *error;
    std::array<char, 128> text{};
    driver.deviceGetName(text.data(), static_cast<int>(text.size()), gpu.device);
    gpu.name = text.data();
    driver.deviceGetAttribute(&gpu.major, computeMajor, gpu.device);
    driver.deviceGetAttribute(&gpu.minor, computeMinor, gpu.device);
    gpus.push_back(std::move(gpu));
  }
  return gpus;
}

Result<Gpu> cuda::findGpu(const Driver &driver) {
  Result<std::vector<Gpu>> gpus = listGpus(driver);
  if (!gpus)
    return gpus.error();
  std::string others;
  for (const Gpu &gpu : *gpus) {
    if (gpu.major == 9 && gpu.minor == 0)
      return gpu;
    others += (others.empty() ? "'" : ", '") + gpu.name + "' has compute capability " +
              std::to_string(gpu.major) + "." + std::to_string(gpu.minor);
  }
  return Error{others + ", the kernels are for 9.0\nhelp: use an H100 or H200, or the device 'cpu'",
               Exit::device};
}

Result<FoundBlas> cuda::findBlas(int driverVersion) {
  std::string reasons;
  for (int major : {13, 12}) {
    Result<FoundBlas> library = openBlas(major, driverVersion);
    if (library)
      return library;
    reasons += (reasons.empty() ? "" : "; ") + library.error().message;
  }
  const std::string wanted = driverVersion < 13000 ? "12" : "13 or 12";
  return Error{"no cuBLASLt of CUDA " + wanted + ": " + reasons +
                   "\nhelp: install it (CUDA's package 'libcublas', or pip's 'nvidia-cublas') and "
                   "put its folder into LD_LIBRARY_PATH",
               Exit::device};
}

std::string cuda::blasHelpLine(int status) {
  constexpr int notInitialised = 1, allocationFailed = 3;
  if (status == notInitialised)
    return "\nhelp: the library cannot work with this driver: 'lnx doctor' shows both versions";
  return status == allocationFailed ? "\nhelp: take a smaller micro-batch" : "";
}
