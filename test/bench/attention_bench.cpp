// attention_bench [--threads N] [--kernel NAME]: GFLOP/s of causal attention, forward and backward.
// Counts 2 products forward and 5 backward over the pairs the mask leaves; shares are of the peak.
#include "Timing.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

using namespace lnx;

namespace {

struct Shape {
  int64_t batch, time, heads, size;
};

constexpr Shape shapes[] = {{1, 1024, 12, 64}, {4, 64, 12, 64},  {8, 256, 6, 64}, {1, 1024, 20, 64},
                            {1, 1000, 12, 40}, {1, 512, 4, 128}, {1, 1024, 1, 64}};

void measure(Cpu &cpu, const Shape &s) {
  const auto count = static_cast<size_t>(s.batch * s.time * s.heads * s.size);
  std::vector<float> q(count), k(count), v(count), o(count), od(count), dq(count), dk(count),
      dv(count);
  for (size_t i = 0; i < count; ++i) {
    q[i] = static_cast<float>(i % 101) * 0.02f - 1;
    k[i] = static_cast<float>(i % 103) * 0.02f - 1;
    v[i] = static_cast<float>(i % 107) * 0.02f - 1;
    od[i] = static_cast<float>(i % 109) * 0.02f - 1;
  }
  std::vector<float> lse(static_cast<size_t>(s.batch * s.time * s.heads));
  const lnx_runtime &calls = cpu.calls();
  const float scale = 1 / std::sqrt(static_cast<float>(s.size));
  double peak = measurePeak(cpu, 0.05);
  const double forward = bestSeconds(0.4, [&] {
    calls.attend(calls.context, q.data(), k.data(), v.data(), o.data(), lse.data(), s.batch, s.time,
                 s.heads, s.heads, s.size, 1, scale, 0);
  });
  const double backward = bestSeconds(0.4, [&] {
    calls.attend_grad(calls.context, q.data(), k.data(), v.data(), o.data(), lse.data(), od.data(),
                      dq.data(), dk.data(), dv.data(), s.batch, s.time, s.heads, s.heads, s.size, 1,
                      scale, 0);
  });
  peak = std::max(peak, measurePeak(cpu, 0.05));
  const double pairs = static_cast<double>(s.batch * s.heads) * static_cast<double>(s.time) *
                       static_cast<double>(s.time + 1) / 2;
  const double product = 2 * pairs * static_cast<double>(s.size);
  std::printf(
      "B=%ld T=%4ld H=%2ld d=%3ld  forward %7.1f GFLOP/s %5.3f  backward %7.1f GFLOP/s %5.3f"
      "  of %.1f\n",
      s.batch, s.time, s.heads, s.size, 2 * product / forward * 1e-9, 2 * product / forward / peak,
      5 * product / backward * 1e-9, 5 * product / backward / peak, peak * 1e-9);
}

} // namespace

int main(int argc, char **argv) {
  int threads = 1;
  const char *kernel = nullptr;
  for (int at = 1; at + 1 < argc; at += 2)
    if (std::strcmp(argv[at], "--threads") == 0)
      threads = std::atoi(argv[at + 1]);
    else
      kernel = argv[at + 1];
  auto cpu = Cpu::create(threads, kernel);
  if (!cpu) {
    std::fprintf(stderr, "%s\n", cpu.error().message.c_str());
    return 7;
  }
  std::printf("%s, %d threads\n", (*cpu)->microKernel().name, threads);
  for (const Shape &shape : shapes)
    measure(**cpu, shape);
  return 0;
}
