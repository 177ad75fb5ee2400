// InlineDefs: expand definitions in place.
// Runs first; later passes see only parameters, primitives and repeats.
#include "compiler/Passes.h"

namespace mlir::lnx {
#define GEN_PASS_DEF_INLINEDEFS
#include "compiler/Passes.h.inc"
} // namespace mlir::lnx

using namespace mlir;
using namespace mlir::lnx;

static void inlineApply(ApplyOp apply) {
  Block &body = apply.getBody().front();
  Operation *yield = body.getTerminator();
  Block *parent = apply->getBlock();
  parent->getOperations().splice(apply->getIterator(), body.getOperations(), body.begin(),
                                 yield->getIterator());
  apply.replaceAllUsesWith(yield->getOperands());
  apply.erase();
}

namespace {
struct InlineDefs : mlir::lnx::impl::InlineDefsBase<InlineDefs> {
  void runOnOperation() override {
    // Post-order: what an inner definition leaves behind is moved on with its surroundings.
    getOperation().walk([](Operation *op) {
      if (auto apply = dyn_cast<ApplyOp>(op)) {
        inlineApply(apply);
      } else if (auto step = dyn_cast<StepOp>(op)) {
        step.replaceAllUsesWith(step.getNext());
        step.erase();
      } else if (auto table = dyn_cast<TableOp>(op); table && !table.getLayer()) {
        OpBuilder builder(op);
        Value number = ConstantOp::create(builder, op->getLoc(),
                                          builder.getF64FloatAttr(table.getValues().front()));
        table.replaceAllUsesWith(number);
        table.erase();
      } else if (isa<AssumeOp, CheckOp, LawOp>(op)) {
        op->erase();
      }
    });
  }
};
} // namespace
