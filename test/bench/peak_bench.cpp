// peak_bench [THREADS]: GFLOP/s of independent multiply-adds, for every kernel set of this machine.
// Relies on nothing else running: a shared core shows at once as a lower number.
#include "Timing.h"

#include <cstdio>
#include <cstdlib>

int main(int argc, char **argv) {
  const int most = argc > 1 ? std::atoi(argv[1]) : 2;
  for (const char *name : {"avx512", "avx2", "portable"}) {
    if (!lnx::findMicroKernel(name))
      continue;
    for (int threads = 1; threads <= most; ++threads) {
      auto cpu = lnx::Cpu::create(threads, name);
      if (!cpu) {
        std::fprintf(stderr, "%s\n", cpu.error().message.c_str());
        return 7;
      }
      const double peak = lnx::measurePeak(**cpu, 0.5) * 1e-9;
      std::printf("%-8s %d thread%s %8.1f GFLOP/s, %.1f a core\n", name, threads,
                  threads == 1 ? " " : "s", peak, peak / threads);
    }
  }
  return 0;
}
