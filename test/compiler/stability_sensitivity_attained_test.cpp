// backward.sensitivity_bound attained: weights and tokens whose Jacobian is what is proved (S22,
// S37, S43, S44, S46), and what steps read from further back.
#include "Attack.h"
#include "Jacobian.h"
#include "compiler/stability/Sensitivity.h"

using namespace lnx::test;
using namespace mlir;
using namespace mlir::lnx;
namespace st = mlir::lnx::stability;

namespace {
const std::string property = "backward.sensitivity_bound";

/// Finite differences with steps of 1e-6 of the input, as in stability_sensitivity_test.cpp.
constexpr double slack = 1 + 1e-5;

/// Values of the stream, averaged by scores that do not change with it: head h of the first token
/// reads token h alone.
double readByHeads(int heads, int groups, const std::string &value, double &measured) {
  const int size = 8 / heads;
  Attack attack("model m(depth = 1) {\n  param E : [8, 8] ~ normal(1)\n  param F : [8, 8] ~ "
                "normal(1)\n  param A : [8, " +
                    std::to_string(size * groups) +
                    "] ~ normal(1)\n  param Q : [8, 8] ~ normal(1)\n"
                    "  assume x0.rms <= 1\n  assume max(F) <= 1\n  assume max(Q) <= 1e3\n"
                    "  assume max(K) <= 1\n  assume spectral(A) <= 1\n  param K : [8, " +
                    std::to_string(size * groups) +
                    "] ~ normal(1)\n  x = E[tokens]\n  y = F[tokens]\n  repeat l in 1..depth {\n"
                    "    x <- attend(y @ Q, y @ K, " +
                    value + ", " + std::to_string(heads) +
                    ", kv_heads = " + std::to_string(groups) +
                    ", causal = 0, scale = 1, softcap = 0)\n  }\n  return x\n}\n",
                groups);
  attack.fill("E", [](int64_t, int64_t) { return 0; });
  attack.fill("F", [](int64_t i, int64_t j) { return i == j ? 1 : 0; });
  attack.fill("A", [](int64_t i, int64_t j) { return i == j ? 1 : 0; });
  // Token g answers in group g, and the first token asks with every head for its group's.
  attack.fill("K", [&](int64_t i, int64_t j) { return i == j / size && j % size == 0 ? 1 : 0; });
  attack.fill("Q", [&](int64_t i, int64_t j) { return i == 0 && j % size == 0 ? 1e3 : 0; });
  measured = normOf(jacobianOf(attack.model, attack.environment, groups), groups);
  return attack.bound(property);
}
} // namespace

// sqrt(H) is real for changes, too (S43): each head reads another token. A group of queries reads
// one value several times (S44).
TEST(StabilitySensitivity, s43_s44_heads_are_attained) {
  for (auto [heads, groups] : {std::pair(2, 2), {4, 4}, {8, 8}, {4, 2}, {8, 2}, {4, 1}}) {
    double measured = 0, bound = readByHeads(heads, groups, "x @ A", measured);
    EXPECT_NEAR(bound, std::sqrt(double(heads)), 1e-9) << heads << " " << groups;
    EXPECT_LE(measured, bound * slack) << heads << " " << groups;
    EXPECT_GE(measured, bound * 0.999) << heads << " " << groups;
    if (heads != groups)
      continue;
    bound = readByHeads(heads, groups, "x", measured);
    EXPECT_NEAR(bound, std::sqrt(double(heads)), 1e-9) << heads;
    EXPECT_GE(measured, bound * 0.999) << heads;
  }
}

// d(x x) = 2 x dx where all of a row is in one entry; factors above 1 count as they are.
TEST(StabilitySensitivity, s22_products_are_attained) {
  for (const char *step : {"x*x", "3*(x*x)", "(x*x)*3", "x*(-3*x)", "(2*l)*(x*x)"}) {
    Attack attack(stackOf(std::string("    x <- ") + step + "\n", "  assume x0.rms <= 1\n", 1), 1);
    attack.fill("E", [](int64_t, int64_t j) { return j == 0 ? std::sqrt(8.0) : 0; });
    const double factor = step[0] == 'x' && step[2] == 'x' ? 1 : step[1] == '2' ? 2 : 3;
    double bound = attack.bound(property);
    double measured = normOf(jacobianOf(attack.model, attack.environment, 1), 1);
    EXPECT_NEAR(bound, factor * 2 * std::sqrt(8.0), 1e-6) << step;
    EXPECT_LE(measured, bound * slack) << step;
    EXPECT_GE(measured, bound * 0.999) << step;
  }
}

// What norms leave of a deviation (S37): of one that does not centre, std/rms; of gains between m
// and M, m 2 sqrt(m M)/(m + M) at the least. The stream before it keeps its 1/2.
TEST(StabilitySensitivity, s37_deviations_behind_norms) {
  struct Case {
    const char *step, *promises;
    double least;
  };
  for (auto [step, promises, least] :
       {Case{"n(x)", "", 0.25}, Case{"2*n(x)", "", 0.5}, Case{"x - n(x)", "", 0},
        Case{"(x - mean(x))/sqrt(mean((x - mean(x))^2) + 0.75)", "", 0.5},
        Case{"layernorm(x, eps = 1e-12)",
             "  assume norm.gain >= 0.25\n  assume norm.gain <= 1\n  assume norm.bias.max <= 0\n",
             0.2}}) {
    Attack attack(stackOf(std::string("    x <- ") + step + "\n",
                          "  assume x0.rms <= 2\n  assume x0.std >= 0.5\n" + std::string(promises),
                          1),
                  1);
    FailureOr<st::Assumptions> read = st::Assumptions::read(attack.model);
    ASSERT_TRUE(succeeded(read));
    st::Analysis plain(attack.model, *read, st::Weights::declared);
    const double said = st::sensitivityOf(plain, st::Detail::eachLayer).least;
    EXPECT_NEAR(said, least, 1e-6) << step;
    // A row of rms 2 and deviation 1/2; gains of 1 where it is above its mean, of 1/4 below.
    attack.fill("E", [](int64_t, int64_t j) { return std::sqrt(3.75) + 0.5 * alternating(j); });
    EXPECT_GE(leastDeviation(attack.run()) * (1 + 1e-9), said) << step;
    if (*promises)
      attack.fill("g", [](int64_t, int64_t j) { return j % 2 == 0 ? 1 : 0.25; });
    EXPECT_GE(leastDeviation(attack.run()) * (1 + 1e-9), said) << step;
  }
}

// The softmax's own part of S46, attained: two keys, K apart from 0 on either side, with the values
// V and -V, weigh alike where the query is 0; then out moves by scale K V |dq|.
TEST(StabilitySensitivity, s46_softmax_is_attained) {
  const double r = 2, q = 0.5, scale = 3; // rows of length r sqrt(8)
  const std::string promises = "  assume spectral(W_Q) <= 0.5\n  assume spectral(W_K) <= 1\n"
                               "  assume spectral(W_V) <= 1\n";
  // The stream asks a memory: only the scores change with it.
  Attack asks("model m(depth = 1) {\n  param E : [8, 8] ~ normal(1)\n  param F : [8, 8] ~ "
              "normal(1)\n  assume x0.rms <= 1\n  assume max(F) <= 2\n" +
                  promises +
                  "  x = E[tokens]\n  y = F[tokens]\n  repeat l in 1..depth {\n"
                  "    x <- attn_heads(x, 1, kv = y, causal = 0, bias = 0, scale = 3)\n  }\n"
                  "  return x\n}\n",
              2);
  auto identity = [](int64_t i, int64_t j) { return i == j ? 1.0 : 0.0; };
  asks.fill("E", [](int64_t, int64_t) { return 0; });
  asks.fill("F", [&](int64_t i, int64_t j) { return (i == 0 ? r : -r) * alternating(j); });
  asks.fill("q.W", [&](int64_t i, int64_t j) { return i == j ? q : 0; });
  asks.fill("k.W", identity);
  asks.fill("v.W", identity);
  double bound = asks.bound(property);
  double measured = normOf(jacobianOf(asks.model, asks.environment, 2), 2);
  EXPECT_NEAR(bound, scale * q * 8 * r * r, 1e-6);
  EXPECT_LE(measured, bound * slack);
  EXPECT_GE(measured, bound * 0.999);
  // A memory asks the stream: its keys change, in two features, and its values, by 1 in 24.
  Attack asked("model m(depth = 1) {\n  param E : [8, 8] ~ normal(1)\n  param F : [8, 8] ~ "
               "normal(1)\n  assume x0.rms <= 2\n  assume max(F) <= 2\n" +
                   promises +
                   "  x = E[tokens]\n  y = F[tokens]\n  repeat l in 1..depth {\n"
                   "    x <- attn_heads(y, 1, kv = x, causal = 0, bias = 0, scale = 3)\n  }\n"
                   "  return x\n}\n",
               2);
  asked.fill("F", [&](int64_t, int64_t j) { return j == 0 ? r : 0; });
  asked.fill(
      "E", [&](int64_t i, int64_t j) { return j == 1 ? (i == 0 ? 1 : -1) * r * std::sqrt(8) : 0; });
  asked.fill("q.W", [&](int64_t i, int64_t j) { return i == j ? q : 0; });
  asked.fill("k.W", [](int64_t i, int64_t j) { return i == j && i != 1 ? 1.0 : 0.0; });
  asked.fill("v.W", identity);
  bound = asked.bound(property);
  measured = normOf(jacobianOf(asked.model, asked.environment, 2), 2);
  // max(F) <= 2 allows rows of length 2 sqrt(8); the one that asks here has length 2.
  EXPECT_LE(measured, bound * slack);
  EXPECT_GE(measured * std::sqrt(8), (bound - 1) * 0.999);
}

// What a step reads besides the stream before it: an embedding, an older state, another stream.
TEST(StabilitySensitivity, s83_reads_from_further_back) {
  const std::string head = "def n(x) = x / sqrt(mean(x*x) + 1e-12)\nmodel m(depth = 3) {\n"
                           "  param E : [8, 8] ~ normal(1)\n  assume x0.std >= 1\n"
                           "  assume x0.rms <= 1\n  assume spectral(W) <= 1\n"
                           "  param W : [8, 8] ~ normal(1)\n  x = E[tokens]\n";
  for (const char *body :
       {"  e = x @ W\n  repeat l in 1..depth { x <- 0.1*x + e }\n  return x\n}\n",
        "  repeat l in 1..depth {\n    y = x @ W\n    x <- 0.1*x\n    x <- 0.1*x + y\n  }\n"
        "  return x\n}\n",
        "  x <- 0.1*x\n  y = 5*(x @ W)\n  repeat l in 1..depth { y <- 0.9*y + 0.1*x }\n"
        "  return y\n}\n",
        "  repeat l in 1..depth { x <- 0.1*x }\n  z = E[tokens]\n"
        "  repeat l in 1..depth { z <- z @ W + x }\n  return z\n}\n",
        "  y = 0.01*x\n  x <- 100*x\n  x <- y @ W\n  x <- n(x)\n  return x\n}\n",
        "  x <- 0.1*(x @ W)\n  x <- n(x)\n  return x\n}\n",
        "  y = x @ W\n  x <- 0.001*x\n  repeat l in 1..depth { x <- 0.5*x + 0.5*y }\n"
        "  return x\n}\n"}) {
    Attack attack(head + body, 2);
    attack.fill("E", [](int64_t i, int64_t j) { return i == 0 ? alternating(j) : j < 4 ? 1 : -1; });
    attack.fill("W", [](int64_t i, int64_t j) { return i == j ? 1.0 : 0.0; });
    double bound = attack.bound(property);
    double measured = normOf(jacobianOf(attack.model, attack.environment, 2), 2);
    EXPECT_LE(measured, bound * slack) << body;
    EXPECT_LT(bound, INFINITY) << body;
  }
}
