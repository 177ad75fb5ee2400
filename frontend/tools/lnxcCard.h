// lnxcCard: the model card: what a specification amounts to, without running it.
#pragma once

#include "frontend/Ast.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace lnx::tool {

/// `spec` is elaborated; `loops` is the same lowered, or null when that failed.
std::string modelCard(const ast::File &file, mlir::ModuleOp spec, mlir::ModuleOp loops);

} // namespace lnx::tool
