// Repairing: a text's report with its fixes, and what somebody does who follows one.
#pragma once

#include "frontend/Elaborated.h"
#include "frontend/Repair.h"
#include "frontend/Report.h"
#include "frontend/Verify.h"

#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <sstream>

namespace lnx::test {

namespace ir = mlir::lnx::stability;

/// A file's report with its fixes.
struct Repaired {
  std::string text;
  ast::FilePtr file;
  ir::Report report;
  std::string page;

  Repaired(const std::string &text, const std::string &model = "",
           const std::vector<std::string> &only = {}, bool isRepaired = true)
      : text(text) {
    Diagnostics diagnostics;
    file = parse(std::make_shared<const Source>("m.lnx", text), diagnostics);
    if (!file) {
      ADD_FAILURE() << diagnostics.render();
      return;
    }
    const ElaborateOptions options{model, {}};
    Elaborated here(*file, options, diagnostics);
    const Places places(*file);
    auto found = here ? verify(*here.module, *file, options, places, diagnostics,
                               {.properties = only, .details = false})
                      : std::nullopt;
    if (!found) {
      ADD_FAILURE() << diagnostics.render() << "\n" << text;
      return;
    }
    report = *found;
    if (isRepaired)
      repair(report, *file, options, only);
    page = reportText(report, places, only);
    // Locations do not outlive the context.
    for (ir::Verdict &verdict : report.verdicts)
      verdict.culprits.clear();
    for (ir::CheckOutcome &check : report.checks)
      check.where.reset();
    report.hazards.clear();
  }

  const ir::Verdict &on(const std::string &property) const {
    static const ir::Verdict none;
    for (const ir::Verdict &verdict : report.verdicts)
      if (verdict.property == property)
        return verdict;
    ADD_FAILURE() << "no verdict on " << property;
    return none;
  }
  /// "line: after", or how many changes were tried.
  std::string fix(const std::string &property) const {
    const ir::Verdict &verdict = on(property);
    return verdict.fix ? std::to_string(verdict.fix->line) + ": " + verdict.fix->after
                       : "none of " + std::to_string(verdict.tried);
  }
};

/// What somebody does who follows the fix: puts some lines in the place of others.
inline std::string followed(const std::string &text, const ir::Fix &fix) {
  size_t begin = 0;
  for (int64_t line = 1; line < fix.line; ++line)
    begin = text.find('\n', begin) + 1;
  EXPECT_EQ(text.substr(begin, fix.before.size()), fix.before);
  return text.substr(0, begin) + fix.after + text.substr(begin + fix.before.size());
}

inline std::string read(const std::string &path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Follows every fix of a report and verifies again, each text once; gives how many fixes there
/// are.
inline int expectThatFixesHold(const Repaired &before, const std::string &model) {
  std::map<std::string, std::vector<std::string>> texts; // properties to verify
  for (const ir::Verdict &verdict : before.report.verdicts)
    if (verdict.fix)
      texts[followed(before.text, *verdict.fix)].push_back(verdict.property);
  for (const ir::CheckOutcome &check : before.report.checks)
    if (check.fix)
      texts[followed(before.text, *check.fix)].push_back(check.property);
  std::map<std::string, Repaired> after;
  for (const auto &[text, properties] : texts)
    after.try_emplace(text, text, model, properties, /*isRepaired=*/false);
  int count = 0;
  for (const ir::Verdict &verdict : before.report.verdicts) {
    if (!verdict.fix)
      continue;
    ++count;
    const ir::Report &then = after.at(followed(before.text, *verdict.fix)).report;
    EXPECT_TRUE(std::ranges::any_of(then.verdicts,
                                    [&](const ir::Verdict &other) {
                                      return other.property == verdict.property &&
                                             other.word == verdict.fix->word &&
                                             other.number == verdict.fix->number &&
                                             other.growth == verdict.fix->growth;
                                    }))
        << model << " " << verdict.property << "\n"
        << verdict.fix->after;
  }
  for (const ir::CheckOutcome &check : before.report.checks) {
    if (!check.fix)
      continue;
    ++count;
    for (const ir::CheckOutcome &other : after.at(followed(before.text, *check.fix)).report.checks)
      EXPECT_TRUE(other.text != check.text || other.word == ir::Word::proved) << check.text;
  }
  return count;
}

inline const std::string promises = "  assume norm.gain <= 1.5\n  assume norm.bias.rms <= 0.2\n"
                                    "  assume x0.rms <= 1\n";
inline std::string modelOf(const std::string &arguments, const std::string &more = promises) {
  return "model m(depth = 12) {\n" + more + "  return gpt2(depth = depth, " + arguments + ")\n}\n";
}
inline std::string blockOf(const std::string &steps) {
  return "def own(x, l, depth, heads) {\n" + steps + "  return x\n}\n";
}
} // namespace lnx::test
