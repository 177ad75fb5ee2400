// Verify: what the verifier reports becomes diagnostics with the user's line.
#include "frontend/Verify.h"

#include "frontend/Depths.h"

#include "mlir/IR/Diagnostics.h"

namespace lnx {
std::optional<mlir::lnx::stability::Report> verify(mlir::ModuleOp module, const ast::File &file,
                                                   const ElaborateOptions &options,
                                                   const Places &places, Diagnostics &diagnostics,
                                                   mlir::lnx::stability::VerifyOptions wanted) {
  const mlir::ScopedDiagnosticHandler handler(
      module.getContext(), [&](mlir::Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error) {
          Diagnostic &error =
              diagnostics.error(places.find(diagnostic.getLocation()), diagnostic.str());
          for (const mlir::Diagnostic &note : diagnostic.getNotes())
            error.note(places.find(note.getLocation()), note.str());
        }
        return mlir::success();
      });
  wanted.atDepth = atOtherDepths(module, file, options);
  mlir::FailureOr<mlir::lnx::stability::Report> report =
      mlir::lnx::stability::verify(module, wanted);
  if (mlir::failed(report))
    return std::nullopt;
  return std::move(*report);
}

} // namespace lnx
