// The golden table of section 7, row by row: equations in, verdicts out (s108).
// Gains and biases of norms are declared, weights are not; "bounded" is the class with all bounded.
#include "StabilityFixture.h"

#include <fstream>
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
};

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
  std::string text = read("examples/architectures.lnx") +
                     R"(
def lns_plain(x, l, depth, heads) {
  x <- x + attn(l^(-1/2) * layernorm(x), heads, bias = 0)
  x <- x + mlp(l^(-1/2) * layernorm(x), bias = 0)
  return x
}
def lns_swiglu(x, l, depth, heads) {
  x <- x + glu(l^(-1/2) * layernorm(x))
  return x
}
def squared(x) = relu(x)^2
def no_ln_squared(x, l, depth, heads) {
  x <- x + mlp(x, act = squared)
  return x
}
)" +
                     "\nmodel table(depth = 12) {\n  assume norm.gain <= 1\n"
                     "  assume norm.bias.max <= 0\n  assume x0.rms <= 1\n"
                     "  return gpt2(depth = depth, " +
                     row.block + ")\n}\n";
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
}

// name, block, growth, class, bounded, wellposed, kw (P: 0, R: 1, U: none), identity path
INSTANTIATE_TEST_SUITE_P(
    Section7, GoldenTable,
    testing::Values(
        Row{"none", "block = no_ln", "R", "unbounded", "exponential", "R", "R", "P"},
        Row{"none_glu", "block = no_ln, ff = glu", "R", "unbounded", "double_exponential", "R", "R",
            "P"},
        Row{"pre", "block = pre_ln", "R", "unbounded", "linear", "R", "R", "P"},
        Row{"pre_dt", "block = pre_ln, dt = 0.1", "R", "unbounded", "linear", "R", "R", "P"},
        Row{"post", "block = post_ln", "P", "bounded", "bounded", "P", "U", "R"},
        Row{"deepnorm", "block = deepnorm", "P", "bounded", "bounded", "P", "U", "R"},
        Row{"labml", "block = labml_deepnorm", "P", "bounded", "bounded", "P", "U", "R"},
        Row{"admin", "block = admin", "P", "bounded", "bounded", "P", "U", "R"},
        Row{"peri", "block = peri_ln", "P", "linear", "linear", "P", "P", "P"},
        Row{"sandwich", "block = sandwich", "P", "linear", "linear", "P", "P", "P"},
        Row{"peri_ode", "block = peri_ode", "P", "bounded", "bounded", "P", "P", "P"},
        Row{"olmo2", "block = olmo2", "P", "linear", "linear", "P", "P", "P"},
        Row{"swin_v2", "block = swin_v2", "P", "linear", "linear", "P", "P", "P"},
        Row{"gemma2", "block = gemma2", "P", "linear", "linear", "P", "P", "P"},
        Row{"parallel", "block = parallel", "R", "unbounded", "linear", "R", "R", "P"},
        Row{"mix_ln", "block = mix_ln", "R", "unbounded", "linear", "R", "R", "R"},
        // Biases do not shrink with the layer, so the prelude's block is linear.
        Row{"lns_with_biases", "block = ln_scaling", "R", "unbounded", "linear", "R", "R", "P"},
        Row{"lns", "block = lns_plain", "R", "unbounded", "power(1/2)", "R", "R", "P"},
        Row{"lns_swiglu", "block = lns_swiglu", "R", "unbounded", "log", "R", "R", "P"},
        Row{"none_squared_relu", "block = no_ln_squared", "R", "unbounded", "double_exponential",
            "R", "R", "P"},
        Row{"ngpt", "block = ngpt", "P", "bounded", "bounded", "P", "P", "R"},
        Row{"dyt_pre", "block = dyt_pre", "R", "unbounded", "linear", "R", "R", "P"},
        Row{"rezero", "block = rezero", "R", "unbounded", "exponential", "R", "R", "P"},
        Row{"layerscale", "block = layerscale", "R", "unbounded", "linear", "R", "R", "P"},
        Row{"fixup", "block = fixup", "R", "unbounded", "exponential", "R", "R", "P"},
        Row{"tfixup", "block = tfixup_enc", "R", "unbounded", "exponential", "R", "R", "P"},
        Row{"depth_mup", "block = depth_mup", "R", "unbounded", "power(1/2)", "R", "R", "P"},
        Row{"noci", "block = noci", "R", "unbounded", "power(1/2)", "R", "R", "P"},
        Row{"completep", "block = completep", "R", "unbounded", "bounded", "R", "R", "P"},
        Row{"sub_ln", "block = sub_ln", "R", "unbounded", "linear", "R", "R", "P"}),
    [](const auto &info) { return info.param.name; });
