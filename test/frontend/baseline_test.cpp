// What differs between two reports: words, numbers, classes, carriers (claim S109).
#include "frontend/Baseline.h"

#include <gtest/gtest.h>

using namespace lnx;
namespace ir = mlir::lnx::stability;

namespace {
ir::Report reportOf(const std::string &model, ir::Word word, std::optional<double> number,
                    const std::string &growth, const std::vector<std::string> &carriers) {
  ir::Report report;
  report.model = model;
  report.depth = 12;
  report.width = 768;
  report.carriers = carriers;
  report.verdicts.emplace_back();
  report.verdicts.back().property = "forward.bound";
  report.verdicts.back().word = word;
  report.verdicts.back().number = number;
  report.verdicts.back().growth = growth;
  return report;
}
} // namespace

TEST(Baseline, SaysWordsNumbersClassesAndCarriers) {
  const ir::Report was = reportOf("pre", ir::Word::refuted, std::nullopt, "unbounded", {"a", "b"});
  ir::Report is = reportOf("peri", ir::Word::proved, 5.08, "linear", {"b", "c"});
  is.verdicts.emplace_back();
  is.verdicts.back().property = "depth.limit";
  EXPECT_EQ(
      baselineText(was, is, {}),
      "against model pre depth=12 width=768\n"
      "  forward.bound                 REFUTED, unbounded in depth -> PROVED, 5.08, linear in "
      "depth\n"
      "  depth.limit                   no verdict -> UNKNOWN\n"
      "  carriers no longer            a\n"
      "  carriers now                  c\n");
  EXPECT_EQ(changesOf(was, is, {"limit"}).size(), 1u);
}

TEST(Baseline, RoundingIsNoDifference) {
  const ir::Report was = reportOf("a", ir::Word::proved, 1.0, "linear", {});
  EXPECT_EQ(baselineText(was, reportOf("b", ir::Word::proved, 1 + 1e-12, "linear", {}), {}),
            "against model a depth=12 width=768\n"
            "  nothing differs\n");
  EXPECT_EQ(changesOf(was, reportOf("b", ir::Word::proved, 1 + 1e-6, "linear", {}), {}).size(), 1u);
  EXPECT_EQ(changesOf(was, reportOf("b", ir::Word::proved, std::nullopt, "linear", {}), {}).size(),
            1u);
}

// Of two verdicts on a property, the one that is proved counts.
TEST(Baseline, TheStrongestVerdictIsCompared) {
  const ir::Report was = reportOf("a", ir::Word::proved, 1.0, "linear", {});
  ir::Report is = reportOf("b", ir::Word::refuted, std::nullopt, "unbounded", {});
  is.verdicts.push_back(was.verdicts[0]);
  EXPECT_EQ(changesOf(was, is, {}).size(), 0u);
}

// What holds for fewer weights says so.
TEST(Baseline, BasesAreNamed) {
  const ir::Report was = reportOf("a", ir::Word::refuted, std::nullopt, "unbounded", {});
  ir::Report is = reportOf("b", ir::Word::proved, 2.0, "bounded", {});
  is.verdicts.back().basis = ir::Basis::optimum;
  EXPECT_EQ(
      baselineText(was, is, {}),
      "against model a depth=12 width=768\n"
      "  forward.bound                 REFUTED, unbounded in depth -> PROVED (basis=optimum), "
      "2, bounded in depth\n");
}
