// depth.limit (S100) and the weights of attention that bounded scores allow (S97).
#include "Attack.h"

using namespace lnx::test;
using namespace mlir::lnx::stability;

namespace {
std::string limitOf(const std::string &dt, const std::string &promises = "") {
  std::optional<Report> report =
      Verified(stackOf("    x <- x + " + dt + "*mlp(n(x), bias = 0)\n", promises)).verify();
  for (Basis basis : {Basis::worstCase, Basis::initMeanField})
    if (const Verdict *verdict = find(report, "depth.limit", basis))
      return spelling(verdict->word).str() + " " + verdict->growth;
  return "none";
}
} // namespace

// Bounded sums have an ODE as their limit, bounded sums of squares a variance; 1/sqrt(l) has
// neither, for its squares add up to the logarithm.
TEST(StabilityLimits, s100_sums) {
  const std::string weights = "  assume spectral(W_1) <= 1\n  assume spectral(W_2) <= 1\n";
  EXPECT_EQ(limitOf("(1/depth)", weights), "PROVED bounded");
  EXPECT_EQ(limitOf("l^(-2)", weights), "PROVED bounded");
  EXPECT_EQ(limitOf("(1/depth)"), "PREDICTED_OK bounded");
  EXPECT_EQ(limitOf("(2*depth)^(-1/2)", weights), "PREDICTED_OK bounded");
  EXPECT_EQ(limitOf("l^(-1)", weights), "PREDICTED_OK bounded");
  EXPECT_EQ(limitOf("l^(-1/2)", weights), "UNKNOWN power(1/2)");
  EXPECT_EQ(limitOf("depth^(-0.4)", weights), "UNKNOWN power(3/5)");
  EXPECT_EQ(limitOf("1", weights), "UNKNOWN linear");
}

// Scores of +S for all but one token and -S for that one: exactly the share that is said.
TEST(StabilityLimits, s97_weights) {
  std::optional<Report> report =
      Verified(stackOf("    x <- x + attn(x, 2, qk_norm = l2norm, scale = 1.5)\n", "")).verify();
  const Verdict *verdict = find(report, "attention.logit_bound");
  ASSERT_TRUE(verdict && verdict->number) << print(report);
  EXPECT_NEAR(*verdict->number, 1.5, 1e-9);
  EXPECT_EQ(verdict->details.front(),
            "each of n tokens has a weight between 1/(1 + (n - 1)*20.0855) "
            "and 1/(1 + (n - 1)/20.0855) (S97)");
  const double s = *verdict->number, n = 5;
  const double least = std::exp(-s) / (std::exp(-s) + (n - 1) * std::exp(s));
  EXPECT_NEAR(least, 1 / (1 + (n - 1) * 20.0855), 1e-6);
  report = Verified(stackOf("    x <- x + attn(x, 2, softcap = 1e4)\n", "")).verify();
  EXPECT_EQ(find(report, "attention.logit_bound")->details.front(),
            "the weights of n tokens may differ by any factor");
}
