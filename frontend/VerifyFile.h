// VerifyFile: from a .lnx file to the verifier's report, in one call.
// For tools and embedders; sees public runtime headers only, no MLIR.
#pragma once

#include "lnx/result.h"

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lnx {

struct VerifyRequest {
  std::string path;
  std::string model; ///< empty: the last one of the file
  std::vector<std::pair<std::string, std::string>> settings;
  std::vector<std::string> properties; ///< empty: all
  std::string baseline;                ///< FILE or FILE:MODEL to compare with; empty: nothing
  bool json = false;
  bool witnesses = false; ///< written into the current directory, of each REFUTED
  /// Where the derivation of what is PROVED is written; MODEL.certificate.json where it is empty.
  std::optional<std::string> certificate;
  /// Told what is done, while it takes longer than a second: "tried 40 changes, 80 to go".
  std::function<void(const std::string &)> progress;
  std::string replay; ///< a witness to evaluate instead; `path` may then be empty
};

struct Verified {
  std::string report = {};
  Exit exit = Exit::done;            ///< refuted or unknown by `check` statements of the model
  std::string certificate = {};      ///< the file that was written; empty: none
  std::optional<Error> problem = {}; ///< a file that could not be written; the report is whole
};

/// The error's message is the rendered diagnostics.
Result<Verified> verifyFile(const VerifyRequest &request);

} // namespace lnx
