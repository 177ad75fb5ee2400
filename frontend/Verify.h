// Verify: the verifier over an elaborated model, with the model at other depths at hand.
// Whatever it finds wrong goes to Diagnostics, with the user's line.
#pragma once

#include "compiler/Verify.h"
#include "frontend/Elaborate.h"
#include "frontend/Places.h"

namespace lnx {

/// `module` is what `elaborate(file, options, ...)` gave; `wanted` is completed by other depths.
/// Nothing when an error was reported.
std::optional<mlir::lnx::stability::Report>
verify(mlir::ModuleOp module, const ast::File &file, const ElaborateOptions &options,
       const Places &places, Diagnostics &diagnostics,
       mlir::lnx::stability::VerifyOptions wanted = {.witnesses = true});

} // namespace lnx
