// What elaborated definitions compute, by the oracle, against numbers worked out by hand.
#include "Elaborating.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace lnx;
using namespace lnx::test;
namespace ir = mlir::lnx;

namespace {
using Numbers = std::vector<double>;
using Parameters = std::vector<std::pair<std::string, Numbers>>;

/// Logits of one token that looks up `row` of the embedding; parameters not named are what their
/// law says where that is a single number.
Numbers logits(const std::string &body, const Numbers &row, const Parameters &given = {}) {
  const std::string width = std::to_string(row.size());
  Elaborated model("model m() {\n  param E : [" + width + ", " + width +
                   "] ~ ones\n  x = E[tokens]\n" + body + "\n}\n");
  EXPECT_EQ(model.messages, "");
  if (!model.module)
    return {};
  ir::Environment environment;
  environment.batch = {1, 1};
  environment.inputs["tokens"] = ir::Array({1}, 0);
  for (ir::ParamOp op : model.all<ir::ParamOp>()) {
    const auto type = mlir::cast<mlir::RankedTensorType>(op.getResult().getType());
    environment.parameters[op.getPath()] = ir::Array(type.getShape(), op.getInit().getA()[0]);
  }
  for (size_t i = 0; i < row.size(); ++i)
    environment.parameters["E"].data[i] = row[i];
  for (const auto &[path, numbers] : given)
    environment.parameters[path].data = numbers;
  const mlir::FailureOr<ir::Array> result =
      ir::evaluateModel(*model.module->getOps<ir::ModelOp>().begin(), environment);
  EXPECT_TRUE(mlir::succeeded(result));
  return mlir::succeeded(result) ? result->data : Numbers();
}

void expectNear(const Numbers &got, const Numbers &expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], expected[i], 1e-12) << "element " << i;
}

TEST(Meaning, Norms) {
  // Mean 2, variance 1.
  const double s = 1 / std::sqrt(1 + 1e-5);
  expectNear(logits("  return layernorm(x)", {1, 3}), {-s, s});
  const double r = 1 / std::sqrt(12.5 + 1e-6);
  expectNear(logits("  return rmsnorm(x)", {3, 4}), {3 * r, 4 * r});
  // With an offset the stored gain starts at 0 and the gain at 1.
  expectNear(logits("  return rmsnorm(x, offset = 1)", {3, 4}), {3 * r, 4 * r});
  expectNear(logits("  return rmsnorm(x, offset = 1)", {3, 4}, {{"g", {1, 0}}}), {6 * r, 4 * r});
  expectNear(logits("  return l2norm(x)", {3, 4}), {0.6, 0.8});
  expectNear(logits("  return dyt(x)", {0.2, -4}), {std::tanh(0.1), std::tanh(-2)});
}

TEST(Meaning, LinearTakesRowsOfInputs) {
  expectNear(logits("  return linear(x, 2)", {1, 10}, {{"W", {1, 2, 3, 4}}, {"b", {0.5, 0}}}),
             {31.5, 42});
}

// Streams [3, 2]: outer spreads, a matrix mixes, a vector gathers.
TEST(Meaning, StreamsMix) {
  const std::string body =
      "  param b : [3] ~ ones\n  param A : [3, 3] ~ ones\n  param m : [3] ~ ones\n"
      "  X = outer(b, x)\n  X <- mix(A, X)\n  return mix(m, X)";
  // b = (1, 2, 3); A b = (6, 2, 4); m . (A b) = 16.
  expectNear(logits(body, {1, 10},
                    {{"b", {1, 2, 3}}, {"A", {1, 1, 1, 0, 1, 0, 1, 0, 1}}, {"m", {1, 1, 2}}}),
             {16, 160});
}

TEST(Meaning, HeadsAreRowMajor) {
  // The mean of each half of [1, 2, 3, 4].
  expectNear(logits("  h = split_heads(x, 2)\n  return join_heads(h - mean(h))", {1, 2, 3, 5}),
             {-0.5, 0.5, -1, 1});
}

TEST(Meaning, PartsOfAParameter) {
  expectNear(
      logits("  param a : [2, 2] ~ ones\n  return a[1]*x - a[0]", {1, 2}, {{"a", {1, 2, 3, 4}}}),
      {2, 6});
}

// With one position attention gives the values, whatever the scores.
TEST(Meaning, AttentionOfOnePosition) {
  const Parameters identity = {{"q.W", {1, 0, 0, 1}}, {"k.W", {1, 0, 0, 1}}, {"v.W", {0, 1, 1, 0}},
                               {"q.b", {0, 0}},       {"k.b", {0, 0}},       {"v.b", {0, 0}}};
  expectNear(logits("  return attn_heads(x, 1)", {5, 7}, identity), {7, 5});
  Parameters projected = identity;
  projected.push_back({"o.W", {2, 0, 0, 3}});
  projected.push_back({"o.b", {0, 1}});
  expectNear(logits("  return attn(x, 1)", {5, 7}, projected), {14, 16});
}

TEST(Meaning, GatedUnit) {
  // One hidden unit: silu(1) * 2 on each output.
  const double silu = 1 / (1 + std::exp(-1.0));
  expectNear(logits("  return glu(x, hidden = 1)", {1, 1},
                    {{"gate.W", {1, 0}}, {"up.W", {2, 0}}, {"down.W", {1, 3}}}),
             {2 * silu, 6 * silu});
}

// Two experts of one unit: the router prefers the second by log 3.
TEST(Meaning, ExpertsAreWeighted) {
  expectNear(logits("  return moe(x, experts = 2, hidden = 1, act = id)", {1, 0},
                    {{"up.W", {4, 8, 0, 0}},
                     {"up.b", {0, 0}},
                     {"route.W", {0, std::log(3.0), 0, 0}},
                     {"route.b", {0, 0}},
                     {"down.W", {1, 0, 0, 1}},
                     {"down.b", {0, 0}}}),
             {0.25 * 4, 0.75 * 8});
}

TEST(Meaning, NumbersMeetTensors) {
  expectNear(logits("  return 2 - x^2/4 + max(x, 1) * -1", {2, 0}), {-1, 1});
  expectNear(logits("  return 8^(1/3) * x / (1 + 1/3)", {2, 4}), {3, 6});
}

// l^(-1/2) in front of the branch, l = 1, 2: the stack is one repeat with a table.
TEST(Meaning, LayersSeeTheirNumber) {
  const double r = std::sqrt(0.5);
  expectNear(logits("  repeat l in 1..2 { x <- x + l^(-1/2) * x }\n  return x", {1, 2}),
             {2 * (1 + r), 4 * (1 + r)});
  expectNear(logits("  repeat l in 1..3 {\n    if l <= 3/2 { x <- x + 1 } else { x <- 2*x }\n  }\n"
                    "  return x",
                    {1, 2}),
             {8, 12});
}

// labml's operand order is another function.
TEST(Meaning, DeepNormScalesTheStream) {
  const Parameters zero = {{"mlp.down.W", Numbers(16, 0)},
                           {"mlp.down.b", {1, 0}},
                           {"attn.o.W", Numbers(4, 0)},
                           {"attn.o.b", {1, 0}}};
  // alpha = (2*8)^(1/4) = 2: norm(2*(0, 4) + (1, 0)) = norm(1, 8), and then of (-1, 1) again.
  const Numbers got = logits("  return deepnorm(x, 1, 8, 1)", {0, 4}, zero);
  EXPECT_NEAR(got[0], -1, 1e-5);
  EXPECT_NEAR(got[1], 1, 1e-5);
}
} // namespace
