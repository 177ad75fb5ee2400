// Architectures that the prelude does not have, as a reader of the language page would write them:
// compiled training against the oracle.
#include "test/e2e/Harness.h"

#include <gtest/gtest.h>

using namespace lnx;
using namespace lnx::e2e;

namespace {

struct Architecture {
  const char *name, *text;
};

const Architecture architectures[] = {
    // A norm of its own, grouped queries with normalised heads, a squared-ReLU unit.
    {"GroupedQueries", R"(
def powernorm(x, p = 4, eps = 1e-6) {
  param g : [dim(x)] ~ ones
  return g * x / (mean(x^p) + eps)^(1/p)
}
def reglu(x, hidden = ceil(8*dim(x)/3)) {
  gate = linear(x, hidden, bias = 0)
  up = linear(x, hidden, bias = 0)
  down = linear(relu(gate)^2 * up, dim(x), init = residual_init, bias = 0)
  return down
}
def block(x, l, depth, heads, kv = heads/2, norm = powernorm) {
  s = 1/sqrt(l)
  x <- x + s * attn(norm(x), heads, kv_heads = kv, qk_norm = rmsnorm, bias = 0)
  x <- x + s * reglu(norm(x))
  return x
}
model m = gpt2(block = block, width = 32, heads = 4, depth = 3, vocab = 61, context = 16, final_norm = powernorm)
)"},
    // One MLP for all layers; each layer learns its gates.
    {"SharedWeights", R"(
def shared(x, W1, W2, act = gelu) = act(x @ W1) @ W2
model m(vocab = 61, context = 16, width = 32, heads = 4, depth = 4) {
  param E : [vocab, width] ~ normal(0.02)
  param P : [context, width] ~ normal(0.02)
  param W1 : [width, 4*width] ~ xavier(1)
  param W2 : [4*width, width] ~ xavier(1/(2*depth)^(1/2))
  x = E[tokens] + P[positions]
  repeat l in 1..depth {
    param gate : [2] ~ zeros
    x <- x + sigmoid(gate[0]) * attn(rmsnorm(x), heads)
    x <- x + sigmoid(gate[1] * l/depth) * shared(rmsnorm(x), W1, W2)
  }
  return rmsnorm(x) @ transpose(E)
}
)"},
    // Three streams whose widths of mixing depend on the data.
    {"DynamicHyperConnections", R"(
def block(X, l, depth, heads, s = 3) {
  param A : [2, s, s] ~ identity
  param m : [2, s] ~ const(1/s)
  param b : [2, s] ~ uniform(0.5, 1.5)
  h = mix(m[0], X)
  g = tanh(linear(layernorm(h), 1, init = normal(0.01)))
  X <- mix(A[0], X) + (1 + g) * outer(b[0], attn(rmsnorm(h), heads, qk_norm = l2norm, scale = sqrt(dim(h)/heads)))
  X <- mix(A[1], X) + outer(b[1], glu(rmsnorm(mix(m[1], X)), act = sigmoid))
  return X
}
model m(vocab = 61, context = 16, width = 24, heads = 4, depth = 2, s = 3) {
  param E : [vocab, width] ~ normal(0.02)
  param P : [context, width] ~ normal(0.02)
  param start : [s] ~ ones
  param finish : [s] ~ const(1/s)
  X = outer(start, E[tokens] + P[positions])
  repeat l in 1..depth { X <- block(X, l, depth, heads, s = s) }
  return layernorm(mix(finish, X)) @ transpose(E)
}
)"},
    // Layers of three kinds, a second stack that sees the end of the first, an untied head.
    {"TwoStacks", R"(
def block(x, l, depth, heads) {
  if l == 1 { x <- x + mlp(dyt(x)) } else {
    if l <= depth/2 { x <- x + 1/l * attn(dyt(x), heads) } else { x <- layernorm(x + attn(x, heads)) }
  }
  x <- x + glu(dyt(x), hidden = 2*dim(x), act = gelu)
  return x
}
model m(vocab = 61, context = 16, width = 32, heads = 2, n1 = 5, n2 = 3) {
  param E : [vocab, width] ~ normal(0.02)
  param P : [context, width] ~ normal(0.02)
  param U : [width, vocab] ~ xavier(1)
  param gates : [3] ~ const(0.5)
  x = E[tokens] + P[positions]
  repeat l in 1..n1 { x <- block(x, l, n1, heads) }
  skip = x
  repeat k in n1+1..n1+n2 {
    x <- peri_ln(x, k, n1+n2, heads, dt = 1/k, norm = rmsnorm) + gates[0]*skip
    x <- gates[1]*x + gates[2]*l2norm(skip)
  }
  return layernorm(x) @ U
}
)"},
    // A stack inside a stack, learned and layer-dependent temperatures, soft caps, capped logits.
    {"NestedStacks", R"(
def softclip(x, c) = c * tanh(x / c)
def block(x, l, depth, heads, c = 30) {
  param w : [2, dim(x)] ~ const(0.1)
  param t : [] ~ const(1)
  h = rmsnorm(x)
  a = attn(h, heads, scale = t*(1+log(l))/sqrt(dim(x)/heads), softcap = 20, v_norm = rmsnorm)
  x <- softclip(x + w[0]*a, c)
  x <- softclip(x + w[1]*mlp(rmsnorm(x), hidden = 3*dim(x), act = silu), c)
  return x
}
model m(vocab = 61, context = 16, width = 32, heads = 4, groups = 2, per = 2, weight_init = normal(0.02), residual_init = zeros) {
  param E : [vocab, width] ~ normal(0.02)
  param P : [context, width] ~ normal(0.02)
  x = E[tokens] + P[positions]
  repeat g in 1..groups {
    repeat l in 1..per { x <- block(x, (g-1)*per + l, groups*per, heads) }
    x <- layernorm(x)
  }
  logits = rmsnorm(x) @ transpose(E)
  return 15 * tanh(logits/15)
}
)"},
    // The same stack twice, with parameters of its own each time.
    {"StackCalledTwice", R"(
def stack(x, heads) {
  repeat k in 1..2 { x <- x + 1/k * attn(rmsnorm(x), heads) }
  return x
}
model m(vocab = 61, context = 16, width = 32, heads = 4) {
  param E : [vocab, width] ~ normal(0.02)
  param P : [context, width] ~ normal(0.02)
  x = E[tokens] + P[positions]
  x <- stack(x, heads)
  x <- stack(x, heads)
  return rmsnorm(x) @ transpose(E)
}
)"},
};

class OwnArchitecture : public testing::TestWithParam<Architecture> {};

TEST_P(OwnArchitecture, FourLossesAgreeWithTheOracle) {
  Model model(GetParam().text);
  Session session = makeSession(model.compile(), {.batch = 2, .time = 13, .threads = 2, .seed = 3});
  Oracle oracle(model, session);
  const UpdateOptions update{.rate = 1e-2f};
  for (int step = 0; step < 4; ++step) {
    const Ids ids = makeIds(2, 13, 61, 200 + step);
    Result<double> loss = session.gradient(ids.view());
    ASSERT_TRUE(loss) << loss.error().message;
    EXPECT_NEAR(*loss, oracle.gradient(ids, 1), 1e-4) << "step " << step;
    Result<UpdateReport> report = session.update(update);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_TRUE(report->finite);
    oracle.update(update);
  }
}

INSTANTIATE_TEST_SUITE_P(All, OwnArchitecture, testing::ValuesIn(architectures),
                         [](const auto &info) { return std::string(info.param.name); });

} // namespace
