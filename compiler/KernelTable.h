// KernelTable: what the kernels of one training step are and how many bytes they move.
// Counted on the compiled code, nothing runs. For tools; includes MLIR only for the module.
#ifndef LNX_COMPILER_KERNELTABLE_H
#define LNX_COMPILER_KERNELTABLE_H

#include "compiler/Compiler.h"
#include <vector>

namespace mlir::lnx {

/// Bytes of memory: what grows with the rows, of one row, and the rest: parameters, gradients and
/// partial sums. Weights count once a launch, however many blocks read them.
struct KernelBytes {
  double perRow = 0;
  double fixed = 0;
};

/// One kernel, with all its launches in one step: gradient of one micro-batch, norm, AdamW.
struct KernelRow {
  std::string name;
  int64_t threads = 0;  ///< of one block
  int64_t launches = 0; ///< of one step
  bool isAttention = false;
  /// What all its launches read and write. An argument that a kernel reads in several loops over
  /// its columns counts once for each.
  KernelBytes read, written;
};

struct KernelTable {
  std::vector<KernelRow> rows; ///< kernels of the step, in the order of their first launch
  int64_t batch = 0, time = 0; ///< of the micro-batch that was counted
  std::string ptx;             ///< of all kernels of the program, those of other entries too
};

/// Compiles `module`, at level spec, for target cuda, and counts a step with sequences as long as
/// the model's context (1024 where it has none), so many that they have about `rows` rows. Errors
/// are diagnostics.
FailureOr<KernelTable> kernelTable(ModuleOp module, const CompileOptions &options, int64_t rows);

} // namespace mlir::lnx

#endif
