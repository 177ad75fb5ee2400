// Algebra that verdicts rest on, checked with the double evaluator (8.4, S9, S76..S79).
#include "Attack.h"

#include <random>

using namespace lnx::test;

namespace {
const std::string head = "  assume x0.rms <= 1\n";

/// One step from random weights; biases stay 0 and norms keep gain 1.
struct Random : Attack {
  explicit Random(const std::string &step, int depth = 1)
      : Attack(stackOf("    x <- " + step + "\n", head, depth), 3) {
    std::mt19937 random(11);
    std::normal_distribution<double> normal;
    model.walk([&](mlir::lnx::ParamOp op) {
      if (op.getType().getRank() == 2)
        for (double &weight : environment.parameters[op.getPath()].data)
          weight = normal(random);
    });
  }
  void scale(const std::string &path, double c) {
    for (double &weight : environment.parameters[path].data)
      weight *= c;
  }
  /// Largest difference to another run, over the largest entry.
  double distance(const mlir::lnx::Array &other) {
    mlir::lnx::Array x = run();
    double most = 0, size = 0;
    for (int64_t i = 0; i < x.size(); ++i) {
      most = std::max(most, std::abs(x.data[i] - other.data[i]));
      size = std::max(size, std::abs(other.data[i]));
    }
    return most / size;
  }
  std::string detail() {
    std::optional<stable::Report> report = source.verify();
    const stable::Verdict *verdict = find(report, "backward.scale_invariance");
    return verdict && !verdict->details.empty() ? verdict->details.front() : "";
  }
};
} // namespace

// kw = 0: an update behind a norm does not change with its last matrix; before one, it does (S79).
TEST(StabilityIdentities, s76_output_projection) {
  struct Case {
    const char *step, *path;
    bool isFree;
  };
  for (auto [step, path, isFree] : {Case{"x + n(attn(n(x), 2, bias = 0))", "attn.o.W", true},
                                    Case{"x + n(mlp(n(x), bias = 0))", "mlp.down.W", true},
                                    Case{"x + n(glu(x))", "glu.down.W", true},
                                    Case{"x + attn(n(x), 2, bias = 0)", "attn.o.W", false},
                                    Case{"x + mlp(x, bias = 0)", "mlp.down.W", false},
                                    Case{"x + n(mlp(x, bias = 0) + x)", "mlp.down.W", false},
                                    Case{"n(x + mlp(x, bias = 0))", "mlp.down.W", false}}) {
    Random attack(step);
    mlir::lnx::Array before = attack.run();
    for (double c : {0.1, 100.0}) {
      attack.scale(path, c);
      double distance = attack.distance(before);
      EXPECT_EQ(distance < 1e-6, isFree) << step << " " << distance;
    }
    EXPECT_EQ(attack.word("backward.scale_invariance") == "P", isFree) << step;
  }
}

// Euler: where kw = 0 the gradient of anything is orthogonal to the last matrix.
TEST(StabilityIdentities, s79_gradient_is_orthogonal) {
  auto slope = [](const char *step, const char *path) {
    Random attack(step);
    auto loss = [&] {
      double sum = 0;
      mlir::lnx::Array x = attack.run();
      for (int64_t i = 0; i < x.size(); ++i)
        sum += std::sin(double(i) + x.data[i]);
      return sum;
    };
    const double h = 1e-4;
    attack.scale(path, 1 + h);
    double above = loss();
    attack.scale(path, (1 - h) / (1 + h));
    return (above - loss()) / (2 * h);
  };
  EXPECT_NEAR(slope("x + n(mlp(n(x), bias = 0))", "mlp.down.W"), 0, 1e-6);
  EXPECT_NEAR(slope("x + n(attn(x, 2, bias = 0))", "attn.o.W"), 0, 1e-6);
  EXPECT_GT(std::abs(slope("x + mlp(n(x), bias = 0)", "mlp.down.W")), 1e-2);
}

namespace {
/// Central differences of sum_i sin(i + x_i) by every entry of a matrix: their Frobenius norm.
double gradientOf(Random &attack, const std::string &path) {
  auto loss = [&] {
    double sum = 0;
    mlir::lnx::Array x = attack.run();
    for (int64_t i = 0; i < x.size(); ++i)
      sum += std::sin(double(i)) * x.data[i];
    return sum;
  };
  double squares = 0;
  for (double &entry : attack.environment.parameters[path].data) {
    const double h = 1e-5 * std::max(1.0, std::abs(entry)), before = entry;
    entry = before + h;
    const double above = loss();
    entry = before - h;
    const double slope = (above - loss()) / (2 * h);
    entry = before;
    squares += slope * slope;
  }
  return std::sqrt(squares);
}
} // namespace

// Before a norm the inner gradient grows with the outer matrix, behind one it does not change; the
// outer matrix's own shrinks like 1/c there and not at all without a norm (S78, S79).
TEST(StabilityIdentities, s78_s79_gradients_of_scaled_matrices) {
  struct Case {
    const char *step;
    int inner, outer; // powers of c
  };
  for (auto [step, inner, outer] :
       {Case{"x + mlp(n(x), bias = 0)", 1, 0}, Case{"x + n(mlp(n(x), bias = 0))", 0, -1}}) {
    Random attack(step);
    const double in = gradientOf(attack, "mlp.up.W"), out = gradientOf(attack, "mlp.down.W");
    for (double c : {0.1, 10.0}) {
      attack.scale("mlp.down.W", c);
      EXPECT_NEAR(gradientOf(attack, "mlp.up.W") / in / std::pow(c, inner), 1, 1e-6) << step;
      EXPECT_NEAR(gradientOf(attack, "mlp.down.W") / out / std::pow(c, outer), 1, 1e-6) << step;
      attack.scale("mlp.down.W", 1 / c);
    }
  }
}

// |dL/dW_out| <= gmax sqrt(d) |delta| |h|/|a| behind an rms norm; a delta across a attains it
// (S80).
TEST(StabilityIdentities, s80_gradient_behind_a_norm) {
  double largest = 0;
  for (unsigned seed = 0; seed < 50; ++seed) {
    Random attack("n(linear(x, 8, bias = 0))");
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    auto &matrix = attack.environment.parameters["linear.W"].data;
    for (double &entry : matrix)
      entry = normal(random);
    const auto &table = attack.environment.parameters["E"].data;
    double squares = 0; // bounds of the three tokens' gradients add up
    for (int64_t token = 0; token < 3; ++token) {
      double h = 0, a = 0, delta = 0;
      for (int64_t j = 0; j < 8; ++j) {
        double sum = 0;
        for (int64_t i = 0; i < 8; ++i)
          sum += table[token * 8 + i] * matrix[i * 8 + j];
        h += table[token * 8 + j] * table[token * 8 + j];
        a += sum * sum;
        delta += std::pow(std::sin(double(token * 8 + j)), 2);
      }
      squares += std::sqrt(8 * delta * h / a);
    }
    const double ratio = gradientOf(attack, "linear.W") / squares;
    EXPECT_LE(ratio, 1 + 1e-6);
    largest = std::max(largest, ratio);
  }
  EXPECT_GT(largest, 0.5);
}

// A norm with an eps is of degree 0 up to eps/(2 sigma^2), and a shift changes nothing that is
// centred (S38).
TEST(StabilityIdentities, s38_degree_up_to_eps) {
  const double eps = 1e-2, c = 10;
  Random attack("layernorm(x, eps = 0.01)");
  attack.fill("g", [](int64_t, int64_t) { return 1; });
  attack.fill("E", [](int64_t, int64_t j) { return alternating(j); });
  mlir::lnx::Array before = attack.run();
  attack.scale("E", c);
  EXPECT_NEAR(attack.distance(before), eps / 2, eps * eps); // sigma = 1
  Random scaled("layernorm(x, eps = 0.0001)");
  scaled.fill("g", [](int64_t, int64_t) { return 1; });
  scaled.fill("E", [](int64_t, int64_t j) { return alternating(j); });
  EXPECT_LT(attack.distance(scaled.run()), 1e-12); // LN_eps(c x) = LN_(eps/c^2)(x)
  before = attack.run();
  attack.fill("E", [&](int64_t, int64_t j) { return 3 + c * alternating(j); });
  EXPECT_LT(attack.distance(before), 1e-12);
}

// kx = 0: an update that does not change with the size of the stream; its slope is then J(x)/c.
TEST(StabilityIdentities, s77_degree_in_the_stream) {
  struct Case {
    const char *step;
    int degree; // -1: none
  };
  for (auto [step, degree] :
       {Case{"attn(n(x), 2, bias = 0)", 0}, Case{"mlp(n(x), act = gelu, bias = 0)", 0},
        Case{"n(mlp(x, act = relu, bias = 0))", 0}, Case{"mlp(x, act = relu, bias = 0)", 1},
        Case{"n(attn(x, 2, qk_norm = n, bias = 0))", 0},
        Case{"n(mlp(x, act = gelu, bias = 0))", -1}, Case{"n(attn(x, 2, bias = 0))", -1},
        Case{"glu(x, act = relu)", 2}, Case{"mlp(n(x), bias = 0)*n(x)", 0}, Case{"tanh(x)", -1},
        Case{"abs(x)*relu(x)", 2}}) {
    Random attack(step);
    mlir::lnx::Array before = attack.run();
    const double c = 3;
    attack.scale("E", c);
    mlir::lnx::Array after = attack.run();
    double worst = 0, size = 0;
    for (int64_t i = 0; i < before.size(); ++i) {
      worst = std::max(worst,
                       std::abs(after.data[i] - std::pow(c, std::max(degree, 0)) * before.data[i]));
      size = std::max(size, std::abs(after.data[i]));
    }
    EXPECT_EQ(worst / size < 1e-7, degree >= 0) << step << " " << worst / size;
    std::string want = "deg_stream " + (degree < 0 ? "none" : std::to_string(degree)) + ",";
    EXPECT_NE(attack.detail().find(want), std::string::npos) << step << ": " << attack.detail();
  }
}

// norm(x + alpha f) is norm(x/alpha + f): the misplaced factor of DeepNorm is its inverse (S9).
TEST(StabilityIdentities, s9_factor_of_the_other_operand) {
  Random one("n(x + 3*mlp(x, bias = 0))", 3), other("n((1/3)*x + mlp(x, bias = 0))", 3);
  EXPECT_LT(one.distance(other.run()), 1e-9);
}

// Weights and biases of no effect: what normal forms leave out is left out rightly (S11, S13).
TEST(StabilityIdentities, s11_s13_folding) {
  Random one("x + n(n(mlp(x)))", 2), other("x + n(mlp(x))", 2);
  EXPECT_LT(one.distance(other.run()), 1e-9);
  Random left("x + 2*(3*mlp(x))", 2), right("x + 6*mlp(x)", 2);
  EXPECT_LT(left.distance(right.run()), 1e-12);
  EXPECT_EQ(one.bound(), other.bound());
}
