// ApiModule: modules, functions, launches, occupancy.
// Unknown PTX, and PTX that ptxas complains about, fails the load with a log that names line and
// opcode; a bad launch is refused at once.
#include "emulator/driver/Driver.h"

#include <algorithm>
#include <cstring>

using namespace emulator;

struct CUlib_st : CUmod_st {};

namespace {

constexpr uint32_t DefaultSharedBytes = 49152; // above it the caller must ask first

void writeLog(const std::string &text, unsigned count, const int *options, void **values) {
  char *buffer = nullptr;
  size_t size = 0, *written = nullptr;
  for (unsigned k = 0; k < count; ++k) {
    if (options[k] == CU_JIT_ERROR_LOG_BUFFER)
      buffer = static_cast<char *>(values[k]);
    if (options[k] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES) {
      size = reinterpret_cast<size_t>(values[k]); // the number itself, written back as one
      written = reinterpret_cast<size_t *>(&values[k]);
    }
  }
  if (buffer && size)
    std::snprintf(buffer, size, "%s", text.c_str());
  if (written)
    *written = std::min(size, text.size() + 1);
}

// The PTX text at `image`; a cubin or a fat binary has no line for the emulator.
CUresult loadModule(CUmodule *out, const void *image, unsigned count, const int *options,
                    void **values) {
  const char *text = static_cast<const char *>(image);
  Loaded loaded = load(std::string_view(text, std::strlen(text)), driver().memory);
  if (loaded.module)
    if (std::string complaint = driver().assembler.complaint(text); !complaint.empty())
      loaded = {nullptr, "ptxas: " + complaint};
  writeLog(loaded.error, count, options, values);
  if (!loaded.module)
    return driver().refuse(CUDA_ERROR_INVALID_PTX, "PTX does not load: " + loaded.error);
  auto module = std::make_unique<CUmod_st>();
  module->module = std::move(loaded.module);
  for (const auto &[name, kernel] : module->module->kernels())
    module->functions[name].kernel = &kernel;
  *out = module.get();
  driver().modules[module.get()] = std::move(module);
  return CUDA_SUCCESS;
}

CUresult unload(CUmodule module) {
  if (CUresult r = driver().readyOutsideCapture())
    return r;
  driver().streams.finishAll();
  if (!driver().modules.erase(module))
    return CUDA_ERROR_INVALID_HANDLE;
  return driver().sticky;
}

CUresult findFunction(CUfunction *out, CUmodule module, const char *name) {
  if (CUresult r = driver().ready())
    return r;
  if (!driver().modules.contains(module))
    return CUDA_ERROR_INVALID_HANDLE;
  auto it = module->functions.find(std::string_view(name));
  if (it == module->functions.end())
    return driver().refuse(CUDA_ERROR_NOT_FOUND, std::string("no kernel '") + name + "'");
  *out = &it->second;
  return CUDA_SUCCESS;
}

// An upper bound: what the kernel is limited to, else what its largest block leaves a thread.
uint32_t registersOf(const Kernel &k) {
  if (k.maxRegisters)
    return k.maxRegisters;
  uint32_t threads = k.maxThreads[0] ? k.maxThreads[0] * k.maxThreads[1] * k.maxThreads[2] : 1024;
  uint32_t share = 65536 / (threads * std::max(1u, k.minCtas)) / 8 * 8;
  return std::min({255u, share, std::max(16u, k.registerWords)});
}

// The parameter block from an array of pointers, or from the caller's own block.
CUresult readParameters(const Kernel &k, void **pointers, void **extra,
                        std::vector<uint8_t> &block) {
  block.assign(k.parameterBytes, 0);
  if (pointers) {
    for (size_t p = 0; p < k.parameters.size(); ++p)
      std::memcpy(block.data() + k.parameters[p].offset, pointers[p], k.parameters[p].bytes);
    return CUDA_SUCCESS;
  }
  const void *buffer = nullptr;
  size_t size = 0;
  for (size_t e = 0; extra && extra[e]; e += 2) { // 1: pointer, 2: size, 0: the end
    if (reinterpret_cast<uintptr_t>(extra[e]) == 1)
      buffer = extra[e + 1];
    if (reinterpret_cast<uintptr_t>(extra[e]) == 2)
      size = *static_cast<size_t *>(extra[e + 1]);
  }
  if (size != block.size() && !(size >= block.size() && size < block.size() + 8))
    return driver().refuse(CUDA_ERROR_INVALID_VALUE,
                           "a parameter block of " + std::to_string(size) +
                               " bytes, but the kernel declares " + std::to_string(block.size()));
  if (buffer)
    std::memcpy(block.data(), buffer, block.size());
  return CUDA_SUCCESS;
}

CUresult launchFunction(CUfunction f, std::array<uint32_t, 3> grid, std::array<uint32_t, 3> block,
                        uint32_t shared, CUstream stream, void **pointers, void **extra) {
  Driver &d = driver();
  if (CUresult r = d.ready())
    return r;
  if (!f || !d.streams.exists(stream))
    return CUDA_ERROR_INVALID_HANDLE;
  const Kernel &kernel = *f->kernel;
  std::vector<uint8_t> parameters;
  if (CUresult r = readParameters(kernel, pointers, extra, parameters))
    return r;
  if (auto fault = refuseLaunch(kernel, grid, block, shared, parameters))
    return d.refuse(CUDA_ERROR_INVALID_VALUE, fault->text());
  if (shared >
      std::max(f->maxDynamicShared,
               DefaultSharedBytes - std::min(DefaultSharedBytes, kernel.staticSharedBytes)))
    return d.refuse(CUDA_ERROR_INVALID_VALUE,
                    "kernel '" + kernel.name + "': " + std::to_string(shared) +
                        " bytes of dynamic shared memory, above " +
                        std::to_string(DefaultSharedBytes) +
                        " less the static ones: set MAX_DYNAMIC_SHARED_SIZE_BYTES first");
  d.streams.add(stream, [&kernel, grid, block, shared, parameters = std::move(parameters)] {
    driver().runKernel(kernel, grid, block, shared, parameters);
  });
  return d.sticky;
}

} // namespace

EMULATED CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned count,
                                     int *options, void **values) {
  std::lock_guard lock(driver().mutex);
  if (CUresult r = driver().readyOutsideCapture())
    return r;
  return loadModule(module, image, count, options, values);
}

EMULATED CUresult cuModuleLoadData(CUmodule *module, const void *image) {
  return cuModuleLoadDataEx(module, image, 0, nullptr, nullptr);
}

EMULATED CUresult cuModuleUnload(CUmodule module) {
  std::lock_guard lock(driver().mutex);
  return unload(module);
}

EMULATED CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name) {
  std::lock_guard lock(driver().mutex);
  return findFunction(function, module, name);
}

EMULATED CUresult cuModuleGetGlobal_v2(CUdeviceptr *address, size_t *bytes, CUmodule module,
                                       const char *name) {
  std::lock_guard lock(driver().mutex);
  if (!driver().modules.contains(module))
    return CUDA_ERROR_INVALID_HANDLE;
  const GlobalVariable *v = module->module->variable(name);
  if (!v)
    return CUDA_ERROR_NOT_FOUND;
  if (address)
    *address = v->address;
  if (bytes)
    *bytes = v->bytes;
  return driver().ready();
}

// Libraries are modules that belong to no context; here there is one context only.
EMULATED CUresult cuLibraryLoadData(CUlibrary *library, const void *image, int *options,
                                    void **values, unsigned count, int *, void **, unsigned) {
  return cuModuleLoadDataEx(reinterpret_cast<CUmodule *>(library), image, count, options, values);
}
EMULATED CUresult cuLibraryUnload(CUlibrary library) {
  return cuModuleUnload(reinterpret_cast<CUmodule>(library));
}
EMULATED CUresult cuLibraryGetKernel(CUkernel *kernel, CUlibrary library, const char *name) {
  return cuModuleGetFunction(reinterpret_cast<CUfunction *>(kernel),
                             reinterpret_cast<CUmodule>(library), name);
}
EMULATED CUresult cuKernelGetFunction(CUfunction *function, CUkernel kernel) {
  *function = reinterpret_cast<CUfunction>(kernel);
  return CUDA_SUCCESS;
}

EMULATED CUresult cuFuncSetAttribute(CUfunction f, int attribute, int value) {
  std::lock_guard lock(driver().mutex);
  if (CUresult r = driver().ready())
    return r;
  if (attribute == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT)
    return CUDA_SUCCESS;
  if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES || value < 0)
    return CUDA_ERROR_INVALID_VALUE;
  if (static_cast<uint32_t>(value) > MaxSharedBytes - f->kernel->staticSharedBytes)
    return driver().refuse(CUDA_ERROR_INVALID_VALUE,
                           "kernel '" + f->kernel->name + "': " + std::to_string(value) +
                               " bytes of dynamic shared memory, above " +
                               std::to_string(MaxSharedBytes) + " less the static ones");
  f->maxDynamicShared = static_cast<uint32_t>(value);
  return CUDA_SUCCESS;
}

EMULATED CUresult cuFuncGetAttribute(int *value, int attribute, CUfunction f) {
  const Kernel &k = *f->kernel;
  switch (attribute) {
  case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
    *value = k.maxThreads[0] ? int(k.maxThreads[0] * k.maxThreads[1] * k.maxThreads[2]) : 1024;
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
    *value = static_cast<int>(k.staticSharedBytes);
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES:
  case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
    *value = 0;
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_NUM_REGS:
    *value = static_cast<int>(registersOf(k));
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_PTX_VERSION:
  case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
    *value = 90;
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
    *value =
        static_cast<int>(std::max(f->maxDynamicShared, DefaultSharedBytes - k.staticSharedBytes));
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_INVALID_VALUE;
}

EMULATED CUresult cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                                 unsigned by, unsigned bz, unsigned shared, CUstream stream,
                                 void **parameters, void **extra) {
  std::lock_guard lock(driver().mutex);
  driver().calls["cuLaunchKernel"] += 1;
  return launchFunction(f, {gx, gy, gz}, {bx, by, bz}, shared, stream, parameters, extra);
}

EMULATED CUresult cuLaunchKernelEx(const CUlaunchConfig *c, CUfunction f, void **parameters,
                                   void **extra) {
  std::lock_guard lock(driver().mutex);
  return launchFunction(f, {c->gridDimX, c->gridDimY, c->gridDimZ},
                        {c->blockDimX, c->blockDimY, c->blockDimZ}, c->sharedMemBytes, c->hStream,
                        parameters, extra);
}

// Threads, shared memory with the reserved kilobyte of each CTA, and the bound on registers.
EMULATED CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, CUfunction f, int size,
                                                              size_t dynamicShared) {
  if (size <= 0 || size > 1024)
    return CUDA_ERROR_INVALID_VALUE;
  size_t warps = (static_cast<size_t>(size) + 31) / 32;
  size_t shared = f->kernel->staticSharedBytes + dynamicShared + 1024;
  size_t byRegisters = 65536 / (registersOf(*f->kernel) * warps * 32);
  *blocks = static_cast<int>(std::min({size_t(32), 64 / warps, 233472 / shared, byRegisters}));
  return CUDA_SUCCESS;
}
