// Cpu: the CPU target, one lowering for each kind of group.
// Each lowering fails without a diagnostic where the reference lowering has to do the work.
#ifndef LNX_COMPILER_TARGET_CPU_CPU_H
#define LNX_COMPILER_TARGET_CPU_CPU_H

#include "compiler/target/Target.h"

namespace mlir::lnx {

/// Rows.cpp: any chain of row-wise work as one kernel.
LogicalResult lowerRows(GroupOp group, GroupBuffers &buffers);
/// Gemm.cpp: a matrix product.
LogicalResult lowerGemm(MatmulOp matmul, GroupBuffers &buffers);
/// Attend.cpp: attention and its gradient.
LogicalResult lowerAttend(AttendOp attend, GroupBuffers &buffers);
LogicalResult lowerAttendGrad(AttendGradOp attend, GroupBuffers &buffers);
/// Loss.cpp: cross-entropy, alone and behind the head's matrix product.
LogicalResult lowerCrossEntropy(CrossEntropyOp loss, GroupBuffers &buffers);
LogicalResult lowerCrossEntropyGrad(CrossEntropyGradOp loss, GroupBuffers &buffers);
LogicalResult lowerLinearCrossEntropy(LinearCrossEntropyOp loss, GroupBuffers &buffers);
LogicalResult lowerLinearCrossEntropyGrad(LinearCrossEntropyGradOp loss, GroupBuffers &buffers);
/// Lookup.cpp: rows of tables, and positions.
LogicalResult lowerPositions(PositionsOp positions, GroupBuffers &buffers);
LogicalResult lowerGather(GatherOp gather, GroupBuffers &buffers);
LogicalResult lowerScatterRows(ScatterRowsOp scatter, GroupBuffers &buffers);
LogicalResult lowerLastRow(LastRowOp last, GroupBuffers &buffers);

/// The buffer of operand `value` of an op in a group whose operands are all group inputs.
Value inputBuffer(GroupBuffers &buffers, Value value);

} // namespace mlir::lnx

#endif
