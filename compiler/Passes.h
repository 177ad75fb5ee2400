// Passes.h: every pass of the compiler, in pipeline order; Passes.td says what each one does.
// Relied on by Compiler.cpp, which runs them, and lnx-opt, which runs any of them alone.
#ifndef LNX_COMPILER_PASSES_H
#define LNX_COMPILER_PASSES_H

#include "dialect/LnxDialect.h"
#include "mlir/Pass/Pass.h"
#include <string>

namespace mlir::lnx {

#define GEN_PASS_DECL
#include "compiler/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "compiler/Passes.h.inc"

} // namespace mlir::lnx

#endif
