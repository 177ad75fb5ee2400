// Pool: ticket, chunks by grain, spin then sleep on a futex.
// Relies on C++20 atomics only; the caller waits for claimed chunks, never for idle threads.
#include "device/cpu/Pool.h"

#include <algorithm>
#include <cassert>
#include <thread>

using namespace lnx;

namespace {

constexpr uint32_t closed = 0xffffffff;
// Pauses before an idle thread sleeps: bridges the serial code between two regions of a step.
constexpr int spins = 2000;

thread_local int currentLane = 0;
thread_local bool runsJob = false;

void relax() { __builtin_ia32_pause(); }

} // namespace

int Pool::threadCount(int wanted) {
  return wanted > 0 ? wanted : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}
int Pool::lane() { return currentLane; }
bool Pool::inJob() { return runsJob; }

Pool::Pool(int wanted) : placement(threadCount(wanted)) {
  const int threads = threadCount(wanted);
  // Threads keep pointers to their entry: the vector must not move once one has started.
  workers.resize(static_cast<size_t>(threads - 1));
  size_t started = 0;
  for (; started < workers.size(); ++started) {
    Worker &worker = workers[started];
    worker.pool = this;
    worker.lane = static_cast<int>(started) + 1;
    auto entry = [](void *argument) -> void * {
      auto *self = static_cast<Worker *>(argument);
      currentLane = self->lane;
      self->pool->serve(self->lane);
      return nullptr;
    };
    if (pthread_create(&worker.thread, nullptr, entry, &worker) != 0)
      break;
  }
  workers.resize(started);
}

Pool::~Pool() {
  stop.store(true);
  wake.fetch_add(1);
  wake.notify_all();
  for (Worker &worker : workers)
    pthread_join(worker.thread, nullptr);
}

void Pool::runChunk(int64_t chunk) const {
  int64_t lo = chunk * grain;
  kernel(slots, lo, std::min(items, lo + grain));
}

void Pool::run(lnx_kernel newKernel, const uint64_t *newSlots, int64_t n, int64_t newGrain) {
  if (n <= 0)
    return;
  newGrain = std::max<int64_t>(newGrain, 1);
  int64_t count = (n - 1) / newGrain + 1;
  assert(count < closed && "too many chunks for the ticket");
  if (runsJob || workers.empty() || count == 1) {
    bool nested = runsJob;
    runsJob = true;
    for (int64_t lo = 0; lo < n; lo += newGrain)
      newKernel(newSlots, lo, std::min(n, lo + newGrain));
    runsJob = nested;
    return;
  }
  uint64_t generation = (ticket.load(std::memory_order_relaxed) >> 32) + 1;
  ticket.store(generation << 32 | closed, std::memory_order_release);
  kernel = newKernel;
  slots = newSlots;
  items = n;
  grain = newGrain;
  done.store(0, std::memory_order_relaxed);
  chunks.store(static_cast<uint32_t>(count), std::memory_order_release);
  placement.noteCaller();
  ticket.store(generation << 32, std::memory_order_release);
  wake.fetch_add(1);
  if (sleepers.load() != 0)
    wake.notify_all();
  takeChunks();
  for (int spin = 0; done.load(std::memory_order_acquire) != count; ++spin) {
    relax();
    // The thread that owns the last chunk may need this very processor.
    if (spin % 256 == 255)
      std::this_thread::yield();
  }
}

void Pool::takeChunks() {
  runsJob = true;
  uint64_t current = ticket.load(std::memory_order_acquire);
  while (true) {
    auto next = static_cast<uint32_t>(current);
    if (next >= chunks.load(std::memory_order_acquire))
      break;
    if (!ticket.compare_exchange_weak(current, current + 1, std::memory_order_acq_rel,
                                      std::memory_order_acquire))
      continue;
    runChunk(next);
    done.fetch_add(1, std::memory_order_release);
    current = ticket.load(std::memory_order_acquire);
  }
  runsJob = false;
}

void Pool::waitForJob(uint32_t &seen) {
  for (int spin = 0; spin < spins; ++spin) {
    if (wake.load(std::memory_order_acquire) != seen) {
      seen = wake.load(std::memory_order_acquire);
      return;
    }
    relax();
  }
  sleepers.fetch_add(1);
  wake.wait(seen);
  sleepers.fetch_sub(1);
  seen = wake.load();
}

void Pool::serve(int lane) {
  uint32_t seen = 0;
  while (!stop.load()) {
    placement.settle(lane);
    takeChunks();
    waitForJob(seen);
  }
}
