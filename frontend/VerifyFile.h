// VerifyFile: from a .lnx file to the verifier's report, in one call.
// For tools and embedders; sees public runtime headers only, no MLIR.
#pragma once

#include "lnx/result.h"

#include <string>
#include <utility>
#include <vector>

namespace lnx {

struct VerifyRequest {
  std::string path;
  std::string model; ///< empty: the last one of the file
  std::vector<std::pair<std::string, std::string>> settings;
  std::vector<std::string> properties; ///< empty: all
  bool json = false;
};

struct Verified {
  std::string report;
  Exit exit = Exit::done; ///< refuted or unknown by `check` statements of the model
};

/// The error's message is the rendered diagnostics.
Result<Verified> verifyFile(const VerifyRequest &request);

} // namespace lnx
