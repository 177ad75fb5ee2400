// Attend: attention becomes calls of the runtime's blocked attention.
// Sizes come from the widths of the buffers; batch and time from the entry.
#include "compiler/target/cpu/Cpu.h"

using namespace mlir;
using namespace mlir::lnx;

/// The last eight arguments of attend and attend_grad.
template <typename Op> static SmallVector<Value> shapeArguments(Op op, GroupBuffers &buffers) {
  int64_t width = cast<RankedTensorType>(op.getQ().getType()).getShape().back();
  int64_t heads = static_cast<int64_t>(op.getHeads());
  return {buffers.batch,
          buffers.time,
          buffers.index(heads),
          buffers.index(static_cast<int64_t>(op.getKvHeads())),
          buffers.index(width / heads),
          buffers.index(op.getCausal() ? 1 : 0),
          buffers.number(op.getScale().convertToDouble()),
          buffers.number(op.getSoftcap().convertToDouble())};
}

/// Addresses of the operands and results, in order, then the shape.
template <typename Op>
static LogicalResult lower(Op op, llvm::StringRef name, GroupBuffers &buffers) {
  // The runtime overwrites its results.
  if (llvm::is_contained(buffers.accumulate, true))
    return failure();
  SmallVector<Value> arguments;
  for (Value operand : op->getOperands())
    arguments.push_back(buffers.address(inputBuffer(buffers, operand)));
  for (Value result : buffers.results)
    arguments.push_back(buffers.address(result));
  arguments.append(shapeArguments(op, buffers));
  buffers.call(name, arguments);
  return success();
}

LogicalResult lnx::lowerAttend(AttendOp attend, GroupBuffers &buffers) {
  return lower(attend, "lnx_attend", buffers);
}

LogicalResult lnx::lowerAttendGrad(AttendGradOp attend, GroupBuffers &buffers) {
  return lower(attend, "lnx_attend_grad", buffers);
}
