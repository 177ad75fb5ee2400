// Placement: keeps the threads of one pool on different processors.
// Some schedulers pack threads that sleep and wake often onto few processors, where a thread that
// waits for another one on the same processor loses whole time slices (16 ms a region were seen).
#ifndef LNX_RUNTIME_DEVICE_CPU_PLACEMENT_H
#define LNX_RUNTIME_DEVICE_CPU_PLACEMENT_H

#include <sched.h>

#include <atomic>
#include <memory>

namespace lnx {

class Placement {
public:
  explicit Placement(int lanes);

  // Notes where the caller of a job is now. The caller's own affinity is never touched.
  void noteCaller() {
    if (active)
      seats[0].store(sched_getcpu(), std::memory_order_relaxed);
  }
  // Called by the worker of a lane when it takes up a job: moves it if a lower lane sits there.
  void settle(int lane) {
    if (!active)
      return;
    const int processor = sched_getcpu();
    seats[lane].store(processor, std::memory_order_relaxed);
    for (int other = 0; other < lane; ++other)
      if (seats[other].load(std::memory_order_relaxed) == processor)
        return move(lane);
  }

private:
  void move(int lane);

  cpu_set_t allowed{};
  int lanes;
  bool active; // there are at least as many processors as lanes
  std::unique_ptr<std::atomic<int>[]> seats;
};

} // namespace lnx

#endif
