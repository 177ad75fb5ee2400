// The score that orders candidates (claim S110): the table, and the order of Kan 2025.
#include "StabilityFixture.h"

using namespace lnx::test;
using namespace mlir::lnx::stability;

namespace {
/// 24 updates of GPT-2 124M; logits and range are taken as bounded, as the page does.
ScoreFacts facts(Growth growth, double dt, bool isWellPosed, std::optional<Growth> profile,
                 Growth update, Growth rank) {
  return {growth, 24 * dt, isWellPosed, profile, update, rank, true, true};
}
double tenths(const ScoreFacts &of) { return std::round(scoreOf(of).total() * 10) / 10; }

const Growth bounded = Growth::bounded(), linear = Growth::power(1), root = Growth::power(0.5),
             logarithm = Growth::log(), exponential = Growth::exponential();
} // namespace

TEST(Score, s110_numbers) {
  EXPECT_EQ(tenths(facts(linear, 0.1, true, root, logarithm, root)), 88.4);              // Peri
  EXPECT_EQ(tenths(facts(linear, 1, true, root, logarithm, root)), 86.3);                // Peri
  EXPECT_EQ(tenths(facts(linear, 0.1, false, root, logarithm, root)), 74.2);             // Pre
  EXPECT_EQ(tenths(facts(linear, 1, false, root, logarithm, root)), 67.1);               // Pre
  EXPECT_EQ(tenths(facts(exponential, 1, false, exponential, exponential, root)), 13.8); // None
  EXPECT_EQ(tenths(facts(bounded, 1, true, std::nullopt, linear, exponential)), 68);     // Post
  EXPECT_EQ(tenths(facts(bounded, 1, true, bounded, linear, exponential)), 74);          // labml
  EXPECT_EQ(tenths(facts(bounded, 1, true, bounded, bounded, bounded)), 100);            // DeepNorm
}

TEST(Score, s110_logits_and_range_cost_the_same_everywhere) {
  ScoreFacts of = facts(bounded, 1, true, bounded, bounded, bounded);
  of.areLogitsBounded = false;
  EXPECT_EQ(scoreOf(of).total(), 97);
  of.isInRange = false;
  EXPECT_EQ(scoreOf(of).total(), 93);
}

// A faster class never scores better, in any place.
TEST(Score, s110_is_monotone) {
  const Growth classes[] = {bounded,
                            logarithm,
                            root,
                            linear,
                            Growth::power(2),
                            Growth::stretched(0.5),
                            exponential,
                            Growth::doubleExponential(),
                            Growth::unbounded()};
  for (double steps : {0.0, 2.4, 24.0, 1e300})
    for (std::optional<Growth> ScoreFacts::*place :
         {&ScoreFacts::growth, &ScoreFacts::profile, &ScoreFacts::update, &ScoreFacts::rank}) {
      ScoreFacts of;
      of.steps = steps;
      double best = 100;
      for (const Growth &growth : classes) {
        of.*place = growth;
        // At few steps S110's own table has a linear stream below one of sqrt.
        if (place == &ScoreFacts::growth && growth == linear && steps < 1e3)
          continue;
        EXPECT_LE(scoreOf(of).total(), best) << growth.print();
        best = scoreOf(of).total();
      }
      EXPECT_GE(best, 0);
    }
}

// The same numbers from equations, with Xavier weights and with logits and range left out as the
// page does. Post-LN's gradients grow exponentially behind GELU and not behind ReLU, where the page
// has 68 for a class that is not known (decision 14).
TEST(Score, s110_from_equations) {
  const std::pair<const char *, double> rows[] = {{"peri_ln, dt = 0.1", 88.4},
                                                  {"peri_ln", 86.3},
                                                  {"pre_ln, dt = 0.1", 74.2},
                                                  {"pre_ln", 67.1},
                                                  {"no_ln", 13.8},
                                                  {"post_ln", 59},
                                                  {"post_relu", 74},
                                                  {"labml", 74},
                                                  {"deepnorm", 100}};
  for (const auto &[block, total] : rows) {
    Verified model("def labml(x, l, depth, heads) = post_ln(x, l, depth, heads, dt = "
                   "(2*depth)^(1/4), gain = (8*depth)^(-1/4))\n"
                   "def post_relu(x, l, depth, heads) {\n"
                   "  x <- layernorm(x + attn(x, heads))\n"
                   "  x <- layernorm(x + mlp(x, act = relu))\n  return x\n}\n"
                   "model m(depth = 12) {\n  assume norm.gain <= 1.5\n  assume norm.bias.rms <= "
                   "0.2\n  assume x0.rms <= 1\n  return gpt2(depth = depth, weight_init = "
                   "xavier(1), residual_init = xavier(1), block = " +
                   std::string(block) + ")\n}\n");
    std::optional<Report> report = model.verify();
    ASSERT_TRUE(report && report->score) << block;
    const Score &score = *report->score;
    EXPECT_NEAR(score.total() + score.logits + score.precision, total, 0.05) << block;
  }
}
