// Placement: a worker that meets a lower lane excludes the processors of all other lanes.
// Relies on the affinity mask the process started with; machines beyond its size are left alone.
#include "device/cpu/Placement.h"

using namespace lnx;

Placement::Placement(int lanes)
    : lanes(lanes), active(lanes > 1 && sched_getaffinity(0, sizeof allowed, &allowed) == 0 &&
                           CPU_COUNT(&allowed) >= lanes),
      seats(new std::atomic<int>[static_cast<size_t>(lanes)]) {
  for (int lane = 0; lane < lanes; ++lane)
    seats[lane].store(-1);
}

void Placement::move(int lane) {
  cpu_set_t free = allowed;
  for (int other = 0; other < lanes; ++other)
    if (int seat = seats[other].load(std::memory_order_relaxed); other != lane && seat >= 0)
      CPU_CLR(seat, &free);
  if (CPU_COUNT(&free) > 0 && sched_setaffinity(0, sizeof free, &free) == 0)
    seats[lane].store(sched_getcpu(), std::memory_order_relaxed);
}
