// The report of verdicts made by hand: words, numbers, assumptions, places, exit codes.
#include "frontend/Parser.h"
#include "frontend/Report.h"
#include "frontend/ReportJson.h"

#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>
#include <limits>

using namespace lnx;
namespace ir = mlir::lnx::stability;

namespace {
const char *const text = "def block(x, l, depth, heads) {\n"
                         "  x <- x + attn(layernorm(x), heads)\n"
                         "  return x\n"
                         "}\n"
                         "model m(depth = 2) {\n"
                         "  check growth <= bounded\n"
                         "  return gpt2(block = block, depth = depth)\n"
                         "}\n";

struct ReportTest : testing::Test {
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  Diagnostics diagnostics;
  ast::FilePtr file = parse(std::make_shared<const Source>("m.lnx", text), diagnostics);
  Places places{*file};
  ir::Report report;

  mlir::Location at(unsigned line, unsigned column, const char *name = "m.lnx") {
    return mlir::FileLineColLoc::get(&context, name, line, column);
  }

  ir::Verdict &add(const char *property, ir::Word word) {
    report.verdicts.emplace_back();
    report.verdicts.back().property = property;
    report.verdicts.back().word = word;
    return report.verdicts.back();
  }

  /// What is printed below the head.
  std::string page(const std::vector<std::string> &only = {}) {
    const std::string whole = reportText(report, places, only);
    return whole.substr(whole.find('\n') + 1);
  }
};

TEST_F(ReportTest, HeadNamesTheModelItsStepsAndItsPromises) {
  report.model = "m";
  report.depth = 2;
  report.width = 768;
  report.normalForm = {"layers 1..2: x <- x + attn(norm(x))"};
  report.assumptions = {"norm.gain <= 1.5", "norm.bias.rms <= 0.2"};
  report.laws = {"law peak <= 3 of 'clamp'"};
  EXPECT_EQ(reportText(report, places), "model m depth=2 width=768\n"
                                        "  layers 1..2: x <- x + attn(norm(x))\n"
                                        "  assumes   norm.gain <= 1.5, norm.bias.rms <= 0.2\n"
                                        "  trusts    law peak <= 3 of 'clamp'\n");
}

TEST_F(ReportTest, S109AVerdictShowsEverythingItRestsOn) {
  ir::Verdict &verdict = add("forward.bound", ir::Word::proved);
  verdict.claim = "S59";
  verdict.formula = "r0 + sum_k |dt_k| G_k";
  verdict.number = 5.08;
  verdict.growth = "linear";
  verdict.lowerGrowth = "linear";
  verdict.paperClass = "linear (Thm 4)";
  verdict.assumptions = {"norm.gain <= 1.5"};
  verdict.details = {"bound.paper 6.00"};
  EXPECT_EQ(page(), "forward.bound                   PROVED         basis=worst_case S59\n"
                    "  formula   r0 + sum_k |dt_k| G_k\n"
                    "  number    5.08\n"
                    "  growth    linear in depth; a witness is linear; paper: linear (Thm 4)\n"
                    "            bound.paper 6.00\n"
                    "  assumes   norm.gain <= 1.5\n");
}

TEST_F(ReportTest, AProofWithoutAssumptionsSaysSo) {
  add("forward.wellposed", ir::Word::proved);
  EXPECT_EQ(page(), "forward.wellposed               PROVED         basis=worst_case\n"
                    "  assumes   nothing\n");
}

TEST_F(ReportTest, ACulpritIsShownOnceWithItsCaret) {
  for (const char *property : {"forward.growth", "forward.bound", "depth.limit"}) {
    ir::Verdict &verdict = add(property, ir::Word::unknown);
    verdict.culprits = {{"attn.o.W has no bound", at(2, 3)}};
  }
  report.verdicts[1].culprits[0].text = "other";
  report.verdicts[1].missing = {"assume spectral(attn.o.W) <= ..., assume max(attn.o.b) <= ..."};
  report.verdicts[2].missing = report.verdicts[1].missing;
  report.verdicts[1].fix =
      ir::Fix{"m.lnx", 2, "  x", "  n(x)", ir::Word::proved, std::nullopt, "", {"init.variance"}};
  report.verdicts[2].fix = report.verdicts[1].fix;
  report.verdicts[2].fix->lost.clear();
  report.verdicts[2].fix->number = 2;
  report.verdicts[0].tried = 37;
  EXPECT_EQ(page(), "forward.growth                  UNKNOWN        basis=worst_case\n"
                    "  because   m.lnx:2:3: attn.o.W has no bound\n"
                    "          x <- x + attn(layernorm(x), heads)\n"
                    "          ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n"
                    "  fix       no single change found among 37 tried\n"
                    "forward.bound                   UNKNOWN        basis=worst_case\n"
                    "  missing   assume spectral(attn.o.W) <= ..., assume max(attn.o.b) <= ...\n"
                    "  because   m.lnx:2:3: other\n"
                    "  fix       m.lnx:2: gives PROVED, but no longer init.variance\n"
                    "          - x\n"
                    "          + n(x)\n"
                    "depth.limit                     UNKNOWN        basis=worst_case\n"
                    "  missing   as for forward.bound\n"
                    "  because   as for forward.growth\n"
                    "  fix       m.lnx:2: gives PROVED, 2, as for forward.bound\n");
}

TEST_F(ReportTest, PlacesWithoutTextAreStillNamed) {
  ir::Verdict &verdict = add("forward.bound", ir::Word::refuted);
  verdict.culprits = {{"a", at(1, 1, "--set dt")},
                      {"b", at(99, 1)},
                      {"c", mlir::UnknownLoc::get(&context)},
                      {"d", std::nullopt}};
  EXPECT_EQ(page(), "forward.bound                   REFUTED        basis=worst_case\n"
                    "  assumes   nothing\n"
                    "  because   --set dt:1:1: a\n"
                    "            m.lnx:99:1: b\n"
                    "            c\n"
                    "            d\n");
}

TEST_F(ReportTest, LongListsStayOnThePage) {
  ir::Verdict &verdict = add("forward.bound", ir::Word::unknown);
  for (int i = 0; i < 40; ++i)
    verdict.missing.push_back("assume max(w) <= " + std::to_string(i));
  verdict.formula = std::string(300, 'x') + " y";
  std::istringstream lines(page());
  size_t longest = 0, count = 0;
  for (std::string line; std::getline(lines, line); ++count)
    if (!line.starts_with("  formula"))
      longest = std::max(longest, line.size());
  EXPECT_LE(longest, 112u);
  EXPECT_GT(count, 9u);
}

TEST_F(ReportTest, AProfileOfManyLayersIsThinned) {
  ir::Verdict &verdict = add("init.variance", ir::Word::predictedOk);
  verdict.basis = ir::Basis::initMeanField;
  for (int i = 0; i <= 1000; ++i)
    verdict.profile.push_back(i);
  EXPECT_NE(page().find("profile   [0] 0 [250] 250 [500] 500 [750] 750 [1000] 1000\n"),
            std::string::npos)
      << page();
  EXPECT_NE(page().find("PREDICTED_OK   basis=init_mean_field\n"), std::string::npos);
}

TEST_F(ReportTest, OnlyTheNamedPropertiesAreShown) {
  add("forward.bound", ir::Word::proved);
  add("precision.overflow", ir::Word::proved);
  EXPECT_EQ(page({"overflow"}).find("forward"), std::string::npos);
  EXPECT_EQ(page({"forward.bound"}).find("overflow"), std::string::npos);
  report.normalForm = {"x <- x"};
  report.checks = {{"growth <= linear", "forward.growth", ir::Word::proved, "", {}}};
  EXPECT_EQ(page({"bound"}), "forward.bound                   PROVED         basis=worst_case\n"
                             "  assumes   nothing\n");
  report.checks[0].word = ir::Word::unknown;
  EXPECT_NE(page({"bound"}).find("check growth <= linear: UNKNOWN\n"), std::string::npos);
  EXPECT_TRUE(ir::isNamed("needs_warmup", {"needs_warmup"}));
  EXPECT_TRUE(ir::isNamed("forward.bound", {}));
  EXPECT_FALSE(ir::isNamed("forward.bound", {"forward", "ound"}));
}

TEST_F(ReportTest, ChecksThatDoNotHoldShowTheirLine) {
  report.checks = {{"forward.growth <= bounded", "forward.growth", ir::Word::refuted,
                    "a witness is linear", at(6, 3)},
                   {"forward.wellposed", "forward.wellposed", ir::Word::proved, "", at(7, 3)}};
  EXPECT_EQ(checkLines(report, places),
            "m.lnx:6:3: check forward.growth <= bounded: REFUTED, a witness is linear\n"
            "      check growth <= bounded\n"
            "      ^~~~~~~~~~~~~~~~~~~~~~~\n"
            "m.lnx:7:3: check forward.wellposed: PROVED\n");
}

TEST_F(ReportTest, ChecksDecideTheExitCodeAndRefutedWins) {
  add("forward.bound", ir::Word::refuted);
  EXPECT_EQ(exitOf(report), Exit::done); // nobody asked
  report.checks = {{"a", "a", ir::Word::proved, "", {}}, {"b", "b", ir::Word::predictedOk, "", {}}};
  EXPECT_EQ(exitOf(report), Exit::done);
  report.checks.push_back({"c", "c", ir::Word::unknown, "", {}});
  EXPECT_EQ(exitOf(report), Exit::unknown);
  report.checks.push_back({"d", "d", ir::Word::refuted, "", {}});
  report.checks.push_back({"e", "e", ir::Word::unknown, "", {}});
  EXPECT_EQ(exitOf(report), Exit::refuted);
}

TEST_F(ReportTest, CardLinesAreOneAProperty) {
  ir::Verdict &bound = add("forward.bound", ir::Word::proved);
  bound.number = 12.5;
  bound.growth = "linear";
  add("needs_warmup", ir::Word::unknown).number = std::numeric_limits<double>::infinity();
  EXPECT_EQ(
      verdictLines(report),
      "verdict      forward.bound                   PROVED         worst_case      12.5, linear\n"
      "verdict      needs_warmup                    UNKNOWN        worst_case\n");
}

TEST_F(ReportTest, JsonTellsNoInfinityAndNoPlaceFromAbsence) {
  ir::Verdict &verdict = add("forward.bound", ir::Word::unknown);
  verdict.number = std::numeric_limits<double>::infinity();
  verdict.culprits = {{"a", at(2, 3)}, {"b", std::nullopt}};
  report.model = "bad \xff bytes";
  const std::string json = reportJson(report);
  EXPECT_NE(json.find("\"number\": null"), std::string::npos);
  EXPECT_NE(json.find("\"line\": 2"), std::string::npos);
  EXPECT_NE(json.find("\"place\": null"), std::string::npos);
  EXPECT_NE(json.find("\"verdict\": \"UNKNOWN\""), std::string::npos);
  EXPECT_EQ(json.find('\xff'), std::string::npos);
}
} // namespace
