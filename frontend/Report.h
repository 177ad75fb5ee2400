// Report: what the stability verifier found, as one page of text.
// docs/stability.md says what the words mean; ReportJson.h gives the same as data.
#pragma once

#include "compiler/Verify.h"
#include "frontend/Places.h"
#include "lnx/result.h"

#include <string>
#include <vector>

namespace lnx {

/// The page; with `only`, the verdicts of those properties and no description of the model.
std::string reportText(const mlir::lnx::stability::Report &report, const Places &places,
                       const std::vector<std::string> &only = {});

/// A line a property, for the model card.
std::string verdictLines(const mlir::lnx::stability::Report &report);

/// For the model card: each change that would flip verdicts, with their properties.
std::string fixLines(const mlir::lnx::stability::Report &report);

/// The `check` statements with their outcome; those that do not hold with their line.
std::string checkLines(const mlir::lnx::stability::Report &report, const Places &places);

/// done, or refuted when a check is, or unknown when a check is.
Exit exitOf(const mlir::lnx::stability::Report &report);

} // namespace lnx
