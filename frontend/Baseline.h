// Baseline: what is different between two reports, property by property (S109).
#pragma once

#include "compiler/Verify.h"

#include <string>
#include <vector>

namespace lnx {

/// One property that two reports differ in; a report without it has null.
struct VerdictChange {
  std::string property;
  const mlir::lnx::stability::Verdict *was = nullptr, *is = nullptr;
};

/// `was` is the baseline. Words, numbers (beyond 1e-9 of them) and classes are compared; of several
/// verdicts on a property, the strongest. The reports have to outlive what is returned.
std::vector<VerdictChange> changesOf(const mlir::lnx::stability::Report &was,
                                     const mlir::lnx::stability::Report &is,
                                     const std::vector<std::string> &only);

/// What stands in `names` and not in `others`.
std::vector<std::string> without(const std::vector<std::string> &names,
                                 const std::vector<std::string> &others);

/// "against ..." and a line for each change, for the end of the page.
std::string baselineText(const mlir::lnx::stability::Report &was,
                         const mlir::lnx::stability::Report &is,
                         const std::vector<std::string> &only);

} // namespace lnx
