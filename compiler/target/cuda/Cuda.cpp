// Cuda: the CUDA target, one lowering for each kind of group.
// A group of one operation is lowered by what the operation is; the rest are rows.
#include "compiler/target/cuda/Cuda.h"
#include "compiler/target/cuda/Epilogues.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::lnx;

namespace {

constexpr LossKernels losses = {cuda::runSoftmax, cuda::meanLoss};

class CudaTarget : public Target {
public:
  LogicalResult lowerGroup(GroupOp group, GroupBuffers &buffers) override {
    Operation *op = singleOp(group);
    if (!op)
      return group.getKind() == GroupKind::gemm ? cuda::lowerProduct(group, buffers)
                                                : cuda::lowerRows(group, buffers);
    return llvm::TypeSwitch<Operation *, LogicalResult>(op)
        .Case([&](MatmulOp op) { return lowerGemm(op, buffers); })
        .Case([&](AttendOp op) { return cuda::lowerAttend(op, buffers); })
        .Case([&](AttendGradOp op) { return cuda::lowerAttendGrad(op, buffers); })
        .Case([&](CrossEntropyOp op) { return lowerCrossEntropy(op, buffers, losses); })
        .Case([&](CrossEntropyGradOp op) { return lowerCrossEntropyGrad(op, buffers, losses); })
        .Case([&](LinearCrossEntropyOp op) { return lowerLinearCrossEntropy(op, buffers, losses); })
        .Case([&](LinearCrossEntropyGradOp op) {
          return lowerLinearCrossEntropyGrad(op, buffers, losses);
        })
        .Case([&](PositionsOp op) { return cuda::lowerPositions(op, buffers); })
        .Case([&](GatherOp op) { return cuda::lowerGather(op, buffers); })
        .Case([&](ScatterRowsOp op) { return cuda::lowerScatterRows(op, buffers); })
        .Case([&](LastRowOp op) { return cuda::lowerLastRow(op, buffers); })
        .Default([&](Operation *) { return cuda::lowerRows(group, buffers); });
  }
  LogicalResult transfer(GroupBuffers &buffers, Value from, Value to, Value count,
                         bool adds) override {
    cuda::transfer(buffers, from, to, count, adds);
    return success();
  }
};

} // namespace

std::unique_ptr<Target> lnx::createCudaTarget() { return std::make_unique<CudaTarget>(); }
