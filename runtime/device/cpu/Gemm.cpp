// Gemm: a task computes up to 256 rows of one panel of columns. It packs each piece of B just
// before using it for all its rows; the packed rows of A stay with the thread for its next tasks.
#include "device/cpu/Gemm.h"

#include <algorithm>

using namespace lnx;

namespace {

// Depth of a slice; a multiple of every kernel's kc. 256 rows of A this deep fit a second-level
// cache of 1 MiB: 2 to 4 % faster at k = 3072 than slices three times as deep.
constexpr int64_t deepest = 768;
// Up to this many rows B is read where it lies: packing it would cost more than it saves.
constexpr int64_t fewRows = 16;
// Rows of C of one task: packing a panel of B costs about 1/256 of using it this often.
constexpr int64_t taskRows = 256;
// Tasks wanted at least, so that many threads find work; 32 lose 2 % at 256 x 768 x 768 to packing.
constexpr int64_t fewTasks = 16;
constexpr int64_t smallestTaskRows = 96;
// Chunks of tasks for the pool: long ones keep a thread at the same rows of A.
constexpr int64_t taskChunks = 64;

int64_t ceilDivide(int64_t x, int64_t y) { return (x + y - 1) / y; }

Operand operandA(const GemmCall &call) {
  return call.transposeA ? Operand{call.a, 1, call.lda} : Operand{call.a, call.lda, 1};
}

// B's element (p, j), with p as the row.
Operand operandB(const GemmCall &call) {
  return call.transposeB ? Operand{call.b, 1, call.ldb} : Operand{call.b, call.ldb, 1};
}

// k steps [step, step + depth) of a product, and how it is cut: parts of `rows` rows of A by panels
// of B. The stamp of part i is `serial` + i, unlike any other that a thread has seen.
struct Slice {
  int64_t step, depth;
  int64_t rows, parts, panels;
  uint64_t serial;
};

// Packs rows [i, i + rows) of A for the slice; each kc steps of a register tile lie together.
void packRows(const GemmCall &call, const Slice &slice, const MicroKernel &kernel, int64_t i,
              int64_t rows, float *packed) {
  const Operand a = operandA(call);
  for (int64_t r = 0; r < rows; r += kernel.mr, packed += slice.depth * kernel.mr)
    for (int64_t p = 0; p < slice.depth; p += kernel.kc)
      kernel.packA(std::min(kernel.mr, rows - r), std::min(kernel.kc, slice.depth - p),
                   a.from(i + r, slice.step + p), packed + p * kernel.mr);
}

// Where B is read from after k step `step` of panel `column`: further down, or in the next panel.
const float *nextOfB(const GemmCall &call, const Slice &slice, const MicroKernel &kernel,
                     int64_t step, int64_t column) {
  if (call.transposeB)
    return nullptr; // rows of B are contiguous: the hardware foresees them
  if (step + 2 * kernel.kc <= slice.depth)
    return operandB(call).from(slice.step + step + kernel.kc, column).at;
  if (column + 2 * kernel.nr <= call.n && kernel.kc <= slice.depth)
    return operandB(call).from(slice.step, column + kernel.nr).at;
  return nullptr;
}

// C[rows x one panel] from row i, with the packed rows of A.
void multiplyPanel(const GemmCall &call, const Slice &slice, const MicroKernel &kernel,
                   const float *packed, int64_t i, int64_t rows, int64_t column, float *panel) {
  const Operand b = operandB(call);
  const int64_t columns = std::min(kernel.nr, call.n - column);
  float *c = call.c + i * call.ldc + column;
  for (int64_t p = 0; p < slice.depth; p += kernel.kc) {
    const int64_t depth = std::min(kernel.kc, slice.depth - p);
    kernel.packB(depth, columns, b.from(slice.step + p, column), panel);
    kernel.block(rows, columns, depth, packed + p * kernel.mr, slice.depth * kernel.mr, panel,
                 call.accumulate || slice.step + p > 0, c, call.ldc,
                 nextOfB(call, slice, kernel, p, column), call.ldb);
  }
}

// Floats of packed A that a thread keeps.
int64_t packedFloats(const MicroKernel &kernel) { return (taskRows + kernel.mr) * deepest; }

void multiplySlice(const GemmCall &call, const Slice &slice, Pool &pool, const MicroKernel &kernel,
                   const Workspace &workspace) {
  const int64_t tasks = slice.panels * slice.parts;
  const int64_t chunk = std::clamp<int64_t>(tasks / taskChunks, 1, slice.panels);
  pool.forEach(tasks, chunk, [&](int64_t lo, int64_t hi) {
    float *packed = workspace.lane(), *panel = packed + packedFloats(kernel);
    for (int64_t task = lo; task < hi; ++task) {
      // Panels run fastest: the rows of A and of C stay in cache from one task to the next.
      const int64_t part = task / slice.panels, i = part * slice.rows;
      const int64_t rows = std::min(slice.rows, call.m - i);
      const uint64_t stamp = slice.serial + static_cast<uint64_t>(part);
      if (workspace.stamp() != stamp) {
        packRows(call, slice, kernel, i, rows, packed);
        workspace.stamp() = stamp;
      }
      multiplyPanel(call, slice, kernel, packed, i, rows, task % slice.panels * kernel.nr, panel);
    }
  });
}

void multiplyBlocked(const GemmCall &call, Pool &pool, const MicroKernel &kernel,
                     const Workspace &workspace) {
  const int64_t panels = ceilDivide(call.n, kernel.nr);
  int64_t parts = ceilDivide(call.m, taskRows);
  if (panels * parts < fewTasks)
    parts = std::max(parts, std::min(ceilDivide(fewTasks, panels), call.m / smallestTaskRows));
  const int64_t rows = ceilDivide(ceilDivide(call.m, parts), kernel.mr) * kernel.mr;
  parts = ceilDivide(call.m, rows);
  for (int64_t step = 0; step < call.k; step += deepest)
    multiplySlice(call,
                  {step, std::min(deepest, call.k - step), rows, parts, panels,
                   workspace.serials->fetch_add(static_cast<uint64_t>(parts))},
                  pool, kernel, workspace);
}

// Few rows, B's rows contiguous: strips of columns, each read once.
void multiplyRows(const GemmCall &call, Pool &pool, const MicroKernel &kernel,
                  const Workspace &workspace) {
  const Operand a = operandA(call), b = operandB(call);
  constexpr int64_t depth = 128;
  pool.forEach(ceilDivide(call.n, kernel.nr), 8, [&](int64_t lo, int64_t hi) {
    float *panel = workspace.lane() + packedFloats(kernel), *narrow = panel + kernel.kc * kernel.nr;
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
        kernel.rows(call.m, steps, a.from(0, p), panel, kernel.nr, /*accumulate=*/false, narrow,
                    kernel.nr);
        for (int64_t i = 0; i < call.m; ++i)
          for (int64_t column = j; column < call.n; ++column) {
            float &c = call.c[i * call.ldc + column];
            c = narrow[i * kernel.nr + column - j] + (accumulate ? c : 0);
          }
      }
  });
}

// Few rows, rows of A and columns of B contiguous: dot products.
void multiplyDots(const GemmCall &call, Pool &pool, const MicroKernel &kernel) {
  pool.forEach(call.n, 64, [&](int64_t lo, int64_t hi) {
    kernel.dots(call.m, hi - lo, call.k, call.a, call.lda, call.b + lo * call.ldb, call.ldb,
                call.accumulate, call.c + lo, call.ldc);
  });
}

} // namespace

int64_t lnx::gemmLaneFloats(const MicroKernel &kernel) {
  return packedFloats(kernel) + (kernel.kc + fewRows) * kernel.nr;
}

void lnx::gemm(const GemmCall &call, Pool &pool, const MicroKernel &kernel,
               const Workspace &workspace) {
  if (call.m <= 0 || call.n <= 0)
    return;
  if (call.k <= 0) {
    if (!call.accumulate)
      for (int64_t i = 0; i < call.m; ++i)
        std::fill_n(call.c + i * call.ldc, call.n, 0.0f);
    return;
  }
  if (call.m > fewRows || (call.transposeA && call.transposeB))
    multiplyBlocked(call, pool, kernel, workspace);
  else if (call.transposeB)
    multiplyDots(call, pool, kernel);
  else
    multiplyRows(call, pool, kernel, workspace);
}
