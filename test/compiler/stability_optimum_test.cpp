// The tier of minimisers (S72): golden numbers, weights that reach them, random weights that the
// objective allows, and what has to be refused.
#include "Attack.h"

#include "Adversary.h"

using namespace lnx::test;
using namespace mlir;
using namespace mlir::lnx;
namespace st = mlir::lnx::stability;

namespace {
constexpr double slack = 1 + 1e-9;

/// GPT-2 with these steps, gains 1 and biases 0.
std::string gpt(const std::string &steps, const std::string &objective = "l2(decay = 0.1)") {
  return "def b(x, l, depth, heads) {\n" + steps +
         "  return x\n}\nmodel m(depth = 12) {\n  assume norm.gain <= 1\n"
         "  assume norm.bias.max <= 0\n  assume x0.rms <= 0.0282842712\n  assume " +
         objective + "\n  return gpt2(depth = depth, block = b)\n}\n";
}

const std::string pre = "  x <- x + attn(layernorm(x), heads, bias = 0)\n"
                        "  x <- x + mlp(layernorm(x), bias = 0)\n";
constexpr double r0 = 0.0282842712, loss = 10.8249051; // ln 50257

const st::Verdict *optimumOf(const std::optional<st::Report> &report,
                             const char *property = "forward.bound") {
  return find(report, property, st::Basis::optimum);
}

double numberOf(const std::string &text, Settings settings = {}) {
  std::optional<st::Report> report = Verified(text).verify("", settings);
  const st::Verdict *verdict = optimumOf(report);
  return verdict && verdict->number ? *verdict->number : NAN;
}

/// Why there is no number; "" where there is one.
std::string refusalOf(const std::string &text) {
  std::optional<st::Report> report = Verified(text).verify();
  const st::Verdict *verdict = optimumOf(report);
  if (!verdict)
    return "no verdict";
  if (verdict->word == st::Word::proved)
    return "";
  return verdict->culprits.empty() ? "?" : verdict->culprits.front().text;
}

std::string digitsOf(double value) {
  char digits[40];
  std::snprintf(digits, sizeof digits, "%.17g", value);
  return digits;
}
} // namespace

// V = 50257, lambda = 0.1, G = 1, dt = 1: r0 + 108.249051 at every depth.
TEST(StabilityOptimum, s72_golden) {
  for (const char *depth : {"1", "12", "1000"})
    EXPECT_NEAR(numberOf(gpt(pre), {{"depth", depth}}) - r0, 108.249051, 1e-5) << depth;
  std::string half = pre;
  half.replace(half.find("x + attn"), 8, "x - 0.5*attn");
  EXPECT_NEAR(numberOf(gpt(half)) - r0, 108.249051, 1e-5); // the largest dt counts
  std::optional<st::Report> report = Verified(gpt(pre)).verify();
  const st::Verdict *growth = optimumOf(report, "forward.growth");
  const st::Verdict *wellposed = optimumOf(report, "forward.wellposed");
  ASSERT_TRUE(growth && wellposed);
  EXPECT_EQ(growth->word, st::Word::proved);
  EXPECT_EQ(growth->growth, "bounded");
  EXPECT_EQ(wellposed->word, st::Word::proved);
  EXPECT_EQ(word(report, "forward.growth"), "R"); // of all weights
  EXPECT_TRUE(llvm::is_contained(optimumOf(report)->assumptions, "l2(decay = 0.1)"));
  EXPECT_TRUE(llvm::is_contained(optimumOf(report)->assumptions, "norm.gain <= 1"));
}

// A check says for which weights it holds.
TEST(StabilityOptimum, s72_checks) {
  auto outcomeOf = [](const std::string &promises) {
    std::optional<st::Report> report = Verified(gpt(pre, promises)).verify();
    return report ? st::spelling(report->checks.front().word).str() + ", " +
                        report->checks.front().reason
                  : "no report";
  };
  EXPECT_EQ(outcomeOf("l2(decay = 0.1)\n  check growth <= bounded"),
            "PROVED, bounded, asked for bounded, for minimisers of the objective");
  EXPECT_EQ(outcomeOf("l2(decay = 0.1)\n  check bound <= 100"),
            "REFUTED, no number is known, asked for at most 100");
  EXPECT_TRUE(StringRef(outcomeOf("sgd(lr = 1, steps = 1, clip = 1)\n  check bound <= 1e12"))
                  .ends_with("asked for at most 1e+12, for weights that the optimizer reaches"));
}

// Two matrices share the budget by halves, three by thirds; without norms it is an exponent.
TEST(StabilityOptimum, s72_families) {
  const std::string gated = "  x <- x + attn(layernorm(x), heads, bias = 0)\n"
                            "  x <- x + 2*glu(layernorm(x), bias = 0)\n";
  double cubic = 2 * std::sqrt(768.0) * std::pow(2 * loss / 0.3, 1.5);
  EXPECT_NEAR(numberOf(gpt(gated)) - r0, loss / 0.1 + cubic, 1e-5 * cubic);
  const std::string none = "  x <- x + 0.1*attn(x, heads, bias = 0)\n"
                           "  x <- x + 0.1*mlp(x, bias = 0)\n";
  EXPECT_NEAR(numberOf(gpt(none)) / r0, std::exp(0.1 * loss / 0.1), 1e-4 * std::exp(loss));
  // Groups of queries read a value several times (S44).
  const std::string grouped = "  x <- x + attn(layernorm(x), heads, kv_heads = 3, bias = 0)\n";
  EXPECT_NEAR(numberOf(gpt(grouped)) - r0, 2 * loss / 0.1, 1e-5);
  // A norm over the sum forgets what came before.
  const std::string mixed = "  if l <= depth/4 { x <- layernorm(x + mlp(x)) } else {\n"
                            "    x <- x + mlp(layernorm(x), bias = 0)\n  }\n";
  EXPECT_NEAR(numberOf(gpt(mixed)), 1 + loss / 0.1, 1e-4);
  // Steps that shrink do not help the worst layer; one matrix alone grows like a square root.
  auto growth = [](const std::string &steps) {
    std::optional<st::Report> report = Verified(gpt(steps)).verify();
    const st::Verdict *verdict = optimumOf(report, "forward.growth");
    return verdict ? verdict->growth : "none";
  };
  EXPECT_EQ(growth(pre), "bounded");
  EXPECT_EQ(growth("  x <- x + l*mlp(layernorm(x), bias = 0)\n"), "linear");
  EXPECT_EQ(growth("  x <- x + linear(layernorm(x), 768, bias = 0)\n"), "power(1/2)");
  EXPECT_EQ(growth(none), "bounded");
}

// Every layer takes its share of the budget, aligned: the bound itself.
TEST(StabilityOptimum, s72_reached) {
  for (int depth : {1, 4}) {
    const std::string steps = "    x <- x + mlp(n(x), act = relu, bias = 0)\n";
    Attack attack(stackOf(steps, "  assume x0.rms <= 1e-3\n", depth));
    attack.fill("E", [](int64_t, int64_t j) { return 1e-3 * alternating(j); });
    const double t = 5;
    attack.fill("up.W", [&](int64_t i, int64_t j) {
      return j == 0 ? t * alternating(i) / std::sqrt(8.0) : 0;
    });
    attack.fill("down.W", [&](int64_t i, int64_t j) {
      return i == 0 ? t * alternating(j) / std::sqrt(8.0) : 0;
    });
    const double half = depth * t * t + 64 * 1e-6 / 2; // of all |W|^2
    double bound = numberOf(stackOf(
        steps,
        "  assume x0.rms <= 1e-3\n  assume l2(decay = 0.5, loss0 = " + digitsOf(half / 2) + ")\n",
        depth));
    double measured = attack.rms();
    EXPECT_LE(measured, bound * slack);
    EXPECT_GE(measured, bound * 0.999);
  }
}

namespace {
std::string branch(Draw &draw) {
  const std::string x = draw.oneOf({"n(x)", "layernorm(x)", "layernorm(x)", "x"});
  const std::string act = draw.oneOf({"relu", "gelu", "silu"});
  switch (draw.below(6)) {
  case 0:
    return "attn(" + x + ", 4, kv_heads = " + draw.oneOf({"1", "2", "4"}) +
           ", causal = 0, bias = 0)";
  case 1:
    return "glu(layernorm(x), hidden = 6, act = " + act + ", bias = 0)";
  case 2:
    return "mlp(" + x + ", hidden = 6, act = " + act + ")"; // with biases
  case 3:
    return "attn_heads(" + x + ", 2, causal = 0, bias = 0)";
  case 4:
    return "linear(n(x), 8, bias = 0)";
  default:
    return "mlp(" + x + ", hidden = 6, act = " + act + ", bias = 0)";
  }
}

std::string randomSteps(Draw &draw) {
  std::string steps;
  for (int count = 1 + draw.below(3); count > 0; --count) {
    const std::string dt = draw.oneOf({"", "0.1*", "-2*", "l^(-1/2)*", "(1/depth)*"});
    const std::string a = draw.oneOf({"x", "x", "0.9*x", "1.5*x", "x - 0.5*x"});
    switch (draw.below(4)) {
    case 0:
      steps += "    x <- " + a + " + " + dt + branch(draw) + " + " + branch(draw) + "\n";
      break;
    case 1:
      steps += "    x <- layernorm(" + a + " + " + dt + branch(draw) + ")\n";
      break;
    default:
      steps += "    x <- " + a + " + " + dt + branch(draw) + "\n";
    }
  }
  return steps;
}

/// Matrices at their worst, vectors within their promises; half of the sum of all |W|_F^2.
double drawAll(Draw &draw, Attack &attack, double r) {
  double squares = 0;
  attack.model.walk([&](ParamOp op) {
    Array &array = attack.environment.parameters[op.getPath()];
    const int64_t rank = op.getType().getRank();
    if (rank == 2) {
      const int64_t m = op.getType().getDimSize(0), n = op.getType().getDimSize(1);
      for (int64_t at = 0; at < array.size(); at += m * n)
        drawMatrix(draw, array.data.data() + at, m, n);
    } else {
      const double most = op.getPath().ends_with(".g") ? 2 : 0.3;
      for (double &entry : array.data)
        entry = draw.uniform(-most, most);
    }
    if (op.getPath() == "E") {
      const double is = ::lnx::test::measure(array).first;
      for (double &entry : array.data)
        entry *= r / is;
    }
    for (double entry : array.data)
      squares += rank == 2 ? entry * entry : 0;
  });
  return squares / 2;
}
} // namespace

// Weights whose objective is no larger than J0 never exceed the bound.
TEST(StabilityOptimum, s72_random) {
  int proved = 0;
  double tightest = 0;
  for (int index = 0; index < 150; ++index) {
    Draw draw(4000 + index);
    const double r = draw.uniform(0.1, 2);
    const std::string steps = randomSteps(draw);
    const int depth = 1 + draw.below(4);
    const std::string promises = "  assume norm.gain <= 2\n  assume norm.bias.max <= 0.3\n"
                                 "  assume x0.rms <= " +
                                 digitsOf(r * slack) + "\n";
    std::string biases;
    auto has = [&](const char *end) { return steps.find(end) != std::string::npos; };
    if (has("act = relu)") || has("act = gelu)") || has("act = silu)"))
      biases = "  assume max(up.b) <= 0.3\n  assume max(down.b) <= 0.3\n";
    for (int turn = 0; turn < 3; ++turn) {
      Attack attack(stackOf(steps, promises + biases, depth), 6);
      const double half = drawAll(draw, attack, r);
      const std::string spec = stackOf(steps,
                                       promises + biases + "  assume l2(decay = 0.5, loss0 = " +
                                           digitsOf(half / 2 * slack) + ")\n",
                                       depth);
      const double bound = numberOf(spec), measured = attack.rms();
      if (std::isnan(bound))
        continue;
      ++proved;
      ASSERT_TRUE(!(measured > bound * slack)) << measured << " > " << bound << "\n" << spec;
      tightest = std::max(tightest, measured / bound);
    }
  }
  std::printf("%d bounds at minimisers, tightest %.3f\n", proved, tightest);
  EXPECT_GT(proved, 200);
  EXPECT_GT(tightest, 0.1);
}

// Nothing follows where J0 is not known, where zero matrices are not allowed, or where the budget
// is not shared by products of each layer's own matrices.
TEST(StabilityOptimum, s72_refused) {
  EXPECT_EQ(refusalOf(gpt(pre)), "");
  EXPECT_EQ(refusalOf(gpt(pre, "l2(decay = 0)")), "'l2' has no decay above 0");
  EXPECT_EQ(refusalOf(gpt(pre, "l2(loss0 = 3)")), "'l2' has no decay above 0");
  const std::string head =
      stackOf("    x <- x + mlp(n(x), bias = 0)\n", "  assume l2(decay = 0.1)\n");
  EXPECT_EQ(refusalOf(head),
            "the model does not end in a matrix, so that no loss of zero matrices is known");
  std::string said = head;
  said.replace(said.find("decay = 0.1"), 11, "decay = 0.1, loss0 = 7");
  EXPECT_EQ(refusalOf(said), "");
  EXPECT_EQ(refusalOf(gpt(pre, "x0.std >= 0.01\n  assume l2(decay = 0.1)")),
            "zero matrices do not keep 'x0.std >= 0.01'");
  EXPECT_EQ(refusalOf(gpt(pre, "x0.std >= 0.01\n  assume l2(decay = 0.1, loss0 = 11)")), "");
  EXPECT_EQ(refusalOf(gpt("  x <- x + moe(layernorm(x), experts = 2, hidden = 8)\n")),
            "the objective does not bound 'moe.up.b', which is no matrix");
  EXPECT_EQ(refusalOf(gpt("  x <- x + exp(linear(layernorm(x), 768, bias = 0))\n")),
            "this is no product of matrices of its own layer");
  EXPECT_EQ(refusalOf(gpt("  h = mlp(layernorm(x), bias = 0)\n  x <- x + h*h\n")),
            "this is no product of matrices of its own layer");
  EXPECT_EQ(refusalOf(gpt("  h = mlp(layernorm(x), bias = 0)\n  x <- x + h\n  x <- x + h\n")),
            "a step of this stack reads another stream than the one before it");
  // One matrix for all layers: no share of the budget, but all of it in each.
  EXPECT_EQ(refusalOf("model m(depth = 12) {\n  param E : [8, 8] ~ normal(1)\n"
                      "  param A : [8, 8] ~ normal(1)\n  param B : [8, 8] ~ normal(1)\n"
                      "  assume x0.rms <= 1\n  assume l2(decay = 1, loss0 = 1)\n  x = E[tokens]\n"
                      "  repeat l in 1..depth { x <- x + relu(l2norm(x) @ A) @ B }\n"
                      "  return x\n}\n"),
            "a matrix of this step is used in other updates, too");
  // Without a promise on gains nothing bounds what the matrices multiply.
  std::string open = gpt(pre);
  open.erase(open.find("  assume norm.gain"), 24);
  EXPECT_EQ(refusalOf(open), "the objective does not bound 'layernorm.g', which is no matrix");
  std::optional<st::Report> report = Verified(gpt("  x <- x + mlp(layernorm(x))\n")).verify();
  EXPECT_EQ(llvm::join(optimumOf(report)->missing, "; "),
            "assume max(mlp.up.b) <= ...; assume max(mlp.down.b) <= ...");
}
