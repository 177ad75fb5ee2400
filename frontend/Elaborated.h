// Elaborated: a model in a context of its own, with what keeps it alive.
// For whoever goes from a file to a program or a report in one call, on any thread.
#pragma once

#include "compiler/Compiler.h"
#include "frontend/Elaborate.h"
#include "frontend/Parser.h"

#include "mlir/IR/MLIRContext.h"

namespace lnx {

/// Reads and parses. Null when an error was reported.
inline ast::FilePtr parseFile(const std::string &path, Diagnostics &diagnostics) {
  const SourcePtr source = readSource(path, diagnostics);
  return source ? parse(source, diagnostics) : nullptr;
}

struct Elaborated {
  Elaborated(const ast::File &file, const ElaborateOptions &options, Diagnostics &diagnostics)
      : context(registry(), mlir::MLIRContext::Threading::DISABLED),
        module(elaborate(file, options, context, diagnostics)) {}
  explicit operator bool() const { return bool(module); }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module; ///< null when an error was reported

private:
  static mlir::DialectRegistry registry() {
    mlir::DialectRegistry registry;
    mlir::lnx::registerAll(registry);
    return registry;
  }
};

} // namespace lnx
