// The golden table of section 7, row by row: equations in, verdicts out (s108).
// Gains and biases of norms are declared, weights are not; "bounded" is the class with all bounded.
#include "GoldenBlocks.h"
#include "StabilityFixture.h"

#include <fstream>
#include <set>
#include <sstream>

using namespace lnx::test;
using namespace mlir::lnx::stability;

namespace {
struct Row {
  const char *name;
  const char *block; ///< arguments of gpt2
  const char *growth, *growthClass;
  const char *bounded;
  const char *wellposed, *weight, *identity;
  const char *carriers; ///< what parameters make an update large, by the ends of their paths
  double bound = 0;     ///< at 12 layers of width 768; 0: none is proved
};

/// Ends of the paths of a model's carriers without any promise.
std::string carriersOf(Verified &model, const std::string &name) {
  std::optional<Report> report = model.verify(name);
  std::set<std::string> ends;
  if (report)
    for (const std::string &path : report->carriers)
      ends.insert(path.substr(path.rfind('.') + 1));
  return llvm::join(ends, " ");
}

std::string read(const std::string &path) {
  std::ifstream file(LNX_SOURCE_DIR "/" + path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

class GoldenTable : public testing::TestWithParam<Row> {};
} // namespace

TEST_P(GoldenTable, s108) {
  const Row &row = GetParam();
  // Only the definitions: the models of the example would be elaborated in vain.
  std::string text = read("examples/architectures.lnx") + goldenBlocks +
                     "\nmodel table(depth = 12) {\n  assume norm.gain <= 1\n"
                     "  assume norm.bias.max <= 0\n  assume x0.rms <= 1\n"
                     "  return gpt2(depth = depth, " +
                     row.block + ")\n}\nmodel open(depth = 12) = gpt2(depth = depth, " + row.block +
                     ")\n";
  Verified model(text);
  std::optional<Report> report = model.verify("table");
  ASSERT_TRUE(report) << model.messages;
  const Verdict *growth = find(report, "forward.growth");
  ASSERT_TRUE(growth);
  EXPECT_EQ(word(report, "forward.growth"), row.growth) << print(report);
  EXPECT_EQ(growth->growth, row.growthClass) << print(report);
  EXPECT_EQ(growth->details.back(), "with a bound on every weight: " + std::string(row.bounded))
      << print(report);
  EXPECT_EQ(word(report, "forward.wellposed"), row.wellposed) << print(report);
  EXPECT_EQ(word(report, "backward.scale_invariance"), row.weight) << print(report);
  EXPECT_EQ(word(report, "backward.identity_path"), row.identity) << print(report);
  const Verdict *bound = find(report, "forward.bound");
  ASSERT_TRUE(bound);
  EXPECT_EQ(bound->number.has_value(), row.bound > 0) << print(report);
  EXPECT_NEAR(bound->number.value_or(0), row.bound, 1e-9 * row.bound) << print(report);
  EXPECT_EQ(carriersOf(model, "open"), row.carriers);
}

// name, block, growth, class, bounded, wellposed, kw (P: 0, R: 1, U: none), identity path
INSTANTIATE_TEST_SUITE_P(
    Section7, GoldenTable,
    testing::Values(
        Row{"none", "block = no_ln", "R", "unbounded", "exponential", "R", "R", "P", "W b"},
        Row{"none_glu", "block = no_ln, ff = glu", "R", "unbounded", "double_exponential", "R", "R",
            "P", "W b"},
        Row{"pre", "block = pre_ln", "R", "unbounded", "linear", "R", "R", "P", "W b g"},
        Row{"pre_dt", "block = pre_ln, dt = 0.1", "R", "unbounded", "linear", "R", "R", "P",
            "W b g"},
        Row{"post", "block = post_ln", "P", "bounded", "bounded", "P", "U", "R", "b g", 1},
        Row{"deepnorm", "block = deepnorm", "P", "bounded", "bounded", "P", "U", "R", "b g", 1},
        Row{"labml", "block = labml_deepnorm", "P", "bounded", "bounded", "P", "U", "R", "b g", 1},
        Row{"admin", "block = admin", "P", "bounded", "bounded", "P", "U", "R", "b g", 1},
        Row{"peri", "block = peri_ln", "P", "linear", "linear", "P", "P", "P", "b g", 25},
        Row{"sandwich", "block = sandwich", "P", "linear", "linear", "P", "P", "P", "b g", 25},
        Row{"peri_ode", "block = peri_ode", "P", "bounded", "bounded", "P", "P", "P", "b g", 2},
        Row{"olmo2", "block = olmo2", "P", "linear", "linear", "P", "P", "P", "g", 25},
        Row{"swin_v2", "block = swin_v2", "P", "linear", "linear", "P", "P", "P", "b g", 25},
        Row{"gemma2", "block = gemma2", "P", "linear", "linear", "P", "P", "P", "g", 25},
        Row{"parallel", "block = parallel", "R", "unbounded", "linear", "R", "R", "P", "W b g"},
        Row{"mix_ln", "block = mix_ln", "R", "unbounded", "linear", "R", "R", "R", "W b g"},
        // Biases do not shrink with the layer, so the prelude's block is linear.
        Row{"lns_with_biases", "block = ln_scaling", "R", "unbounded", "linear", "R", "R", "P",
            "W b g"},
        Row{"lns", "block = lns_plain", "R", "unbounded", "power(1/2)", "R", "R", "P", "W b g"},
        Row{"lns_swiglu", "block = lns_swiglu", "R", "unbounded", "log", "R", "R", "P", "W b g"},
        Row{"none_squared_relu", "block = no_ln_squared", "R", "unbounded", "double_exponential",
            "R", "R", "P", "W b"},
        Row{"ngpt", "block = ngpt", "P", "bounded", "bounded", "P", "P", "R", "",
            1 / std::sqrt(768.0)},
        Row{"dyt_pre", "block = dyt_pre", "R", "unbounded", "linear", "R", "R", "P", "W b g"},
        Row{"rezero", "block = rezero", "R", "unbounded", "exponential", "R", "R", "P", "W a b"},
        Row{"layerscale", "block = layerscale", "R", "unbounded", "linear", "R", "R", "P",
            "W b g lam"},
        Row{"fixup", "block = fixup", "R", "unbounded", "exponential", "R", "R", "P", "W b"},
        Row{"tfixup", "block = tfixup_enc", "R", "unbounded", "exponential", "R", "R", "P", "W b"},
        Row{"depth_mup", "block = depth_mup", "R", "unbounded", "power(1/2)", "R", "R", "P",
            "W b g"},
        Row{"noci", "block = noci", "R", "unbounded", "power(1/2)", "R", "R", "P", "W b g"},
        Row{"completep", "block = completep", "R", "unbounded", "bounded", "R", "R", "P", "W b g"},
        Row{"sub_ln", "block = sub_ln", "R", "unbounded", "linear", "R", "R", "P", "W b g"}),
    [](const auto &info) { return info.param.name; });

// Streams that a doubly stochastic matrix mixes: as Pre, and as Peri with norms behind the
// branches.
TEST(GoldenRows, s108_mhc) {
  auto text = [](const std::string &update) {
    return "def own(X, l, depth, heads, s = 4) {\n  assume doubly_stochastic(A)\n"
           "  param A : [s, s] ~ identity\n  param m : [s] ~ const(1/s)\n  param b : [s] ~ ones\n"
           "  X <- mix(A, X) + outer(b, " +
           update +
           ")\n  return X\n}\nmodel m(depth = 12) {\n  param E : [50, 64] ~ normal(0.02)\n"
           "  param finish : [4] ~ const(1/4)\n  assume norm.gain <= 1\n  assume norm.bias.max <= "
           "0\n"
           "  assume x0.rms <= 1\n  assume max(b) <= 1\n"
           "  X = outer(0*finish + 1, E[tokens])\n"
           "  repeat l in 1..depth { X <- own(X, l, depth, 4) }\n"
           "  return mix(finish, X) @ transpose(E)\n}\n";
  };
  Verified open(text("mlp(layernorm(mix(m, X)))")), normed(text("layernorm(mlp(mix(m, X)))"));
  std::optional<Report> pre = open.verify(), peri = normed.verify();
  ASSERT_TRUE(pre && peri) << open.messages << normed.messages;
  EXPECT_EQ(word(pre, "forward.growth"), "R") << print(pre);
  EXPECT_EQ(find(pre, "forward.growth")->details.back(), "with a bound on every weight: linear");
  EXPECT_EQ(word(pre, "forward.wellposed"), "R");
  EXPECT_EQ(word(pre, "backward.scale_invariance"), "R");
  EXPECT_EQ(word(pre, "backward.identity_path"), "P");
  EXPECT_EQ(word(peri, "forward.growth"), "P") << print(peri);
  EXPECT_EQ(find(peri, "forward.growth")->growth, "linear");
  EXPECT_EQ(word(peri, "forward.wellposed"), "P");
  EXPECT_NEAR(find(peri, "forward.bound")->number.value_or(0), 13, 1e-9) << print(peri);
}

// The same row as its form, three updates a layer; Pre adds what the encoder became.
TEST(GoldenRows, s108_decoder) {
  auto verify = [](const std::string &blocks) {
    Verified model(
        "model m(N = 12) {\n  assume norm.gain <= 1\n  assume norm.bias.max <= 0\n"
        "  assume x0.rms <= 1\n  return encdec(width = 64, heads = 4, vocab = 50, N = N, "
        "M = 6, " +
        blocks + ")\n}\n");
    std::optional<Report> report = model.verify();
    EXPECT_TRUE(report) << model.messages;
    return report;
  };
  std::optional<Report> pre = verify("enc = pre_enc, dec = pre_dec");
  EXPECT_EQ(word(pre, "forward.growth"), "R") << print(pre);
  EXPECT_EQ(word(pre, "forward.wellposed"), "R");
  EXPECT_EQ(word(pre, "backward.identity_path"), "P");
  std::optional<Report> post = verify("enc = deepnorm_enc, dec = deepnorm_dec");
  EXPECT_EQ(word(post, "forward.wellposed"), "P") << print(post);
  EXPECT_EQ(word(post, "backward.identity_path"), "R");
  EXPECT_NEAR(find(post, "forward.bound")->number.value_or(0), 1, 1e-9) << print(post);
}

// The row of the objective (S72): bounded, and well posed for its minimisers.
TEST(GoldenRows, s108_pre_with_l2) {
  Verified model("def own(x, l, depth, heads) {\n  x <- x + attn(layernorm(x), heads, bias = 0)\n"
                 "  x <- x + mlp(layernorm(x), bias = 0)\n  return x\n}\n"
                 "model m(depth = 12) {\n  assume norm.gain <= 1\n  assume norm.bias.max <= 0\n"
                 "  assume x0.rms <= 1\n  assume l2(decay = 0.1)\n"
                 "  return gpt2(depth = depth, block = own)\n}\n");
  std::optional<Report> report = model.verify();
  const Verdict *growth = find(report, "forward.growth", Basis::optimum);
  const Verdict *wellposed = find(report, "forward.wellposed", Basis::optimum);
  ASSERT_TRUE(growth && wellposed);
  EXPECT_EQ(growth->growth, "bounded");
  EXPECT_EQ(wellposed->word, Word::proved);
  EXPECT_EQ(word(report, "backward.scale_invariance"), "R");
  EXPECT_EQ(word(report, "backward.identity_path"), "P");
}

//===-- at initialisation ----------------------------------------------------===//

namespace {
/// The last four columns, as `verify` prints them: Xavier weights and ReLU, as in 5.8 and 5.10.
struct InitRow {
  const char *name;
  const char *block;
  const char *profile, *update; ///< classes; "" where the table has no prediction
  const char *rank;             ///< "none", "slow", "collapse" or ""
  const char *warmup;           ///< "yes", "no" or ""
};

class InitTable : public testing::TestWithParam<InitRow> {};

const char *const withRelu = R"(
def relu_mlp(x, init = weight_init) = mlp(x, act = relu, init = init)
def post_relu(x, l, depth, heads, a = 1, dt = 1, gain = 1) {
  w = xavier(gain)
  x <- layernorm(a*x + dt*attn(x, heads, init = xavier(1), value_init = w, out_init = w))
  x <- layernorm(a*x + dt*relu_mlp(x, init = w))
  return x
}
def deepnorm_relu(x, l, depth, heads) = post_relu(x, l, depth, heads, a = (2*depth)^(1/4), gain = (8*depth)^(-1/4))
def labml_relu(x, l, depth, heads) = post_relu(x, l, depth, heads, dt = (2*depth)^(1/4), gain = (8*depth)^(-1/4))
def mix_relu(x, l, depth, heads) {
  if l <= depth/4 { x <- post_relu(x, l, depth, heads) } else { x <- pre_ln(x, l, depth, heads, ff = relu_mlp) }
  return x
}
def admin_constant(x, l, depth, heads) = admin(x, l, depth, heads, omega2 = 2*depth)
def lns_swiglu(x, l, depth, heads) {
  x <- x + glu(l^(-1/2) * layernorm(x))
  return x
}
)";

const char *wordOf(const Verdict &verdict) {
  return verdict.word == Word::predictedBad || verdict.word == Word::refuted ? "yes"
         : verdict.word == Word::predictedOk                                 ? "no"
                                                                             : "";
}
} // namespace

TEST_P(InitTable, s108) {
  const InitRow &row = GetParam();
  Verified model(read("examples/architectures.lnx") + withRelu +
                 "model table(depth = 12) = gpt2(depth = depth, weight_init = xavier(1), "
                 "residual_init = xavier(1), block = " +
                 row.block + ")\n");
  std::optional<Report> report = model.verify("table");
  ASSERT_TRUE(report) << model.messages;
  const Verdict *profile = find(report, "backward.init_gradient_profile", Basis::initMeanField);
  const Verdict *rank = find(report, "rank_collapse", Basis::initMeanField);
  const Verdict *warmup = find(report, "needs_warmup", Basis::heuristic);
  const Verdict *update = find(report, "deepnorm.update_bound", Basis::initMeanField);
  if (!update)
    update = find(report, "deepnorm.update_bound", Basis::paperModel);
  ASSERT_TRUE(profile && rank && warmup && update) << print(report);
  EXPECT_EQ(profile->growth, row.profile) << print(report);
  EXPECT_EQ(update->growth, row.update) << print(report);
  EXPECT_STREQ(wordOf(*warmup), row.warmup) << print(report);
  const char *collapse = rank->word == Word::predictedBad  ? "collapse"
                         : rank->word == Word::predictedOk ? "none"
                         : rank->growth.empty()            ? ""
                                                           : "slow";
  EXPECT_STREQ(collapse, row.rank) << print(report);
}

// name, block, class of |g_0|/|g_K|, class of U, rank, warm-up
INSTANTIATE_TEST_SUITE_P(
    Section7, InitTable,
    testing::Values(
        InitRow{"none", "no_ln, ff = relu_mlp", "exponential", "exponential", "slow", "yes"},
        InitRow{"pre", "pre_ln, ff = relu_mlp", "power(1/2)", "log", "slow", "no"},
        InitRow{"pre_dt", "pre_ln, ff = relu_mlp, dt = 0.1", "power(1/2)", "log", "slow", "no"},
        InitRow{"post", "post_relu", "bounded", "linear", "collapse", "yes"},
        InitRow{"post_gelu", "post_ln", "exponential", "linear", "collapse", "yes"},
        InitRow{"deepnorm", "deepnorm_relu", "bounded", "bounded", "none", "no"},
        InitRow{"labml", "labml_relu", "bounded", "linear", "collapse", "yes"},
        InitRow{"admin", "admin", "bounded", "log", "slow", "no"},
        InitRow{"admin_constant", "admin_constant", "bounded", "bounded", "none", "no"},
        InitRow{"peri", "peri_ln", "power(1/2)", "log", "slow", "no"},
        InitRow{"sandwich", "sandwich", "power(1/2)", "log", "slow", "no"},
        InitRow{"peri_ode", "peri_ode", "bounded", "bounded", "none", "no"},
        InitRow{"parallel", "parallel, ff = relu_mlp", "power(1/2)", "log", "slow", "no"},
        InitRow{"mix_ln", "mix_relu", "power(1/2)", "linear", "collapse", "yes"},
        InitRow{"lns", "ln_scaling, ff = relu_mlp", "log^1/2", "log", "slow", "no"},
        InitRow{"lns_swiglu", "lns_swiglu", "bounded", "bounded", "none", "no"},
        InitRow{"rezero", "rezero", "bounded", "bounded", "none", "no"},
        InitRow{"layerscale", "layerscale, lam0 = 1e-6", "bounded", "linear", "none", "no"},
        InitRow{"fixup", "fixup", "bounded", "bounded", "none", "no"},
        InitRow{"depth_mup", "depth_mup", "bounded", "bounded", "none", "no"},
        InitRow{"completep", "completep", "bounded", "bounded", "none", "no"},
        InitRow{"swin_v2", "swin_v2", "power(0.41)", "log", "slow", "no"},
        // A gated branch is of degree 2 at first, so gradients grow faster than 1/2; the table's
        // rows are about chi = v.
        InitRow{"olmo2", "olmo2", "power(0.61)", "power(0.31)", "slow", ""},
        InitRow{"gemma2", "gemma2", "power(0.64)", "power(0.36)", "slow", ""},
        // No rules for these.
        InitRow{"ngpt", "ngpt", "", "", "", ""}, InitRow{"dyt_pre", "dyt_pre", "", "", "", ""},
        InitRow{"grouped", "grouped", "", "", "", ""}),
    [](const auto &info) { return info.param.name; });
