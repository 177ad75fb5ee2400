// Gemm: matrix products on the pool, blocked as in Goto and van de Geijn 2008.
// How the work is cut depends on the shape alone and k is never split, so bits never depend on the
// number of threads.
#ifndef LNX_RUNTIME_DEVICE_CPU_GEMM_H
#define LNX_RUNTIME_DEVICE_CPU_GEMM_H

#include "device/cpu/MicroKernel.h"
#include "device/cpu/Pool.h"

#include <atomic>
#include <cstdint>

namespace lnx {

// C[m x n] = op(A) op(B) + (accumulate ? C : 0), row major.
struct GemmCall {
  bool transposeA, transposeB;
  int64_t m, n, k;
  const float *a;
  int64_t lda;
  const float *b;
  int64_t ldb;
  bool accumulate;
  float *c;
  int64_t ldc;
};

// Memory lent to a call: a part for each thread, whose last line holds the stamp of what the
// product left in it.
struct Workspace {
  float *lanes;
  int64_t laneFloats;
  std::atomic<uint64_t> *serials; // source of stamps never used before

  float *lane() const { return lanes + Pool::lane() * laneFloats; }
  uint64_t &stamp() const { return *reinterpret_cast<uint64_t *>(lane() + laneFloats - 16); }
};

// Floats of a thread that a call needs, whatever its shape.
int64_t gemmLaneFloats(const MicroKernel &kernel);

void gemm(const GemmCall &call, Pool &pool, const MicroKernel &kernel, const Workspace &workspace);

} // namespace lnx

#endif
