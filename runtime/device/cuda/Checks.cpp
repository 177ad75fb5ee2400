// Checks: driver, GPU, cuBLASLt and NCCL, each with what was found and what to do.
// Opens them as a session does.
#include "device/cuda/Blas.h"
#include "device/cuda/Probe.h"
#include "lnx/machine.h"

#include "Block.h"

#include <dlfcn.h>

using namespace lnx;
using namespace lnx::cuda;

namespace {

// An error's message, its last line apart where that is a help line.
Check failing(const char *name, const Error &error) {
  constexpr std::string_view mark = "\nhelp: ";
  const size_t help = error.message.find(mark);
  return {name, false, error.message.substr(0, help),
          help == std::string::npos ? "" : error.message.substr(help + mark.size())};
}

// Memory can be asked for only with a context, which also shows that the GPU can be used.
Check describeGpu(const Driver &driver, const Gpu &gpu) {
  CUcontext context = nullptr;
  if (auto error = driver.check(driver.devicePrimaryCtxRetain(&context, gpu.device),
                                "use '" + gpu.name + "'"))
    return failing("gpu", *error);
  size_t available = 0, total = 0;
  CUresult result = driver.ctxSetCurrent(context);
  if (result == 0)
    result = driver.memGetInfo(&available, &total);
  constexpr int eccEnabled = 32;
  int ecc = 0;
  const bool knowsEcc = driver.deviceGetAttribute(&ecc, eccEnabled, gpu.device) == 0;
  driver.ctxSetCurrent(nullptr);
  driver.devicePrimaryCtxRelease(gpu.device);
  if (auto error = driver.check(result, "ask '" + gpu.name + "' for its memory"))
    return failing("gpu", *error);
  return {"gpu", true,
          "'" + gpu.name + "', compute capability " + std::to_string(gpu.major) + "." +
              std::to_string(gpu.minor) + ", " + mebibytes(available) + " of " + mebibytes(total) +
              " free" + (knowsEcc ? ecc ? ", ECC on" : ", ECC off" : ""),
          ""};
}

} // namespace

std::vector<Check> lnx::checkCuda() {
  const Result<const Driver *> driver = Driver::open();
  if (!driver)
    return {failing("driver", driver.error())};
  std::vector<Check> checks = {{"driver", true,
                                "of CUDA " + versionText((*driver)->version) + ", " +
                                    versionText(oldestDriver) + " is needed",
                                ""}};
  const Result<Gpu> gpu = findGpu(**driver);
  checks.push_back(gpu ? describeGpu(**driver, *gpu) : failing("gpu", gpu.error()));
  if (!checks.back().works)
    return checks;
  const Result<FoundBlas> blas = findBlas((*driver)->version);
  checks.push_back(blas ? Check{"cublaslt", true, blas->version + ", '" + blas->path + "'", ""}
                        : failing("cublaslt", blas.error()));
  return checks;
}

Check lnx::checkNccl() {
  void *handle = dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL);
  auto getVersion =
      handle ? reinterpret_cast<int (*)(int *)>(dlsym(handle, "ncclGetVersion")) : nullptr;
  int version = 0;
  if (!getVersion || getVersion(&version) != 0)
    return {"nccl", false, "not here; not needed, training uses one GPU", ""};
  // 22803 is 2.28.3.
  return {"nccl", true,
          std::to_string(version / 10000) + "." + std::to_string(version % 10000 / 100) + "." +
              std::to_string(version % 100) + "; not needed, training uses one GPU",
          ""};
}
