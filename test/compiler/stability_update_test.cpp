// The update bound and the warm-up advice where the paper's model applies and where not (s90, s94).
#include "StabilityFixture.h"

using namespace lnx::test;
using namespace mlir::lnx::stability;

namespace {
/// The update bound's verdict and the advice built on it.
struct Update {
  Word bound, warmup;
  std::string growth;
  bool isPaper; ///< the basis, else the prediction at initialisation
  std::string printed;
};

Update updateOf(const std::string &text) {
  Verified model(text);
  std::optional<Report> report = model.verify();
  const Verdict *bound = find(report, "deepnorm.update_bound", Basis::paperModel);
  bool isPaper = bound;
  if (!bound)
    bound = find(report, "deepnorm.update_bound", Basis::initMeanField);
  const Verdict *warmup = find(report, "needs_warmup", Basis::heuristic);
  if (!bound || !warmup) {
    ADD_FAILURE() << print(report) << model.messages;
    return {};
  }
  return {bound->word, warmup->word, bound->growth, isPaper, print(report)};
}
} // namespace

// s90: the formula is about x <- norm(a*x + f(x)); for any other step the prediction is asked.
TEST(StabilityUpdate, s90_only_post_norm_equations) {
  for (const char *block : {"pre_ln", "peri_ln", "no_ln", "mix_ln", "parallel", "rezero"}) {
    Update update =
        updateOf("model m(depth = 12) = gpt2(depth = depth, block = " + std::string(block) + ")\n");
    EXPECT_FALSE(update.isPaper) << block << "\n" << update.printed;
    EXPECT_NE(update.growth, "") << block;
    EXPECT_NE(update.printed.find("the paper's model is about steps x <- norm(a*x + f(x)) only"),
              std::string::npos)
        << update.printed;
  }
}

// s92: what shrinks output projections with depth, at a fixed rate of learning, moves more.
TEST(StabilityUpdate, s92_small_projections_do_not_bound_updates) {
  Update scaled = updateOf("model m(depth = 12) = gpt2(depth = depth, block = pre_ln)\n");
  EXPECT_EQ(scaled.growth, "linear") << scaled.printed;
  EXPECT_EQ(scaled.bound, Word::predictedBad);
  EXPECT_EQ(scaled.warmup, Word::predictedBad);
  Update even = updateOf("model m(depth = 12) = gpt2(depth = depth, block = pre_ln, weight_init = "
                         "xavier(1), residual_init = xavier(1))\n");
  EXPECT_EQ(even.growth, "log") << even.printed;
  EXPECT_EQ(even.bound, Word::unknown);
  EXPECT_EQ(even.warmup, Word::predictedOk);
}

// s94: without a class of U there is no advice, neither way.
TEST(StabilityUpdate, s94_no_advice_without_a_class) {
  Update update = updateOf("def squashed(x, l, depth, heads) = pre_ln(x, l, depth, heads, norm = "
                           "dyt)\nmodel m(depth = 12) = gpt2(depth = depth, block = squashed)\n");
  EXPECT_TRUE(update.isPaper);
  EXPECT_EQ(update.bound, Word::unknown) << update.printed;
  EXPECT_EQ(update.growth, "");
  EXPECT_EQ(update.warmup, Word::unknown);
}

// s94: yes for Post-LN (4N) and the misplaced alpha (2N), no for DeepNorm (1).
TEST(StabilityUpdate, s94_post_norm_equations) {
  Update post = updateOf("model m(depth = 12) = gpt2(depth = depth, block = post_ln, "
                         "weight_init = xavier(1), residual_init = xavier(1))\n");
  EXPECT_EQ(post.bound, Word::refuted) << post.printed;
  EXPECT_EQ(post.growth, "linear");
  EXPECT_EQ(post.warmup, Word::predictedBad);
  Update labml = updateOf("def labml(x, l, depth, heads) = post_ln(x, l, depth, heads, dt = "
                          "(2*depth)^(1/4), gain = (8*depth)^(-1/4))\n"
                          "model m(depth = 12) = gpt2(depth = depth, block = labml)\n");
  EXPECT_EQ(labml.bound, Word::refuted) << labml.printed;
  EXPECT_EQ(labml.growth, "linear");
  EXPECT_EQ(labml.warmup, Word::predictedBad);
  Update deep = updateOf("model m(depth = 12) = gpt2(depth = depth, block = deepnorm)\n");
  EXPECT_EQ(deep.bound, Word::proved) << deep.printed;
  EXPECT_EQ(deep.warmup, Word::predictedOk);
}
