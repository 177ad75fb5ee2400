// Depths: one model at several depths, for statements about how things grow with depth.
// Cheap: layers stay rolled, so a deep model elaborates as fast as a shallow one.
#pragma once

#include "frontend/Elaborate.h"

#include <functional>

namespace lnx {

/// The same model with `depth` set to another number; with several stacks (N and M), the deepest
/// has this depth and the others keep their share. Null where the model cannot have it. `module` is
/// what `elaborate(file, options, ...)` gave; the others have to outlive what is returned.
std::function<mlir::OwningOpRef<mlir::ModuleOp>(int64_t depth)>
atOtherDepths(mlir::ModuleOp module, const ast::File &file, const ElaborateOptions &options);

} // namespace lnx
