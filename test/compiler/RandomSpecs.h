// RandomSpecs: text of models with random residual steps, of every kind of norm and branch.
#ifndef LNX_TEST_COMPILER_RANDOMSPECS_H
#define LNX_TEST_COMPILER_RANDOMSPECS_H

#include "Adversary.h"

namespace lnx::test {

inline std::string norm(Draw &draw, const std::string &x) {
  return draw.oneOf({"layernorm(" + x + ")", "rmsnorm(" + x + ")",
                     "layernorm(" + x + ", eps = 0.1)", "own(" + x + ")",
                     "rmsnorm(" + x + ", offset = 1)", "l2norm(" + x + ")", "dyt(" + x + ")"});
}

inline std::string branch(Draw &draw, const std::string &x) {
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
inline std::string step(Draw &draw, int number) {
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

/// A model of width 8 and vocabulary 8, up to four layers of up to three steps.
inline std::string spec(Draw &draw) {
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

} // namespace lnx::test

#endif
