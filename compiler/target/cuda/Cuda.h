// Cuda: the CUDA target, one lowering for each kind of group.
// Each lowering fails without a diagnostic where the reference lowering has to do the work. Kernels
// carry the number of their block's threads; a kernel without it is run by one thread.
#ifndef LNX_COMPILER_TARGET_CUDA_CUDA_H
#define LNX_COMPILER_TARGET_CUDA_CUDA_H

#include "compiler/target/Loss.h"
#include "compiler/target/Single.h"

namespace mlir::lnx::cuda {

/// Rows.cpp: any chain of row-wise work as one kernel.
LogicalResult lowerRows(GroupOp group, GroupBuffers &buffers);
/// Attend.cpp: attention and its gradient.
LogicalResult lowerAttend(AttendOp attend, GroupBuffers &buffers);
LogicalResult lowerAttendGrad(AttendGradOp attend, GroupBuffers &buffers);
/// Loss.cpp: the kernels of cross-entropy.
void runSoftmax(GroupBuffers &buffers, SoftmaxRows rows, Value count);
void meanLoss(GroupBuffers &buffers, Value losses, Value loss);
/// Lookup.cpp: rows of tables, positions, and copies of `count` floats.
LogicalResult lowerPositions(PositionsOp positions, GroupBuffers &buffers);
LogicalResult lowerGather(GatherOp gather, GroupBuffers &buffers);
LogicalResult lowerScatterRows(ScatterRowsOp scatter, GroupBuffers &buffers);
LogicalResult lowerLastRow(LastRowOp last, GroupBuffers &buffers);
void transfer(GroupBuffers &buffers, Value from, Value to, Value count, bool adds);

} // namespace mlir::lnx::cuda

#endif
