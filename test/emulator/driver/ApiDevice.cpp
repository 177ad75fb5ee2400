// ApiDevice: initialisation, the device, its attributes, the primary context.
// The name says what it is: whatever measures time must refuse it.
#include "emulator/driver/Driver.h"

#include <algorithm>
#include <cstring>

using namespace emulator;

namespace {

struct Attribute {
  int attribute;
  int value;
};
// An H100 SXM (documented), but for the number of multiprocessors.
constexpr Attribute Attributes[] = {
    {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 1024},
    {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X, 1024},
    {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y, 1024},
    {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z, 64},
    {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X, 2147483647},
    {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y, 65535},
    {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z, 65535},
    {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK, 49152},
    {CU_DEVICE_ATTRIBUTE_WARP_SIZE, 32},
    {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK, 65536},
    {CU_DEVICE_ATTRIBUTE_CLOCK_RATE, 1980000},
    {CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS, 1},
    {CU_DEVICE_ATTRIBUTE_ECC_ENABLED, 1},
    {CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE, 2619000},
    {CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH, 5120},
    {CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, 52428800},
    {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR, 2048},
    {CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING, 1},
    {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 9},
    {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 0},
    {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, 233472},
    {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR, 65536},
    {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, MaxSharedBytes},
    {CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR, 32},
    {CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK, 1024},
};

CUcontext theContext() { return reinterpret_cast<CUcontext>(&driver()); }

} // namespace

EMULATED CUresult cuInit(unsigned flags) {
  std::lock_guard lock(driver().mutex);
  if (flags)
    return CUDA_ERROR_INVALID_VALUE;
  driver().initialised = true;
  return CUDA_SUCCESS;
}

// Of CUDA 13, as the look-alike of cuBLASLt is.
EMULATED CUresult cuDriverGetVersion(int *version) {
  *version = 13000;
  return CUDA_SUCCESS;
}

EMULATED CUresult cuDeviceGetCount(int *count) {
  *count = 1;
  return driver().initialised ? CUDA_SUCCESS : CUDA_ERROR_NOT_INITIALIZED;
}

EMULATED CUresult cuDeviceGet(CUdevice *device, int ordinal) {
  if (!driver().initialised)
    return CUDA_ERROR_NOT_INITIALIZED;
  *device = 0;
  return ordinal == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

EMULATED CUresult cuDeviceGetName(char *name, int length, CUdevice device) {
  if (device != 0)
    return CUDA_ERROR_INVALID_DEVICE;
  std::snprintf(name, static_cast<size_t>(std::max(0, length)), "lnx PTX emulator (sm_90a)");
  return CUDA_SUCCESS;
}

EMULATED CUresult cuDeviceGetUuid_v2(unsigned char uuid[16], CUdevice device) {
  std::memcpy(uuid, "lnx PTX emulator", 16);
  return device == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

EMULATED CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
  *bytes = driver().memory.capacity();
  return device == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

EMULATED CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice device) {
  if (device != 0)
    return CUDA_ERROR_INVALID_DEVICE;
  if (attribute == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT) {
    *value = static_cast<int>(driver().multiprocessors);
    return CUDA_SUCCESS;
  }
  for (const Attribute &a : Attributes)
    if (a.attribute == attribute) {
      *value = a.value;
      return CUDA_SUCCESS;
    }
  return driver().refuse(CUDA_ERROR_INVALID_VALUE,
                         "device attribute " + std::to_string(attribute) + " is not emulated");
}

EMULATED CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
  std::lock_guard lock(driver().mutex);
  if (!driver().initialised)
    return CUDA_ERROR_NOT_INITIALIZED;
  if (device != 0)
    return CUDA_ERROR_INVALID_DEVICE;
  driver().contexts += 1;
  *context = theContext();
  return CUDA_SUCCESS;
}

EMULATED CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  std::lock_guard lock(driver().mutex);
  if (device != 0 || driver().contexts == 0)
    return CUDA_ERROR_INVALID_CONTEXT;
  driver().contexts -= 1;
  return CUDA_SUCCESS;
}

EMULATED CUresult cuCtxSetCurrent(CUcontext context) {
  std::lock_guard lock(driver().mutex);
  if (context && (context != theContext() || driver().contexts == 0))
    return CUDA_ERROR_INVALID_CONTEXT;
  contextIsCurrent() = context != nullptr;
  return CUDA_SUCCESS;
}

EMULATED CUresult cuCtxGetCurrent(CUcontext *context) {
  *context = contextIsCurrent() ? theContext() : nullptr;
  return CUDA_SUCCESS;
}

EMULATED CUresult cuCtxSynchronize() {
  std::lock_guard lock(driver().mutex);
  if (CUresult r = driver().readyOutsideCapture())
    return r;
  driver().streams.finishAll();
  return driver().sticky;
}
