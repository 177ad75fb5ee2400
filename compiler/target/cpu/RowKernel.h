// RowKernel: writes the kernel of a RowPlan with explicit vectors.
// Relied on by Rows.
#ifndef LNX_COMPILER_TARGET_CPU_ROWKERNEL_H
#define LNX_COMPILER_TARGET_CPU_ROWKERNEL_H

#include "compiler/target/RowBuffer.h"
#include "mlir/IR/Builders.h"

namespace mlir::lnx {

/// Arguments of a row kernel: inputs, results (partial sums in place of a sum over rows), and for
/// kernels with sums over rows the number of this chunk.
struct RowArguments {
  llvm::SmallVector<RowBuffer> inputs, results;
  llvm::SmallVector<bool> accumulate;
  Value chunk, lo, hi;
};

/// Emits the loop over rows [lo, hi) at the builder.
void emitRowKernel(OpBuilder &builder, Location loc, GroupOp group, const RowPlan &plan,
                   const RowArguments &arguments);

} // namespace mlir::lnx

#endif
