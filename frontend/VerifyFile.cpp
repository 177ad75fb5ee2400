// VerifyFile: the frontend, the verifier and the report in one call.
#include "frontend/VerifyFile.h"

#include "frontend/Deep.h"
#include "frontend/Elaborated.h"
#include "frontend/Report.h"
#include "frontend/ReportJson.h"
#include "frontend/Verify.h"
#include "frontend/WitnessFile.h"

#include <algorithm>

namespace lnx {
namespace {
/// Each name of a property has to name one.
std::optional<Error> unknownProperty(const std::vector<std::string> &names,
                                     const mlir::lnx::stability::Report &report) {
  std::vector<std::string> known;
  for (const auto &verdict : report.verdicts) {
    known.push_back(verdict.property);
    known.push_back(verdict.property.substr(verdict.property.rfind('.') + 1));
  }
  for (const std::string &name : names) {
    if (std::ranges::find(known, name) != known.end())
      continue;
    std::string message =
        "error: '" + name + "' is not a property that is verified of this model\n";
    if (const std::optional<std::string> meant = nearest(name, known))
      message += "help: did you mean '" + *meant + "'?\n";
    return Error{message, Exit::usage};
  }
  return std::nullopt;
}

Result<Verified> verifyHere(const VerifyRequest &request) {
  Diagnostics diagnostics;
  const ast::FilePtr file = parseFile(request.path, diagnostics);
  if (!file)
    return Error{diagnostics.render(), Exit::input};
  const ElaborateOptions options{request.model, request.settings};
  const Elaborated model(*file, options, diagnostics);
  if (!model)
    return Error{diagnostics.render(), Exit::input};
  const Places places(*file);
  auto report = verify(*model.module, *file, options, places, diagnostics,
                       /*certificate=*/request.certificate.has_value());
  if (!report)
    return Error{diagnostics.render(), Exit::input};
  if (std::optional<Error> error = unknownProperty(request.properties, *report))
    return std::move(*error);
  std::optional<Error> problem;
  if (request.witnesses)
    problem = writeWitnesses(*report, request, *model.module);
  std::string certificate;
  if (request.certificate)
    certificate =
        request.certificate->empty() ? report->model + ".certificate.json" : *request.certificate;
  if (request.certificate)
    if (std::optional<Error> error = writeCertificate(*report, certificate)) {
      certificate.clear();
      problem = problem ? std::move(problem) : std::move(error);
    }
  return Verified{request.json ? reportJson(*report, request.properties)
                               : reportText(*report, places, request.properties),
                  exitOf(*report), std::move(certificate), std::move(problem)};
}
} // namespace

Result<Verified> verifyFile(const VerifyRequest &request) {
  std::optional<Result<Verified>> result;
  onDeepStack([&] { result = request.replay.empty() ? verifyHere(request) : replayHere(request); });
  return std::move(*result);
}

} // namespace lnx
