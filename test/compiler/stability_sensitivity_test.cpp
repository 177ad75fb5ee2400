// backward.sensitivity_bound: numbers, words and what is missing (S83..S85), and measured Jacobians
// below what is proved (S37, S46, 8.2g, 8.4).
#include "Attack.h"
#include "Jacobian.h"
#include "compiler/stability/Sensitivity.h"

using namespace lnx::test;
using namespace mlir;
using namespace mlir::lnx;
namespace st = mlir::lnx::stability;

namespace {
const std::string property = "backward.sensitivity_bound";

/// Finite differences with steps of 1e-6 of the input: what curvature and rounding leave is below
/// this share in every case here.
constexpr double slack = 1 + 1e-5;

const st::Verdict *verdictOf(const std::optional<st::Report> &report) {
  return find(report, property);
}

std::string missingOf(const std::string &text) {
  std::optional<st::Report> report = Verified(text).verify();
  const st::Verdict *verdict = verdictOf(report);
  return verdict ? llvm::join(verdict->missing, "; ") : "no verdict";
}

/// Weights of one matrix product with this spectral norm.
void setSpectral(Draw &draw, Environment &environment, ModelOp model, StringRef path, double norm) {
  model.walk([&](ParamOp op) {
    if (!op.getPath().ends_with(path))
      return;
    Array &array = environment.parameters[op.getPath()];
    int64_t m = op.getType().getDimSize(0), n = op.getType().getDimSize(1), size = m * n;
    for (int64_t layer = 0; layer < array.size() / size; ++layer) {
      double *w = array.data.data() + layer * size;
      drawMatrix(draw, w, m, n);
      double is = spectral(w, m, n);
      for (int64_t i = 0; i < size; ++i)
        w[i] *= norm / is;
    }
  });
}

std::string number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}
} // namespace

// (g) The only unconditional slope of a norm is gmax/sqrt(eps): 316.2278 at eps = 1e-5, and a
// constant row attains it. It is printed; it proves nothing.
TEST(StabilitySensitivity, g_s83_norm_of_a_constant_row) {
  Attack attack(stackOf("    x <- layernorm(x)\n",
                        "  assume norm.gain <= 1\n  assume norm.bias.max <= 0\n", 1),
                1);
  attack.fill("E", [](int64_t, int64_t) { return 0.5; });
  std::optional<st::Report> report = attack.source.verify();
  const st::Verdict *verdict = verdictOf(report);
  ASSERT_TRUE(verdict && verdict->number);
  EXPECT_NEAR(*verdict->number, 316.22776601683796, 1e-6);
  EXPECT_EQ(verdict->word, st::Word::unknown);
  EXPECT_EQ(llvm::join(verdict->missing, "; "), "assume x0.std >= ...");
  ASSERT_EQ(verdict->culprits.size(), 1u);
  double measured = normOf(jacobianOf(attack.model, attack.environment, 1), 1);
  EXPECT_LE(measured, *verdict->number * slack);
  EXPECT_GE(measured, *verdict->number * 0.9999);
}

// A linear step without norms: |a| + |dt| |W|, exactly.
TEST(StabilitySensitivity, s83_product_of_the_steps) {
  std::string text = stackOf("    param W : [8, 8] ~ normal(1)\n    x <- 0.5*x - 0.25*(x @ W)\n",
                             "  assume spectral(W) <= 2\n", 3);
  std::optional<st::Report> report = Verified(text).verify();
  const st::Verdict *verdict = verdictOf(report);
  ASSERT_TRUE(verdict && verdict->number) << print(report);
  EXPECT_EQ(verdict->word, st::Word::proved);
  EXPECT_NEAR(*verdict->number, 1, 1e-9);
  EXPECT_EQ(verdict->growth, "bounded");
  EXPECT_EQ(llvm::join(verdict->assumptions, "; "), "spectral(W) <= 2");
  EXPECT_EQ(missingOf(stackOf("    param W : [8, 8] ~ normal(1)\n    x <- x + x @ W\n", "")),
            "assume spectral(W) <= ...");
}

// S84, by hand: 8 updates of size 0.05*1 leave 1 - 8*0.05 = 0.6, and the norms' slopes are 1/s_k.
TEST(StabilitySensitivity, s84_small_total_step) {
  const std::string promises = "  assume x0.std >= 1\n  assume spectral(W) <= 1\n";
  auto steps = [](const char *dt) {
    return std::string("    param W : [8, 8] ~ normal(1)\n    x <- x + ") + dt + "*(n(x) @ W)\n";
  };
  std::optional<st::Report> report = Verified(stackOf(steps("0.05"), promises, 8)).verify();
  const st::Verdict *verdict = verdictOf(report);
  ASSERT_TRUE(verdict && verdict->number) << print(report);
  EXPECT_EQ(verdict->word, st::Word::proved) << print(report);
  EXPECT_EQ(verdict->claim, "S84");
  double product = 1, s = 1;
  for (int k = 0; k < 8; ++k) {
    product *= 1 + 0.05 / s;
    s -= 0.05;
  }
  EXPECT_NEAR(*verdict->number, product, 1e-9);
  EXPECT_LE(*verdict->number, std::exp(8 * 0.05 / 0.65));
  // The same total step at every depth: depth-uniform.
  report = Verified(stackOf(steps("0.4/depth"), promises, 8)).verify();
  verdict = verdictOf(report);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->word, st::Word::proved);
  EXPECT_EQ(verdict->growth, "bounded") << print(report);
  // A total step as large as the deviation: nothing is left of it.
  report = Verified(stackOf(steps("0.125"), promises, 8)).verify();
  EXPECT_EQ(verdictOf(report)->word, st::Word::proved);
  report = Verified(stackOf(steps("0.15"), promises, 8)).verify();
  EXPECT_EQ(verdictOf(report)->word, st::Word::unknown) << print(report);
}

// The missing promise is named: where the stream starts, what a branch gives, or the gain.
TEST(StabilitySensitivity, s83_names_what_is_missing) {
  const std::string weights = "  assume spectral(W_1) <= 1\n  assume spectral(W_2) <= 1\n";
  EXPECT_EQ(missingOf(stackOf("    x <- x + 0.01*mlp(layernorm(x), bias = 0)\n",
                              weights + "  assume norm.gain <= 1\n  assume norm.bias.max <= 0\n")),
            "assume x0.std >= ...");
  const std::string peri = "    x <- x + 0.01*n(mlp(n(x), bias = 0))\n";
  EXPECT_EQ(missingOf(stackOf(peri, weights)), "assume x0.std >= ...; assume std(mlp) >= ...");
  EXPECT_EQ(missingOf(stackOf(peri, weights + "  assume x0.std >= 1\n")), "assume std(mlp) >= ...");
  EXPECT_EQ(missingOf(stackOf(peri, weights + "  assume x0.std >= 1\n  assume std(mlp) >= 0.5\n")),
            "");
  EXPECT_EQ(missingOf(stackOf("    x <- layernorm(3*x + mlp(x, bias = 0))\n",
                              weights + "  assume x0.std >= 1\n  assume norm.gain <= 1\n  assume "
                                        "norm.bias.max <= 0\n  assume x0.rms <= 1\n")),
            "assume norm.gain >= ...");
  // An update of any size leaves nothing of a deviation: its biases count, too.
  const std::string some = weights + "  assume norm.gain <= 1\n  assume norm.bias.max <= 0\n"
                                     "  assume x0.std >= 1\n",
                    biased = "    x <- x + 0.01*mlp(layernorm(x))\n";
  EXPECT_EQ(missingOf(stackOf(biased, some)),
            "assume max(mlp.up.b) <= ...; assume max(mlp.down.b) <= ...");
  EXPECT_EQ(missingOf(stackOf(biased, some + "  assume max(up.b) <= 0.1\n  assume max(down.b) <= "
                                             "0.1\n")),
            "");
}

// A check of the class, of the number, and of a class that a vacuous product has no right to.
TEST(StabilitySensitivity, checks) {
  auto wordOf = [](const std::string &check, const std::string &std) {
    std::optional<st::Report> report =
        Verified(
            stackOf("    param W : [8, 8] ~ normal(1)\n    x <- x + (0.4/depth)*(n(x) @ W)\n",
                    "  check sensitivity_bound " + check + "\n  assume spectral(W) <= 1\n" + std))
            .verify();
    return report ? st::spelling(report->checks.front().word).str() : "no report";
  };
  const std::string std = "  assume x0.std >= 1\n";
  EXPECT_EQ(wordOf("<= bounded", std), "PROVED");
  EXPECT_EQ(wordOf("<= exponential", std), "PROVED");
  EXPECT_EQ(wordOf("<= 2", std), "PROVED");
  EXPECT_EQ(wordOf("<= 1.1", std), "UNKNOWN");
  EXPECT_EQ(wordOf("<= exponential", ""), "UNKNOWN");
  EXPECT_EQ(wordOf("<= 1e9", ""), "UNKNOWN");
}

// 200 cases: the standard deviation of no token falls below what is said, and no Jacobian exceeds
// the product or exp(T L/s) (8.4).
TEST(StabilitySensitivity, s84_small_total_step_200) {
  double tightest = 0, nearest = INFINITY;
  int proved = 0;
  for (int index = 0; index < 200; ++index) {
    Draw draw(7000 + index);
    int depth = 1 + draw.below(4);
    double size = draw.uniform(0.2, 1.5), total = draw.uniform(0.05, 0.9);
    const char *branches[] = {"mlp(layernorm(x), hidden = 6, bias = 0)",
                              "attn(layernorm(x), 2, causal = 0, bias = 0)", "(layernorm(x) @ W)",
                              "mlp(n(x), act = relu, hidden = 6, bias = 0)"};
    const char *matrices[][2] = {{"mlp.up.W", "mlp.down.W"},
                                 {"attn.v.W", "attn.o.W"},
                                 {"W", "W"},
                                 {"mlp.up.W", "mlp.down.W"}};
    int kind = draw.below(4);
    // The size of an update is at most |W_out| |W_in|, of attention sqrt(heads) times that.
    double most = kind == 2 ? size : kind == 1 ? size * size * std::sqrt(2.0) : size * size;
    double deviation = draw.uniform(0.5, 2), dt = total * deviation / (depth * most);
    std::string text = stackOf(
        "    param W : [8, 8] ~ normal(1)\n    x <- x + " + number(dt) + "*" + branches[kind] +
            "\n",
        "  assume norm.gain <= 1\n  assume norm.bias.max <= 0\n  assume x0.std >= " +
            number(deviation) + "\n  assume spectral(" + matrices[kind][0] +
            ") <= " + number(size) + "\n" +
            (kind == 2 ? ""
                       : std::string("  assume spectral(") + matrices[kind][1] +
                             ") <= " + number(size) + "\n") +
            (kind == 1 ? "  assume spectral(attn.q.W) <= 1\n  assume spectral(attn.k.W) <= 1\n"
                       : ""),
        depth);
    Attack attack(text, 4);
    std::optional<st::Report> report = attack.source.verify();
    const st::Verdict *verdict = verdictOf(report);
    ASSERT_TRUE(verdict && verdict->word == st::Word::proved) << text << print(report);
    ++proved;
    FailureOr<st::Assumptions> promises = st::Assumptions::read(attack.model);
    ASSERT_TRUE(succeeded(promises));
    st::Analysis plain(attack.model, *promises, st::Weights::declared);
    st::Sensitivity said = st::sensitivityOf(plain, st::Detail::eachLayer);
    st::Sensitivity worst = st::sensitivityOf(plain, st::Detail::worstLayer);
    EXPECT_LE(said.product, std::exp(said.exponent) * (1 + 1e-12));
    EXPECT_LE(said.product, worst.product * (1 + 1e-12));
    EXPECT_NEAR(said.least, deviation * (1 - total), deviation * 1e-9);
    for (int turn = 0; turn < 3; ++turn) {
      for (const char *path : matrices[kind])
        setSpectral(draw, attack.environment, attack.model, path, size);
      if (kind == 1)
        for (const char *path : {"attn.q.W", "attn.k.W"})
          setSpectral(draw, attack.environment, attack.model, path, 1);
      attack.fill("E", [&](int64_t, int64_t) { return draw.normal(); });
      Array &table = attack.environment.parameters["E"];
      double is = leastDeviation(table);
      for (double &entry : table.data)
        entry *= deviation * (1 + 1e-9) / is;
      double kept = leastDeviation(attack.run());
      EXPECT_GE(kept * (1 + 1e-9), said.least) << text;
      nearest = std::min(nearest, kept / said.least);
      double measured = normOf(jacobianOf(attack.model, attack.environment, 4), 4);
      EXPECT_LE(measured, *verdict->number * slack) << text;
      tightest = std::max(tightest, measured / *verdict->number);
    }
  }
  std::printf("%d proved, deviations down to %.3f of what is said, |J| up to %.3f\n", proved,
              nearest, tightest);
  EXPECT_EQ(proved, 200);
  EXPECT_GT(tightest, 0.5); // a bound far above everything would pass as well
}

// S85: DeepNorm with its own initialisation's norms grows like exp(N^(1/4)); the same norms without
// alpha, or branches that do not shrink, grow exponentially.
TEST(StabilitySensitivity, s85_deepnorm) {
  auto classOf = [](const std::string &alpha, const std::string &beta, const std::string &more) {
    std::string norms;
    for (const char *matrix : {"W_V", "W_O", "W_1", "W_2"})
      norms += std::string("  assume spectral(") + matrix + ") <= " + beta + "\n";
    std::string text =
        "model m(depth = 12) {\n  param E : [8, 8] ~ normal(1)\n  assume x0.std >= 1\n"
        "  assume x0.rms <= 1\n  assume norm.gain <= 1\n  assume norm.bias.max <= 0\n"
        "  assume spectral(W_Q) <= 0.1\n  assume spectral(W_K) <= 0.1\n" +
        norms + more + "  x = E[tokens]\n  repeat l in 1..depth {\n    x <- layernorm(" + alpha +
        "*x + attn(x, 1, bias = 0))\n    x <- layernorm(" + alpha +
        "*x + mlp(x, bias = 0))\n  }\n  return x\n}\n";
    std::optional<st::Report> report = Verified(text).verify();
    const st::Verdict *verdict = verdictOf(report);
    return verdict ? st::spelling(verdict->word).str() + " " + verdict->growth : "none";
  };
  const std::string alpha = "(2*depth)^(1/4)", beta = "(8*depth)^(-1/4)",
                    gain = "  assume norm.gain >= 1\n";
  EXPECT_EQ(classOf(alpha, beta, gain), "PROVED stretched(1/4)");
  EXPECT_EQ(classOf("2", beta, gain), "PROVED stretched(1/2)");
  EXPECT_EQ(classOf("3", "0.5", gain), "PROVED exponential");
  EXPECT_NE(classOf(alpha, beta, "  assume norm.gain >= 0.999999\n"), "PROVED stretched(1/4)");
  EXPECT_EQ(classOf(alpha, beta, ""), "UNKNOWN ");
}

// S20 and its like: the slope of an activation is its largest, to six digits.
TEST(StabilitySensitivity, s20_activations) {
  struct Case {
    const char *activation;
    double slope, where;
  };
  for (auto [activation, slope, where] :
       {Case{"relu", 1, 0.5}, Case{"gelu", 1.128993, 1.41}, Case{"silu", 1.099839, 2.3994},
        Case{"tanh", 1, 0}, Case{"sigmoid", 0.25, 0}, Case{"abs", 1, -0.5}}) {
    Attack attack(stackOf(std::string("    x <- ") + activation + "(x)\n", "", 1), 1);
    attack.fill("E", [&](int64_t, int64_t) { return where; });
    double bound = attack.bound(property);
    EXPECT_NEAR(bound, slope, 1e-5) << activation;
    double measured = normOf(jacobianOf(attack.model, attack.environment, 1), 1);
    EXPECT_LE(measured, bound * slack) << activation;
    EXPECT_GE(measured, bound * 0.9999) << activation;
    EXPECT_EQ(attack.word(property), "P");
  }
}

// S46: random attentions alone, of rows as large as promised; the bound knows no sequence length.
TEST(StabilitySensitivity, s46_attention_300) {
  double tightest = 0;
  for (int index = 0; index < 300; ++index) {
    Draw draw(9000 + index);
    int heads = 1 << draw.below(3), kv = 1 << draw.below(3);
    kv = std::min(kv, heads);
    double q = draw.uniform(0.1, 2), v = draw.uniform(0.1, 2), r = draw.uniform(0.1, 2);
    std::string cap = draw.below(2) ? ", softcap = 1" : "";
    std::string text =
        stackOf("    x <- attn(x, " + std::to_string(heads) + ", kv_heads = " + std::to_string(kv) +
                    ", causal = " + draw.oneOf({"0", "1"}) + ", bias = 0" + cap + ")\n",
                "  assume x0.rms <= " + number(r) + "\n  assume spectral(W_Q) <= " + number(q) +
                    "\n  assume spectral(W_K) <= " + number(q) + "\n  assume spectral(W_V) <= " +
                    number(v) + "\n  assume spectral(W_O) <= " + number(v) + "\n",
                1);
    Attack attack(text, 6);
    double bound = attack.bound(property);
    ASSERT_TRUE(std::isfinite(bound)) << text;
    for (const char *path : {"q.W", "k.W"})
      setSpectral(draw, attack.environment, attack.model, path, q);
    for (const char *path : {"v.W", "o.W"})
      setSpectral(draw, attack.environment, attack.model, path, v);
    attack.fill("E", [&](int64_t, int64_t) { return draw.normal(); });
    Array &table = attack.environment.parameters["E"];
    double is = ::lnx::test::measure(table).first;
    for (double &entry : table.data)
      entry *= r / is;
    double measured = normOf(jacobianOf(attack.model, attack.environment, 6), 6);
    EXPECT_LE(measured, bound * slack) << text;
    tightest = std::max(tightest, measured / bound);
  }
  std::printf("|J| up to %.3f of the bound\n", tightest);
  EXPECT_GT(tightest, 0.1);
}
