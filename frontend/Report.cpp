// Report: one block a property: the word, the number, what it rests on, the line, the fix.
// A line of the source is shown once, and so is what several verdicts have in common.
#include "frontend/Report.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <map>
#include <set>

namespace lnx {
namespace {
namespace ir = ::mlir::lnx::stability;

constexpr size_t pageWidth = 100;

/// Six digits; the JSON has all of them.
std::string numberText(double number) {
  return std::isinf(number)   ? (number < 0 ? "-infinity" : "infinity")
         : std::isnan(number) ? "not a number"
                              : fmt::format("{:.6g}", number);
}

std::string joined(const std::vector<std::string> &parts, const char *separator = ", ") {
  return fmt::format("{}", fmt::join(parts, separator));
}

/// "  label    text", broken at spaces so that no line is longer than the page.
void addField(std::string &out, const char *label, const std::string &text) {
  if (text.empty())
    return;
  const std::string margin(12, ' ');
  std::string line = fmt::format("  {:<10}", label);
  size_t begin = 0;
  while (begin < text.size()) {
    size_t end = begin + (pageWidth - margin.size());
    if (end >= text.size()) {
      end = text.size();
    } else {
      const size_t space = text.rfind(' ', end);
      end = space == std::string::npos || space <= begin ? text.find(' ', end) : space;
      end = std::min(end, text.size());
    }
    out += line + text.substr(begin, end - begin) + '\n';
    line = margin;
    begin = end + 1;
  }
}

/// Indents every line of `text` by two more.
std::string indented(const std::string &text) {
  std::string out;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    out += "    " + text.substr(begin, end - begin) + '\n';
    begin = end + 1;
  }
  return out;
}

std::vector<std::string> linesOf(const std::string &text) {
  std::vector<std::string> lines(1);
  for (const char c : text)
    if (c == '\n')
      lines.emplace_back();
    else if (c != '\r')
      lines.back() += c;
  return lines;
}

/// "- line" and "+ line" of what differs, without the indentation that all of it has.
std::string changedLines(const std::string &before, const std::string &after) {
  std::vector<std::pair<char, std::string>> lines;
  std::vector<std::string> old = linesOf(before), changed = linesOf(after);
  if (old.size() == changed.size()) {
    for (size_t i = 0; i < old.size(); ++i)
      if (old[i] != changed[i])
        lines.insert(lines.end(), {{'-', old[i]}, {'+', changed[i]}});
  } else {
    while (!old.empty() &&
           old.back() == changed.back()) { // new lines are put before one that stays
      old.pop_back();
      changed.pop_back();
    }
    for (const std::string &line : old)
      lines.emplace_back('-', line);
    for (const std::string &line : changed)
      lines.emplace_back('+', line);
  }
  size_t indent = std::string::npos;
  for (const auto &[sign, line] : lines)
    indent = std::min(indent, std::min(line.find_first_not_of(" \t"), line.size()));
  std::string out;
  for (const auto &[sign, line] : lines)
    out += fmt::format("          {} {}\n", sign, line.substr(indent));
  return out;
}

class Page {
public:
  Page(const ir::Report &report, const Places &places) : report(report), places(places) {}

  void head(bool isWhole);
  void block(const ir::Verdict &verdict);
  void score();
  void hazards();
  void checks(const std::vector<std::string> &only = {});
  std::string take() { return std::move(out); }

private:
  void excerpt(std::optional<mlir::Location> where);
  void remark(const char *label, const ir::Remark &remark);
  void causes(const ir::Verdict &verdict);
  void addShared(const char *label, const std::string &text, const std::string &property);
  void profile(const std::vector<double> &profile);
  void fix(const std::optional<ir::Fix> &fix, int64_t tried, const std::string &property);
  std::string growthText(const ir::Verdict &verdict) const;

  const ir::Report &report;
  const Places &places;
  std::set<std::string> shown;                  // places
  std::map<std::string, std::string> firstWith; // label and text, to the property that has it
  std::string out;
};

void Page::head(bool isWhole) {
  out += fmt::format("model {} depth={} width={}\n", report.model, report.depth, report.width);
  if (!isWhole)
    return;
  for (const std::string &line : report.normalForm)
    out += "  " + line + '\n';
  addField(out, "assumes", joined(report.assumptions));
  addField(out, "trusts", joined(report.laws));
}

std::string Page::growthText(const ir::Verdict &verdict) const {
  std::vector<std::string> parts;
  if (!verdict.growth.empty())
    parts.push_back(verdict.growth + " in depth");
  if (!verdict.lowerGrowth.empty())
    parts.push_back("a witness is " + verdict.lowerGrowth);
  if (!verdict.paperClass.empty())
    parts.push_back("paper: " + verdict.paperClass);
  return joined(parts, "; ");
}

void Page::excerpt(std::optional<mlir::Location> where) {
  const Location at = where ? places.find(*where) : Location();
  if (at && shown.insert(placeText(*where)).second)
    out += indented(sourceExcerpt(at));
}

void Page::remark(const char *label, const ir::Remark &remark) {
  const std::string place = remark.where ? placeText(*remark.where) : "";
  addField(out, label,
           place.empty()         ? remark.text
           : remark.text.empty() ? place
                                 : place + ": " + remark.text);
  excerpt(remark.where);
}

/// The first, the last, and the three quarters between them.
void Page::profile(const std::vector<double> &profile) {
  if (profile.empty())
    return;
  const size_t last = profile.size() - 1, points = std::min<size_t>(last, 4);
  std::vector<std::string> parts;
  for (size_t i = 0; i <= points; ++i) {
    const size_t k = points == 0 ? 0 : i * last / points;
    parts.push_back(fmt::format("[{}] {:.4g}", k, profile[k]));
  }
  addField(out, "profile", joined(parts, " "));
}

/// A long text that an earlier verdict had as well is not repeated.
void Page::addShared(const char *label, const std::string &text, const std::string &property) {
  const auto [first, isNew] = firstWith.try_emplace(std::string(label) + text, property);
  addField(out, label, isNew || text.size() < 40 ? text : "as for " + first->second);
}

void Page::causes(const ir::Verdict &verdict) {
  std::string all;
  for (const ir::Remark &culprit : verdict.culprits)
    all += (culprit.where ? placeText(*culprit.where) : "") + culprit.text + '\n';
  const auto [first, isNew] = firstWith.try_emplace("because" + all, verdict.property);
  if (!isNew && !all.empty())
    return addField(out, "because", "as for " + first->second);
  for (size_t i = 0; i < verdict.culprits.size(); ++i)
    remark(i == 0 ? "because" : "", verdict.culprits[i]);
}

void Page::block(const ir::Verdict &verdict) {
  out += fmt::format("{:<32}{:<14} basis={}{}\n", verdict.property,
                     ir::spelling(verdict.word).str(), ir::spelling(verdict.basis).str(),
                     verdict.claim.empty() ? "" : ' ' + verdict.claim);
  addField(out, "formula", verdict.formula);
  if (verdict.number)
    addField(out, "number", numberText(*verdict.number));
  addField(out, "growth", growthText(verdict));
  for (size_t i = 0; i < verdict.details.size(); ++i)
    if (i == 0 || verdict.details[i] != verdict.details[i - 1])
      addField(out, "", verdict.details[i]);
  addField(out, "witness", verdict.witnessFile);
  profile(verdict.profile);
  const bool isDecided = verdict.word != ir::Word::unknown;
  if (isDecided || !verdict.assumptions.empty())
    addField(out, "assumes", verdict.assumptions.empty() ? "nothing" : joined(verdict.assumptions));
  addShared("missing", joined(verdict.missing), verdict.property);
  causes(verdict);
  fix(verdict.fix, verdict.tried, verdict.property);
}

/// The change as lines that go and lines that come, and what it brings.
void Page::fix(const std::optional<ir::Fix> &fix, int64_t tried, const std::string &property) {
  if (!fix && tried > 0)
    addField(out, "fix", fmt::format("no single change found among {} tried", tried));
  if (!fix)
    return;
  std::vector<std::string> gives = {ir::spelling(fix->word).str()};
  if (fix->number && std::isfinite(*fix->number))
    gives.push_back(numberText(*fix->number));
  if (!fix->growth.empty())
    gives.push_back(fix->growth + " in depth");
  if (!fix->lost.empty())
    gives.push_back("but no longer " + joined(fix->lost, ", "));
  const auto [first, isNew] = firstWith.try_emplace("fix" + fix->after, property);
  addField(out, "fix",
           fmt::format("{}:{}: gives {}{}", fix->file, fix->line, joined(gives),
                       isNew ? "" : ", as for " + first->second));
  if (isNew)
    out += changedLines(fix->before, fix->after);
}

void Page::score() {
  if (!report.score)
    return;
  const ir::Score &score = *report.score;
  out += fmt::format("score                           {:.1f} of 100    basis=heuristic S110\n",
                     score.total());
  addField(out, "less",
           fmt::format("growth {:.1f}, wellposed {:.1f}, gradient profile {:.1f}, update bound "
                       "{:.1f}, rank {:.1f}, logits {:.1f}, precision {:.1f}",
                       score.growth, score.wellPosed, score.profile, score.update, score.rank,
                       score.logits, score.precision));
  addField(out, "",
           "orders candidates by which to train first; it is no proof and says nothing "
           "about final quality");
}

void Page::hazards() {
  for (const ir::Remark &hazard : report.hazards)
    remark("hazard", hazard);
}

/// Those of other properties only where they do not hold: the exit code is theirs too.
void Page::checks(const std::vector<std::string> &only) {
  for (const ir::CheckOutcome &check : report.checks) {
    if (check.word == ir::Word::proved && !ir::isNamed(check.property, only))
      continue;
    const std::string place = check.where ? placeText(*check.where) + ": " : "";
    const std::string word = ir::spelling(check.word).str();
    out += fmt::format("{}check {}: {}{}\n", place, check.text, word,
                       check.reason.empty() || check.reason == word ? "" : ", " + check.reason);
    if (check.word != ir::Word::proved && check.where)
      out += sourceExcerpt(places.find(*check.where));
    addField(out, "witness", check.witnessFile);
    fix(check.fix, check.tried, "check " + check.text);
  }
}
} // namespace

std::string reportText(const ir::Report &report, const Places &places,
                       const std::vector<std::string> &only) {
  Page page(report, places);
  page.head(only.empty());
  for (const ir::Verdict &verdict : report.verdicts)
    if (ir::isNamed(verdict.property, only))
      page.block(verdict);
  if (only.empty()) {
    page.hazards();
    page.score();
  }
  page.checks(only);
  return page.take();
}

std::string verdictLines(const ir::Report &report) {
  std::string out;
  for (const ir::Verdict &verdict : report.verdicts) {
    std::string fact = verdict.growth;
    if (verdict.number && std::isfinite(*verdict.number))
      fact = numberText(*verdict.number) + (fact.empty() ? "" : ", " + fact);
    std::string line =
        fmt::format("verdict      {:<32}{:<14} {:<16}{}", verdict.property,
                    ir::spelling(verdict.word).str(), ir::spelling(verdict.basis).str(), fact);
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

std::string fixLines(const ir::Report &report) {
  std::vector<std::pair<const ir::Fix *, std::string>> fixes;
  for (const ir::Verdict &verdict : report.verdicts) {
    if (!verdict.fix)
      continue;
    const auto same = std::ranges::find_if(fixes, [&](const auto &entry) {
      return entry.first->line == verdict.fix->line && entry.first->after == verdict.fix->after;
    });
    if (same == fixes.end())
      fixes.emplace_back(&*verdict.fix, verdict.property);
    else
      same->second += ", " + verdict.property;
  }
  std::string out;
  for (const auto &[fix, properties] : fixes)
    out += fmt::format("fix          {}:{}: {}\n{}", fix->file, fix->line, properties,
                       changedLines(fix->before, fix->after));
  return out;
}

std::string checkLines(const ir::Report &report, const Places &places) {
  Page page(report, places);
  page.checks();
  return page.take();
}

Exit exitOf(const ir::Report &report) {
  Exit exit = Exit::done;
  for (const ir::CheckOutcome &check : report.checks) {
    if (check.word == ir::Word::refuted || check.word == ir::Word::predictedBad)
      return Exit::refuted;
    if (check.word == ir::Word::unknown)
      exit = Exit::unknown;
  }
  return exit;
}

} // namespace lnx
