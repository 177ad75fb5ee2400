// Elaborate: a parsed file to level spec of the IR: one lnx.model in a module.
// The only entry of the elaborator; everything it finds wrong goes to Diagnostics.
#pragma once

#include "frontend/Ast.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>
#include <utility>
#include <vector>

namespace lnx {

struct ElaborateOptions {
  /// The model to elaborate; empty: the last one of the file.
  std::string model;
  /// NAME, VALUE: override formals of the model or, what it does not declare, of its block.
  std::vector<std::pair<std::string, std::string>> settings;
};

/// Null when an error was reported. Operations are located in the file (FileLineColLoc).
mlir::OwningOpRef<mlir::ModuleOp> elaborate(const ast::File &file, const ElaborateOptions &options,
                                            mlir::MLIRContext &context, Diagnostics &diagnostics);

} // namespace lnx
