// Counters: what a launch cost, in quantities that do not depend on the machine.
// Tests assert some of them; `lnxc --kernels` prints others.
#ifndef LNX_TEST_EMULATOR_COUNTERS_H
#define LNX_TEST_EMULATOR_COUNTERS_H

#include <cstdint>

namespace emulator {

struct Counters {
  uint64_t instructions = 0;     // warp instructions issued, predicated-off ones included
  uint64_t globalRequests = 0;   // warp instructions that load, store or update global memory
  uint64_t globalSectors = 0;    // distinct 32-byte sectors over all those requests
  uint64_t globalLoadBytes = 0;  // bytes the lanes asked for
  uint64_t globalStoreBytes = 0; // bytes the lanes wrote
  uint64_t sharedRequests = 0;   // warp instructions that touch shared memory
  uint64_t sharedWaves = 0;      // passes the 32 four-byte banks need for them
  uint64_t sharedIdealWaves = 0; // passes without any conflict
  uint64_t barriers = 0;         // barrier arrivals of warps
  uint64_t asyncCopyBytes = 0;   // by cp.async

  void operator+=(const Counters &o) {
    instructions += o.instructions;
    globalRequests += o.globalRequests;
    globalSectors += o.globalSectors;
    globalLoadBytes += o.globalLoadBytes;
    globalStoreBytes += o.globalStoreBytes;
    sharedRequests += o.sharedRequests;
    sharedWaves += o.sharedWaves;
    sharedIdealWaves += o.sharedIdealWaves;
    barriers += o.barriers;
    asyncCopyBytes += o.asyncCopyBytes;
  }
};

} // namespace emulator

#endif
