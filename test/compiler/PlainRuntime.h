// PlainRuntime: the functions compiled code may call, written for clarity.
// Lets tests of the compiler run programs without the runtime.
#ifndef LNX_TEST_COMPILER_PLAINRUNTIME_H
#define LNX_TEST_COMPILER_PLAINRUNTIME_H

#include "lnx/abi.h"
#include <algorithm>
#include <cmath>
#include <vector>

namespace lnx::test {

/// Chunks from the last to the first: nothing may depend on their order.
inline void parallel(void *, lnx_kernel kernel, const uint64_t *slots, int64_t n, int64_t grain) {
  for (int64_t chunk = (n + grain - 1) / grain; chunk-- > 0;)
    kernel(slots, chunk * grain, std::min(n, (chunk + 1) * grain));
}

inline void gemm(void *, int64_t ta, int64_t tb, int64_t m, int64_t n, int64_t k, const float *a,
                 int64_t lda, const float *b, int64_t ldb, int64_t accumulate, float *c,
                 int64_t ldc) {
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = accumulate ? c[i * ldc + j] : 0;
      for (int64_t l = 0; l < k; ++l)
        sum +=
            double(ta ? a[l * lda + i] : a[i * lda + l]) * (tb ? b[j * ldb + l] : b[l * ldb + j]);
      c[i * ldc + j] = static_cast<float>(sum);
    }
}

/// One query row: probabilities over the positions it sees, and their derivative by the raw score.
struct AttendRow {
  std::vector<double> p, slope;
  double lse = 0;
};

inline AttendRow attendRow(const float *q, const float *k, int64_t stride, int64_t size,
                           int64_t seen, double scale, double softcap) {
  AttendRow row;
  double top = -INFINITY, sum = 0;
  for (int64_t s = 0; s < seen; ++s) {
    double score = 0;
    for (int64_t d = 0; d < size; ++d)
      score += double(q[d]) * k[s * stride + d];
    score *= scale;
    double capped = softcap > 0 ? softcap * std::tanh(score / softcap) : score;
    row.slope.push_back(softcap > 0 ? 1 - capped * capped / (softcap * softcap) : 1);
    row.p.push_back(capped);
    top = std::max(top, capped);
  }
  for (double &p : row.p)
    sum += p = std::exp(p - top);
  for (double &p : row.p)
    p /= sum;
  row.lse = top + std::log(sum);
  return row;
}

inline void attend(void *, const float *q, const float *k, const float *v, float *o, float *lse,
                   int64_t batch, int64_t time, int64_t heads, int64_t kvHeads, int64_t size,
                   int64_t causal, float scale, float softcap) {
  int64_t qs = heads * size, ks = kvHeads * size;
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t t = 0; t < time; ++t)
      for (int64_t h = 0; h < heads; ++h) {
        int64_t r = b * time + t, g = h / (heads / kvHeads), seen = causal ? t + 1 : time;
        const float *keys = k + b * time * ks + g * size, *values = v + b * time * ks + g * size;
        AttendRow row = attendRow(q + r * qs + h * size, keys, ks, size, seen, scale, softcap);
        lse[r * heads + h] = static_cast<float>(row.lse);
        for (int64_t d = 0; d < size; ++d) {
          double sum = 0;
          for (int64_t s = 0; s < seen; ++s)
            sum += row.p[s] * values[s * ks + d];
          o[r * qs + h * size + d] = static_cast<float>(sum);
        }
      }
}

inline void attendGrad(void *, const float *q, const float *k, const float *v, const float *o,
                       const float *, const float *od, float *dq, float *dk, float *dv,
                       int64_t batch, int64_t time, int64_t heads, int64_t kvHeads, int64_t size,
                       int64_t causal, float scale, float softcap) {
  int64_t qs = heads * size, ks = kvHeads * size;
  std::fill_n(dq, batch * time * qs, 0.0f);
  std::fill_n(dk, batch * time * ks, 0.0f);
  std::fill_n(dv, batch * time * ks, 0.0f);
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t t = 0; t < time; ++t)
      for (int64_t h = 0; h < heads; ++h) {
        int64_t r = b * time + t, g = h / (heads / kvHeads), seen = causal ? t + 1 : time;
        int64_t query = r * qs + h * size, first = b * time * ks + g * size;
        AttendRow row = attendRow(q + query, k + first, ks, size, seen, scale, softcap);
        double delta = 0;
        for (int64_t d = 0; d < size; ++d)
          delta += double(o[query + d]) * od[query + d];
        for (int64_t s = 0; s < seen; ++s) {
          double dp = 0;
          for (int64_t d = 0; d < size; ++d)
            dp += double(od[query + d]) * v[first + s * ks + d];
          double ds = row.p[s] * (dp - delta) * row.slope[s] * scale;
          for (int64_t d = 0; d < size; ++d) {
            dq[query + d] += static_cast<float>(ds * k[first + s * ks + d]);
            dk[first + s * ks + d] += static_cast<float>(ds * q[query + d]);
            dv[first + s * ks + d] += static_cast<float>(row.p[s] * od[query + d]);
          }
        }
      }
}

inline lnx_runtime plainRuntime() {
  return {nullptr, parallel, gemm, attend, attendGrad, nullptr, nullptr};
}

} // namespace lnx::test

#endif
