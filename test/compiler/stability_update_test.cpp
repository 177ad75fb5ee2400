// The update bound and the warm-up advice where the paper's model applies and where not (s90, s94).
#include "StabilityFixture.h"

using namespace lnx::test;
using namespace mlir::lnx::stability;

namespace {
/// The update bound's verdict and the advice built on it.
struct Update {
  Word bound, warmup;
  std::string growth;
  bool hasNumber;
  std::string printed;
};

Update updateOf(const std::string &text) {
  Verified model(text);
  std::optional<Report> report = model.verify();
  const Verdict *bound = find(report, "deepnorm.update_bound", Basis::paperModel);
  const Verdict *warmup = find(report, "needs_warmup", Basis::heuristic);
  if (!bound || !warmup) {
    ADD_FAILURE() << print(report) << model.messages;
    return {};
  }
  return {bound->word, warmup->word, bound->growth, bound->number.has_value(), print(report)};
}
} // namespace

// s90: the formula is about x <- norm(a*x + f(x)); any other step leaves the question open.
TEST(StabilityUpdate, s90_only_post_norm_equations) {
  for (const char *block : {"pre_ln", "peri_ln", "no_ln", "mix_ln", "parallel", "rezero"}) {
    Update update =
        updateOf("model m(depth = 12) = gpt2(depth = depth, block = " + std::string(block) + ")\n");
    EXPECT_EQ(update.bound, Word::unknown) << block << "\n" << update.printed;
    EXPECT_EQ(update.growth, "") << block;
    EXPECT_FALSE(update.hasNumber) << block;
    EXPECT_NE(update.printed.find("the paper's model is about steps x <- norm(a*x + f(x)) only"),
              std::string::npos)
        << update.printed;
  }
}

// s94: without a class of U there is no advice, neither way.
TEST(StabilityUpdate, s94_no_advice_without_a_class) {
  for (const char *block : {"pre_ln", "peri_ln", "mix_ln"})
    EXPECT_EQ(
        updateOf("model m(depth = 12) = gpt2(depth = depth, block = " + std::string(block) + ")\n")
            .warmup,
        Word::unknown)
        << block;
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
