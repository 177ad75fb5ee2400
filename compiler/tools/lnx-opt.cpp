// lnx-opt: runs any pass of ours, or of MLIR's, on a .mlir file.
// For tests and for pass research; it understands every level, so `loops` can be played with too.
#include "compiler/Passes.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<mlir::lnx::LnxDialect>();
  mlir::registerAllPasses();
  mlir::lnx::registerLnxPasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "lnx-opt: passes of lnx and MLIR\n", registry));
}
