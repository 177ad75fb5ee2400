// compile_bench: time to compile GPT-2 124M's layer at depth 2, 12, 48 and 1000, from text to code
// in memory. Depth must not matter: the last column is the time relative to depth 12.
#include "frontend/Compile.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <vector>

int main() {
  using clock = std::chrono::steady_clock;
  const char *path = "/tmp/lnx_compile_bench.lnx";
  std::ofstream(path) << "model m = gpt2(block = peri_ln, dt = 0.1)\n";
  const char *depths[] = {"12", "2", "48", "1000"};
  std::vector<double> best(4, 1e30);
  for (int run = 0; run < 3; ++run) // interleaved, so that a busy machine slows all of them
    for (int i = 0; i < 4; ++i) {
      auto start = clock::now();
      lnx::Result<lnx::Program> program = lnx::compileToMemory(path, {{"depth", depths[i]}});
      if (!program)
        return std::fprintf(stderr, "%s\n", program.error().message.c_str()), 1;
      best[i] = std::min(best[i], std::chrono::duration<double>(clock::now() - start).count());
    }
  for (int i = 0; i < 4; ++i)
    std::printf("depth %4s: %6.1f ms  %.2f of depth 12\n", depths[i], best[i] * 1e3,
                best[i] / best[0]);
}
