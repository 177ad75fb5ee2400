// Driver: the state behind the entry points: one device, its memory, its streams, its failure.
// Reads its limits from the environment when it starts:
//   LNX_EMULATOR_SMS      multiprocessors, default 8
//   LNX_EMULATOR_MEMORY   bytes of device memory, default 8 GiB
//   LNX_EMULATOR_SEED     random warp schedules, default 0: in order
//   LNX_EMULATOR_ULPS     error of approximate operations, default 0
//   LNX_PTXAS    the ptxas that has to accept every module, empty for none; default: the
//                         one of the PATH or of /usr/local/cuda/bin
#ifndef LNX_TEST_EMULATOR_DRIVER_DRIVER_H
#define LNX_TEST_EMULATOR_DRIVER_DRIVER_H

#include "emulator/GlobalMemory.h"
#include "emulator/Launch.h"
#include "emulator/Module.h"
#include "emulator/driver/Assembler.h"
#include "emulator/driver/Stream.h"

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

struct CUfunc_st {
  const emulator::Kernel *kernel = nullptr;
  uint32_t maxDynamicShared = 0; // what the caller asked for
};
struct CUmod_st {
  std::unique_ptr<emulator::Module> module;
  std::map<std::string, CUfunc_st, std::less<>> functions;
};

namespace emulator {

class Driver {
public:
  Driver();

  std::mutex mutex; // every entry point holds it
  GlobalMemory memory;
  Streams streams;
  Options options;
  Assembler assembler;
  uint32_t multiprocessors;
  bool initialised = false;
  int contexts = 0;                                             // retained
  std::map<const uint8_t *, std::unique_ptr<uint8_t[]>> pinned; // by address
  std::map<const uint8_t *, size_t> pinnedBytes;
  std::map<CUmodule, std::unique_ptr<CUmod_st>> modules;
  std::map<CUevent, std::unique_ptr<CUevent_st>> events;
  std::map<std::string, Counters> counters; // by kernel
  // How often the entry points that tests ask about were called, and bytes copied.
  std::map<std::string, uint64_t> calls;
  std::set<int> refusedEpilogues; // as of a library that lacks them
  uint64_t fastestSplits = 1;     // parts of k of the algorithm that takes the least time

  // The failure that every call returns from now on.
  CUresult sticky = CUDA_SUCCESS;
  std::string log; // of the last failure

  bool isPinned(const void *address) const;
  // Keeps the words for cuGetErrorString and returns the code.
  CUresult refuse(CUresult code, std::string why);
  void fail(CUresult code, std::string why);
  // What an entry point must return before it does anything; success where it may go on.
  CUresult ready() const;
  // The same for calls that a capture forbids.
  CUresult readyOutsideCapture();
  void runKernel(const Kernel &kernel, std::array<uint32_t, 3> grid, std::array<uint32_t, 3> block,
                 uint32_t shared, const std::vector<uint8_t> &parameters);
};

// The one device of this process.
Driver &driver();

// Whether the calling thread has made the context its own; each thread must.
bool &contextIsCurrent();

} // namespace emulator

#endif
