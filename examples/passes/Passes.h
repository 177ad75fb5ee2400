// Passes: what the plugin holds, a file each.
#ifndef LNX_EXAMPLES_PASSES_H
#define LNX_EXAMPLES_PASSES_H

#include "mlir/Pass/Pass.h"

namespace examples {
void registerCountGroups();
void registerGeluToRelu();
} // namespace examples

#endif
