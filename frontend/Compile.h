// Compile: from a .lnx file to a program that runs in this process.
// For tools and embedders; sees public runtime headers only, no MLIR.
#pragma once

#include "lnx/runtime.h"

#include <string>
#include <utility>
#include <vector>

namespace lnx {

/// Parses, elaborates and compiles the last model of the file at `path` with `settings` (NAME,
/// VALUE) for this machine's CPU, its kernels for `device`, with rows in `precision` (see
/// Model::compile). The error's message is the rendered diagnostics.
Result<Program> compileToMemory(const std::string &path,
                                const std::vector<std::pair<std::string, std::string>> &settings,
                                const std::string &device = "cpu",
                                const std::string &precision = "");

} // namespace lnx
