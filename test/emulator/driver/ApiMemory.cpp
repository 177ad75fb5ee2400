// ApiMemory: allocation, pinned host memory, copies, memset.
// Ranges are checked when the work is issued. Copies from pageable memory take it at once, as the
// driver does; copies of pinned memory take what is there when they run.
#include "emulator/driver/Driver.h"

#include <cstring>

using namespace emulator;

namespace {

bool covers(CUdeviceptr address, size_t bytes) {
  Allocation *a = driver().memory.find(address);
  return bytes == 0 || (a && a->contains(address, bytes));
}

CUresult outside(CUdeviceptr address, size_t bytes) {
  return driver().refuse(CUDA_ERROR_INVALID_VALUE, driver().memory.explain(address, bytes));
}

CUresult validStream(CUstream stream) {
  if (CUresult r = driver().ready())
    return r;
  return driver().streams.exists(stream) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

// Work that a failed device skips.
void issue(CUstream stream, Work work) {
  driver().streams.add(stream, [work = std::move(work)] {
    if (driver().sticky == CUDA_SUCCESS)
      work();
  });
}

CUresult toDevice(CUdeviceptr to, const void *from, size_t bytes, CUstream stream) {
  if (!covers(to, bytes))
    return outside(to, bytes);
  driver().calls["bytes to device"] += bytes;
  bool takeNow = stream && !stream->capture && !driver().isPinned(from);
  auto copy = std::make_shared<std::vector<uint8_t>>();
  if (takeNow)
    copy->assign(static_cast<const uint8_t *>(from), static_cast<const uint8_t *>(from) + bytes);
  issue(stream, [=] { driver().memory.write(to, takeNow ? copy->data() : from, bytes); });
  return CUDA_SUCCESS;
}

CUresult toHost(void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
  if (!covers(from, bytes))
    return outside(from, bytes);
  driver().calls["bytes to host"] += bytes;
  issue(stream, [=] { driver().memory.read(from, to, bytes); });
  // Into pageable memory the call returns when the copy is done.
  if (stream && !stream->capture && !driver().isPinned(to))
    driver().streams.finish(stream);
  return driver().sticky;
}

CUresult onDevice(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  if (!covers(to, bytes))
    return outside(to, bytes);
  if (!covers(from, bytes))
    return outside(from, bytes);
  issue(stream, [=] { driver().memory.copy(to, from, bytes); });
  return CUDA_SUCCESS;
}

template <typename T> CUresult fill(CUdeviceptr to, T value, size_t count, CUstream stream) {
  if (!covers(to, count * sizeof(T)) || to % sizeof(T))
    return outside(to, count * sizeof(T));
  issue(stream, [=] { driver().memory.fill(to, &value, sizeof(T), count); });
  return CUDA_SUCCESS;
}

// Copies without a stream wait for everything before them.
CUresult readyAlone() {
  if (CUresult r = driver().readyOutsideCapture())
    return r;
  driver().streams.finishAll();
  return driver().sticky;
}

} // namespace

EMULATED CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t bytes) {
  std::lock_guard lock(driver().mutex);
  driver().calls["cuMemAlloc"] += 1;
  if (CUresult r = driver().readyOutsideCapture())
    return r;
  if (bytes == 0)
    return CUDA_ERROR_INVALID_VALUE;
  *address = driver().memory.allocate(bytes);
  if (*address)
    return CUDA_SUCCESS;
  return driver().refuse(CUDA_ERROR_OUT_OF_MEMORY,
                         std::to_string(bytes) + " bytes asked for, " +
                             std::to_string(driver().memory.capacity() - driver().memory.used()) +
                             " of " + std::to_string(driver().memory.capacity()) + " are free");
}

EMULATED CUresult cuMemFree_v2(CUdeviceptr address) {
  std::lock_guard lock(driver().mutex);
  if (CUresult r = readyAlone())
    return r;
  return address == 0 || driver().memory.release(address) ? CUDA_SUCCESS : outside(address, 1);
}

EMULATED CUresult cuMemGetInfo_v2(size_t *free, size_t *total) {
  std::lock_guard lock(driver().mutex);
  *total = driver().memory.capacity();
  *free = *total - driver().memory.used();
  return driver().ready();
}

EMULATED CUresult cuMemHostAlloc(void **address, size_t bytes, unsigned) {
  std::lock_guard lock(driver().mutex);
  if (CUresult r = driver().readyOutsideCapture())
    return r;
  auto memory = std::make_unique<uint8_t[]>(bytes);
  *address = memory.get();
  driver().pinnedBytes[memory.get()] = bytes;
  driver().pinned[memory.get()] = std::move(memory);
  return CUDA_SUCCESS;
}

EMULATED CUresult cuMemAllocHost_v2(void **address, size_t bytes) {
  return cuMemHostAlloc(address, bytes, 0);
}

EMULATED CUresult cuMemFreeHost(void *address) {
  std::lock_guard lock(driver().mutex);
  if (CUresult r = readyAlone())
    return r;
  driver().pinnedBytes.erase(static_cast<uint8_t *>(address));
  return driver().pinned.erase(static_cast<uint8_t *>(address)) ? CUDA_SUCCESS
                                                                : CUDA_ERROR_INVALID_VALUE;
}

EMULATED CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t bytes) {
  std::lock_guard lock(driver().mutex);
  CUresult r = readyAlone();
  return r ? r : toDevice(to, from, bytes, nullptr);
}

EMULATED CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t bytes) {
  std::lock_guard lock(driver().mutex);
  CUresult r = readyAlone();
  return r ? r : toHost(to, from, bytes, nullptr);
}

EMULATED CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  std::lock_guard lock(driver().mutex);
  CUresult r = readyAlone();
  return r ? r : onDevice(to, from, bytes, nullptr);
}

EMULATED CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes,
                                       CUstream stream) {
  std::lock_guard lock(driver().mutex);
  CUresult r = validStream(stream);
  return r ? r : toDevice(to, from, bytes, stream);
}

EMULATED CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
  std::lock_guard lock(driver().mutex);
  CUresult r = validStream(stream);
  return r ? r : toHost(to, from, bytes, stream);
}

EMULATED CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes,
                                       CUstream stream) {
  std::lock_guard lock(driver().mutex);
  CUresult r = validStream(stream);
  return r ? r : onDevice(to, from, bytes, stream);
}

#define EMULATED_MEMSET(NAME, TYPE)                                                                \
  EMULATED CUresult cuMemset##NAME##_v2(CUdeviceptr to, TYPE value, size_t count) {                \
    std::lock_guard lock(driver().mutex);                                                          \
    CUresult r = readyAlone();                                                                     \
    return r ? r : fill(to, value, count, nullptr);                                                \
  }                                                                                                \
  EMULATED CUresult cuMemset##NAME##Async(CUdeviceptr to, TYPE value, size_t count,                \
                                          CUstream stream) {                                       \
    std::lock_guard lock(driver().mutex);                                                          \
    CUresult r = validStream(stream);                                                              \
    return r ? r : fill(to, value, count, stream);                                                 \
  }
EMULATED_MEMSET(D8, unsigned char)
EMULATED_MEMSET(D16, unsigned short)
EMULATED_MEMSET(D32, unsigned)
