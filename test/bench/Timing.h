// Timing: best times, and the multiply-add peak of this machine, measured in the run whose speeds
// it judges. Relies on the runtime's own micro-kernels for the widest instructions the machine has.
#ifndef LNX_TEST_BENCH_TIMING_H
#define LNX_TEST_BENCH_TIMING_H

#include "device/cpu/Cpu.h"

#include <algorithm>
#include <chrono>

namespace lnx {

inline double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Best time of one call of `body` over about `budget` seconds, at least three calls.
template <typename Body> double bestSeconds(double budget, const Body &body) {
  double best = 1e30;
  const double end = seconds() + budget;
  for (int call = 0; call < 3 || seconds() < end; ++call) {
    const double start = seconds();
    body();
    best = std::min(best, seconds() - start);
  }
  return best;
}

// FLOP/s of all threads of `cpu` together.
inline double measurePeak(Cpu &cpu, double budget = 0.1) {
  const MicroKernel &kernel = cpu.microKernel();
  constexpr int64_t rounds = 200000;
  const int64_t threads = cpu.threads().threads();
  const double work = kernel.peak(1) * rounds * static_cast<double>(threads);
  return work / bestSeconds(budget, [&] {
           cpu.threads().forEach(threads, 1, [&](int64_t, int64_t) { kernel.peak(rounds); });
         });
}

} // namespace lnx

#endif
