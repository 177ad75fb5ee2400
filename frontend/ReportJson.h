// ReportJson: what the stability verifier found, as JSON of docs/verdict.schema.json.
// Names and their order are stable; numbers that are not finite are null.
#pragma once

#include "compiler/Verify.h"

#include <string>
#include <vector>

namespace lnx {

/// Ends with a line break. Only the properties named in `only`, or all where it is empty. With what
/// differs from `baseline`, unless that is null.
std::string reportJson(const mlir::lnx::stability::Report &report,
                       const std::vector<std::string> &only = {},
                       const mlir::lnx::stability::Report *baseline = nullptr);

} // namespace lnx
