// CountGroups: how many groups of each kind a program became; the op stays as it is.
// Runs behind lnx-form-groups. What it finds is a remark at every function.
#include "Passes.h"

#include "dialect/LnxDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <map>

namespace {
struct CountGroups : mlir::PassWrapper<CountGroups, mlir::OperationPass<mlir::func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CountGroups)
  llvm::StringRef getArgument() const override { return "count-groups"; }
  llvm::StringRef getDescription() const override { return "count the groups of every kind"; }

  void runOnOperation() override {
    std::map<std::string, int> counts;
    getOperation().walk([&](mlir::lnx::GroupOp group) {
      ++counts[mlir::lnx::stringifyGroupKind(group.getKind()).str()];
    });
    std::string text;
    for (const auto &[kind, count] : counts)
      text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + kind;
    getOperation().emitRemark("groups: ") << (text.empty() ? "none" : text);
  }
};
} // namespace

void examples::registerCountGroups() { mlir::PassRegistration<CountGroups>(); }
