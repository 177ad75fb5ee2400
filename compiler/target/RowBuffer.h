// RowBuffer: the buffers of a row kernel as rows of floats.
// Relied on by the row kernels of every target.
#ifndef LNX_COMPILER_TARGET_ROWBUFFER_H
#define LNX_COMPILER_TARGET_ROWBUFFER_H

#include "compiler/target/RowPlan.h"
#include "mlir/IR/Builders.h"

namespace mlir::lnx {

/// A buffer of the kernel seen as rows of floats: [rows x size], or [size] when it has no rows.
struct RowBuffer {
  Value memref; ///< rank 2 with rows, rank 1 without, rank 0 for a single number
  bool hasRows = false;
};

/// `value` seen as floats: a reinterpret_cast to rank 2 or 1; rank 0 stays.
RowBuffer flattenRows(OpBuilder &builder, Location loc, Value memref, const RowShape &shape);

} // namespace mlir::lnx

#endif
