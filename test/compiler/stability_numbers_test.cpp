// The worked numbers of the stability page: constants of DeepNet and Admin as the equations hold
// them (golden lines deepnorm, encdec, admin), logits, and the table of 6.6.
#include "Attack.h"

#include "compiler/stability/Subject.h"

#include <fstream>
#include <sstream>

using namespace lnx::test;
using namespace mlir;
using namespace mlir::lnx;
namespace st = mlir::lnx::stability;

namespace {
std::string architectures() {
  std::ifstream file(LNX_SOURCE_DIR "/examples/architectures.lnx");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// A model with its run, for numbers that stand in equations and initialisers.
struct Read {
  Verified source;
  OwningOpRef<ModuleOp> module;
  std::optional<FailureOr<st::Assumptions>> promises;
  std::optional<st::Analysis> analysis;

  explicit Read(const std::string &text) : source(text), module(source.at({})) {
    if (!module) {
      ADD_FAILURE() << source.diagnostics.render();
      return;
    }
    ModelOp model = *module->getOps<ModelOp>().begin();
    promises = st::Assumptions::read(model);
    analysis.emplace(model, **promises, st::Weights::declared);
  }
  /// Factor of the stream in front of a norm over the sum.
  double skipOf(size_t stack) {
    for (const auto &[value, norm] : analysis->sums)
      if (value.getDefiningOp()->getParentOfType<RepeatOp>() == analysis->stacks[stack].repeat)
        return norm.input.skip[0];
    return NAN;
  }
  /// A square matrix's gain against Xavier, in one stack.
  double gainOf(size_t stack, StringRef end) {
    double gain = NAN;
    analysis->model.walk([&](ParamOp op) {
      if (op.getPath().ends_with(end) &&
          op->getParentOfType<RepeatOp>() == analysis->stacks[stack].repeat)
        gain = op.getInit().getA()[0] * std::sqrt(double(op.getType().getDimSize(0)));
    });
    return gain;
  }
  double initialOf(StringRef path) {
    double value = NAN;
    analysis->model.walk([&](ParamOp op) {
      if (op.getPath() == path || op.getPath().ends_with(("." + path).str()))
        value = op.getInit().getA()[0];
    });
    return value;
  }
};

double numberOf(const std::string &text, const std::string &property) {
  std::optional<st::Report> report = Verified(text).verify();
  const st::Verdict *verdict = find(report, property);
  return verdict && verdict->number ? *verdict->number : NAN;
}

std::string digitsOf(double value) {
  char digits[40];
  std::snprintf(digits, sizeof digits, "%.17g", value);
  return digits;
}
} // namespace

// Golden line deepnorm: alpha and beta at every depth, read off equations and initial laws.
TEST(StabilityNumbers, s4_decoder_only) {
  struct Case {
    int depth;
    double alpha, beta;
  };
  for (auto [depth, alpha, beta] :
       {Case{6, 1.861210, .379918}, Case{12, 2.213364, .319472}, Case{48, 3.130169, .225901},
        Case{100, 3.760603, .188030}, Case{1000, 6.687403, .105737}}) {
    Read model("model m = gpt2(block = deepnorm, width = 16, heads = 2, vocab = 20, context = 8, "
               "depth = " +
               std::to_string(depth) + ")\n");
    EXPECT_NEAR(model.skipOf(0), alpha, 1e-6 * alpha);
    EXPECT_NEAR(model.gainOf(0, "o.W"), beta, 6e-7);
    EXPECT_NEAR(model.gainOf(0, "v.W"), beta, 6e-7);
    EXPECT_NEAR(model.gainOf(0, "q.W"), 1, 1e-9);
  }
}

// Golden line encdec, to the four digits that it has.
TEST(StabilityNumbers, s4_encoder_and_decoder) {
  struct Case {
    int depth;
    double numbers[4];
  };
  for (const Case &row :
       {Case{6, {1.4179, .4970, 2.0598, .3433}}, Case{12, {1.7609, .4002, 2.4495, .2887}},
        Case{500, {5.6482, .1248, 6.2233, .1136}}}) {
    const std::string n = std::to_string(row.depth);
    Read model("model m = encdec(width = 16, heads = 2, vocab = 20, N = " + n + ", M = " + n +
               ", enc = deepnorm_enc, dec = deepnorm_dec)\n");
    EXPECT_NEAR(model.skipOf(0), row.numbers[0], 6e-5);
    EXPECT_NEAR(model.gainOf(0, "o.W"), row.numbers[1], 6e-5);
    EXPECT_NEAR(model.skipOf(1), row.numbers[2], 6e-5);
    EXPECT_NEAR(model.gainOf(1, "o.W"), row.numbers[3], 6e-5);
  }
}

// Golden line admin: omega of both profiles.
TEST(StabilityNumbers, s93_admin) {
  struct Case {
    int depth;
    double logarithmic, constant;
  };
  for (auto [depth, logarithmic, constant] :
       {Case{6, 2.017009, 3.464102}, Case{12, 2.601286, 4.898979}, Case{36, 4.001811, NAN},
        Case{48, 4.494833, NAN}}) {
    const std::string rest =
        ", width = 16, heads = 2, vocab = 20, context = 8, depth = " + std::to_string(depth) +
        ")\n";
    const std::string defs = architectures() +
                             "def constant_admin(x, l, depth, heads) = admin(x, "
                             "l, depth, heads, omega2 = 2*depth)\nmodel m = gpt2(";
    EXPECT_NEAR(Read(defs + "block = admin" + rest).initialOf("w"), logarithmic,
                1e-6 * logarithmic);
    if (std::isfinite(constant))
      EXPECT_NEAR(Read(defs + "block = constant_admin" + rest).initialOf("w"), constant,
                  1e-6 * constant);
  }
}

namespace {
const std::string blocks =
    "def pre(x, l, depth, heads, dt = 1) {\n"
    "  x <- x + dt*attn(layernorm(x), heads, bias = 0)\n"
    "  x <- x + dt*mlp(layernorm(x), bias = 0)\n  return x\n}\n"
    "def none(x, l, depth, heads, dt = 1) {\n  x <- x + dt*attn(x, heads, bias = 0)\n"
    "  x <- x + dt*mlp(x, bias = 0)\n  return x\n}\n";

struct Gpt {
  int depth, width, heads;
};

/// Matrices as large as GPT-2's are at first: sigma (sqrt m + sqrt n).
std::string initialNorms(const Gpt &gpt) {
  const double sigma = 0.02, out = sigma / std::sqrt(2.0 * gpt.depth), d = std::sqrt(gpt.width),
               head = std::sqrt(double(gpt.width) / gpt.heads);
  std::string text;
  for (const auto &[form, norm] : {std::pair("perhead(W_V)", sigma * (d + head)),
                                   {"perhead(W_Q)", sigma * (d + head)},
                                   {"perhead(W_K)", sigma * (d + head)},
                                   {"spectral(W_O)", out * 2 * d},
                                   {"spectral(W_1)", sigma * 3 * d},
                                   {"spectral(W_2)", out * 3 * d}})
    text += "  assume " + std::string(form) + " <= " + digitsOf(norm) + "\n";
  return text;
}

std::string modelOf(const std::string &block, const Gpt &gpt, const std::string &more = "") {
  return blocks + "model m(depth = " + std::to_string(gpt.depth) +
         ") {\n  assume norm.gain <= 1\n  assume norm.bias.max <= 0\n"
         "  assume x0.rms <= 0.0282842712\n" +
         more + "  return gpt2(depth = depth, width = " + std::to_string(gpt.width) +
         ", heads = " + std::to_string(gpt.heads) + ", block = " + block + ")\n}\n";
}

const Gpt sizes[] = {{12, 768, 12}, {36, 1280, 20}, {48, 1600, 25}};
constexpr double r0 = 0.0282842712;
} // namespace

// 6.6, worst case of mean |x|: Pre with the norms that weights have at first.
TEST(StabilityNumbers, s63_initial_norms) {
  const double numbers[] = {13.49, 43.32, 65.84};
  for (int i = 0; i < 3; ++i)
    for (double dt : {1.0, 0.1})
      EXPECT_NEAR(numberOf(modelOf("pre, dt = " + digitsOf(dt), sizes[i], initialNorms(sizes[i])),
                           "forward.bound") -
                      r0,
                  dt * numbers[i], 5e-4 * dt * numbers[i]);
}

// The same without norms: r0 prod (1 + dt L).
TEST(StabilityNumbers, s64_initial_norms) {
  const double numbers[][2] = {{4.46e4, 3.716}, {5.12e14, 67.08}, {5.06e21, 580.7}};
  for (int i = 0; i < 3; ++i)
    for (int small : {0, 1})
      EXPECT_NEAR(
          numberOf(modelOf(small ? "none, dt = 0.1" : "none", sizes[i], initialNorms(sizes[i])),
                   "forward.bound") /
              r0 / numbers[i][small],
          1, 2e-3)
          << i << small;
}

// The same table, largest entries: 2N dt sqrt(d - 1) beside the start, and sqrt(d - 1) behind a
// norm over the sum; a thousand layers.
TEST(StabilityNumbers, s67_largest_entries) {
  const double peri[][2] = {{665.5, 67.3}, {2576, 258.5}, {3840, 385.0}}, post[] = {27.7, 35.8, 40};
  for (int i = 0; i < 3; ++i) {
    EXPECT_NEAR(numberOf(modelOf("peri_ln", sizes[i]), "precision.overflow"), peri[i][0], 0.5);
    EXPECT_NEAR(numberOf(modelOf("peri_ln, dt = 0.1", sizes[i]), "precision.overflow"), peri[i][1],
                0.06);
    std::optional<st::Report> report = Verified(modelOf("deepnorm", sizes[i])).verify();
    EXPECT_NEAR(*find(report, "forward.bound")->number, 1, 1e-9);
    EXPECT_TRUE(llvm::any_of(find(report, "forward.bound")->details, [&](const std::string &line) {
      double peak = 0;
      return std::sscanf(line.c_str(), "max |x| <= %lf", &peak) == 1 &&
             std::abs(peak - post[i]) < 0.06;
    })) << print(report);
  }
  std::string text = modelOf("peri_ln", {1000, 1024, 16});
  text.replace(text.find("0.0282842712"), 12, "1");
  EXPECT_NEAR(numberOf(text, "forward.bound"), 2001, 1e-6);
}

// GPT-2 XL's Peri fits fp16 up to 819 layers and e4m3 up to 5 (S98).
TEST(StabilityNumbers, s98_depths_that_fit) {
  auto fits = [](int depth, const char *format) {
    std::optional<st::Report> report = Verified(modelOf("peri_ln", {depth, 1600, 25})).verify();
    const st::Verdict *verdict = find(report, "precision.overflow");
    return llvm::any_of(verdict->details, [&](StringRef line) {
      return line.starts_with(std::string(format) + ": fits");
    });
  };
  EXPECT_TRUE(fits(819, "fp16"));
  EXPECT_FALSE(fits(820, "fp16"));
  EXPECT_TRUE(fits(5, "e4m3"));
  EXPECT_FALSE(fits(6, "e4m3"));
}

// Golden line logits: 48.98 for GPT-2's own initial norms.
TEST(StabilityNumbers, s96_initial_norms) {
  EXPECT_NEAR(numberOf(modelOf("pre", sizes[0], initialNorms(sizes[0])), "attention.logit_bound"),
              48.98, 5e-3);
}

// nGPT's stream stays on the sphere, whatever its weights are.
TEST(StabilityNumbers, s62_ngpt) {
  EXPECT_NEAR(numberOf(architectures() + "model m(depth = 12) = gpt2(depth = depth, block = ngpt, "
                                         "width = 64, heads = 4, vocab = 20, context = 8)\n",
                       "forward.bound"),
              1.0 / 8, 1e-9);
}

// Several streams that a doubly stochastic matrix mixes: r0 + sum |b| B, reached by equal streams.
TEST(StabilityNumbers, s66_hyper_connections) {
  const std::string head =
      "def n(x) = x / sqrt(mean(x*x) + 1e-12)\nmodel m(depth = 5) {\n"
      "  param E : [8, 8] ~ normal(1)\n  param start : [4] ~ ones\n  param f : [4] ~ const(1/4)\n"
      "  assume x0.rms <= 1\n  assume max(b) <= 0.5\n";
  const std::string tail =
      "  X = outer(start, E[tokens])\n  repeat l in 1..depth {\n"
      "    param A : [4, 4] ~ identity\n    param m : [4] ~ const(1/4)\n"
      "    param b : [4] ~ ones\n    X <- mix(A, X) + outer(b, n(mix(m, X)))\n  }\n"
      "  return mix(f, X)\n}\n";
  Attack attack(head + "  assume doubly_stochastic(A)\n" + tail);
  EXPECT_NEAR(attack.bound(), 1 + 5 * 0.5, 1e-9);
  attack.fill("E", [](int64_t, int64_t j) { return alternating(j); });
  attack.fill("A", [](int64_t, int64_t) { return 0.25; });
  attack.fill("b", [](int64_t, int64_t) { return 0.5; });
  attack.fill("m", [](int64_t, int64_t) { return 0.25; });
  attack.fill("f", [](int64_t, int64_t) { return 0.25; });
  attack.fill("start", [](int64_t, int64_t) { return 1; });
  EXPECT_LE(attack.rms(), attack.bound() * (1 + 1e-9));
  EXPECT_GE(attack.rms(), attack.bound() * 0.999);
  // A row sum of 2 doubles the streams in every layer.
  EXPECT_NEAR(Attack(head + "  assume abs_row_sum(A) <= 2\n" + tail).bound(),
              32 + 0.5 * (1 + 2 + 4 + 8 + 16), 1e-6);
  EXPECT_EQ(Attack(head + tail).bound(), INFINITY);
}
