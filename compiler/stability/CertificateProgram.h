// CertificateProgram: a model as a certificate states it: one list of steps, definitions expanded,
// layers rolled, every number exact.
#ifndef LNX_COMPILER_STABILITY_CERTIFICATEPROGRAM_H
#define LNX_COMPILER_STABILITY_CERTIFICATEPROGRAM_H

#include "compiler/stability/Analysis.h"
#include "llvm/Support/JSON.h"

namespace mlir::lnx::stability {

/// One step: an operation, or a piece of the frame.
struct ProgramStep {
  std::string op; ///< the operation's name, or repeat, step, end, return
  Value value;    ///< null where it has none
  SmallVector<int64_t, 3> of;
  RepeatOp repeat; ///< around it
};

struct Program {
  std::vector<ProgramStep> steps;
  llvm::DenseMap<Value, int64_t> places;
  llvm::json::Array json, assumptions;
  std::string obstacle; ///< why a certificate cannot state this model; empty where it can

  /// Of a value that a step computes; behind uses of definitions.
  int64_t placeOf(Value value) const;
  /// v / sqrt(mean(v v) + eps), perhaps times a factor, as lnx-certify looks for it.
  struct Norm {
    int64_t v, factor; ///< places; -1 where there is no factor
  };
  std::optional<Norm> normAt(int64_t place) const;
  /// The claim that lnx-certify's rule for a step is named after; empty where it has none.
  std::string ruleOf(int64_t place) const;

private:
  bool isCentred(int64_t place) const;
  int64_t baseOf(int64_t place) const;
  int64_t withoutNumber(int64_t place) const;
  int64_t radicandOf(int64_t place, int64_t &above) const;
};

Program programOf(const Analysis &analysis);

} // namespace mlir::lnx::stability

#endif
