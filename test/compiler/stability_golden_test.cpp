// Golden values of section 8, each named after its claim.
#include "StabilityFixture.h"

#include "compiler/stability/Assumptions.h"
#include <chrono>
#include <cmath>

using namespace lnx::test;
using namespace mlir::lnx::stability;

namespace {
/// A preset with gains 1, biases 0 and GPT-2's embedding declared.
std::string
preset(const std::string &arguments,
       const std::string &assumes = "  assume norm.gain <= 1\n  assume norm.bias.max <= 0\n") {
  return "model m(depth = 12) {\n" + assumes +
         "  assume x0.rms <= 0.0282842712\n  return gpt2(depth = depth, " + arguments + ")\n}\n";
}

double number(const std::string &text, const std::string &property, Settings settings = {},
              Basis basis = Basis::worstCase) {
  Verified model(text);
  std::optional<Report> report = model.verify("", settings);
  const Verdict *verdict = find(report, property, basis);
  if (!verdict || !verdict->number) {
    ADD_FAILURE() << "no number for " << property << "\n" << print(report) << model.messages;
    return NAN;
  }
  return *verdict->number;
}

struct Theorem4 {
  const char *depth, *width, *heads, *dt;
  double bound, variance;
};
} // namespace

// MA <= r0 + 2N dt (gmax + bmax) and the variance that belongs to it.
TEST(StabilityGolden, s59_s70_theorem4) {
  const Theorem4 rows[] = {{"12", "768", "12", "1", 24.0282842712, 577.359179},
                           {"12", "768", "12", "0.1", 2.4282842712, 5.896572},
                           {"36", "1280", "20", "1", 72.0282842712, 5188.077693},
                           {"36", "1280", "20", "0.1", 7.2282842712, 52.248133},
                           {"48", "1600", "25", "1", 96.0282842712, 9221.437008},
                           {"48", "1600", "25", "0.1", 9.6282842712, 92.703915}};
  for (const Theorem4 &row : rows) {
    std::string text = preset(std::string("block = peri_ln, width = ") + row.width +
                              ", heads = " + row.heads + ", dt = " + row.dt);
    EXPECT_NEAR(number(text, "forward.bound", {{"depth", row.depth}}), row.bound, 1e-6 * row.bound);
    EXPECT_NEAR(number(text, "forward.variance", {{"depth", row.depth}}), row.variance,
                1e-6 * row.variance);
  }
}

// bmax counts as it is, rms(b) is the tighter one.
TEST(StabilityGolden, s59_biases) {
  const double r0 = 0.0282842712;
  std::string rms = "  assume norm.gain <= 1.5\n  assume norm.bias.rms <= 0.2\n";
  std::string max = "  assume norm.gain <= 1.5\n  assume norm.bias.max <= 0.5\n";
  EXPECT_NEAR(number(preset("block = peri_ln", max), "forward.bound"), r0 + 48, 1e-6);
  EXPECT_NEAR(number(preset("block = peri_ln", rms), "forward.bound"), r0 + 40.8, 1e-6);
  EXPECT_NEAR(number(preset("block = peri_ln", rms + max), "forward.bound"), r0 + 40.8, 1e-6);
}

// max |x| <= max |x0| + 2N dt sqrt(d-1) (S67).
TEST(StabilityGolden, s67_s98_maximum) {
  double bound = number(preset("block = peri_ln"), "precision.overflow");
  double r0 = 0.0282842712 * std::sqrt(768.0);
  EXPECT_NEAR(bound, r0 + 24 * std::sqrt(767.0), 1e-6 * bound);
}

TEST(StabilityGolden, s90_updates) {
  for (int depth : {6, 12, 48, 1000}) {
    Settings settings = {{"depth", std::to_string(depth)}};
    std::string labml = "def labml(x, l, depth, heads) = post_ln(x, l, depth, heads, dt = "
                        "(2*depth)^(1/4), gain = (8*depth)^(-1/4))\n";
    const char *u = "deepnorm.update_bound";
    std::string xavier = ", weight_init = xavier(1), residual_init = xavier(1)";
    EXPECT_NEAR(number(preset("block = deepnorm"), u, settings, Basis::paperModel), 1, 1e-6);
    EXPECT_NEAR(number(labml + preset("block = labml"), u, settings, Basis::paperModel), 2 * depth,
                1e-5 * depth);
    EXPECT_NEAR(number(preset("block = post_ln" + xavier), u, settings, Basis::paperModel),
                4 * depth, 1e-5 * depth);
  }
}

TEST(StabilityGolden, s90_encoder_decoder) {
  for (const char *size : {"6", "12", "500"}) {
    std::string text = std::string("model mt = encdec(N = ") + size + ", M = " + size +
                       ", enc = deepnorm_enc, dec = deepnorm_dec)\n";
    EXPECT_NEAR(number(text, "deepnorm.update_bound", {}, Basis::paperModel), 1.012179, 1e-5)
        << size;
  }
}

// s91: true DeepNorm is proved at every depth, the swapped operand is refuted.
TEST(StabilityGolden, s91_deepnorm_and_labml) {
  Verified model("def labml(x, l, depth, heads) = post_ln(x, l, depth, heads, dt = "
                 "(2*depth)^(1/4), gain = (8*depth)^(-1/4))\n"
                 "model right = gpt2(block = deepnorm)\nmodel wrong = gpt2(block = labml)\n");
  auto right = model.verify("right"), wrong = model.verify("wrong");
  const Verdict *proved = find(right, "deepnorm.update_bound", Basis::paperModel);
  const Verdict *refuted = find(wrong, "deepnorm.update_bound", Basis::paperModel);
  ASSERT_TRUE(proved && refuted);
  EXPECT_EQ(proved->word, Word::proved) << print(right);
  EXPECT_EQ(refuted->word, Word::refuted) << print(wrong);
  EXPECT_EQ(refuted->growth, "linear");
  EXPECT_EQ(find(right, "needs_warmup", Basis::heuristic)->word, Word::predictedOk);
  EXPECT_EQ(find(wrong, "needs_warmup", Basis::heuristic)->word, Word::predictedBad);
}

// QK-norm: sqrt(dh) gq gk = 8; Swin's temperature: 100; a cap: itself; no norm: |W_Q||W_K|
// d/sqrt(dh).
TEST(StabilityGolden, s96_logits) {
  const char *logits = "attention.logit_bound";
  std::string qk =
      "def b(x, l, depth, heads) {\n  x <- x + attn(x, heads, qk_norm = rmsnorm)\n  return x\n}\n";
  EXPECT_NEAR(number(qk + preset("block = b"), logits), 8, 1e-6);
  std::string swin =
      "def b(x, l, depth, heads) {\n  param tau : [] ~ const(0.1)\n  x <- x + attn(x, heads, "
      "qk_norm = l2norm, scale = 1/max(tau, 0.01))\n  return x\n}\n";
  EXPECT_NEAR(number(swin + preset("block = b"), logits), 100, 1e-6);
  std::string cap =
      "def b(x, l, depth, heads) {\n  x <- x + attn(x, heads, softcap = 50)\n  return x\n}\n";
  EXPECT_NEAR(number(cap + preset("block = b"), logits), 50, 1e-6);
  std::string plain = "def b(x, l, depth, heads) {\n  x <- x + attn(layernorm(x), heads, bias = "
                      "0)\n  return x\n}\n";
  std::string weights =
      "  assume norm.gain <= 1\n  assume norm.bias.max <= 0\n  assume spectral(W_Q) <= 0.5\n"
      "  assume spectral(W_K) <= 0.25\n";
  EXPECT_NEAR(number(plain + preset("block = b", weights), logits), 0.125 * 768 / 8, 1e-6);
}

// The largest scores of all attentions and of all layers, wherever they are.
TEST(StabilityGolden, s96_largest_of_all) {
  const char *logits = "attention.logit_bound";
  for (const char *caps : {"50 10", "10 50"}) {
    const std::string first(caps, 2), second(caps + 3, 2);
    const std::string block =
        "def b(x, l, depth, heads) {\n  x <- x + attn(x, heads, softcap = " + first +
        ")\n  x <- x + attn(x, heads, softcap = " + second + ")\n  return x\n}\n";
    EXPECT_NEAR(number(block + preset("block = b"), logits), 50, 1e-6) << caps;
  }
  for (const char *factor : {"l", "(13 - l)"}) {
    const std::string block = "def b(x, l, depth, heads) {\n  x <- x + attn(" +
                              std::string(factor) +
                              "*layernorm(x), heads, bias = 0)\n  return x\n}\n";
    const std::string weights = "  assume norm.gain <= 1\n  assume norm.bias.max <= 0\n"
                                "  assume spectral(W_Q) <= 0.5\n  assume spectral(W_K) <= 0.25\n";
    EXPECT_NEAR(number(block + preset("block = b", weights), logits), 144 * 0.125 * 768 / 8, 1e-4)
        << factor;
  }
}

// s63: Pre with weights, one head by the Frobenius norm or the bound of each head.
TEST(StabilityGolden, s63_pre) {
  std::string block =
      "def b(x, l, depth, heads) {\n  x <- x + attn(layernorm(x), heads, bias = 0)\n"
      "  x <- x + mlp(layernorm(x), bias = 0)\n  return x\n}\n";
  std::string weights =
      "  assume norm.gain <= 1\n  assume norm.bias.max <= 0\n  assume spectral(W_O) <= 2\n"
      "  assume spectral(W_1) <= 3\n  assume spectral(W_2) <= 0.5\n";
  double r0 = 0.0282842712, root = std::sqrt(12.0);
  auto bound = [&](const std::string &value) {
    return number(block + preset("block = b", weights + value), "forward.bound") - r0;
  };
  EXPECT_NEAR(bound("  assume spectral(W_V) <= 0.4\n"), 12 * (0.8 * root + 1.5), 1e-6);
  EXPECT_NEAR(bound("  assume perhead(W_V) <= 0.1\n"), 12 * (0.2 * root + 1.5), 1e-6);
  EXPECT_NEAR(bound("  assume frobenius(W_V) <= 0.7\n"), 12 * (1.4 + 1.5), 1e-6);
}

// The step of AdamW per coordinate (S73).
TEST(StabilityGolden, s73_adam) {
  EXPECT_NEAR(adamBound(0.9, 0.95), 1.164965, 1e-6);
  EXPECT_NEAR(adamBound(0.9, 0.98), 1.697749, 1e-6);
  EXPECT_NEAR(adamBound(0.9, 0.99), 2.345208, 1e-6);
  EXPECT_NEAR(adamBound(0.9, 0.999), 7.270292, 1e-6);
}

// Depth costs nothing but its tables: the same report at 100,000 layers.
TEST(StabilityGolden, s47_depth_100000) {
  for (const char *block : {"peri_ln", "ln_scaling"}) {
    auto start = std::chrono::steady_clock::now();
    std::string text = preset(std::string("block = ") + block, "  assume norm.gain <= 1\n  assume "
                                                               "norm.bias.max <= 0\n");
    Verified model(text);
    mlir::OwningOpRef<mlir::ModuleOp> module = model.at({{"depth", "100000"}});
    auto elaborated = std::chrono::steady_clock::now();
    auto report = verify(*module, {});
    auto done = std::chrono::steady_clock::now();
    ASSERT_TRUE(mlir::succeeded(report));
    EXPECT_EQ(report->depth, 100000);
    std::printf("%s: elaborated in %.1f ms, verified in %.1f ms\n", block,
                std::chrono::duration<double, std::milli>(elaborated - start).count(),
                std::chrono::duration<double, std::milli>(done - elaborated).count());
  }
}
