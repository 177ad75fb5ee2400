// Single: groups of one operation; what every target does with them in the same way.
// Relied on by the folders of target/.
#ifndef LNX_COMPILER_TARGET_SINGLE_H
#define LNX_COMPILER_TARGET_SINGLE_H

#include "compiler/target/Target.h"

namespace mlir::lnx {

/// The only operation of a group that reads its inputs and gives its results as they are; null
/// where there is none.
Operation *singleOp(GroupOp group);
/// The buffer of operand `value` of an op in a group whose operands are all group inputs.
Value inputBuffer(GroupBuffers &buffers, Value value);
/// The size of a dimension of a buffer, as index.
Value sizeOf(GroupBuffers &buffers, Value buffer, unsigned dim);
/// A matrix product as a call of `gemm` (abi.def).
LogicalResult lowerGemm(MatmulOp matmul, GroupBuffers &buffers);

} // namespace mlir::lnx

#endif
