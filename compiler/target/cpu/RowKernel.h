// RowKernel: writes the kernel of a RowPlan with explicit vectors.
// Relied on by Rows.
#ifndef LNX_COMPILER_TARGET_CPU_ROWKERNEL_H
#define LNX_COMPILER_TARGET_CPU_ROWKERNEL_H

#include "compiler/target/cpu/RowPlan.h"
#include "mlir/IR/Builders.h"

namespace mlir::lnx {

/// A buffer of the kernel seen as rows of floats: [rows x size], or [size] when it has no rows.
struct RowBuffer {
  Value memref; ///< rank 2 with rows, rank 1 without, rank 0 for a single number
  bool hasRows = false;
};

/// Arguments of a row kernel: inputs, results (partial sums in place of a sum over rows), and for
/// kernels with sums over rows the number of this chunk.
struct RowArguments {
  llvm::SmallVector<RowBuffer> inputs, results;
  llvm::SmallVector<bool> accumulate;
  Value chunk, lo, hi;
};

/// `value` seen as floats: a reinterpret_cast to rank 2 or 1; rank 0 stays.
RowBuffer flattenRows(OpBuilder &builder, Location loc, Value memref, const RowShape &shape);

/// Emits the loop over rows [lo, hi) at the builder.
void emitRowKernel(OpBuilder &builder, Location loc, GroupOp group, const RowPlan &plan,
                   const RowArguments &arguments);

} // namespace mlir::lnx

#endif
