// MeanFieldBranch: attention, mlp and glu on Gram matrices; the numpy reference is appendix A of
// the stability page. Weights are independent and of zero mean, so a branch's output is Gaussian
// with this Gram matrix.
#include "compiler/stability/MeanFieldBranch.h"

#include <algorithm>
#include <cmath>

using namespace mlir::lnx::stability;
using Branch = MeanFieldUpdate::Branch;

double mlir::lnx::stability::logitVariance(const MeanFieldUpdate &u, double query, double key) {
  double perHead = u.scale * u.scale * u.headSize;
  return u.qkNorm ? perHead : perHead * u.sQ * u.sK * query * key;
}

double mlir::lnx::stability::queryGain(const MeanFieldUpdate &u, double query, double key) {
  double perHead = u.scale * u.scale * u.headSize;
  // A norm divides by the query's size and makes the key one.
  if (u.qkNorm)
    return query > 0 ? perHead * key / query : 0;
  return perHead * u.sQ * u.sK * key * key;
}

/// Whose keys and values attention averages.
static const TokenGram &sourceOf(const MeanFieldUpdate &u, const BranchState &state) {
  return u.memory ? state.memory : state.input;
}

static UniformAttention attentionOf(const MeanFieldUpdate &u, const TokenGram &x) {
  return {x.tokens(), u.causal && !u.memory};
}

/// 1 - 1/m of each position: the share of its own value that attention to m tokens replaces.
static std::vector<double> replaced(const UniformAttention &attention) {
  std::vector<double> f(attention.n);
  for (int64_t i = 0; i < attention.n; ++i)
    f[i] = 1 - 1 / attention.seen(i);
  return f;
}

static void enterAttention(const MeanFieldUpdate &u, BranchState &state) {
  // The cap keeps exp finite: there attention looks at single tokens anyway.
  constexpr double largestLogit = 30;
  int64_t n = state.input.tokens();
  if (u.memory)
    state.memory = TokenGram(n, u.memoryQ, u.memoryQ * u.memoryRho);
  double s = u.memory ? u.memoryQ : state.s, r = u.memory ? u.memoryRho : state.r;
  UniformAttention attention = attentionOf(u, state.input);
  double v = std::min(logitVariance(u, state.s, s) * (1 - r), largestLogit);
  double spread = std::expm1(v);
  state.e = std::min(std::exp(v), static_cast<double>(n));
  TokenGram c = attention.average(sourceOf(u, state));
  std::vector<double> f = replaced(attention);
  for (int64_t i = 0; i < n; ++i)
    c.diagonal(i) += std::min(f[i] / attention.seen(i) * spread, f[i]) * s * (1 - r);
  c.times(u.sV);
  state.hidden = std::move(c);
}

static void enterActivation(const MeanFieldUpdate &u, BranchState &state, DualActivations &duals) {
  int64_t n = state.input.tokens();
  std::vector<double> inverse(n);
  for (int64_t i = 0; i < n; ++i)
    inverse[i] = state.input.diagonal(i) > 0 ? 1 / std::sqrt(state.input.diagonal(i)) : 0;
  state.correlation = state.input;
  state.correlation.scale(inverse);
  double *rho = state.correlation.data();
  for (int64_t i = 0; i < state.correlation.size(); ++i)
    rho[i] = std::clamp(rho[i], -1.0, 1.0);
  for (int64_t i = 0; i < n; ++i)
    state.correlation.diagonal(i) = 1; // exact: slopes have a square root there
  state.dual = &duals.at(u.activation, u.s1 * state.s);
  state.hidden = TokenGram(n);
  state.dual->values(rho, state.hidden.data(), state.hidden.size());
  // E[phi]^2 is the dual at rho = 0. Products of a glu and averages of values have mean zero.
  if (u.hiddenNorm && u.hiddenCentred && u.branch == Branch::mlp)
    state.hidden.shift(-state.dual->value(0));
  if (u.branch == Branch::glu) {
    state.hidden.multiply(state.input);
    state.hidden.times(u.sU);
  }
}

BranchState mlir::lnx::stability::enterBranch(const MeanFieldUpdate &u, const TokenGram &x,
                                              DualActivations &duals) {
  BranchState state;
  int64_t n = x.tokens();
  state.in =
      u.inputNorm ? x.inverseNorms(u.inputEps, u.inputGain) : std::vector<double>(n, u.inputGain);
  state.input = x;
  state.input.scale(state.in);
  state.s = state.input.meanDiagonal();
  state.r = state.s > 0 ? std::max(0.0, state.input.meanOffDiagonal() / state.s) : 0;
  if (u.branch == Branch::attention)
    enterAttention(u, state);
  else
    enterActivation(u, state, duals);
  if (u.hiddenNorm) {
    state.inner = state.hidden.inverseNorms(u.hiddenEps, 1);
    state.hidden.scale(state.inner);
  }
  state.output = state.hidden;
  state.output.times(u.branch == Branch::attention ? u.sO : u.s2);
  state.output.scaleDiagonal(1 / (1 - u.dropout));
  state.variance = state.output.meanDiagonal();
  state.out = u.outputNorm ? state.output.inverseNorms(u.outputEps, u.outputGain)
                           : std::vector<double>(n, u.outputGain);
  state.output.scale(state.out);
  return state;
}

/// The queries' part of an attention's transpose, into `in`.
static void pullQueries(const MeanFieldUpdate &u, const BranchState &state, const TokenGram &g,
                        double width, TokenGram &in) {
  UniformAttention attention = attentionOf(u, g);
  std::vector<double> f = replaced(attention);
  double s = u.memory ? u.memoryQ : state.s, r = u.memory ? u.memoryRho : state.r;
  double gain = queryGain(u, state.s, s) * (1 - r) * (1 - r);
  for (int64_t i = 0; i < g.tokens(); ++i) {
    const double *from = g.row(i);
    double *to = in.row(i);
    for (int64_t j = 0; j <= i; ++j)
      to[j] += gain * from[j] * f[i] * f[j] *
               (attention.overlap(i, j) * (i == j ? state.e : 1) + 1 / width);
  }
}

/// The keys' part, into `in`.
static void pullKeys(const MeanFieldUpdate &u, const BranchState &state, const TokenGram &g,
                     TokenGram &in) {
  UniformAttention attention = attentionOf(u, g);
  TokenGram keys = g;
  keys.multiply(state.input);
  keys.times(state.s > 0 ? 1 / state.s : 0);
  keys.scale(replaced(attention));
  std::vector<double> w(g.tokens());
  for (int64_t i = 0; i < g.tokens(); ++i)
    w[i] = (state.e - 1) * keys.diagonal(i);
  TokenGram spread = attention.spread(keys);
  std::vector<double> noise = attention.spreadSquares(w);
  double gain = queryGain(u, state.s, state.s) * (1 - state.r);
  for (int64_t k = 0; k < g.tokens(); ++k)
    in.diagonal(k) += gain * (spread.diagonal(k) + noise[k]);
}

/// Through W_V, and through the logits to queries and keys.
static TokenGram pullAttention(const MeanFieldUpdate &u, const BranchState &state,
                               const TokenGram &g, double width, WeightGradients &weights) {
  int64_t n = g.tokens();
  UniformAttention attention = attentionOf(u, g);
  std::vector<double> f = replaced(attention), w(n);
  for (int64_t i = 0; i < n; ++i)
    w[i] = f[i] * (state.e - 1) * g.diagonal(i);
  TokenGram in = attention.spread(g);
  std::vector<double> noise = attention.spreadSquares(w);
  for (int64_t k = 0; k < n; ++k)
    in.diagonal(k) += noise[k];
  weights.in = width * std::sqrt(std::max(0.0, in.dot(sourceOf(u, state))));
  if (u.memory)
    in = TokenGram(n);
  else
    pullKeys(u, state, g, in);
  pullQueries(u, state, g, width, in);
  in.times(u.sV);
  return in;
}

static TokenGram pullActivation(const MeanFieldUpdate &u, const BranchState &state,
                                const TokenGram &g, double width, WeightGradients &weights) {
  TokenGram slope(g.tokens());
  state.dual->derivatives(state.correlation.data(), slope.data(), slope.size());
  slope.multiply(g);
  if (u.branch == Branch::mlp) {
    weights.in = width * std::sqrt(std::max(0.0, slope.dot(state.input)));
    slope.times(u.s1);
    return slope;
  }
  slope.multiply(state.input);
  weights.in = width * std::sqrt(std::max(0.0, u.sU * slope.dot(state.input)));
  TokenGram gate(g.tokens());
  state.dual->values(state.correlation.data(), gate.data(), gate.size());
  gate.multiply(g);
  weights.up = width * std::sqrt(std::max(0.0, gate.dot(state.input)));
  slope.combine(u.s1 * u.sU, u.sU, gate);
  return slope;
}

BranchGradient mlir::lnx::stability::pullBranch(const MeanFieldUpdate &u, const BranchState &state,
                                                const TokenGram &gradient, double width) {
  BranchGradient result;
  bool attention = u.branch == Branch::attention;
  double sOut = attention ? u.sO : u.s2;
  TokenGram g = gradient;
  g.scale(state.out);
  g.scaleDiagonal(1 / (1 - u.dropout));
  double fanIn = width * (attention ? 1 : u.hiddenRatio);
  result.weights.out = std::sqrt(std::max(0.0, fanIn * width * g.dot(state.hidden)));
  if (u.hiddenNorm)
    g.scale(state.inner);
  g.times(sOut);
  result.input = attention ? pullAttention(u, state, g, width, result.weights)
                           : pullActivation(u, state, g, width, result.weights);
  result.input.scale(state.in);
  return result;
}
