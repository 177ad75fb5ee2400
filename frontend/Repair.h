// Repair: the cheapest single change of the user's text with which a verdict holds (S109), found by
// verifying the changed text. See RepairEdits.h for which changes there are.
#pragma once

#include "compiler/Verify.h"
#include "frontend/Elaborate.h"

#include <functional>
#include <string>
#include <vector>

namespace lnx {

/// Told before each change how many were tried and how many wait.
using RepairProgress = std::function<void(int64_t tried, int64_t waiting)>;

/// Sets `fix` and `tried` of what does not hold: the verdicts on `only` (empty: on all) and the
/// checks. `report` is what the verifier says of `file` with these options; without a text, as of a
/// model made in C++, nothing is changed.
void repair(mlir::lnx::stability::Report &report, const ast::File &file,
            const ElaborateOptions &options, const std::vector<std::string> &only,
            const RepairProgress &progress = {});

} // namespace lnx
