// Depths: one model at several depths, for statements about how things grow with depth.
// Cheap: layers stay rolled, so a deep model elaborates as fast as a shallow one.
#pragma once

#include "frontend/Elaborate.h"

#include <functional>

namespace lnx {

/// The same model with another number of layers, of all stacks together; null for a number that it
/// cannot have. `module` is what `elaborate(file, options, ...)` gave; the others have to outlive
/// what is returned.
std::function<mlir::OwningOpRef<mlir::ModuleOp>(int64_t layers)>
atOtherDepths(mlir::ModuleOp module, const ast::File &file, const ElaborateOptions &options);

} // namespace lnx
