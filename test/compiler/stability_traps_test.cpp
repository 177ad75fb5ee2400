// The directed cases of 8.2: weights that random ones do not come near, against what is proved.
// Where the page says that a bound is attained, so it is here.
#include "Attack.h"

using namespace lnx::test;

namespace {
constexpr double slack = 1 + 1e-9;
const std::string start = "  assume x0.rms <= 1\n";

/// Measured below the bound, and at least `ratio` of it.
void expectBetween(double measured, double bound, double ratio, const char *what = "") {
  EXPECT_LE(measured, bound * slack) << what;
  EXPECT_GE(measured, bound * ratio) << what;
}
} // namespace

// (a) Head h of the first token attends to token h, which lies in block h alone: sqrt(H) is real.
TEST(StabilityTraps, a_s43_multihead) {
  for (int heads : {2, 4, 8}) {
    int size = 8 / heads;
    for (bool hasSkip : {false, true}) {
      std::string attn = "attn(x, " + std::to_string(heads) + ", causal = 0, bias = 0)\n";
      Attack attack(stackOf((hasSkip ? "    x <- x + " : "    x <- ") + attn,
                            start + "  assume spectral(W_V) <= 1\n  assume spectral(W_O) <= 1\n",
                            1),
                    heads);
      auto identity = [](int64_t i, int64_t j) { return i == j ? 1.0 : 0.0; };
      for (const char *path : {"v.W", "o.W", "k.W"})
        attack.fill(path, identity);
      attack.fill("E", [&](int64_t token, int64_t j) {
        return token < heads && j / size == token ? std::sqrt(double(heads)) : 0;
      });
      // The first token asks with every head.
      attack.fill("q.W",
                  [&](int64_t i, int64_t j) { return i < size && i % size == j % size ? 1e3 : 0; });
      double measured = attack.rms(), bound = attack.bound();
      if (hasSkip) {
        EXPECT_NEAR(measured, std::sqrt(heads + 3.0), 1e-9);
        EXPECT_NEAR(bound, 1 + std::sqrt(double(heads)), 1e-9);
        EXPECT_LE(measured, bound);
        EXPECT_GT(measured, 2) << "|W_O| |W_V| alone is no bound";
      } else {
        expectBetween(measured, bound, 0.999);
      }
    }
  }
}

// (b) All tokens attend to the only large one: the mean over tokens grows by n, the largest does
// not.
TEST(StabilityTraps, b_s45_frobenius) {
  Attack attack(stackOf("    x <- attn_heads(x, 1, causal = 0, bias = 0)\n",
                        start + "  assume spectral(W_V) <= 1\n", 1),
                8);
  attack.fill("E", [](int64_t i, int64_t j) { return alternating(j) * (i == 0 ? 1 : 1e-3); });
  auto identity = [](int64_t i, int64_t j) { return i == j ? 1.0 : 0.0; };
  attack.fill("v.W", identity);
  attack.fill("k.W", identity);
  attack.fill("q.W", [](int64_t i, int64_t j) { return i == j ? 1e5 : 0.0; });
  expectBetween(attack.rms(), attack.bound(), 0.999);
  expectBetween(attack.meanAbs(), attack.bound(), 0.999, "from 1/8 before");
}

// (c) One large feature: sqrt(d - 1) behind a centred norm, sqrt(d) behind the other.
TEST(StabilityTraps, c_s41_one_hot) {
  for (const char *norm : {"layernorm", "rmsnorm"}) {
    Attack attack(stackOf(std::string("    x <- ") + norm + "(x)\n",
                          "  assume x0.rms <= 0.5\n  assume norm.gain <= 1\n"
                          "  assume norm.bias.max <= 0\n",
                          1));
    attack.fill("E", [](int64_t, int64_t j) { return j == 0 ? 1.0 : 0.0; });
    expectBetween(attack.peak(), attack.bound("precision.overflow"), 0.999, norm);
  }
}

// (d) A constant row leaves the bias.  (f) A row far below eps leaves nothing else either.
TEST(StabilityTraps, d_f_s36_rows_without_variance) {
  for (double entry : {3.0, 1e-9, 0.0}) {
    Attack attack(stackOf("    x <- layernorm(x)\n",
                          "  assume norm.gain <= 1\n  assume norm.bias.rms <= 0.25\n", 1));
    attack.fill("E", [&](int64_t, int64_t) { return entry; });
    attack.fill("b", [](int64_t, int64_t j) { return 0.25 * alternating(j); });
    EXPECT_NEAR(attack.rms(), 0.25, 1e-12);
    EXPECT_LE(attack.rms(), attack.bound());
  }
}

// (e) Gains below 0 count with their size.
TEST(StabilityTraps, e_s39_negative_gains) {
  Attack attack(stackOf("    x <- x + layernorm(x)\n",
                        start + "  assume norm.gain <= 1.5\n  assume norm.bias.max <= 0.5\n", 1));
  attack.fill("E", [](int64_t, int64_t j) { return alternating(j); });
  attack.fill("g", [](int64_t, int64_t) { return -1.5; });
  attack.fill("b", [](int64_t, int64_t j) { return -0.5 * alternating(j); });
  EXPECT_NEAR(attack.rms(), 1, 1e-4); // x - 2x
  attack.fill("g", [](int64_t, int64_t j) { return j < 4 ? -1.5 : 1.5; });
  EXPECT_LE(attack.rms(), attack.bound() * slack);
  Attack alone(stackOf("    x <- layernorm(x)\n",
                       start + "  assume norm.gain <= 1.5\n  assume norm.bias.max <= 0.5\n", 1));
  alone.fill("E", [](int64_t, int64_t j) { return alternating(j); });
  alone.fill("g", [](int64_t, int64_t) { return -1.5; });
  alone.fill("b", [](int64_t, int64_t j) { return -0.5 * alternating(j); });
  expectBetween(alone.rms(), alone.bound(), 0.999);
}

// (g) The slope of a norm at a row without variance is 1/sqrt(eps) = 316.2278.
TEST(StabilityTraps, g_s36_slope_at_a_constant_row) {
  Attack attack(stackOf("    x <- layernorm(x)\n", start, 1));
  const double step = 1e-7;
  attack.fill("E", [&](int64_t, int64_t j) { return 1 + step * alternating(j); });
  EXPECT_NEAR(attack.rms() / step, 316.2278, 1e-3);
}

// (h) Two value heads for four heads: each value is counted by every head that reads it.
TEST(StabilityTraps, h_s44_grouped_queries) {
  Attack attack(stackOf("    x <- attn_heads(x, 4, kv_heads = 2, causal = 0, bias = 0)\n",
                        start + "  assume spectral(W_V) <= 1\n", 1),
                2);
  // Tokens 0 and 1 are features 0 and 2, which are values 0 and 2: one for each value head.
  attack.fill("E", [](int64_t i, int64_t j) { return i < 2 && j == 2 * i ? std::sqrt(8.0) : 0; });
  auto own = [](int64_t i, int64_t j) { return i == j ? 1.0 : 0.0; };
  attack.fill("v.W", own);
  attack.fill("k.W", own);
  attack.fill("q.W", [](int64_t i, int64_t j) { return i == 0 && j % 2 == 0 ? 1e3 : 0; });
  expectBetween(attack.rms(), attack.bound(), 0.999);
}

// (j) Both matrices of a gated unit of rank one and aligned: |W_d| |W_g| |W_u| sqrt(d) G^2.
TEST(StabilityTraps, j_s22_gated_rank_one) {
  Attack attack(stackOf("    x <- x + glu(n(x), hidden = 4, bias = 0)\n",
                        start + "  assume spectral(W_g) <= 6\n  assume spectral(W_u) <= 2\n"
                                "  assume spectral(W_d) <= 0.5\n"));
  attack.fill("E", [](int64_t, int64_t j) { return alternating(j); });
  auto column = [](double norm) {
    return
        [norm](int64_t i, int64_t j) { return j == 0 ? norm * alternating(i) / std::sqrt(8) : 0; };
  };
  attack.fill("gate.W", column(6));
  attack.fill("up.W", column(2));
  attack.fill("down.W", [](int64_t i, int64_t j) {
    return i == 0 ? 0.5 * alternating(j) / std::sqrt(8) : 0;
  });
  expectBetween(attack.rms(), attack.bound(), 0.999);
  EXPECT_NEAR(attack.bound(), 1 + 4 * 6 * std::sqrt(8), 1e-6);
}

// A router that chooses one expert: no more than the largest, and that much (S33).
TEST(StabilityTraps, s33_one_expert) {
  Attack attack(stackOf("    x <- moe(n(x), experts = 2, hidden = 4, act = relu)\n",
                        start + "  assume spectral(up.W) <= 2\n  assume max(up.b) <= 0\n"
                                "  assume spectral(down.W) <= 0.5\n  assume max(down.b) <= 0\n",
                        1));
  attack.fill("E", [](int64_t, int64_t j) { return alternating(j); });
  attack.fill("up.W", [](int64_t i, int64_t j) {
    return j % 4 == 0 ? 2 * alternating(i) / 4 : 0; // both experts alike, |W| = 2
  });
  attack.fill("route.W",
              [](int64_t i, int64_t j) { return (j == 0 ? 2.5 : -2.5) * alternating(i); });
  attack.fill("down.W", [](int64_t i, int64_t j) {
    return i == 0 ? 0.5 * alternating(j) / std::sqrt(8) : 0;
  });
  // Half of |W_up|^2 is the other expert's.
  expectBetween(attack.rms() * std::sqrt(2), attack.bound(), 0.999);
  attack.fill("up.W",
              [](int64_t i, int64_t j) { return j == 0 ? 2 * alternating(i) / std::sqrt(8) : 0; });
  expectBetween(attack.rms(), attack.bound(), 0.999);
}

// (m) l runs over exactly 1..N: sum of l is N(N+1)/2, of two updates twice that.
TEST(StabilityTraps, m_s5_layers_are_counted_once) {
  for (int depth : {1, 2, 7}) {
    Attack attack(stackOf("    x <- x + l*n(x)\n    x <- x + l*n(x)\n", start, depth));
    attack.fill("E", [](int64_t, int64_t j) { return alternating(j); });
    EXPECT_NEAR(attack.bound(), 1 + depth * (depth + 1), 1e-9);
    expectBetween(attack.rms(), attack.bound(), 0.999999);
  }
}

// (n) What comes behind the last stream is no part of its bound.
TEST(StabilityTraps, n_s59_final_norm) {
  std::string text = stackOf("    x <- x + n(x)\n", start);
  double bound = Attack(text).bound();
  std::string normed = text;
  normed.replace(normed.find("return x\n}", normed.find("model")), 10, "return 7*n(x)\n}");
  EXPECT_EQ(Attack(normed).bound(), bound);
}

// (o) A learned step without a promise, however small it starts.
TEST(StabilityTraps, o_s71_learned_step) {
  std::string steps = "    param dt : [] ~ const(1e-6)\n    x <- x + dt*n(x)\n";
  Attack attack(stackOf(steps, start));
  EXPECT_NE(attack.word("forward.bound"), "P");
  EXPECT_NE(attack.word("forward.wellposed"), "P");
  EXPECT_EQ(attack.bound(), INFINITY);
  Attack promised(stackOf(steps, start + "  assume max(dt) <= 0.5\n"));
  promised.fill("E", [](int64_t, int64_t j) { return alternating(j); });
  promised.fill("dt", [](int64_t, int64_t) { return 0.5; });
  expectBetween(promised.rms(), promised.bound(), 0.999999);
}

// (p) A decoder adds what the encoder became, not what it started from.
TEST(StabilityTraps, p_s63_encoder_and_decoder) {
  Attack attack("def n(x) = x / sqrt(mean(x*x) + 1e-12)\nmodel m(depth = 4) {\n"
                "  param E : [8, 8] ~ normal(1)\n  assume x0.rms <= 1\n"
                "  assume spectral(W_V) <= 1\n  x = E[tokens]\n"
                "  repeat l in 1..depth { x <- x + n(x) }\n  y = E[tokens]\n"
                "  repeat l in 1..depth { y <- y + attn_heads(y, 1, kv = x, bias = 0) }\n"
                "  return y\n}\n");
  attack.fill("E", [](int64_t, int64_t j) { return alternating(j); });
  attack.fill("v.W", [](int64_t i, int64_t j) { return i == j ? 1.0 : 0.0; });
  EXPECT_NEAR(attack.bound(), 1 + 4 * 5, 1e-9);
  expectBetween(attack.rms(), attack.bound(), 0.999999);
}

// (q) One equation, two updates.
TEST(StabilityTraps, q_s68_parallel) {
  Attack attack(stackOf("    x <- x + n(x) + n(x)\n", start));
  attack.fill("E", [](int64_t, int64_t j) { return alternating(j); });
  EXPECT_NEAR(attack.bound(), 9, 1e-9);
  expectBetween(attack.rms(), attack.bound(), 0.999999);
}

// (r) A step inside an output norm does nothing.
TEST(StabilityTraps, r_s10_step_inside_a_norm) {
  Attack attack(stackOf("    x <- x + n(0.001*linear(x, 8, bias = 0))\n", start));
  attack.fill("E", [](int64_t, int64_t j) { return alternating(j); });
  attack.fill("W", [](int64_t i, int64_t j) { return i == j ? 1.0 : 0.0; });
  EXPECT_NEAR(attack.bound(), 5, 1e-9);
  expectBetween(attack.rms(), attack.bound(), 0.999);
}
