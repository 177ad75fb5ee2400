// Pool: a fork-join thread pool whose result never depends on how many threads it has.
// One job at a time; a job started from inside a job runs inline on the same thread.
#ifndef LNX_RUNTIME_DEVICE_CPU_POOL_H
#define LNX_RUNTIME_DEVICE_CPU_POOL_H

#include "device/cpu/Placement.h"
#include "lnx/abi.h"

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <vector>

namespace lnx {

class Pool {
public:
  // `threads` counts the caller; 0 takes one per processor this process may use. Threads that the
  // system refuses to start are done without.
  explicit Pool(int threads);
  ~Pool();
  Pool(const Pool &) = delete;
  Pool &operator=(const Pool &) = delete;

  // How many that is, if the system starts them all.
  static int threadCount(int threads);
  int threads() const { return static_cast<int>(workers.size()) + 1; }

  // Calls `kernel(slots, lo, hi)` for every chunk of `grain` items of [0, n), in any order, and
  // returns when all are done. The caller takes part.
  void run(lnx_kernel kernel, const uint64_t *slots, int64_t n, int64_t grain);

  // The same for a callable `body(lo, hi)`.
  template <typename Body> void forEach(int64_t n, int64_t grain, const Body &body) {
    run([](const uint64_t *slots, int64_t lo,
           int64_t hi) { (*reinterpret_cast<const Body *>(slots))(lo, hi); },
        reinterpret_cast<const uint64_t *>(&body), n, grain);
  }

  // Number of the current thread inside its pool, 0 for a caller: selects private workspace.
  static int lane();
  // Whether the current thread is inside a job.
  static bool inJob();

private:
  void takeChunks();
  void runChunk(int64_t chunk) const;
  void serve(int lane);
  void waitForJob(uint32_t &seen);

  // Generation of the job in the high half, next chunk in the low half. Since a chunk is claimed by
  // comparing the whole word, a late thread can never touch a job that has ended.
  alignas(64) std::atomic<uint64_t> ticket{0};
  std::atomic<uint32_t> chunks{0};
  alignas(64) std::atomic<uint32_t> done{0};
  alignas(64) std::atomic<uint32_t> wake{0};
  std::atomic<uint32_t> sleepers{0};
  std::atomic<bool> stop{false};

  lnx_kernel kernel = nullptr;
  const uint64_t *slots = nullptr;
  int64_t items = 0;
  int64_t grain = 1;

  Placement placement;
  struct Worker {
    Pool *pool = nullptr;
    int lane = 0;
    pthread_t thread{};
  };
  std::vector<Worker> workers;
};

} // namespace lnx

#endif
