// Norms by their arithmetic (S6), laws, assumptions and learned scalars (8.2, 8.8, 8.9).
#include "StabilityFixture.h"

#include <cmath>

using namespace lnx::test;
using namespace mlir::lnx::stability;

namespace {
/// A model whose updates end in the norm written by `body`, a def of x with gain g and bias b.
std::string withNorm(const std::string &body,
                     const std::string &assumes = "  assume norm.gain <= 1.5\n"
                                                  "  assume norm.bias.max <= 0.25\n") {
  return "def own(x) {\n  param g : [dim(x)] ~ ones\n  param b : [dim(x)] ~ zeros\n" + body +
         "\n}\nmodel m(depth = 12) {\n" + assumes +
         "  assume x0.rms <= 1\n"
         "  return gpt2(depth = depth, width = 16, heads = 2, vocab = 20, context = 8, "
         "block = peri_ln, norm = own)\n}\n";
}

std::optional<Report> verify(const std::string &text, Settings settings = {}) {
  Verified model(text);
  std::optional<Report> report = model.verify("", settings);
  EXPECT_TRUE(report) << model.messages << text;
  return report;
}
} // namespace

/// The class of a model whose blocks are `own`.
static std::string growthOf(const std::string &own) {
  std::optional<Report> report =
      verify("model m(depth = 12) {\n  assume norm.gain <= 1\n  assume norm.bias.max <= 0\n"
             "  return gpt2(depth = depth, width = 16, heads = 2, vocab = 20, context = 8, "
             "block = own)\n}\ndef own(x, l, depth, heads)" +
             own + "\n");
  const Verdict *growth = find(report, "forward.growth");
  if (!growth || (growth->word == stable::Word::proved) == (growth->growth[0] == 'u'))
    return "no growth:\n" + print(report);
  return growth->growth;
}

// s51: schedules that look like 1/N, or like nothing, at every depth that one would try: the class
// is that of all large depths.
TEST(StabilityLanguage, s51_schedules_of_all_depths) {
  const std::pair<const char *, const char *> cases[] = {
      {"1/depth", "bounded"},
      {"max(1e-4, 1/depth)", "linear"},
      {"1e-4 - min(1e-4 - 1/depth, 0)", "linear"},
      {"1/depth + floor(depth/1e4)", "quadratic"},
      {"1/depth + 1e-13", "linear"},
      {"max(1e-4, 1/l^2)", "linear"},
      {"1/l^2 + floor(l/1000)", "quadratic"},
      {"1/l^2 + 1e-16", "linear"},
      {"1 - tanh(1e5/depth)", "linear"},
      {"exp(-1e12/depth)", "linear"},
      {"exp(depth/1e13)/depth", "unknown"},
      {"(1 + 1e-13)^depth/depth", "unknown"},
      {"1/depth^tanh(1e5/depth)", "linear"},
      {"1/depth^(1 - 1e-12)", "power(1e-12)"}};
  for (const auto &[dt, expected] : cases)
    EXPECT_EQ(growthOf("= peri_ln(x, l, depth, heads, dt = " + std::string(dt) + ")"), expected)
        << dt;
}

// s51: an update of its own that no table of numbers would show beside the others.
TEST(StabilityLanguage, s51_updates_too_small_to_see) {
  auto with = [](const std::string &update) {
    return growthOf(" {\n  x <- x + layernorm(mlp(x))/depth\n  x <- " + update + "\n  return x\n}");
  };
  EXPECT_EQ(with("x + layernorm(mlp(x))/depth"), "bounded");
  EXPECT_EQ(with("x + 1e-13*layernorm(mlp(x))"), "linear");
  EXPECT_EQ(with("x + layernorm(mlp(x))/depth + 1e-13*layernorm(mlp(x))"), "linear");
  EXPECT_EQ(with("x + 1e-200*layernorm(mlp(x))/sqrt(l)"), "power(1/2)");
  EXPECT_EQ(with("x + 1e-17*x"), "exponential");
  EXPECT_EQ(with("x + 1e-17*x/depth"), "bounded");
}

// s51: a condition on which all layers agree may be answered otherwise by a later layer, and one
// that turned once may turn again; one that divides the layers at every depth is seen.
TEST(StabilityLanguage, s51_conditions_of_later_layers) {
  auto growth = [](const std::string &condition) {
    return growthOf(" {\n  x <- x + layernorm(mlp(x))/l^2\n  if " + condition +
                    " { x <- x + layernorm(mlp(x)) }\n  return x\n}");
  };
  EXPECT_EQ(growth("l > 3000"), "unknown");
  EXPECT_EQ(growth("l^2 > 1e7"), "unknown");
  EXPECT_EQ(growth("(l - 4)*(l - 5000) > 0"), "unknown");
  EXPECT_EQ(growth("l == depth/2"), "unknown");
  EXPECT_EQ(growth("4*l > 3*depth"), "linear");
  EXPECT_EQ(growth("l == depth"), "bounded");
  EXPECT_EQ(growth("l <= 3"), "bounded");
}

// s6: every spelling has the bound of the prelude's norm, without a law.
TEST(StabilityLanguage, s6_spellings) {
  const char *spellings[] = {
      "  c = x - mean(x)\n  return g * (c / sqrt(mean(c*c) + 1e-5)) + b",
      "  c = x - mean(x)\n  return g * c / sqrt(mean(c*c) + 1e-5) + b",
      "  c = x - mean(x)\n  return b + c * rsqrt(mean(c^2) + 1e-5) * g",
      "  return (x - mean(x)) * (mean((x - mean(x))^2) + 1e-5)^(-1/2) * g + b",
      "  m = mean(x)\n  return (x - m) / (mean(x*x) - m^2 + 1e-5)^(1/2) * g + b",
      "  m = sum(x)/dim(x)\n  return g * ((x - m) / sqrt(sum((x - m)*(x - m))/dim(x) + 1e-5)) + b",
      "  return x / sqrt(1e-5 + mean(x*x)) * g + b",
      "  return g * (x * (1 / sqrt(mean(x^2) + 1e-5))) + b",
      "  return g * (x / (sqrt(mean(x*x)) + 1e-5)) + b",
      "  return g * (x / sqrt(sum(x*x)/dim(x))) + b"};
  for (const char *body : spellings) {
    std::optional<Report> report = verify(withNorm(body));
    const Verdict *bound = find(report, "forward.bound");
    ASSERT_TRUE(bound && bound->number) << body << "\n" << print(report);
    EXPECT_NEAR(*bound->number, 1 + 24 * 1.75, 1e-6) << body << "\n" << print(report);
    EXPECT_EQ(word(report, "forward.wellposed"), "P") << body;
    EXPECT_EQ(word(report, "backward.scale_invariance"), "P") << body;
  }
}

// s6: a factor under the root: unbiased variance and sums.
TEST(StabilityLanguage, s6_factors) {
  auto bound = [](const std::string &body) {
    std::optional<Report> report = verify(withNorm(body));
    const Verdict *verdict = find(report, "forward.bound");
    return verdict && verdict->number ? *verdict->number : NAN;
  };
  double unbiased = std::sqrt(15.0 / 16), half = 0.5;
  EXPECT_NEAR(bound("  c = x - mean(x)\n  return g * (c / sqrt(sum(c*c)/(dim(x) - 1) + 1e-5)) + b"),
              1 + 24 * (1.5 * unbiased + 0.25), 1e-6);
  EXPECT_NEAR(bound("  return g * (x / sqrt(4*mean(x*x) + 1e-5)) + b"),
              1 + 24 * (1.5 * half + 0.25), 1e-6);
  EXPECT_NEAR(bound("  return g * (x / sqrt(sum(x*x))) + b"), 1 + 24 * (1.5 / 4 + 0.25), 1e-6);
}

// s6, s10: what is normalised may be a product: a factor inside an output norm does nothing.
TEST(StabilityLanguage, s10_normalised_products) {
  for (const char *inside : {"0.1*mlp(x)", "l*mlp(x)", "mlp(x)/4", "-mlp(x)", "tanh(x)*mlp(x)"})
    for (const char *norm : {"rmsnorm", "layernorm"}) {
      std::optional<Report> report = verify(
          "def b(x, l, depth, heads) {\n  x <- x + " + std::string(norm) + "(" + inside +
          ")\n  return x\n}\nmodel m(depth = 12) {\n  assume norm.gain <= 1.5\n"
          "  assume norm.bias.max <= 0.25\n  assume x0.rms <= 1\n  return gpt2(depth = depth, "
          "width = 16, heads = 2, vocab = 20, context = 8, block = b)\n}\n");
      EXPECT_EQ(word(report, "forward.wellposed"), "P") << norm << "(" << inside << ")";
      const Verdict *bound = find(report, "forward.bound");
      ASSERT_TRUE(bound && bound->number) << norm << "(" << inside << ")" << print(report);
      EXPECT_NEAR(*bound->number, 1 + 12 * (norm[0] == 'r' ? 1.5 : 1.75), 1e-6);
    }
}

// s6: near misses are bounded by the general rows or not at all.
TEST(StabilityLanguage, s6_near_misses) {
  const char *misses[] = {
      "  return g * (x / sqrt(mean(x*x) - 1e-5)) + b",             // eps < 0
      "  return g * (x / sqrt(mean((x + b)*(x + b)) + 1e-5)) + b", // another value below
      "  c = x - mean(x)\n  return g * (x / sqrt(mean(c*c) + 1e-5)) + b",
      "  return g * (x / sqrt(mean(x*x)^2 + 1e-5)) + b",
      "  return g * (x / sqrt(mean(x) + 1e-5)) + b",
      "  return g * (x * sqrt(mean(x*x) + 1e-5)) + b",
      "  m = mean(x)\n  return (x - m) / sqrt(mean(x*x) - 2*m^2 + 1e-5) * g + b",
      "  return g * (x / (sqrt(mean(x*x)) - 1e-5)) + b",
      "  return g * (x / sqrt(-1*mean(x*x) + 1e-5)) + b"};
  for (const char *body : misses) {
    std::optional<Report> report = verify(withNorm(body));
    EXPECT_NE(word(report, "forward.growth"), "P") << body << "\n" << print(report);
    EXPECT_NE(word(report, "forward.wellposed"), "P") << body << "\n" << print(report);
  }
}

// s71: gains that nobody declares make Peri as ill-posed as Pre; so does a learned step.
TEST(StabilityLanguage, s71_undeclared) {
  std::string norm = "  c = x - mean(x)\n  return g * (c / sqrt(mean(c*c) + 1e-5)) + b";
  EXPECT_EQ(word(verify(withNorm(norm)), "forward.wellposed"), "P");
  EXPECT_EQ(word(verify(withNorm(norm, "")), "forward.wellposed"), "R");
  EXPECT_EQ(word(verify(withNorm(norm, "  assume norm.gain <= 1\n")), "forward.wellposed"), "R");
  std::string learned = "def b(x, l, depth, heads) {\n  param dt : [] ~ const(0.1)\n"
                        "  x <- x + dt*l2norm(attn(x, heads))\n  return x\n}\n";
  auto report = verify(learned + "model m(depth = 12) = gpt2(depth = depth, block = b)\n");
  EXPECT_EQ(word(report, "forward.growth"), "R") << print(report);
  ASSERT_TRUE(find(report, "forward.growth"));
  EXPECT_EQ(find(report, "forward.growth")->missing,
            std::vector<std::string>{"assume max(dt) <= ..."});
  report = verify(learned + "model m(depth = 12) {\n  assume max(dt) <= 0.5\n  return "
                            "gpt2(depth = depth, block = b)\n}\n");
  EXPECT_EQ(word(report, "forward.growth"), "P") << print(report);
  EXPECT_EQ(find(report, "forward.growth")->assumptions,
            std::vector<std::string>{"max(dt) <= 0.5"});
}

// s7: a law is used, named, and missed when it is gone.
TEST(StabilityLanguage, s7_laws) {
  auto text = [](const std::string &law) {
    return "def clamp(x) {\n" + law +
           "  return exp(x)\n}\ndef b(x, l, depth, heads) {\n  x <- x + clamp(x)\n  return x\n}\n"
           "model m(depth = 12) {\n  assume x0.rms <= 1\n  return gpt2(depth = depth, block = "
           "b)\n}\n";
  };
  auto with = verify(text("  law size <= 3\n")), without = verify(text(""));
  EXPECT_EQ(word(with, "forward.growth"), "P") << print(with);
  ASSERT_TRUE(find(with, "forward.bound") && find(with, "forward.bound")->number);
  EXPECT_NEAR(*find(with, "forward.bound")->number, 37, 1e-6);
  EXPECT_EQ(find(with, "forward.bound")->assumptions.front(), "law size <= 3 of 'clamp'");
  EXPECT_EQ(word(without, "forward.growth"), "U") << print(without);
}

// s58: what a theorem says of a block goes by its norms, whatever is promised of their gains.
TEST(StabilityLanguage, s58_paper_class) {
  auto paper = [](const std::string &block, const std::string &promises) {
    auto report = verify("model m(depth = 12) {\n" + promises +
                         "  return gpt2(depth = depth, block = " + block + ")\n}\n");
    return find(report, "forward.growth")->paperClass;
  };
  const std::string all = "  assume norm.gain <= 1\n  assume norm.bias.rms <= 1\n"
                          "  assume spectral(W_V) <= 1\n  assume spectral(W_O) <= 1\n"
                          "  assume spectral(W_1) <= 1\n  assume spectral(W_2) <= 1\n";
  for (const std::string &promises : {std::string(), all}) {
    EXPECT_EQ(paper("peri_ln", promises), "linear, variance quadratic (Thm 4)");
    EXPECT_EQ(paper("pre_ln", promises), "exponential (Thm 3, upper bound under weight decay)");
    EXPECT_EQ(paper("post_ln", promises), "");
    EXPECT_EQ(paper("no_ln", promises), "");
  }
}

// s7: a degree in the input, where the equations give none; the report lists it.
TEST(StabilityLanguage, s7_law_degree) {
  auto text = [](const std::string &law) {
    return "def l1(x) {\n" + law +
           "  return exp(x)\n}\ndef b(x, l, depth, heads) {\n  x <- x + l1(mlp(x, bias = "
           "0))\n  return x\n}\nmodel m(depth = 12) = gpt2(depth = depth, block = b)\n";
  };
  auto with = verify(text("  law degree = 0\n")), without = verify(text(""));
  EXPECT_EQ(word(without, "backward.scale_invariance"), "U") << print(without);
  EXPECT_EQ(word(with, "backward.scale_invariance"), "P") << print(with);
  EXPECT_EQ(find(with, "backward.scale_invariance")->assumptions,
            std::vector<std::string>{"law degree = 0 of 'l1'"});
  EXPECT_EQ(with->laws, std::vector<std::string>{"law degree = 0 of 'l1'"});
  EXPECT_EQ(word(verify(text("  law degree = 1\n")), "backward.scale_invariance"), "U");
  EXPECT_EQ(word(verify(text("  law degree = 0.5\n")), "backward.scale_invariance"), "U");
}

// s7: a slope bounds a value by what it reads where a degree says that nothing gives nothing.
TEST(StabilityLanguage, s7_law_slope) {
  auto text = [](const std::string &law) {
    return "def f(x) {\n" + law +
           "  return x / mean(x)\n}\ndef b(x, l, depth, heads) {\n  x <- x + f(l2norm(x))\n"
           "  return x\n}\nmodel m(depth = 12) {\n  assume x0.rms <= 1\n  return gpt2(depth = "
           "depth, width = 64, heads = 2, block = b)\n}\n";
  };
  auto with = verify(text("  law slope <= 3\n  law degree = 1\n"));
  ASSERT_TRUE(find(with, "forward.bound")->number) << print(with);
  EXPECT_NEAR(*find(with, "forward.bound")->number, 1 + 12 * 3.0 / 8, 1e-6); // l2norm: 1/sqrt(64)
  EXPECT_EQ(with->laws,
            (std::vector<std::string>{"law slope <= 3 of 'f'", "law degree = 1 of 'f'"}));
}

// s7: of two inputs, or of a parameter, the laws do not say in what.
TEST(StabilityLanguage, s7_laws_of_several_inputs) {
  auto of = [](const std::string &call) {
    return "def f(x, y) {\n  law degree = 0\n  law slope <= 1\n  return exp(x * y)\n}\n"
           "def b(x, l, depth, heads) {\n  param w : [dim(x)] ~ ones\n  x <- x + " +
           call +
           "\n  return x\n}\nmodel m(depth = 12) {\n  assume x0.rms <= 1\n  return gpt2(depth = "
           "depth, block = b)\n}\n";
  };
  for (const char *call : {"f(l2norm(x), l2norm(mlp(x)))", "f(mlp(x), w)"}) {
    EXPECT_TRUE(verify(of(call))->laws.empty()) << call;
  }
}

// s88: no PROVED survives a mutation that removes its reason.
TEST(StabilityLanguage, s88_mutations) {
  auto grown = [](const std::string &body) {
    std::string text = "def b(x, l, depth, heads) {\n" + body +
                       "\n  return x\n}\nmodel m(depth = 12) {\n  assume norm.gain <= 1\n  assume "
                       "norm.bias.max <= 1\n  return gpt2(depth = depth, block = b)\n}\n";
    return word(verify(text), "forward.growth");
  };
  EXPECT_EQ(grown("  x <- x + layernorm(attn(layernorm(x), heads))\n  x <- x + "
                  "layernorm(mlp(layernorm(x)))"),
            "P");
  EXPECT_EQ(grown("  x <- x + attn(layernorm(x), heads)\n  x <- x + layernorm(mlp(layernorm(x)))"),
            "R");
  EXPECT_EQ(grown("  x <- x + layernorm(attn(layernorm(x), heads))\n  x <- x + mlp(layernorm(x))"),
            "R");
  EXPECT_EQ(grown("  x <- x + layernorm(attn(layernorm(x), heads)) + mlp(x)"), "R");
  EXPECT_EQ(grown("  if l == 3 { x <- x + mlp(x) } else { x <- x + layernorm(mlp(x)) }"), "R");
  EXPECT_EQ(grown("  x <- layernorm(x + mlp(x))"), "P");
  EXPECT_EQ(grown("  x <- layernorm(x) + mlp(x)"), "R");
}

// s5: Mix-LN splits at exactly floor(depth/4); the rest sums up (s65).
TEST(StabilityLanguage, s5_s65_mix_ln) {
  for (int depth : {4, 5, 7, 8, 1000}) {
    std::string text =
        "def f(x) {\n  law size <= 1\n  return exp(x)\n}\n"
        "def b(x, l, depth, heads) {\n  if l <= depth/4 { x <- l2norm(x + f(x)) } "
        "else { x <- x + f(x) }\n  return x\n}\n"
        "model m(depth = 12) = gpt2(depth = depth, width = 16, heads = 2, vocab = 20, "
        "context = 8, block = b)\n";
    auto report = verify(text, {{"depth", std::to_string(depth)}});
    ASSERT_TRUE(find(report, "forward.bound") && find(report, "forward.bound")->number)
        << print(report);
    EXPECT_NEAR(*find(report, "forward.bound")->number, 0.25 + depth - depth / 4, 1e-6) << depth;
  }
}

// Bad promises are refused where they stand.
TEST(StabilityLanguage, s3_bad_assumptions) {
  auto messages = [](const std::string &assumes) {
    Verified model("model m(depth = 2) {\n" + assumes +
                   "  return gpt2(depth = depth, block = pre_ln)\n}\n");
    EXPECT_FALSE(model.verify());
    return model.messages;
  };
  EXPECT_EQ(messages("  assume norm.gain <= -1\n"),
            "'norm.gain' is bounded by -1, not a number from 0 on\n");
  EXPECT_EQ(messages("  assume norm.bias.rms >= 1\n"), "'norm.bias.rms' takes '<='\n");
  EXPECT_EQ(messages("  assume norm.gain <= 1\n  assume norm.gain >= 2\n"),
            "a gain cannot be at least 2 and at most 1\n");
  EXPECT_EQ(messages("  assume std(attn) <= 1\n"), "'std' takes '>='\n");
  EXPECT_EQ(messages("  assume l2(decay = 0.1)\n  assume l2(decay = 0.2)\n"),
            "'l2(decay = 0.2)' contradicts 'l2(decay = 0.1)'\n");
  EXPECT_EQ(messages("  assume adamw(lr = 0.1)\n  assume sgd(lr = 0.1)\n"),
            "'sgd(lr = 0.1)' contradicts 'adamw(lr = 0.1)'\n");
  EXPECT_EQ(messages("  assume spectral(norm.g) <= 1\n"),
            "there are only vectors and numbers called 'norm.g'\n");
  EXPECT_EQ(messages("  assume doubly_stochastic(E)\n"),
            "rows and columns cannot all add up to 1 unless they are as many, as not in 'E'\n");
  EXPECT_EQ(messages("  assume spectral(W_g) <= 1\n"),
            "no parameter of the model is called 'W_g'\n");
  for (const char *small :
       {"max(attn.q.W) <= 0.001", "spectral(q.W) <= 0.9", "frobenius(W_Q) <= 0"})
    EXPECT_EQ(
        messages("  assume doubly_stochastic(attn.q.W)\n  assume " + std::string(small) + "\n"),
        "'" + std::string(small) + "' contradicts 'doubly_stochastic(attn.q.W)'\n");
  EXPECT_EQ(messages("  assume x0.rms <= 1\n  assume x0.std >= 2\n"),
            "a token cannot have standard deviation 2 and rms 1\n");
}

// What is promised from below against what the equations leave from above: of no weights at all
// everything could be proved.
TEST(StabilityLanguage, s3_contradictions) {
  auto messages = [](const std::string &assumes, const std::string &block = "peri_ln") {
    Verified model("def inner(x) {\n  assume norm.gain >= 2\n  return layernorm(x)\n}\n"
                   "def own(x, l, depth, heads) {\n  x <- x + inner(mlp(x))\n  return x\n}\n"
                   "model m(depth = 2) {\n  assume norm.bias.max <= 0\n" +
                   assumes + "  return gpt2(depth = depth, width = 16, heads = 2, vocab = 20, " +
                   "context = 8, block = " + block + ")\n}\n");
    std::optional<Report> report = model.verify();
    return report ? "verified" : model.messages;
  };
  const std::string gain = "  assume norm.gain <= 1\n";
  EXPECT_EQ(messages(gain), "verified");
  EXPECT_EQ(messages(gain + "  assume x0.std >= 1\n"), "verified");
  EXPECT_EQ(messages(gain + "  assume x0.std >= 1\n  assume max(E) <= 0\n  assume max(P) <= 0.5\n"),
            "a standard deviation of at least 1 is promised of what is at most 0.5\n");
  EXPECT_EQ(messages(gain + "  assume std(norm) >= 1\n"), "verified");
  EXPECT_NE(messages(gain + "  assume std(norm) >= 1.01\n")
                .find("a standard deviation of at least "
                      "1.01 is promised of what is at "
                      "most 1"),
            std::string::npos);
  EXPECT_EQ(messages(gain, "own"), "a gain cannot be at least 2 and at most 1\n");
  EXPECT_NE(messages("  assume norm.gain >= 0.5\n  assume max(g) <= 0.25\n")
                .find("a gain of at least 0.5 is promised of what is at most 0.25\n"),
            std::string::npos);
}

// s43: one attention with W_V = W_O = I and H heads: rms sqrt(H + 3) is reached, so 2 is no bound.
TEST(StabilityLanguage, s43_multihead) {
  for (int heads : {2, 4, 12}) {
    std::string text =
        "def b(x, l, depth, heads) {\n  x <- x + attn(x, heads, bias = 0)\n  return x\n}\n"
        "model m(depth = 1) {\n  assume x0.rms <= 1\n  assume spectral(W_V) <= 1\n  assume "
        "spectral(W_O) <= 1\n  return gpt2(depth = depth, width = 24, heads = " +
        std::to_string(heads) + ", vocab = 20, context = 8, block = b)\n}\n";
    auto report = verify(text);
    ASSERT_TRUE(find(report, "forward.bound") && find(report, "forward.bound")->number);
    double bound = *find(report, "forward.bound")->number;
    EXPECT_GE(bound, std::sqrt(heads + 3.0));
    EXPECT_NEAR(bound, 1 + std::sqrt(double(heads)), 1e-6);
  }
}

// s98: counts of parallel updates and the final norm, which is no part of the stream.
TEST(StabilityLanguage, s68_counts) {
  auto bound = [](const std::string &step) {
    auto report = verify(
        "def b(x, l, depth, heads) {\n  " + step +
        "\n  return x\n}\nmodel m(depth = 12) {\n  assume norm.gain <= 1\n  assume "
        "norm.bias.max <= 0\n  assume x0.rms <= 1\n  return gpt2(depth = depth, block = b)\n}\n");
    const Verdict *verdict = find(report, "forward.bound");
    return verdict && verdict->number ? *verdict->number : NAN;
  };
  EXPECT_NEAR(bound("x <- x + layernorm(attn(x, heads)) + layernorm(mlp(x))"), 25, 1e-6);
  EXPECT_NEAR(bound("x <- x - 0.5*rmsnorm(mlp(x))"), 7, 1e-6);
  EXPECT_NEAR(bound("x <- 0.9*x + l2norm(mlp(x))*dim(x)^(1/2)"),
              std::pow(0.9, 12) + (1 - std::pow(0.9, 12)) / 0.1, 1e-6);
}
