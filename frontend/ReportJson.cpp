// ReportJson: writes every field of a report, empty ones too, so that readers need no cases.
#include "frontend/ReportJson.h"

#include "frontend/Report.h"

#include <nlohmann/json.hpp>

namespace lnx {
namespace {
namespace ir = ::mlir::lnx::stability;
using Json = nlohmann::ordered_json;

/// {"file": ..., "line": ..., "column": ...}, or null.
Json placeJson(const std::optional<mlir::Location> &where) {
  const auto place = where ? (*where)->findInstanceOf<mlir::FileLineColLoc>() : nullptr;
  if (!place)
    return nullptr;
  return {{"file", place.getFilename().str()},
          {"line", place.getLine()},
          {"column", place.getColumn()}};
}

Json remarksJson(const std::vector<ir::Remark> &remarks) {
  Json list = Json::array();
  for (const ir::Remark &remark : remarks)
    list.push_back({{"text", remark.text}, {"place", placeJson(remark.where)}});
  return list;
}

Json verdictJson(const ir::Verdict &verdict) {
  return {{"property", verdict.property},
          {"verdict", ir::spelling(verdict.word).str()},
          {"basis", ir::spelling(verdict.basis).str()},
          {"claim", verdict.claim},
          {"formula", verdict.formula},
          {"number", verdict.number ? Json(*verdict.number) : Json()},
          {"growth", verdict.growth},
          {"lower_growth", verdict.lowerGrowth},
          {"paper_class", verdict.paperClass},
          {"assumptions", verdict.assumptions},
          {"missing", verdict.missing},
          {"culprits", remarksJson(verdict.culprits)},
          {"fix", verdict.fix},
          {"witness", verdict.witnessFile},
          {"details", verdict.details},
          {"profile", verdict.profile}};
}

Json checkJson(const ir::CheckOutcome &check) {
  return {{"text", check.text},
          {"property", check.property},
          {"verdict", ir::spelling(check.word).str()},
          {"reason", check.reason},
          {"witness", check.witnessFile},
          {"place", placeJson(check.where)}};
}
} // namespace

std::string reportJson(const ir::Report &report, const std::vector<std::string> &only) {
  Json verdicts = Json::array(), checks = Json::array();
  for (const ir::Verdict &verdict : report.verdicts)
    if (isNamed(verdict.property, only))
      verdicts.push_back(verdictJson(verdict));
  for (const ir::CheckOutcome &check : report.checks)
    checks.push_back(checkJson(check));
  const Json json = {{"version", 1},
                     {"model", report.model},
                     {"depth", report.depth},
                     {"width", report.width},
                     {"normal_form", report.normalForm},
                     {"assumptions", report.assumptions},
                     {"laws", report.laws},
                     {"verdicts", verdicts},
                     {"hazards", remarksJson(report.hazards)},
                     {"checks", checks},
                     {"exit", int(exitOf(report))}};
  // A path may hold any bytes.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

} // namespace lnx
