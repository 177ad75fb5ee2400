// Cpu: the CPU target, one lowering for each kind of group.
// Each lowering fails without a diagnostic where the reference lowering has to do the work.
#ifndef LNX_COMPILER_TARGET_CPU_CPU_H
#define LNX_COMPILER_TARGET_CPU_CPU_H

#include "compiler/target/Loss.h"
#include "compiler/target/Single.h"

namespace mlir::lnx {

/// Rows.cpp: any chain of row-wise work as one kernel.
LogicalResult lowerRows(GroupOp group, GroupBuffers &buffers);
/// Attend.cpp: attention and its gradient.
LogicalResult lowerAttend(AttendOp attend, GroupBuffers &buffers);
LogicalResult lowerAttendGrad(AttendGradOp attend, GroupBuffers &buffers);
/// Loss.cpp: the kernels of cross-entropy.
void runSoftmax(GroupBuffers &buffers, SoftmaxRows rows, Value count);
void meanLoss(GroupBuffers &buffers, Value losses, Value loss);
/// Lookup.cpp: rows of tables, and positions.
LogicalResult lowerPositions(PositionsOp positions, GroupBuffers &buffers);
LogicalResult lowerGather(GatherOp gather, GroupBuffers &buffers);
LogicalResult lowerScatterRows(ScatterRowsOp scatter, GroupBuffers &buffers);
LogicalResult lowerLastRow(LastRowOp last, GroupBuffers &buffers);

} // namespace mlir::lnx

#endif
