// Peak: see Peak.h. Twenty-four chains hide the latency of two units of five cycles.
#include "test/bench/Peak.h"

#include <algorithm>
#include <chrono>
#include <immintrin.h>
#include <thread>
#include <vector>

namespace lnx::bench {
namespace {

constexpr long rounds = 4'000'000;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The empty asm makes `factor` unknown in each round, so that the loop cannot be folded.
__attribute__((target("avx512f"))) double chains512() {
  __m512 sum[24];
  for (__m512 &s : sum)
    s = _mm512_set1_ps(1);
  __m512 factor = _mm512_set1_ps(0.999f), term = _mm512_set1_ps(1e-3f);
  for (long round = 0; round < rounds; ++round) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 24; ++i)
      sum[i] = _mm512_fmadd_ps(sum[i], factor, term);
    asm volatile("" : "+v"(factor));
  }
  for (__m512 &s : sum)
    asm volatile("" : "+v"(s));
  return double(rounds) * 24 * 16 * 2;
}

__attribute__((target("avx2,fma"))) double chains256() {
  __m256 sum[12];
  for (__m256 &s : sum)
    s = _mm256_set1_ps(1);
  __m256 factor = _mm256_set1_ps(0.999f), term = _mm256_set1_ps(1e-3f);
  for (long round = 0; round < rounds; ++round) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 12; ++i)
      sum[i] = _mm256_fmadd_ps(sum[i], factor, term);
    asm volatile("" : "+x"(factor));
  }
  for (__m256 &s : sum)
    asm volatile("" : "+x"(s));
  return double(rounds) * 12 * 8 * 2;
}

double once() { return __builtin_cpu_supports("avx512f") ? chains512() : chains256(); }

} // namespace

double peakFlops(int threads) {
  double best = 0;
  for (int run = 0; run < 5; ++run) {
    std::vector<double> done(threads);
    double start = now();
    std::vector<std::thread> others;
    for (int i = 1; i < threads; ++i)
      others.emplace_back([&done, i] { done[i] = once(); });
    done[0] = once();
    for (std::thread &thread : others)
      thread.join();
    double work = 0;
    for (double flops : done)
      work += flops;
    best = std::max(best, work / (now() - start));
  }
  return best;
}

} // namespace lnx::bench
