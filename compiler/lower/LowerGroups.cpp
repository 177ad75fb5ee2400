// LowerGroups: give every value a buffer and turn groups into loops.
// Runs on level fused; from here on only upstream dialects are left, and the parameter table is an
// attribute of the module.
#include "compiler/Passes.h"
#include "compiler/lower/EntryLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::lnx {
#define GEN_PASS_DEF_LOWERGROUPS
#include "compiler/Passes.h.inc"
} // namespace mlir::lnx

using namespace mlir;
using namespace mlir::lnx;

namespace {
struct LowerGroups : lnx::impl::LowerGroupsBase<LowerGroups> {
  using LowerGroupsBase::LowerGroupsBase;
  void runOnOperation() override {
    FailureOr<std::unique_ptr<Target>> known = createTarget(target);
    if (failed(known)) {
      getOperation().emitError("unknown target '") << target << "': cpu, cuda and reference are known";
      return signalPassFailure();
    }
    ProgramLowering program(getOperation(), known->get());
    for (auto function : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (function->hasAttr("lnx.entry") && failed(EntryLowering(program, function).run()))
        return signalPassFailure();
    program.layout.writeTable(getOperation());
  }
};
} // namespace
