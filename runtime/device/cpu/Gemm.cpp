// Gemm: A is packed once by all threads; then every task packs the panels of B it needs, one at a
// time, and uses each at once for all its rows, so B is read from memory once and stays in cache.
#include "device/cpu/Gemm.h"

#include <algorithm>
#include <cassert>

using namespace lnx;

namespace {

// Packed A held at a time: 8 MiB, a part of any third-level cache in use.
constexpr int64_t sharedFloats = int64_t{2} << 20;
// Depth of packed A when not all of k fits; a multiple of every kernel's kc.
constexpr int64_t deepest = 2304;
// Up to this many rows B is read where it lies: packing it would cost more than it saves.
constexpr int64_t fewRows = 16;
// Rows of C of one task: packing a panel of B costs about 1/256 of using it this often.
constexpr int64_t taskRows = 256;
// Tasks wanted at least, so that many threads find work.
constexpr int64_t fewTasks = 32;
constexpr int64_t smallestTaskRows = 96;

int64_t ceilDivide(int64_t x, int64_t y) { return (x + y - 1) / y; }

Operand operandA(const GemmCall &call) {
  return call.transposeA ? Operand{call.a, 1, call.lda} : Operand{call.a, call.lda, 1};
}

// B's element (p, j), with p as the row.
Operand operandB(const GemmCall &call) {
  return call.transposeB ? Operand{call.b, 1, call.ldb} : Operand{call.b, call.ldb, 1};
}

// Rows [row, row + rows) of A times all of B for k steps [step, step + depth).
struct Slice {
  int64_t row, rows, step, depth;
};

void packSlice(const GemmCall &call, const Slice &slice, Pool &pool, const MicroKernel &kernel,
               float *packed) {
  const Operand a = operandA(call);
  pool.forEach(ceilDivide(slice.rows, kernel.mr), 1, [&](int64_t lo, int64_t hi) {
    for (int64_t panel = lo; panel < hi; ++panel) {
      int64_t i = panel * kernel.mr;
      // Each kc steps are a panel of their own, so that a register tile reads contiguously.
      for (int64_t p = 0; p < slice.depth; p += kernel.kc)
        kernel.packA(std::min(kernel.mr, slice.rows - i), std::min(kernel.kc, slice.depth - p),
                     a.from(slice.row + i, slice.step + p),
                     packed + panel * slice.depth * kernel.mr + p * kernel.mr);
    }
  });
}

// One task: `rows` rows of C from row `i` of the slice, one panel of columns.
void multiplyPanel(const GemmCall &call, const Slice &slice, const MicroKernel &kernel,
                   const float *packed, int64_t i, int64_t rows, int64_t column, float *panel) {
  const Operand b = operandB(call);
  const int64_t columns = std::min(kernel.nr, call.n - column);
  const int64_t stride = slice.depth * kernel.mr;
  float *c = call.c + (slice.row + i) * call.ldc + column;
  for (int64_t p = 0; p < slice.depth; p += kernel.kc) {
    const int64_t depth = std::min(kernel.kc, slice.depth - p);
    kernel.packB(depth, columns, b.from(slice.step + p, column), panel);
    const bool fetch = !call.transposeB && p + 2 * kernel.kc <= slice.depth;
    const float *next = fetch ? b.from(slice.step + p + kernel.kc, column).at : nullptr;
    kernel.block(rows, columns, depth, packed + i / kernel.mr * stride + p * kernel.mr, stride,
                 panel, call.accumulate || slice.step + p > 0, c, call.ldc, next, call.ldb);
  }
}

void multiplySlice(const GemmCall &call, const Slice &slice, Pool &pool, const MicroKernel &kernel,
                   const Workspace &workspace) {
  packSlice(call, slice, pool, kernel, workspace.shared);
  const int64_t panels = ceilDivide(call.n, kernel.nr);
  int64_t parts = ceilDivide(slice.rows, taskRows);
  if (panels * parts < fewTasks)
    parts = std::max(parts, std::min(ceilDivide(fewTasks, panels), slice.rows / smallestTaskRows));
  const int64_t rows = ceilDivide(ceilDivide(slice.rows, parts), kernel.mr) * kernel.mr;
  parts = ceilDivide(slice.rows, rows);
  pool.forEach(panels * parts, 1, [&](int64_t lo, int64_t hi) {
    for (int64_t task = lo; task < hi; ++task) {
      // Panels run fastest: the rows of A and of C stay in cache from one task to the next.
      const int64_t i = task / panels * rows;
      multiplyPanel(call, slice, kernel, workspace.shared, i, std::min(rows, slice.rows - i),
                    task % panels * kernel.nr, workspace.lane());
    }
  });
}

void multiplyBlocked(const GemmCall &call, Pool &pool, const MicroKernel &kernel,
                     const Workspace &workspace) {
  const int64_t paddedRows = ceilDivide(call.m, kernel.mr) * kernel.mr;
  const bool whole = call.k <= sharedFloats / kernel.mr && paddedRows * call.k <= sharedFloats;
  const int64_t depth = whole ? call.k : std::min(call.k, deepest);
  const int64_t rows = whole ? call.m : sharedFloats / depth / kernel.mr * kernel.mr;
  for (int64_t row = 0; row < call.m; row += rows)
    for (int64_t step = 0; step < call.k; step += depth)
      multiplySlice(call, {row, std::min(rows, call.m - row), step, std::min(depth, call.k - step)},
                    pool, kernel, workspace);
}

// Few rows, B's rows contiguous: strips of columns, each read once.
void multiplyRows(const GemmCall &call, Pool &pool, const MicroKernel &kernel,
                  const Workspace &workspace) {
  const Operand a = operandA(call), b = operandB(call);
  constexpr int64_t depth = 128;
  pool.forEach(ceilDivide(call.n, kernel.nr), 8, [&](int64_t lo, int64_t hi) {
    float *panel = workspace.lane(), *narrow = panel + kernel.kc * kernel.nr;
    for (int64_t p = 0; p < call.k; p += depth)
      for (int64_t strip = lo; strip < hi; ++strip) {
        const int64_t steps = std::min(depth, call.k - p), j = strip * kernel.nr;
        const bool accumulate = call.accumulate || p > 0;
        if (j + kernel.nr <= call.n) {
          kernel.rows(call.m, steps, a.from(0, p), b.from(p, j).at, call.ldb, accumulate,
                      call.c + j, call.ldc);
          continue;
        }
        kernel.packB(steps, call.n - j, b.from(p, j), panel);
        kernel.rows(call.m, steps, a.from(0, p), panel, kernel.nr, false, narrow, kernel.nr);
        for (int64_t i = 0; i < call.m; ++i)
          for (int64_t column = j; column < call.n; ++column) {
            float &c = call.c[i * call.ldc + column];
            c = narrow[i * kernel.nr + column - j] + (accumulate ? c : 0);
          }
      }
  });
}

// Few rows, B's columns contiguous: dot products. A transposed is first copied row by row.
void multiplyDots(const GemmCall &call, Pool &pool, const MicroKernel &kernel,
                  const Workspace &workspace) {
  const int64_t depth = call.transposeA ? std::min(call.k, sharedFloats / fewRows) : call.k;
  for (int64_t step = 0; step < call.k; step += depth) {
    const int64_t steps = std::min(depth, call.k - step);
    const float *a = call.a + step;
    int64_t lda = call.lda;
    if (call.transposeA) {
      for (int64_t i = 0; i < call.m; ++i)
        for (int64_t p = 0; p < steps; ++p)
          workspace.shared[i * steps + p] = call.a[(step + p) * call.lda + i];
      a = workspace.shared;
      lda = steps;
    }
    pool.forEach(call.n, 64, [&](int64_t lo, int64_t hi) {
      kernel.dots(call.m, hi - lo, steps, a, lda, call.b + lo * call.ldb + step, call.ldb,
                  call.accumulate || step > 0, call.c + lo, call.ldc);
    });
  }
}

} // namespace

int64_t lnx::gemmSharedFloats() { return sharedFloats; }

int64_t lnx::gemmLaneFloats(const MicroKernel &kernel) { return (kernel.kc + fewRows) * kernel.nr; }

void lnx::gemm(const GemmCall &call, Pool &pool, const MicroKernel &kernel,
               const Workspace &workspace) {
  assert(!Pool::inJob() && "a matrix product uses workspace that all threads share");
  if (call.m <= 0 || call.n <= 0)
    return;
  if (call.k <= 0) {
    if (!call.accumulate)
      for (int64_t i = 0; i < call.m; ++i)
        std::fill_n(call.c + i * call.ldc, call.n, 0.0f);
    return;
  }
  if (call.m > fewRows)
    multiplyBlocked(call, pool, kernel, workspace);
  else if (call.transposeB)
    multiplyDots(call, pool, kernel, workspace);
  else
    multiplyRows(call, pool, kernel, workspace);
}
