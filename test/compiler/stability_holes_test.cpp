// Models that a verifier of one stream and one stack gets wrong: forks, several stacks, steps
// beside repeats, and promises whose meaning depends on the place. Each was once a number below the
// truth.
#include "StabilityFixture.h"

#include "compiler/stability/Growth.h"

#include <cmath>

using namespace lnx::test;
using namespace mlir::lnx::stability;

namespace {
/// A model of width 8 whose first token has rms 1 at most; norms have gains up to 1 and no bias.
std::string model(const std::string &body, const std::string &more = "") {
  return "model m(depth = 4) {\n  param E : [8, 8] ~ normal(1)\n  assume x0.rms <= 1\n"
         "  assume norm.gain <= 1\n  assume norm.bias.max <= 0\n" +
         more + "  x = E[tokens]\n" + body + "}\n";
}

std::optional<Report> verify(const std::string &text) {
  Verified file(text);
  std::optional<Report> report = file.verify();
  EXPECT_TRUE(report) << file.messages << file.diagnostics.render() << text;
  return report;
}

/// The number of a property; infinity where there is none.
double number(const std::string &text, const std::string &property = "forward.bound") {
  std::optional<Report> report = verify(text);
  const Verdict *verdict = find(report, property);
  return verdict && verdict->number ? *verdict->number : INFINITY;
}

constexpr const char *bounded = "  repeat l in 1..depth { x <- x + 0.1*layernorm(x) }\n";
constexpr const char *unbounded = "  repeat l in 1..depth { x <- x + mlp(x) }\n";
} // namespace

// 100 |x0| + 0.4, 100 (|x0| + 0.4), 100 (|x0| + 1 + 0.4): steps beside the repeat count.
TEST(StabilityHoles, s47_steps_beside_repeats) {
  EXPECT_NEAR(number(model("  x <- 100*x\n" + std::string(bounded) + "  return x\n")), 100.4, 1e-6);
  EXPECT_NEAR(number(model(std::string(bounded) + "  x <- 100*x\n  return x\n")), 140, 1e-6);
  EXPECT_NEAR(number(model("  x <- x + layernorm(x)\n" + std::string(bounded) +
                           "  x <- 100*x\n  return x\n")),
              240, 1e-6);
}

// What a second stack starts from is made by the first, which nothing bounds.
TEST(StabilityHoles, s3_start_of_a_second_stack) {
  std::string second = "  repeat l in 1..depth { y <- y + 0.1*layernorm(y) }\n  return y\n";
  EXPECT_EQ(number(model(unbounded + std::string("  y = 2*x\n") + second)), INFINITY);
  EXPECT_NEAR(number(model(bounded + std::string("  y = 2*x\n") + second)), 2 * 1.4 + 0.4, 1e-6);
}

// r of one chain is not r of another: x is 1000 large where it is added to y.
TEST(StabilityHoles, s47_a_stream_used_in_another_stack) {
  double bound = number(model("  x <- 1000*x\n  y = layernorm(x)\n"
                              "  repeat l in 1..depth { y <- y + 0.1*x }\n  return y\n"));
  EXPECT_NEAR(bound, 1 + 4 * 0.1 * 1000, 1e-6);
}

// Two streams beside each other, one of them 1000 large.
TEST(StabilityHoles, s47_two_streams_without_repeats) {
  std::string second = "  param F : [8, 8] ~ normal(1)\n  assume max(F) <= 1\n";
  EXPECT_GE(number(model("  x <- 1000*x\n  y = F[tokens]\n  y <- y + x\n  return y\n", second)),
            1000);
  EXPECT_GE(number(model("  y = F[tokens]\n  x <- 1000*x\n  y <- y + x\n  return y\n", second)),
            1000);
}

// A step of a local copy is no step of the stream: x doubles in each layer.
TEST(StabilityHoles, s47_a_fork_inside_a_layer) {
  EXPECT_GE(number(model("  repeat l in 1..depth {\n    x <- 2*x\n    y = x\n"
                         "    y <- 0.5*layernorm(y)\n  }\n  return x\n")),
            16);
  EXPECT_GE(number(model("  x <- 50*x\n  y = x\n  y <- 0.5*layernorm(y)\n  return x\n")), 50);
}

// x after the first stack is still x after a second stack has normalised a copy of it.
TEST(StabilityHoles, s47_an_older_state_goes_on) {
  EXPECT_GE(number(model("  repeat l in 1..depth { x <- 2*x }\n  y = x\n"
                         "  repeat l in 1..depth { y <- layernorm(y) }\n"
                         "  repeat l in 1..depth { x <- x + y }\n  return x\n")),
            20);
}

// The class of what a stack starts from counts: the square of a linear stream, then l/(l+1) steps.
TEST(StabilityHoles, s58_a_start_that_grows) {
  std::optional<Report> report =
      verify(model("  repeat l in 1..depth { x <- x + layernorm(x) }\n  y = x*x\n"
                   "  repeat l in 1..depth { y <- y + l^(-2)*layernorm(y) }\n  return y\n"));
  const Verdict *growth = find(report, "forward.growth");
  ASSERT_TRUE(growth);
  std::optional<Growth> upper = Growth::parse(growth->growth);
  if (growth->word == Word::proved)
    EXPECT_TRUE(upper && Growth::power(2) <= *upper) << print(report);
}

// Scores are largest where the stream is, which is before the first norm.
TEST(StabilityHoles, s96_scores_of_the_first_layer) {
  std::string body =
      "  repeat l in 1..depth { x <- layernorm(x + attn(x, 2, bias = 0)) }\n  return x\n";
  std::string weights = "  assume spectral(W_Q) <= 1\n  assume spectral(W_K) <= 1\n";
  EXPECT_GE(number(model("  x <- 100*x\n" + body, weights), "attention.logit_bound"),
            100 * 100 * 8 / 2.0);
  std::string text = model(body, weights);
  text.erase(text.find("  assume x0.rms <= 1\n"), 21);
  EXPECT_EQ(word(verify(text), "attention.logit_bound"), "U");
}

// max |x| is about every stream, the first one included.
TEST(StabilityHoles, s98_the_first_stream_overflows) {
  EXPECT_GE(
      number(model("  x <- 100000*x\n  x <- layernorm(x)\n  return x\n"), "precision.overflow"),
      100000);
}

// Streams of two widths in one repeat: the wider one has the larger entries.
TEST(StabilityHoles, s98_streams_of_two_widths) {
  EXPECT_GE(number(model("  y = F[tokens]\n  repeat l in 1..depth {\n    x <- x + layernorm(x)\n"
                         "    y <- y + layernorm(y)\n  }\n  return x\n",
                         "  param F : [8, 32] ~ normal(1)\n  assume max(F) <= 1\n"),
                   "precision.overflow"),
            1 + 4 * std::sqrt(31.0));
}

// perhead speaks about the heads of one attention; another one has other heads.
TEST(StabilityHoles, s43_heads_of_two_sizes) {
  std::string body = "  repeat l in 1..depth {\n    x <- x + attn(layernorm(x), 8, bias = 0)\n"
                     "    x <- x + attn(layernorm(x), 1, bias = 0)\n  }\n  return x\n";
  // All columns of norm 1 may be one column: sqrt(8) |x|, not |x|.
  double bound = number(model(body, "  assume perhead(W_V) <= 1\n  assume spectral(W_O) <= 1\n"));
  EXPECT_GE(bound, 1 + 4 * (std::sqrt(8.0) + 1));
}

// Columns of one head of W are rows of its transpose: W = e_1 (1, ..., 1)/sqrt(2) sends x to 2 |x|.
TEST(StabilityHoles, s15_heads_of_a_transposed_matrix) {
  double bound =
      number(model("  param W : [8, 8] ~ normal(1)\n  repeat l in 1..depth {\n"
                   "    x <- n(x) @ transpose(W) + 0*attn_heads(n(x), 4, bias = 0)\n  }\n"
                   "  return x\n",
                   "  assume perhead(W) <= 1\n  assume spectral(W_V) <= 1\n") +
             "def n(x) = x / sqrt(mean(x*x) + 1e-6)\n");
  EXPECT_GE(bound, 2);
}

// z was made when x was twice as large.
TEST(StabilityHoles, s47_a_value_older_than_the_stream) {
  std::string steps =
      "  repeat l in 1..depth {\n    z = 2*x\n    x <- 0.5*x\n    x <- x + z\n  }\n";
  EXPECT_GE(number(model(steps + "  return x\n")), std::pow(2.5, 4));
  EXPECT_GE(number(model("  z = 2*x\n  x <- 0.5*x\n  x <- x + z\n  return x\n")), 2.5);
}

// 2000 - l is its own size up to l = 2000 only; the sum of |2000 - l| is quadratic.
TEST(StabilityHoles, s49_numbers_that_change_their_sign) {
  for (const char *dt : {"(2000 - l)", "(2000 - depth)", "(1 - l/3000)", "(5000 - l)^3"}) {
    std::optional<Report> report = verify(model(std::string("  repeat l in 1..depth { x <- x + ") +
                                                dt + "*layernorm(x) }\n  return x\n"));
    const Verdict *growth = find(report, "forward.growth");
    ASSERT_TRUE(growth);
    if (growth->word == Word::proved)
      EXPECT_TRUE(Growth::power(2) <= Growth::parse(growth->growth).value())
          << dt << growth->growth;
  }
  for (const char *dt : {"(1 - l/(2*depth))", "(1 - (l - 1)/depth)", "(1 - 1/(2*l))"}) {
    std::optional<Report> report = verify(model(std::string("  repeat l in 1..depth { x <- x + ") +
                                                dt + "*layernorm(x) }\n  return x\n"));
    EXPECT_EQ(find(report, "forward.growth")->growth, "linear") << dt;
  }
}

// A quotient by something that may be 0: every weight is bounded, the update is not.
TEST(StabilityHoles, s71_bounded_weights_below_a_quotient) {
  std::string text =
      model("  repeat l in 1..depth { x <- x + layernorm(x)/linear(x, 8, bias = 0) }\n"
            "  return x\n",
            "  assume spectral(W) <= 1\n");
  EXPECT_NE(word(verify(text), "forward.wellposed"), "P");
  EXPECT_NE(word(verify(text), "forward.bound"), "P");
}

// All of a table may be in one of its rows.
TEST(StabilityHoles, s31_a_row_of_a_table) {
  EXPECT_GE(number(model("  y = F[tokens]\n  y <- 1*y\n  return y\n",
                         "  param F : [8, 8] ~ normal(1)\n  assume frobenius(F) <= 1\n")),
            1 / std::sqrt(8.0));
}

// rms(b) <= 1 over 4 heads of 2: one entry may be sqrt(8).
TEST(StabilityHoles, s67_a_bias_of_heads) {
  double bound =
      number("def n(x) {\n  param b : [4, 2] ~ zeros\n"
             "  y = split_heads(x / sqrt(mean(x*x) + 1), 4) + b\n  return join_heads(y)\n"
             "}\nmodel m(depth = 4) {\n  param E : [8, 8] ~ normal(1)\n"
             "  assume norm.bias.rms <= 1\n  assume x0.rms <= 1\n  x = E[tokens]\n"
             "  repeat l in 1..depth { x <- n(x) }\n  return x\n}\n",
             "precision.overflow");
  EXPECT_GE(bound, 2 * std::sqrt(8.0));
}

// One token: nd/(nd - 1) is largest there.
TEST(StabilityHoles, s70_one_token) {
  double bound = number(model("  repeat l in 1..depth { x <- x + layernorm(x) }\n  return x\n"),
                        "forward.variance");
  EXPECT_GE(bound, 25 * 8.0 / 7);
}

// A step of 1e-14 |x| is exponential all the same.
TEST(StabilityHoles, s48_tiny_steps_count) {
  std::optional<Report> report =
      verify(model("  repeat l in 1..depth { x <- x + 10^(-14)*relu(x) }\n  return x\n"));
  const Verdict *growth = find(report, "forward.growth");
  ASSERT_TRUE(growth);
  if (growth->word == Word::proved)
    EXPECT_EQ(growth->growth, "exponential") << print(report);
}

// x - x and 0*x leave no path.
TEST(StabilityHoles, s82_no_identity_is_left) {
  for (const char *skip : {"x - x", "0*x", "2*x - x - x"}) {
    std::string body =
        std::string("  repeat l in 1..depth { x <- ") + skip + " + layernorm(x) }\n  return x\n";
    EXPECT_NE(word(verify(model(body)), "backward.identity_path"), "P") << skip;
  }
  std::string body = "  repeat l in 1..depth { x <- 2*x - x + layernorm(x) }\n  return x\n";
  EXPECT_EQ(word(verify(model(body)), "backward.identity_path"), "P");
  EXPECT_NEAR(number(model(body), "backward.identity_path"), 1, 1e-9);
}

// A sum of squares below the root that is no mean square: no norm, and no crash.
TEST(StabilityHoles, s6_two_squares_below_the_root) {
  EXPECT_EQ(number(model("  repeat l in 1..depth { x <- x / sqrt(mean(x*x) + sum(x*x)) }\n"
                         "  return x\n")),
            INFINITY);
}

// Upper bounds prove no lower ones.
TEST(StabilityHoles, s2_checks_from_below) {
  std::optional<Report> report =
      verify(model("  check forward.bound >= 25\n  check growth >= linear\n" +
                   std::string(bounded) + "  return x\n"));
  ASSERT_TRUE(report);
  ASSERT_EQ(report->checks.size(), 2u);
  for (const CheckOutcome &check : report->checks)
    EXPECT_EQ(check.word, Word::unknown);
}

// A law below 0 is no law: it would make every sum smaller.
TEST(StabilityHoles, s7_a_negative_law) {
  std::string f = "def f(x) {\n  law size <= -1\n  return x\n}\n";
  EXPECT_GE(number(f + model("  repeat l in 1..depth { x <- x + f(x) }\n  return x\n")), 16);
}

// A slope is about all of a value: half a token may gather in one entry, though a summand is half
// the stream.
TEST(StabilityHoles, s7_a_slope_of_the_stream_and_more) {
  std::optional<Report> report =
      Verified("def f(x) {\n  law slope <= 0.5\n  law degree = 1\n"
               "  return 0.5*x + x*exp(x - x)\n}\n"
               "def b(x, l, depth, heads) {\n  x <- f(x)\n  return x\n}\n"
               "model m(depth = 1) {\n  assume x0.rms <= 0.5\n  assume max(E) <= 0.25\n"
               "  assume max(P) <= 0.25\n  return gpt2(block = b, depth = depth, width = 16, "
               "heads = 2, vocab = 20, context = 8)\n}\n")
          .verify();
  const Verdict *entries = find(report, "precision.overflow");
  ASSERT_TRUE(entries && entries->number) << print(report);
  EXPECT_GE(*entries->number, 1);
}

// s81: an update of degree -1 in its projection is not invariant.
TEST(StabilityHoles, s81_one_over_a_projection) {
  std::optional<Report> report =
      Verified("def own(x, l, depth, heads) {\n"
               "  x <- x + 1/linear(layernorm(x), dim(x), bias = 0)\n  return x\n}\n"
               "model m = gpt2(block = own, width = 16, heads = 2, vocab = 20, context = 8)\n")
          .verify();
  EXPECT_NE(word(report, "backward.scale_invariance"), "P") << print(report);
}

// s34: a row of weights in one shape is half a row in another, and a stream is a part of a token.
TEST(StabilityHoles, s34_mixing_behind_another_shape) {
  const std::string start = "def b(x, l, depth, heads) {\n";
  const std::string end =
      "  return x\n}\nmodel m(depth = 1) {\n  assume x0.rms <= 1\n  return gpt2(block = b, "
      "depth = depth, width = 16, heads = 4, vocab = 20, context = 8)\n}\n";
  // The first quarter of a token has all of it, and is copied four times: 2.
  EXPECT_GE(number(start +
                   "  param a : [4] ~ const(1/4)\n  param c : [4] ~ ones\n"
                   "  assume abs_row_sum(a) <= 1\n  assume max(c) <= 1\n"
                   "  x <- join_heads(outer(c, mix(a, split_heads(x, 4))))\n" +
                   end),
            2);
  // Two rows of sum 1 are one of sum 2.
  EXPECT_GE(number(start +
                   "  param a : [2, 2] ~ const(1/4)\n  param c : [4] ~ ones\n"
                   "  assume abs_row_sum(a) <= 1\n  assume max(c) <= 1\n"
                   "  x <- mix(join_heads(a), outer(c, x))\n" +
                   end),
            2);
  // Columns of one quarter may be all that a matrix has.
  EXPECT_GE(
      number(start +
             "  param a : [4] ~ const(1/4)\n  param c : [4] ~ ones\n"
             "  assume abs_row_sum(a) <= 1\n  assume max(c) <= 1\n"
             "  assume frobenius(W) <= 1\n"
             "  x <- join_heads(outer(c, mix(a, split_heads(linear(x, 16, bias = 0), 4))))\n" +
             end),
      2);
}

// s96: of three terms only one changes with the layer, and the first layer is not the worst.
TEST(StabilityHoles, s96_scores_of_later_layers) {
  const std::string promises = "  assume max(q.b) <= 0\n  assume max(k.b) <= 0\n"
                               "  assume max(v.b) <= 0\n  assume max(o.b) <= 0\n"
                               "  assume spectral(W_K) <= 1\n  assume spectral(W_V) <= 0\n"
                               "  assume spectral(W_O) <= 0\n  assume spectral(W_Q) <= 1\n";
  // |q| |k|/sqrt(8) of x = (1, ..., 1), 4 times as large before the projection of q and of k.
  EXPECT_GE(number(model("  repeat l in 1..depth { x <- 0*x + layernorm(x) + 0*attn(l*x, 1) }\n"
                         "  return x\n",
                         promises),
                   "attention.logit_bound"),
            16 * std::sqrt(8.0));
}

// s58: 1 + 1e-8 is not printed as 1, which a check would read.
TEST(StabilityHoles, s58_exponents_beside_a_fraction) {
  const std::pair<const char *, const char *> rows[] = {
      {"x + l^(1e-8)*layernorm(x)", "linear"},
      {"x + l^0.5000004*layernorm(x)", "power(3/2)"},
      {"(1 + depth^(-1/2 + 1e-12))*x", "stretched(1/2)"},
      {"x + l^(-0.66666666666666)*layernorm(x)", "power(1/3)"}};
  for (auto [step, asked] : rows) {
    std::optional<Report> report =
        verify(model("  check growth <= " + std::string(asked) +
                     "\n  repeat l in 1..depth { x <- " + step + " }\n  return x\n"));
    ASSERT_TRUE(report && report->checks.size() == 1);
    EXPECT_NE(report->checks[0].word, Word::proved) << step;
  }
}

// s50: what is lost in rounding is there at large depths.
TEST(StabilityHoles, s50_rounded_factors) {
  for (const char *step :
       {"(1 + sqrt(2)*1e-13/l)*x", "(1 + sqrt(3)*1e-14/l)*x + layernorm(x)/l^2"}) {
    std::optional<Report> report =
        verify(model("  repeat l in 1..depth { x <- " + std::string(step) + " }\n  return x\n"));
    EXPECT_NE(find(report, "forward.growth")->growth, "bounded") << step;
  }
  // The product of these two numbers is 1 + 5.6e-17.
  std::optional<Report> report =
      verify(model("  repeat l in 1..depth { x <- 1.0000000074505806*(0.99999999254941951*x) + "
                   "layernorm(x) }\n  return x\n"));
  EXPECT_EQ(find(report, "forward.growth")->growth, "exponential");
}

// s82: what is promised of a learned factor is not the factor, which may be 0.
TEST(StabilityHoles, s82_learned_factors) {
  for (const char *step : {"a*x + layernorm(x)", "(1 - a)*x + layernorm(x)", "x + a*x",
                           "2*x - x + a*x + layernorm(x)"})
    EXPECT_EQ(number(model("  repeat l in 1..depth {\n    param a : [] ~ ones\n    x <- " +
                               std::string(step) + "\n  }\n  return x\n",
                           "  assume max(a) <= 1\n"),
                     "backward.identity_path"),
              INFINITY)
        << step;
  EXPECT_EQ(number(model(bounded + std::string("  return x\n")), "backward.identity_path"), 1);
}

// s72: a stream that keeps a little more than itself is not bounded by its minimisers.
TEST(StabilityHoles, s72_rounded_factors) {
  std::optional<Report> report = verify(
      "model m(depth = 4) {\n  param E : [8, 8] ~ normal(1)\n  assume x0.rms <= 1\n"
      "  assume l2(decay = 0.1)\n  check growth <= bounded\n  x = E[tokens]\n"
      "  repeat l in 1..depth {\n    param W : [8, 8] ~ zeros\n    param U : [8, 8] ~ zeros\n"
      "    x <- x + 1e-17*x + relu((x/sqrt(mean(x*x) + 1e-5)) @ W) @ U\n  }\n"
      "  return x @ transpose(E)\n}\n");
  ASSERT_TRUE(report && report->checks.size() == 1);
  EXPECT_NE(report->checks[0].word, Word::proved) << print(report);
}
