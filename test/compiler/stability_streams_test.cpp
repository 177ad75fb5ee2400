// Steps beside a repeat, and streams made of streams: what is promised of x0 is said of embeddings
// only, and no step is left out (S3, S47).
#include "StabilityFixture.h"

using namespace lnx::test;
using namespace mlir::lnx::stability;

namespace {
std::string model(const std::string &body) {
  return "model m(depth = 12) {\n  assume norm.gain <= 1.5\n  assume norm.bias.rms <= 0.2\n"
         "  assume x0.rms <= 1\n  param E : [100, 64] ~ normal(0.02)\n  x = E[tokens]\n" +
         body + "}\n";
}
constexpr const char *layers = "  repeat l in 1..depth { x <- peri_ln(x, l, depth, 4) }\n";
constexpr const char *end = "  return layernorm(x) @ transpose(E)\n";
} // namespace

// An unbounded step before, after or between the layers is part of the bound.
TEST(StabilityStreams, s47_steps_beside_a_repeat) {
  for (const std::string &body :
       {std::string("  x <- x + mlp(x)\n") + layers, std::string(layers) + "  x <- x + mlp(x)\n",
        std::string(layers) + "  x <- x + mlp(x)\n" + layers}) {
    Verified file(model(body + end));
    std::optional<Report> report = file.verify();
    ASSERT_TRUE(report) << file.messages;
    EXPECT_EQ(word(report, "forward.bound"), "R") << body << print(report);
    EXPECT_EQ(word(report, "forward.wellposed"), "R") << body << print(report);
    EXPECT_EQ(word(report, "forward.growth"), "R") << body << print(report);
  }
}

// A bounded one adds its own bound.
TEST(StabilityStreams, s59_bounded_steps_beside_a_repeat) {
  Verified file(model("  x <- x + layernorm(mlp(x))\n" + std::string(layers) +
                      "  x <- x + layernorm(mlp(x))\n" + end));
  std::optional<Report> report = file.verify();
  const Verdict *bound = find(report, "forward.bound");
  ASSERT_TRUE(bound);
  EXPECT_EQ(bound->word, Word::proved) << print(report);
  EXPECT_NEAR(bound->number.value_or(0), 1 + 26 * 1.7, 1e-9) << print(report);
}

// x0.rms is no promise about a stream made of another.
TEST(StabilityStreams, s3_x0_is_an_embedding) {
  Verified file(model(std::string(layers) +
                      "  y = mlp(x)\n  repeat l in 1..depth { y <- peri_ln(y, l, depth, 4) }\n"
                      "  return layernorm(y) @ transpose(E)\n"));
  std::optional<Report> report = file.verify();
  const Verdict *bound = find(report, "forward.bound");
  ASSERT_TRUE(bound);
  EXPECT_FALSE(bound->number) << print(report);
}
