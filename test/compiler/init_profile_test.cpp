// Verdicts at initialisation: classes and rules of S87, S95 and S101 on the architectures of the
// stability page.
#include "MeanFieldModels.h"
#include "compiler/stability/InitProfile.h"

#include <chrono>
#include <gtest/gtest.h>

using namespace lnx::test;
using namespace mlir::lnx::stability;

namespace {

InitProfile measure(int64_t depth, const MeanFieldAtDepth &at) {
  std::optional<InitProfile> init = measureInit(depth, at);
  EXPECT_TRUE(init.has_value());
  return init ? *init : InitProfile();
}

MeanFieldAtDepth xavierOf(std::string kind, Activation activation = Phi::relu) {
  return [=](int64_t depth) { return xavier(kind, {depth, 256, 1, false, 32}, activation); };
}

MeanFieldAtDepth gpt2Of(std::string kind) {
  return [=](int64_t depth) { return gpt2(kind, {depth}); };
}

bool mentions(const Verdict &v, const std::string &text) {
  for (const std::string &line : v.details)
    if (line.find(text) != std::string::npos)
      return true;
  return false;
}

std::string details(const Verdict &v) {
  std::string all;
  for (const std::string &line : v.details)
    all += line + "\n";
  return all;
}

TEST(InitProfile, s87ClassesFromDoublingDepths) {
  auto at = [](auto f) { return std::vector<double>{f(48.0), f(96.0), f(192.0), f(384.0)}; };
  EXPECT_EQ(classOfDoubling(at([](double n) { return 1 + .3 * n; })), Growth::power(1));
  EXPECT_EQ(classOfDoubling(at([](double n) { return 1 + .3 * n; }), 2), Growth::power(.5));
  EXPECT_EQ(classOfDoubling(at([](double n) { return 2 + std::log(n); })), Growth::log());
  EXPECT_EQ(classOfDoubling(at([](double n) { return 2 - 9 / n; })), Growth::bounded());
  EXPECT_EQ(classOfDoubling(at([](double) { return 7.0; })), Growth::bounded());
  EXPECT_EQ(classOfDoubling(at([](double n) { return std::exp(.01 * n); })), Growth::exponential());
  EXPECT_EQ(classOfDoubling({1, 2, INFINITY, INFINITY}), Growth::exponential());
  EXPECT_EQ(classOfDoubling({1, 2}).kind(), Growth::Kind::unknown);
}

struct Row {
  const char *kind;
  Growth gradient, rank;
  Word rankWord;
};

class TableTest : public testing::TestWithParam<int> {};

std::vector<Row> rows() {
  return {{"none", Growth::exponential(), Growth::power(3), Word::unknown},
          {"pre", Growth::power(.5), Growth::power(.88), Word::unknown},
          {"peri", Growth::power(.5), Growth::power(.58), Word::unknown},
          {"post", Growth::bounded(), Growth::exponential(), Word::predictedBad},
          {"deepnorm", Growth::bounded(), Growth::bounded(), Word::predictedOk},
          {"rezero", Growth::bounded(), Growth::bounded(), Word::predictedOk},
          {"scaled", Growth::bounded(), Growth::bounded(), Word::predictedOk},
          {"mix", Growth::power(.5), Growth::exponential(), Word::predictedBad}};
}

TEST_P(TableTest, s108ProfileAndRankClassesOfTheTable) {
  Row row = rows()[GetParam()];
  SCOPED_TRACE(row.kind);
  InitProfile init = measure(12, xavierOf(row.kind));
  Verdict gradient = backwardInitGradientProfile(init), rank = rankCollapse(init);
  EXPECT_EQ(gradient.growth, row.gradient.print()) << details(gradient);
  // The page gives no exponent for the rank's powers.
  std::optional<Growth> growth = Growth::parse(rank.growth);
  ASSERT_TRUE(growth.has_value()) << rank.growth;
  EXPECT_EQ(growth->kind(), row.rank.kind()) << rank.growth << "\n" << details(rank);
  EXPECT_NEAR(growth->exponent(), row.rank.exponent(), .25) << details(rank);
  EXPECT_EQ(rank.word, row.rankWord);
  EXPECT_EQ(gradient.basis, Basis::initMeanField);
  EXPECT_EQ(gradient.profile.size(), 12u);
}

INSTANTIATE_TEST_SUITE_P(Architectures, TableTest, testing::Range(0, 8),
                         [](const auto &info) { return rows()[info.param].kind; });

TEST(InitProfile, s87NormFreeIsPredictedBadAndDeepnormOk) {
  InitProfile none = measure(12, xavierOf("none")), deep = measure(12, xavierOf("deepnorm"));
  EXPECT_EQ(initVariance(none).word, Word::predictedBad);
  EXPECT_EQ(initVariance(none).growth, "exponential");
  EXPECT_EQ(backwardInitGradientProfile(none).word, Word::predictedBad);
  EXPECT_EQ(initParameterGradientProfile(deep).word, Word::predictedOk);
  EXPECT_EQ(backwardInitGradientProfile(deep).word, Word::predictedOk);
  EXPECT_EQ(initVariance(deep).word, Word::predictedOk);
  EXPECT_EQ(initVariance(deep).number, deep.profile.q.back());
}

TEST(InitProfile, s87VarianceOfPreIsLinearAndPerStepScalingBoundsIt) {
  EXPECT_EQ(initVariance(measure(12, xavierOf("pre"))).growth, "linear");
  EXPECT_EQ(initVariance(measure(12, xavierOf("peri"))).growth, "linear");
  EXPECT_EQ(initVariance(measure(12, xavierOf("scaled"))).growth, "bounded");
  EXPECT_EQ(initVariance(measure(12, xavierOf("lns"))).growth, "log");
  EXPECT_EQ(initVariance(measure(12, gpt2Of("pre"))).growth, "bounded");
}

TEST(InitProfile, s88PostWithGeluIsExponentialAndWithReluIsNot) {
  Verdict gelu = backwardInitGradientProfile(measure(24, xavierOf("post", Phi::geluErf)));
  EXPECT_EQ(gelu.growth, "exponential") << details(gelu);
  EXPECT_EQ(gelu.word, Word::predictedBad);
  EXPECT_EQ(backwardInitGradientProfile(measure(24, xavierOf("post"))).growth, "bounded");
}

TEST(InitProfile, s87ReportSaysRatioRateDepthsAndTolerance) {
  Verdict v = backwardInitGradientProfile(measure(12, gpt2Of("pre")));
  EXPECT_TRUE(mentions(v, "shortcut ratio |g_0|/|g_K| 10.15")) << details(v);
  EXPECT_TRUE(mentions(v, "Lyapunov rate ln(|g_0|/|g_K|)/(KN) 0.09655")) << details(v);
  EXPECT_TRUE(mentions(v, "|g_0|/|g_K| at depth 24: ")) << details(v);
  EXPECT_TRUE(mentions(v, "tolerance (S106): predicted/measured 0.84..1.16, one seed"));
  Verdict w = initParameterGradientProfile(measure(12, gpt2Of("pre")));
  EXPECT_TRUE(mentions(w, "mlp out: first/last 3.684")) << details(w);
  EXPECT_TRUE(mentions(w, "attention out: first/last 3.439")) << details(w);
}

TEST(InitProfile, s87StepsThatStartAtZeroHaveNoWeightGradient) {
  Verdict v = initParameterGradientProfile(measure(12, xavierOf("rezero")));
  EXPECT_EQ(v.word, Word::unknown);
  EXPECT_TRUE(mentions(v, "mlp out: no gradient at init in any layer")) << details(v);
}

TEST(InitProfile, s95TinyEmbeddingsAreAdvisedAgainst) {
  Verdict v = rankCollapse(measure(12, gpt2Of("peri")));
  EXPECT_TRUE(mentions(v, "normalise or scale the embedding (mean square 0.0008)")) << details(v);
  EXPECT_FALSE(mentions(rankCollapse(measure(12, xavierOf("peri"))), "embedding"));
}

TEST(InitProfile, s101EffectiveLayersOfPreGrowLikeALogarithm) {
  Verdict pre = layerEffectiveness(measure(96, xavierOf("pre")));
  EXPECT_EQ(pre.growth, "log") << details(pre);
  EXPECT_EQ(pre.profile.size(), 96u);
  EXPECT_EQ(layerEffectiveness(measure(12, xavierOf("post"))).growth, "linear");
  Verdict deep = layerEffectiveness(measure(12, xavierOf("deepnorm")));
  EXPECT_EQ(deep.word, Word::unknown);
  EXPECT_TRUE(mentions(deep, "12 of 12 layers change less than")) << details(deep);
  EXPECT_EQ(layerEffectiveness(measure(12, xavierOf("post"))).word, Word::predictedOk);
}

TEST(InitProfile, s87ModelsOfOneDepthHaveNumbersButNoClass) {
  MeanFieldAtDepth only = [](int64_t depth) -> std::optional<MeanFieldModel> {
    if (depth != 12)
      return std::nullopt;
    return xavier("deepnorm", {12, 256, 1, false, 32});
  };
  for (const Verdict &v : initVerdicts(measure(12, only))) {
    EXPECT_EQ(v.growth, "") << v.property;
    EXPECT_TRUE(v.number.has_value());
    EXPECT_TRUE(mentions(v, "no class: the model cannot be built at other depths"));
    // An OK of S87 and S95 needs the comparison.
    EXPECT_EQ(v.word, Word::unknown) << v.property;
  }
  EXPECT_FALSE(measureInit(6, only).has_value());
}

TEST(InitProfile, s87ModelsWithoutLayersAreSteady) {
  for (const Verdict &v : initVerdicts(measure(0, [](int64_t) { return MeanFieldModel(); }))) {
    EXPECT_EQ(v.word, Word::predictedOk) << v.property;
    EXPECT_TRUE(std::isfinite(*v.number)) << v.property;
    EXPECT_EQ(v.growth, "bounded") << v.property;
  }
}

// About 10 ms each where this was written; the limit only catches a loop over all layers.
TEST(InitProfile, s87TimeDoesNotGrowWithDepth) {
  for (int64_t depth : {1000, 100000}) {
    auto start = std::chrono::steady_clock::now();
    std::vector<Verdict> all = initVerdicts(measure(depth, gpt2Of("pre")));
    std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    EXPECT_LT(taken.count(), 1) << depth;
    EXPECT_EQ(mentions(all[0], "profile of 2048 of 100000 layers"), depth == 100000);
  }
}

} // namespace
