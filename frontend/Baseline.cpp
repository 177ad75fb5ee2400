// Baseline: compares words, classes, numbers and the parameters that make a stream large.
#include "frontend/Baseline.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace lnx {
namespace ir = ::mlir::lnx::stability;

/// The strongest of several: PROVED where there is one, else the first.
static const ir::Verdict *verdictOn(const ir::Report &report, const std::string &property) {
  const ir::Verdict *found = nullptr;
  for (const ir::Verdict &verdict : report.verdicts)
    if (verdict.property == property &&
        (!found || (found->word != ir::Word::proved && verdict.word == ir::Word::proved)))
      found = &verdict;
  return found;
}

static bool areAlike(const std::optional<double> &a, const std::optional<double> &b) {
  if (!a || !b)
    return !a == !b;
  // Numbers of equal equations differ by rounding only.
  return *a == *b || std::abs(*a - *b) <= 1e-9 * std::max(std::abs(*a), std::abs(*b));
}

std::vector<VerdictChange> changesOf(const ir::Report &was, const ir::Report &is,
                                     const std::vector<std::string> &only) {
  std::vector<VerdictChange> changes;
  for (const std::string &property : ir::propertyNames()) {
    const ir::Verdict *a = verdictOn(was, property), *b = verdictOn(is, property);
    if ((!a && !b) || !ir::isNamed(property, only))
      continue;
    const bool isSame =
        a && b && a->word == b->word && a->growth == b->growth && areAlike(a->number, b->number);
    if (!isSame)
      changes.push_back({property, a, b});
  }
  return changes;
}

std::vector<std::string> without(const std::vector<std::string> &names,
                                 const std::vector<std::string> &others) {
  std::vector<std::string> left;
  std::ranges::copy_if(names, std::back_inserter(left), [&](const std::string &name) {
    return std::ranges::find(others, name) == others.end();
  });
  return left;
}

/// "PROVED, 5.08, linear in depth".
static std::string shortly(const ir::Verdict *verdict) {
  if (!verdict)
    return "no verdict";
  std::string text = ir::spelling(verdict->word).str();
  if (verdict->basis == ir::Basis::trajectory || verdict->basis == ir::Basis::optimum)
    text += fmt::format(" (basis={})", ir::spelling(verdict->basis).str());
  if (verdict->number && std::isfinite(*verdict->number))
    text += fmt::format(", {:.6g}", *verdict->number);
  return text + (verdict->growth.empty() ? "" : ", " + verdict->growth + " in depth");
}

std::string baselineText(const ir::Report &was, const ir::Report &is,
                         const std::vector<std::string> &only) {
  std::string out =
      fmt::format("against model {} depth={} width={}\n", was.model, was.depth, was.width);
  const std::vector<VerdictChange> changes = changesOf(was, is, only);
  for (const VerdictChange &change : changes)
    out +=
        fmt::format("  {:<30}{} -> {}\n", change.property, shortly(change.was), shortly(change.is));
  const std::vector<std::string> gone = without(was.carriers, is.carriers),
                                 come = without(is.carriers, was.carriers);
  if (!gone.empty())
    out += fmt::format("  carriers no longer            {}\n", fmt::join(gone, ", "));
  if (!come.empty())
    out += fmt::format("  carriers now                  {}\n", fmt::join(come, ", "));
  if (changes.empty() && gone.empty() && come.empty())
    out += "  nothing differs\n";
  return out;
}

} // namespace lnx
