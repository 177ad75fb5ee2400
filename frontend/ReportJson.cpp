// ReportJson: writes every field of a report, empty ones too, so that readers need no cases.
#include "frontend/ReportJson.h"

#include "frontend/Baseline.h"
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

Json fixJson(const std::optional<ir::Fix> &fix) {
  if (!fix)
    return nullptr;
  return {{"file", fix->file},
          {"line", fix->line},
          {"before", fix->before},
          {"after", fix->after},
          {"verdict", ir::spelling(fix->word).str()},
          {"number", fix->number ? Json(*fix->number) : Json()},
          {"growth", fix->growth},
          {"lost", fix->lost}};
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
          {"fix", fixJson(verdict.fix)},
          {"tried", verdict.tried},
          {"witness", verdict.witnessFile},
          {"details", verdict.details},
          {"profile", verdict.profile}};
}

Json scoreJson(const std::optional<ir::Score> &score) {
  if (!score)
    return nullptr;
  return {{"total", score->total()},       {"growth", score->growth},
          {"wellposed", score->wellPosed}, {"profile", score->profile},
          {"update", score->update},       {"rank", score->rank},
          {"logits", score->logits},       {"precision", score->precision}};
}

/// [the baseline's, the model's], each null where there is no verdict.
Json changeJson(const VerdictChange &change) {
  const auto pair = [&](auto get) {
    return Json::array(
        {change.was ? get(*change.was) : Json(), change.is ? get(*change.is) : Json()});
  };
  return {
      {"property", change.property},
      {"verdict", pair([](const ir::Verdict &v) { return Json(ir::spelling(v.word).str()); })},
      {"number", pair([](const ir::Verdict &v) { return v.number ? Json(*v.number) : Json(); })},
      {"growth", pair([](const ir::Verdict &v) { return Json(v.growth); })}};
}

Json baselineJson(const ir::Report *was, const ir::Report &is,
                  const std::vector<std::string> &only) {
  if (!was)
    return nullptr;
  Json changes = Json::array();
  for (const VerdictChange &change : changesOf(*was, is, only))
    changes.push_back(changeJson(change));
  return {{"model", was->model},
          {"depth", was->depth},
          {"changes", changes},
          {"carriers_gone", without(was->carriers, is.carriers)},
          {"carriers_new", without(is.carriers, was->carriers)}};
}

Json checkJson(const ir::CheckOutcome &check) {
  return {{"text", check.text},
          {"property", check.property},
          {"verdict", ir::spelling(check.word).str()},
          {"reason", check.reason},
          {"witness", check.witnessFile},
          {"fix", fixJson(check.fix)},
          {"tried", check.tried},
          {"place", placeJson(check.where)}};
}
} // namespace

std::string reportJson(const ir::Report &report, const std::vector<std::string> &only,
                       const ir::Report *baseline) {
  Json verdicts = Json::array(), checks = Json::array();
  for (const ir::Verdict &verdict : report.verdicts)
    if (ir::isNamed(verdict.property, only))
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
                     {"carriers", report.carriers},
                     {"verdicts", verdicts},
                     {"hazards", remarksJson(report.hazards)},
                     {"score", scoreJson(report.score)},
                     {"baseline", baselineJson(baseline, report, only)},
                     {"checks", checks},
                     {"exit", int(exitOf(report))}};
  // A path may hold any bytes.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

} // namespace lnx
