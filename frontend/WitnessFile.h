// WitnessFile: witnesses of REFUTED verdicts on disk, and their replay against a model.
// A file that is not a witness is never overwritten.
#pragma once

#include "compiler/Verify.h"
#include "frontend/VerifyFile.h"

#include <string>

namespace lnx {

/// Writes `<model>.<property>.witness.json` into the current directory for each verdict named in
/// `request.properties` that has a witness, and notes it in the verdict. The first problem.
std::optional<Error> writeWitnesses(mlir::lnx::stability::Report &report,
                                    const VerifyRequest &request, mlir::ModuleOp module);

/// Writes the report's certificate to `path`.
std::optional<Error> writeCertificate(const mlir::lnx::stability::Report &report,
                                      const std::string &path);

/// Evaluates the witness in `request.replay` against `request.path`, or the file it names.
Result<Verified> replayHere(const VerifyRequest &request);

} // namespace lnx
