// gemm_bench [--threads N] [--kernel NAME] [--cold 1] [M N K FLAGS]: GFLOP/s of GPT-2's products.
// FLAGS: 1 transposes A, 2 transposes B, 4 accumulates. Shares are of the peak of the same run.
// Cold calls find B and C in memory, as the weights and gradients of a training step are.
#include "Timing.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

using namespace lnx;

namespace {

struct Shape {
  int64_t m, n, k;
  int flags;
};

// Forward (A B), gradient of the weight (A^T B), of the input (A B^T), and the head.
constexpr Shape shapes[] = {
    {256, 768, 768, 0},   {256, 2304, 768, 0},  {256, 3072, 768, 0},  {256, 768, 3072, 0},
    {256, 768, 768, 2},   {256, 3072, 768, 2},  {256, 768, 3072, 2},  {768, 768, 256, 5},
    {768, 3072, 256, 5},  {3072, 768, 256, 5},  {1024, 768, 768, 0},  {1024, 3072, 768, 0},
    {1024, 768, 3072, 0}, {1024, 768, 3072, 2}, {768, 3072, 1024, 5}, {2048, 384, 384, 0},
    {2048, 1536, 384, 0}, {384, 1536, 2048, 5}, {256, 50257, 768, 2}, {256, 768, 50257, 0},
    {50257, 768, 256, 5}, {2048, 4096, 384, 2}, {1, 768, 768, 0},     {1, 3072, 768, 0},
    {8, 3072, 768, 0},    {1, 50257, 768, 2},   {8, 3072, 768, 2}};

// Memory as sessions reserve it: in huge pages where the system has them.
Block floats(int64_t count) {
  Result<Block> block = Block::reserve(static_cast<size_t>(count) * sizeof(float), "operands");
  if (!block) {
    std::fprintf(stderr, "%s\n", block.error().message.c_str());
    std::exit(6);
  }
  for (int64_t i = 0; i < count; ++i)
    block->floats()[i] = static_cast<float>(i % 17) * 0.1f - 0.8f;
  return std::move(*block);
}

void measure(Cpu &cpu, const Shape &shape, bool cold) {
  const auto [m, n, k, flags] = shape;
  // Enough copies that a call's B and C have left every cache when their turn comes again.
  const int64_t copies = cold ? 1 + (int64_t{64} << 20) / (k * n + m * n) : 1;
  const Block a = floats(m * k), b = floats(copies * k * n), c = floats(copies * m * n);
  int64_t turn = 0;
  const lnx_runtime &calls = cpu.calls();
  const int64_t transposeA = flags & 1, transposeB = (flags & 2) / 2;
  double peak = measurePeak(cpu, 0.05);
  const double best = bestSeconds(0.4, [&] {
    turn = (turn + 1) % copies;
    calls.gemm(calls.context, transposeA, transposeB, m, n, k, a.floats(), transposeA ? m : k,
               b.floats() + turn * k * n, transposeB ? k : n, (flags & 4) / 4,
               c.floats() + turn * m * n, n);
  });
  peak = std::max(peak, measurePeak(cpu, 0.05));
  const double speed =
      2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) / best;
  std::printf("%6ld x %6ld x %6ld %c%c%s  %8.1f GFLOP/s  %5.3f of %.1f\n", m, n, k,
              transposeA ? 'T' : 'N', transposeB ? 'T' : 'N', flags & 4 ? "+" : " ", speed * 1e-9,
              speed / peak, peak * 1e-9);
}

} // namespace

int main(int argc, char **argv) {
  int threads = 1;
  const char *kernel = nullptr;
  bool cold = false;
  int at = 1;
  for (; at + 1 < argc && argv[at][0] == '-'; at += 2)
    if (std::strcmp(argv[at], "--threads") == 0)
      threads = std::atoi(argv[at + 1]);
    else if (std::strcmp(argv[at], "--cold") == 0)
      cold = std::atoi(argv[at + 1]) != 0;
    else
      kernel = argv[at + 1];
  auto cpu = Cpu::create(threads, kernel);
  if (!cpu) {
    std::fprintf(stderr, "%s\n", cpu.error().message.c_str());
    return 7;
  }
  std::printf("%s, %d threads\n", (*cpu)->microKernel().name, threads);
  if (at + 3 < argc)
    measure(**cpu,
            {std::atol(argv[at]), std::atol(argv[at + 1]), std::atol(argv[at + 2]),
             std::atoi(argv[at + 3])},
            cold);
  else
    for (const Shape &shape : shapes)
      measure(**cpu, shape, cold);
  return 0;
}
