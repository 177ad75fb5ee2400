// Verdict: how the words and bases are spelled, in the report and in its JSON.
#include "compiler/stability/Verdict.h"

#include "llvm/Support/ErrorHandling.h"

namespace mlir::lnx::stability {

llvm::StringRef spelling(Word word) {
  switch (word) {
  case Word::proved:
    return "PROVED";
  case Word::refuted:
    return "REFUTED";
  case Word::unknown:
    return "UNKNOWN";
  case Word::predictedOk:
    return "PREDICTED_OK";
  case Word::predictedBad:
    return "PREDICTED_BAD";
  }
  llvm_unreachable("five words");
}

llvm::StringRef spelling(Basis basis) {
  switch (basis) {
  case Basis::worstCase:
    return "worst_case";
  case Basis::trajectory:
    return "trajectory";
  case Basis::optimum:
    return "optimum";
  case Basis::paperModel:
    return "paper_model";
  case Basis::initMeanField:
    return "init_mean_field";
  case Basis::heuristic:
    return "heuristic";
  }
  llvm_unreachable("six bases");
}

} // namespace mlir::lnx::stability
