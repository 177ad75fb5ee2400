// Plugin: what lnx-opt --load-pass-plugin calls.
#include "Passes.h"

#include "mlir/Tools/Plugins/PassPlugin.h"

extern "C" LLVM_ATTRIBUTE_WEAK mlir::PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "example-passes", "1", [] {
            examples::registerCountGroups();
            examples::registerGeluToRelu();
          }};
}
