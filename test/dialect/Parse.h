// Parse.h: a module from text, and the diagnostics of running it.
// Shared by the tests of this folder.
#ifndef LNX_TEST_DIALECT_PARSE_H
#define LNX_TEST_DIALECT_PARSE_H

#include "dialect/LnxDialect.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include <string>

namespace lnxtest {

/// A context, a module in it, and every message that was reported.
struct Program {
  explicit Program(const std::string &text)
      : context(mlir::MLIRContext::Threading::DISABLED),
        handler(&context, [this](mlir::Diagnostic &diagnostic) {
          messages += diagnostic.str() + "\n";
          return mlir::success();
        }) {
    context.loadDialect<mlir::lnx::LnxDialect, mlir::func::FuncDialect>();
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  }
  mlir::func::FuncOp function() { return *module->getOps<mlir::func::FuncOp>().begin(); }
  mlir::Operation *model() { return *module->getOps<mlir::lnx::ModelOp>().begin(); }

  mlir::MLIRContext context;
  std::string messages;
  mlir::ScopedDiagnosticHandler handler;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

inline mlir::lnx::Array arrayOf(llvm::ArrayRef<int64_t> shape, std::vector<double> values) {
  mlir::lnx::Array array(shape);
  array.data = std::move(values);
  return array;
}

} // namespace lnxtest

#endif
