// Soundness by sampling: random equations and weights through the double evaluator, never above the
// bound that the verifier proves from the weights' norms (8.1).
// LNX_SOUNDNESS_CASES sets the number of specs; each is tried with several draws of its weights.
#include "Adversary.h"

using namespace lnx::test;
using namespace mlir;
using namespace mlir::lnx;
namespace st = mlir::lnx::stability;

namespace {
std::string norm(Draw &draw, const std::string &x) {
  return draw.oneOf({"layernorm(" + x + ")", "rmsnorm(" + x + ")",
                     "layernorm(" + x + ", eps = 0.1)", "own(" + x + ")",
                     "rmsnorm(" + x + ", offset = 1)", "l2norm(" + x + ")", "dyt(" + x + ")"});
}

std::string branch(Draw &draw, const std::string &x) {
  std::string act = draw.oneOf({"gelu", "relu", "silu", "tanh"});
  std::string bias = draw.oneOf({", bias = 0", ""});
  switch (draw.below(8)) {
  case 0:
    return "mlp(" + x + ", hidden = 6, act = " + act + bias + ")";
  case 1:
    return "glu(" + x + ", hidden = 5, act = " + act + bias + ")";
  case 2:
    return "moe(" + x + ", experts = 2, hidden = 3)";
  case 3:
    return "attn_heads(" + x + ", 4, causal = 0" + bias + ")";
  case 4:
    return "attn(" + x + ", 4, kv_heads = 2, qk_norm = rmsnorm, causal = 0" + bias + ")";
  case 5:
    return "attn(" + x + ", 4, kv_heads = " + draw.oneOf({"1", "2", "4"}) + ", softcap = 3" + bias +
           ")";
  case 6:
    return "attn(" + x + ", " + draw.oneOf({"1", "2", "4"}) +
           ", v_norm = " + draw.oneOf({"rmsnorm", "layernorm", "id"}) + bias + ")";
  default:
    return "attn(" + x + ", " + draw.oneOf({"1", "2", "8"}) + bias + ")";
  }
}

/// One residual step of a random form.
std::string step(Draw &draw, int number) {
  std::string dt = draw.oneOf({"", "0.1*", "l^(-1/2)*", "(1/depth)*", "lam*", "-1.5*"});
  std::string a = draw.oneOf({"x", "x", "x", "0.9*x", "2*x", "w*x", "(1 - 1/(2*l))*x"});
  std::string inner = draw.oneOf({"x", norm(draw, "x"), norm(draw, "x"), "l^(-1/2)*layernorm(x)"});
  std::string f = branch(draw, inner);
  switch (draw.below(5)) {
  case 0:
    return "x <- " + a + " + " + dt + f;
  case 1:
    return "x <- " + a + " + " + dt + norm(draw, f);
  case 2:
    return "x <- " + norm(draw, a + " + " + dt + f);
  case 3:
    return "x <- " + a + " + " + dt + f + " + " + branch(draw, norm(draw, "x"));
  default: // an older size of the stream, used again
    std::string y = "y" + std::to_string(number);
    return y + " = " + f + "\n  x <- " + a + " + " + dt + y + "\n  x <- x - " + y;
  }
}

std::string spec(Draw &draw) {
  std::string body;
  for (int steps = 1 + draw.below(3); steps > 0; --steps)
    body += "  " + step(draw, steps) + "\n";
  return "def own(x) {\n  param g : [dim(x)] ~ ones\n  return (x - mean(x)) * (mean(x^2) - "
         "mean(x)^2 + "
         "1e-5)^(-1/2) * g\n}\n"
         "def b(x, l, depth, heads) {\n  param lam : [dim(x)] ~ ones\n  param w : [] ~ ones\n" +
         body + "  return x\n}\nmodel m(depth = " + std::to_string(1 + draw.below(4)) +
         ") {\n  param E : [8, 8] ~ normal(1)\n  x = E[tokens]\n"
         "  repeat l in 1..depth { x <- b(x, l, depth, 4) }\n  return x\n}\n";
}

} // namespace

// Every bound that is proved holds for weights inside the declared set.
TEST(StabilitySoundness, MeasuredStaysBelowTheBound) {
  const char *wanted = std::getenv("LNX_SOUNDNESS_CASES");
  int specs = wanted ? std::atoi(wanted) : 1250, checked = 0, finite = 0;
  double tightest = 0;
  for (int index = 0; index < specs; ++index) {
    Draw draw(1000 + index);
    std::string text = spec(draw);
    Verified source(text);
    OwningOpRef<ModuleOp> elaborated = source.at({});
    ASSERT_TRUE(elaborated) << source.diagnostics.render() << text;
    for (int turn = 0; turn < 8; ++turn) {
      OwningOpRef<ModuleOp> module = elaborated->clone();
      ModelOp model = *module->getOps<ModelOp>().begin();
      Environment environment = drawTokens(draw, 6);
      drawWeights(draw, model, environment);
      FailureOr<st::Report> report = st::verify(*module, {});
      ASSERT_TRUE(succeeded(report));
      FailureOr<Array> output = evaluateModel(model, environment);
      ASSERT_TRUE(succeeded(output));
      const st::Verdict *bound = find(*report, "forward.bound");
      ++checked;
      ASSERT_TRUE(bound);
      ASSERT_NE(bound->word, st::Word::refuted) << text << print(*report);
      if (!bound->number)
        continue;
      ++finite;
      auto [rms, peak] = measure(*output);
      ASSERT_TRUE(!(rms > *bound->number * (1 + 1e-9)))
          << rms << " > " << *bound->number << "\nspec " << index << " turn " << turn << "\n"
          << text << print(*report);
      tightest = std::max(tightest, rms / *bound->number);
      if (const st::Verdict *largest = find(*report, "precision.overflow"); largest->number)
        ASSERT_TRUE(!(peak > *largest->number * (1 + 1e-9)))
            << peak << " > " << *largest->number << "\n"
            << text << print(*report);
    }
  }
  RecordProperty("cases", checked);
  std::printf("%d cases, %d with a finite bound, tightest %.4f\n", checked, finite, tightest);
  EXPECT_GT(finite, checked / 3);
  EXPECT_GT(tightest, 0.9); // a bound far above everything would pass as well
}
