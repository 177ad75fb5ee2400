// Cpu: the CPU target, one lowering for each kind of group.
// A group of one operation is lowered by what the operation is; the rest are rows.
#include "compiler/target/cpu/Cpu.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::lnx;

Value lnx::inputBuffer(GroupBuffers &buffers, Value value) {
  return buffers.inputs[cast<BlockArgument>(value).getArgNumber()];
}

/// The only operation of a group that reads its inputs and gives its results as they are.
static Operation *singleOp(GroupOp group) {
  Block &body = group.getBody().front();
  Operation *terminator = body.getTerminator();
  if (!llvm::hasSingleElement(body.without_terminator()))
    return nullptr;
  Operation *op = &body.front();
  bool plain = terminator->getNumOperands() == op->getNumResults() &&
               llvm::equal(terminator->getOperands(), op->getResults()) &&
               llvm::all_of(op->getOperands(), llvm::IsaPred<BlockArgument>);
  return plain ? op : nullptr;
}

namespace {

class CpuTarget : public Target {
public:
  LogicalResult lowerGroup(GroupOp group, GroupBuffers &buffers) override {
    Operation *op = singleOp(group);
    if (!op)
      return lowerRows(group, buffers);
    return llvm::TypeSwitch<Operation *, LogicalResult>(op)
        .Case([&](MatmulOp op) { return lowerGemm(op, buffers); })
        .Case([&](AttendOp op) { return lowerAttend(op, buffers); })
        .Case([&](AttendGradOp op) { return lowerAttendGrad(op, buffers); })
        .Case([&](CrossEntropyOp op) { return lowerCrossEntropy(op, buffers); })
        .Case([&](CrossEntropyGradOp op) { return lowerCrossEntropyGrad(op, buffers); })
        .Case([&](LinearCrossEntropyOp op) { return lowerLinearCrossEntropy(op, buffers); })
        .Case([&](LinearCrossEntropyGradOp op) { return lowerLinearCrossEntropyGrad(op, buffers); })
        .Case([&](PositionsOp op) { return lowerPositions(op, buffers); })
        .Case([&](GatherOp op) { return lowerGather(op, buffers); })
        .Case([&](ScatterRowsOp op) { return lowerScatterRows(op, buffers); })
        .Case([&](LastRowOp op) { return lowerLastRow(op, buffers); })
        .Default([&](Operation *) { return lowerRows(group, buffers); });
  }
};

} // namespace

std::unique_ptr<Target> lnx::createCpuTarget() { return std::make_unique<CpuTarget>(); }
