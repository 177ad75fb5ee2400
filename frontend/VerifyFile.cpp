// VerifyFile: the frontend, the verifier and the report in one call.
#include "frontend/VerifyFile.h"

#include "frontend/Baseline.h"
#include "frontend/Deep.h"
#include "frontend/Elaborated.h"
#include "frontend/Repair.h"
#include "frontend/Report.h"
#include "frontend/ReportJson.h"
#include "frontend/Verify.h"
#include "frontend/WitnessFile.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fmt/format.h>

namespace lnx {
namespace {
namespace ir = ::mlir::lnx::stability;

/// Each name of a property has to name one.
std::optional<Error> unknownProperty(const std::vector<std::string> &names,
                                     const ir::Report &report) {
  std::vector<std::string> known;
  for (const std::string &property : ir::propertyNames()) {
    known.push_back(property);
    known.push_back(property.substr(property.rfind('.') + 1));
  }
  for (const std::string &name : names) {
    if (std::ranges::any_of(report.verdicts, [&](const ir::Verdict &verdict) {
          return ir::isNamed(verdict.property, {name});
        }))
      continue;
    std::string message =
        "error: '" + name + "' is not a property that is verified of this model\n";
    const bool isKnown = std::ranges::find(known, name) != known.end();
    if (const std::optional<std::string> meant = nearest(name, known); meant && !isKnown)
      message += "help: did you mean '" + *meant + "'?\n";
    return Error{message, Exit::usage};
  }
  return std::nullopt;
}

/// Silent in the first second.
RepairProgress slowly(const std::function<void(const std::string &)> &say) {
  if (!say)
    return {};
  const auto start = std::chrono::steady_clock::now();
  return [say, start](int64_t tried, int64_t waiting) {
    if (std::chrono::steady_clock::now() - start > std::chrono::seconds(1))
      say(fmt::format("tried {} changes, {} to go", tried, waiting));
  };
}

/// The other report of a comparison, with the context that its places live in.
struct Baseline {
  std::unique_ptr<Elaborated> model;
  ir::Report report;
};

/// FILE, or FILE:MODEL where there is no file of that name.
Result<Baseline> baselineOf(const std::string &named, const std::vector<std::string> &properties) {
  std::string path = named, model;
  const size_t colon = named.rfind(':');
  if (colon != std::string::npos && !std::filesystem::exists(named)) {
    path = named.substr(0, colon);
    model = named.substr(colon + 1);
  }
  Diagnostics diagnostics;
  const ast::FilePtr file = parseFile(path, diagnostics);
  if (!file)
    return Error{diagnostics.render(), Exit::input};
  const ElaborateOptions options{model, {}};
  Baseline other{std::make_unique<Elaborated>(*file, options, diagnostics), {}};
  const Places places(*file);
  auto report = *other.model ? verify(*other.model->module, *file, options, places, diagnostics,
                                      {.witnesses = true, .properties = properties})
                             : std::nullopt;
  if (!report)
    return Error{diagnostics.render(), Exit::input};
  other.report = std::move(*report);
  return other;
}

/// The witnesses and the certificate that a request asks for.
Verified writeFiles(ir::Report &report, const VerifyRequest &request, mlir::ModuleOp module) {
  Verified verified{.exit = exitOf(report)};
  if (request.witnesses)
    verified.problem = writeWitnesses(report, request, module);
  if (!request.certificate)
    return verified;
  const std::string path =
      request.certificate->empty() ? report.model + ".certificate.json" : *request.certificate;
  std::optional<Error> error = writeCertificate(report, path);
  if (!error)
    verified.certificate = path;
  else if (!verified.problem)
    verified.problem = std::move(error);
  return verified;
}

/// A certificate is about all that is proved, whatever is shown.
std::vector<std::string> propertiesFor(const VerifyRequest &request) {
  return request.certificate ? std::vector<std::string>() : request.properties;
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
                       {.witnesses = true,
                        .certificate = request.certificate.has_value(),
                        .properties = propertiesFor(request)});
  if (!report)
    return Error{diagnostics.render(), Exit::input};
  if (std::optional<Error> error = unknownProperty(request.properties, *report))
    return std::move(*error);
  repair(*report, *file, options, request.properties, slowly(request.progress));
  Verified verified = writeFiles(*report, request, *model.module);
  std::optional<Baseline> baseline;
  if (!request.baseline.empty()) {
    Result<Baseline> other = baselineOf(request.baseline, request.properties);
    if (!other)
      return other.error();
    baseline = std::move(*other);
  }
  const ir::Report *was = baseline ? &baseline->report : nullptr;
  verified.report = request.json ? reportJson(*report, request.properties, was)
                                 : reportText(*report, places, request.properties);
  if (was && !request.json)
    verified.report += baselineText(*was, *report, request.properties);
  return verified;
}
} // namespace

Result<Verified> verifyFile(const VerifyRequest &request) {
  std::optional<Result<Verified>> result;
  onDeepStack([&] { result = request.replay.empty() ? verifyHere(request) : replayHere(request); });
  return std::move(*result);
}

} // namespace lnx
