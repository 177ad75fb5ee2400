// Cpu: the CPU target, one lowering for each kind of group.
// A group of one operation is lowered by what the operation is; the rest are rows.
#include "compiler/target/cpu/Cpu.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::lnx;

namespace {

constexpr LossKernels losses = {runSoftmax, meanLoss};

class CpuTarget : public Target {
public:
  LogicalResult lowerGroup(GroupOp group, GroupBuffers &buffers) override {
    Operation *op = singleOp(group);
    if (!op || !isFullPrecision(buffers)) // bf16 is read and written by row kernels alone
      return lowerRows(group, buffers);
    return llvm::TypeSwitch<Operation *, LogicalResult>(op)
        .Case([&](MatmulOp op) { return lowerGemm(op, buffers); })
        .Case([&](AttendOp op) { return lowerAttend(op, buffers); })
        .Case([&](AttendGradOp op) { return lowerAttendGrad(op, buffers); })
        .Case([&](CrossEntropyOp op) { return lowerCrossEntropy(op, buffers, losses); })
        .Case([&](CrossEntropyGradOp op) { return lowerCrossEntropyGrad(op, buffers, losses); })
        .Case([&](LinearCrossEntropyOp op) { return lowerLinearCrossEntropy(op, buffers, losses); })
        .Case([&](LinearCrossEntropyGradOp op) {
          return lowerLinearCrossEntropyGrad(op, buffers, losses);
        })
        .Case([&](PositionsOp op) { return lowerPositions(op, buffers); })
        .Case([&](GatherOp op) { return lowerGather(op, buffers); })
        .Case([&](ScatterRowsOp op) { return lowerScatterRows(op, buffers); })
        .Case([&](LastRowOp op) { return lowerLastRow(op, buffers); })
        .Default([&](Operation *) { return lowerRows(group, buffers); });
  }
};

} // namespace

std::unique_ptr<Target> lnx::createCpuTarget() { return std::make_unique<CpuTarget>(); }
