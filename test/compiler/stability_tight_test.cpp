// The weights of 4.7 reach the proved bounds: no smaller number is true (S53..S57, S59, S69).
#include "Attack.h"

#include <random>

using namespace lnx::test;

namespace {
double column(double norm, int64_t i, int64_t j) {
  return j == 0 ? norm * alternating(i) / std::sqrt(8) : 0;
}
double row(double norm, int64_t i, int64_t j) {
  return i == 0 ? norm * alternating(j) / std::sqrt(8) : 0;
}
const std::string start = "  assume x0.rms <= 0.5\n";
std::string norms(double gain, double bias) {
  return "  assume norm.gain <= " + std::to_string(gain) +
         "\n  assume norm.bias.max <= " + std::to_string(bias) + "\n";
}

void expectReached(Attack &attack, double least = 0.999) {
  double measured = attack.meanAbs(), bound = attack.bound();
  EXPECT_LE(measured, bound * (1 + 1e-9));
  EXPECT_GE(measured, bound * least);
}
} // namespace

// W_out = 0 and its bias along +-1: norm(f) = g w + b in every layer, whatever the stream is.
TEST(StabilityTight, s53_s69_peri) {
  for (auto [gain, bias] : {std::pair(1.0, 0.0), {1.7, 0.3}})
    for (const char *dt : {"1", "0.1"}) {
      Attack attack(stackOf(std::string("    x <- peri_ln(x, l, depth, 2, dt = ") + dt + ")\n",
                            start + norms(gain, bias), 6));
      attack.fill("E", [](int64_t, int64_t j) { return 0.5 * alternating(j); });
      for (const char *path : {"o.b", "down.b"})
        attack.fill(path, [](int64_t, int64_t j) { return 1e4 * alternating(j); });
      attack.fill("g", [g = gain](int64_t, int64_t) { return g; });
      for (const char *path : {"norm.b", "norm2.b", "norm3.b", "norm4.b"})
        attack.fill(path, [b = bias](int64_t, int64_t j) { return b * alternating(j); });
      EXPECT_NEAR(attack.bound(), 0.5 + 12 * std::atof(dt) * (gain + bias), 1e-6);
      expectReached(attack, 1 - 1e-9);
      // One token: the variance of +-r is d/(d - 1) r^2, which is the bound of it (S70).
      double r = attack.meanAbs();
      EXPECT_NEAR(r * r * 8 / 7, attack.bound("forward.variance"), 1e-8 * r * r);
    }
}

// W_1 = w_1 e w^T and W_2 = w_2 w e^T: an update of w_1 w_2 g along w.
TEST(StabilityTight, s54_pre_mlp) {
  Attack attack(stackOf("    x <- x + 0.3*mlp(layernorm(x), hidden = 4, act = relu, bias = 0)\n",
                        start + norms(1.7, 0) +
                            "  assume spectral(W_1) <= 2\n  assume spectral(W_2) <= 3\n"));
  attack.fill("E", [](int64_t, int64_t j) { return 0.5 * alternating(j); });
  attack.fill("g", [](int64_t, int64_t) { return 1.7; });
  attack.fill("up.W", [](int64_t i, int64_t j) { return column(2, i, j); });
  attack.fill("down.W", [](int64_t i, int64_t j) { return row(3, i, j); });
  EXPECT_NEAR(attack.bound(), 0.5 + 4 * 0.3 * 6 * 1.7, 1e-6);
  expectReached(attack);
}

TEST(StabilityTight, s54_pre_attention) {
  Attack attack(
      stackOf("    x <- x + attn(layernorm(x), 1, bias = 0)\n",
              start + norms(1, 0) + "  assume spectral(W_V) <= 2\n  assume spectral(W_O) <= 3\n"));
  attack.fill("E", [](int64_t, int64_t j) { return 0.5 * alternating(j); });
  attack.fill("v.W", [](int64_t i, int64_t j) { return i == j ? 2.0 : 0; });
  attack.fill("o.W", [](int64_t i, int64_t j) { return i == j ? 3.0 : 0; });
  EXPECT_NEAR(attack.bound(), 0.5 + 4 * 6, 1e-6);
  expectReached(attack);
}

// Without norms the stream grows by 1 + dt w_1 w_2 in each step.
TEST(StabilityTight, s55_none) {
  Attack attack(stackOf("    x <- x + attn(x, 1, bias = 0)\n"
                        "    x <- x + 0.5*mlp(x, hidden = 4, act = relu, bias = 0)\n",
                        start + "  assume spectral(W_V) <= 2\n  assume spectral(W_O) <= 0.5\n"
                                "  assume spectral(W_1) <= 2\n  assume spectral(W_2) <= 3\n"));
  attack.fill("E", [](int64_t, int64_t j) { return 0.5 * alternating(j); });
  attack.fill("v.W", [](int64_t i, int64_t j) { return i == j ? 2.0 : 0; });
  attack.fill("o.W", [](int64_t i, int64_t j) { return i == j ? 0.5 : 0; });
  attack.fill("up.W", [](int64_t i, int64_t j) { return column(2, i, j); });
  attack.fill("down.W", [](int64_t i, int64_t j) { return row(3, i, j); });
  EXPECT_NEAR(attack.bound(), 0.5 * std::pow(2 * 4, 4), 1e-6);
  expectReached(attack, 1 - 1e-9);
}

// A norm over the sum: gain and bias of the last one.
TEST(StabilityTight, s61_post) {
  Attack attack(stackOf("    x <- layernorm(2*x + 0.1*linear(x, 8, bias = 0))\n", norms(1.7, 0.3)));
  attack.fill("E", [](int64_t, int64_t j) { return 0.5 * alternating(j); });
  attack.fill("g", [](int64_t, int64_t) { return 1.7; });
  attack.fill("b", [](int64_t, int64_t j) { return 0.3 * alternating(j); });
  EXPECT_NEAR(attack.bound(), 2, 1e-6);
  expectReached(attack);
}

// The growth class of the bound is that of the witness: N and 2N layers (S57).
TEST(StabilityTight, s57_class_is_exact) {
  auto measure = [](int depth) {
    Attack attack(stackOf("    x <- x + l^(-1/2)*n(x)\n", start, depth));
    attack.fill("E", [](int64_t, int64_t j) { return 0.5 * alternating(j); });
    expectReached(attack, 1 - 1e-9);
    return attack.rms();
  };
  EXPECT_NEAR(measure(400) / measure(100), 2, 0.1); // sqrt
}

// Ascent from random weights, kept inside the promises: never above the bound, and near it (8.1).
TEST(StabilityTight, s69_ascent_stays_below) {
  std::mt19937 random(5);
  std::normal_distribution<double> normal;
  for (const char *step : {"x + attn(n(x), 1, bias = 0)", "x + n(attn(n(x), 2, bias = 0))",
                           "x + mlp(n(x), hidden = 4, act = relu, bias = 0)",
                           "n(2*x + mlp(x, hidden = 4, bias = 0))", "x + attn(x, 2, bias = 0)"}) {
    std::string assumes = start;
    for (const char *path :
         {"attn.q.W", "attn.k.W", "attn.v.W", "attn.o.W", "mlp.up.W", "mlp.down.W"})
      if (std::string(step).find(std::string(path).substr(0, 4 - (path[0] == 'm')) + "(") !=
          std::string::npos)
        assumes += std::string("  assume frobenius(") + path + ") <= 1\n";
    Attack attack(stackOf(std::string("    x <- ") + step + "\n", assumes, 2), 3);
    auto project = [&] {
      for (auto &entry : attack.environment.parameters) {
        mlir::lnx::Array &array = entry.second;
        bool isEmbedding = entry.first() == "E";
        int64_t size = isEmbedding ? 8 : array.size() / array.shape[0];
        double most = isEmbedding ? 0.5 * std::sqrt(8) : 1;
        for (int64_t at = 0; at < array.size(); at += size) {
          double sum = 0;
          for (int64_t i = 0; i < size; ++i)
            sum += array.data[at + i] * array.data[at + i];
          for (int64_t i = 0; i < size; ++i)
            array.data[at + i] *= sum > 0 ? most / std::sqrt(sum) : 1;
        }
      }
    };
    for (auto &entry : attack.environment.parameters)
      for (double &weight : entry.second.data)
        weight = normal(random);
    project();
    double bound = attack.bound(), best = attack.meanAbs(), size = 0.5;
    ASSERT_TRUE(std::isfinite(bound)) << step;
    for (int turn = 0; turn < 1500; ++turn) {
      auto before = attack.environment.parameters;
      for (auto &entry : attack.environment.parameters)
        for (double &weight : entry.second.data)
          weight += size * normal(random) / std::sqrt(double(entry.second.size()));
      project();
      double measured = attack.meanAbs();
      ASSERT_LE(measured, bound * (1 + 1e-9)) << step;
      if (measured > best)
        best = measured;
      else {
        attack.environment.parameters = before;
        size = std::max(0.02, size * 0.995);
      }
    }
    std::printf("%s: ascent reaches %.3f of the bound\n", step, best / bound);
    EXPECT_GT(best / bound, 0.5) << step;
  }
}
