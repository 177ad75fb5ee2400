// Report: what the stability verifier found, as one page of text.
// docs/stability.md says what the words mean; ReportJson.h gives the same as data.
#pragma once

#include "compiler/Verify.h"
#include "frontend/Places.h"
#include "lnx/result.h"

#include <string>
#include <vector>

namespace lnx {

/// Whether `name` names the property `full`: with or without its group.
bool namesProperty(const std::string &name, const std::string &full);

/// The page. Only the properties named in `only`, or all where it is empty.
std::string reportText(const mlir::lnx::stability::Report &report, const Places &places,
                       const std::vector<std::string> &only = {});

/// A line a property, for the model card.
std::string verdictLines(const mlir::lnx::stability::Report &report);

/// The `check` statements with their outcome; those that do not hold with their line.
std::string checkLines(const mlir::lnx::stability::Report &report, const Places &places);

/// done, or refuted when a check is, or unknown when a check is.
Exit exitOf(const mlir::lnx::stability::Report &report);

} // namespace lnx
