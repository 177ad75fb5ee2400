// MicroKernel: the inner loops of the CPU device, one set per instruction set, chosen once.
// Everything above it (Gemm, Attention) is ordinary C++ that cuts the work into these calls.
#ifndef LNX_RUNTIME_DEVICE_CPU_MICROKERNEL_H
#define LNX_RUNTIME_DEVICE_CPU_MICROKERNEL_H

#include <cstdint>

namespace lnx {

// A matrix operand: element (i, p) of op(X) is at[i * row + p * column]; one of the two is 1.
struct Operand {
  const float *at;
  int64_t row, column;

  Operand from(int64_t i, int64_t p) const { return {at + i * row + p * column, row, column}; }
};

// Shapes of one attend or attend_grad call, and its pointers.
struct AttentionCall {
  const float *q, *k, *v, *o, *lse, *od;
  float *out, *outLse, *dq, *dk, *dv;
  int64_t batch, time, heads, kvHeads, size;
  bool causal;
  float scale, softcap;
};

// Rows and columns of the attention blocks; queries of one task are a multiple of the block.
constexpr int64_t attentionBlock = 64;
// Head sizes above this one take a plain path that needs no workspace.
constexpr int64_t attentionLargestSize = 512;
constexpr int64_t attentionQueryFloats = attentionLargestSize * attentionBlock;

struct MicroKernel {
  const char *name;
  int64_t mr, nr; // one register tile of C
  int64_t kc;     // depth of a packed panel: kc * nr floats stay in the first-level cache

  // Packs rows [0, rows) of A into panels[p][mr], zeros below `rows`; rows <= mr.
  void (*packA)(int64_t rows, int64_t k, Operand a, float *panel);
  // Packs columns [0, columns) of B into panel[p][nr], zeros right of `columns`; columns <= nr.
  // B's element (p, j) is b.at[p * b.row + j * b.column].
  void (*packB)(int64_t k, int64_t columns, Operand b, float *panel);
  // C[m x columns] (+)= A B for consecutive packed panels of A, `stride` floats apart, and one
  // packed panel of B. `next` is where B's rows come from in the next call, or null: they are
  // fetched into the cache on the way.
  void (*block)(int64_t m, int64_t columns, int64_t k, const float *a, int64_t stride,
                const float *b, bool accumulate, float *c, int64_t ldc, const float *next,
                int64_t nextRow);
  // C[m x nr] (+)= A B with both operands where they lie; m <= 16, rows of B are contiguous.
  void (*rows)(int64_t m, int64_t k, Operand a, const float *b, int64_t ldb, bool accumulate,
               float *c, int64_t ldc);
  // C[m x n] (+)= A B^T by dot products; the rows of A and of B are contiguous; m <= 16.
  void (*dots)(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b,
               int64_t ldb, bool accumulate, float *c, int64_t ldc);

  // One task of attention forward: `queries` query rows from row `first` of one (batch, head).
  void (*attend)(const AttentionCall &call, int64_t sequence, int64_t head, int64_t first,
                 int64_t queries, float *workspace);
  // One task of attention backward: dk and dv of the keys [first, first + keys) of one key head,
  // and dq of all its query heads where `queries` is set; the keys are then all there are.
  void (*attendGrad)(const AttentionCall &call, int64_t sequence, int64_t kvHead, int64_t first,
                     int64_t keys, bool queries, float *workspace);
  // dq alone, of the block of query rows that starts at `first`.
  void (*attendGradQueries)(const AttentionCall &call, int64_t sequence, int64_t head,
                            int64_t first, float *workspace);
  int64_t (*attendFloats)();     // workspace of one attend task
  int64_t (*attendGradFloats)(); // workspace of one attendGrad or attendGradQueries task

  // Independent multiply-adds on registers; returns how many floating-point operations it did.
  double (*peak)(int64_t rounds);
};

// The best set for this machine, or the one named by `wanted` ("avx512", "avx2", "portable") if the
// machine has it; null otherwise.
const MicroKernel *findMicroKernel(const char *wanted = nullptr);

} // namespace lnx

#endif
