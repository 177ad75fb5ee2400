// MeanFieldScalar: the mean-field recursion with two numbers for the stream, mean square and mean
// product of two tokens, and two for its gradient.
// Without a causal mask the Gram matrix has this form by symmetry, so nothing is lost; with one,
// positions are averaged after every step.
#include "compiler/stability/DualActivation.h"
#include "compiler/stability/MeanFieldBranch.h"
#include "compiler/stability/MeanFieldNotes.h"

#include <algorithm>
#include <cmath>

using namespace mlir::lnx::stability;
using Branch = MeanFieldUpdate::Branch;

namespace {

/// A Gram matrix of equal diagonal and equal other entries.
struct Pair {
  double own = 0, other = 0;

  Pair scaled(double factor) const { return {own * factor, other * factor}; }
  void add(const Pair &b) {
    own += b.own;
    other += b.other;
  }
  double dot(const Pair &b, double n) const {
    return n * own * b.own + n * (n - 1) * other * b.other;
  }
};

/// Means over positions of the powers of 1/m that attention needs, m tokens being seen.
struct Positions {
  double n = 1;
  double inverse = 1;   ///< mean 1/m
  double overlap = 0;   ///< mean (A A^T)_ij, i != j
  double replaced = 0;  ///< mean 1 - 1/m
  double noise = 0;     ///< mean (1 - 1/m)/m
  double squares = 1;   ///< mean over tokens of the squares of what all pay to them
  double received = 1;  ///< mean over tokens of (sum_i A_ik)^2
  double replaced2 = 0; ///< mean (1-1/m_i)(1-1/m_j), i != j

  Positions(int64_t tokens, bool causal);
};

struct ScalarBranch {
  double in = 1;
  Pair input;
  double r = 0, e = 1;
  const DualActivation *dual = nullptr;
  double inner = 1;
  Pair hidden;
  double variance = 0, out = 1;
  Pair output;
};

struct ScalarStep {
  std::vector<ScalarBranch> branches;
  double post = 1;
  Pair after;
};

class ScalarRecursion {
public:
  ScalarRecursion(const MeanFieldModel &model, DualActivations &duals)
      : model(model), duals(duals), full(std::max<int64_t>(model.tokens, 1), /*causal=*/false),
        causal(std::max<int64_t>(model.tokens, 1), /*causal=*/true) {}
  MeanFieldProfile run();

private:
  const Positions &positions(const MeanFieldUpdate &u) const {
    return u.causal && !u.memory ? causal : full;
  }
  Pair attend(const MeanFieldUpdate &u, ScalarBranch &b) const;
  ScalarBranch enter(const MeanFieldUpdate &u, const Pair &x);
  ScalarStep enter(const MeanFieldStep &step, const Pair &x);
  Pair pullAttention(const MeanFieldUpdate &u, const ScalarBranch &b, const Pair &g,
                     WeightGradients &weights) const;
  Pair pull(const MeanFieldUpdate &u, const ScalarBranch &b, Pair g,
            WeightGradients &weights) const;

  const MeanFieldModel &model;
  DualActivations &duals;
  Positions full, causal;
};

} // namespace

Positions::Positions(int64_t tokens, bool causal) : n(static_cast<double>(tokens)) {
  inverse = replaced = noise = squares = received = overlap = replaced2 = 0;
  double harmonic = 0, harmonicSquares = 0, sumReplaced = 0, sumReplacedSquares = 0;
  for (int64_t k = tokens - 1; k >= 0; --k) {
    double m = causal ? static_cast<double>(k + 1) : n, f = 1 - 1 / m;
    harmonic += 1 / m;
    harmonicSquares += 1 / (m * m);
    inverse += 1 / m / n;
    replaced += f / n;
    noise += f / m / n;
    sumReplaced += f;
    sumReplacedSquares += f * f;
    if (causal) {
      received += harmonic * harmonic / n;
      squares += harmonicSquares / n;
      // Of the pairs with this larger position there are k on each side of the diagonal.
      overlap += tokens > 1 ? 2 * static_cast<double>(k) / m / (n * (n - 1)) : 0;
    }
  }
  if (tokens > 1)
    replaced2 = (sumReplaced * sumReplaced - sumReplacedSquares) / (n * (n - 1));
  if (!causal) {
    received = 1;
    squares = overlap = 1 / n;
  }
}

/// Whose keys and values attention averages.
static Pair sourceOf(const MeanFieldUpdate &u, const ScalarBranch &b) {
  return u.memory ? Pair{u.memoryQ, u.memoryQ * u.memoryRho} : b.input;
}

Pair ScalarRecursion::attend(const MeanFieldUpdate &u, ScalarBranch &b) const {
  constexpr double largestLogit = 30;
  const Positions &p = positions(u);
  Pair source = sourceOf(u, b);
  double s = source.own, r = source.other / s, apart = 1 - std::max(0.0, r);
  double v = std::min(logitVariance(u, b.input.own, s) * apart, largestLogit);
  b.e = std::min(std::exp(v), p.n);
  double noise = std::min(p.noise * std::expm1(v), p.replaced) * s * apart;
  return Pair{s * (r + (1 - r) * p.inverse) + noise, s * (r + (1 - r) * p.overlap)}.scaled(u.sV);
}

ScalarBranch ScalarRecursion::enter(const MeanFieldUpdate &u, const Pair &x) {
  ScalarBranch b;
  b.in = u.inputGain * u.inputGain / (u.inputNorm ? x.own + u.inputEps : 1);
  b.input = x.scaled(b.in);
  double s = b.input.own;
  b.r = s > 0 ? std::max(0.0, b.input.other / s) : 0;
  if (s <= 0) {
    b.dual = &duals.at(u.activation, 0);
  } else if (u.branch == Branch::attention) {
    b.hidden = attend(u, b);
  } else {
    b.dual = &duals.at(u.activation, u.s1 * s);
    double rho = std::clamp(b.input.other / s, -1.0, 1.0);
    bool centred = u.hiddenNorm && u.hiddenCentred && u.branch == Branch::mlp;
    double mean = centred ? b.dual->value(0) : 0;
    b.hidden = {b.dual->value(1) - mean, b.dual->value(rho) - mean};
    if (u.branch == Branch::glu)
      b.hidden = {u.sU * b.hidden.own * s, u.sU * b.hidden.other * b.input.other};
  }
  b.inner = u.hiddenNorm ? 1 / (b.hidden.own + u.hiddenEps) : 1;
  b.hidden = b.hidden.scaled(b.inner);
  b.output = b.hidden.scaled(u.branch == Branch::attention ? u.sO : u.s2);
  b.output.own /= 1 - u.dropout;
  b.variance = b.output.own;
  b.out = u.outputGain * u.outputGain / (u.outputNorm ? b.output.own + u.outputEps : 1);
  b.output = b.output.scaled(b.out);
  return b;
}

ScalarStep ScalarRecursion::enter(const MeanFieldStep &step, const Pair &x) {
  ScalarStep state;
  state.after = x.scaled(step.skip * step.skip);
  for (const MeanFieldUpdate &u : step.updates) {
    state.branches.push_back(enter(u, x));
    state.after.add(state.branches.back().output.scaled(u.dt * u.dt));
  }
  if (step.postNorm) {
    state.post = step.postGain * step.postGain / (state.after.own + step.eps);
    state.after = state.after.scaled(state.post);
  }
  return state;
}

Pair ScalarRecursion::pullAttention(const MeanFieldUpdate &u, const ScalarBranch &b, const Pair &g,
                                    WeightGradients &weights) const {
  const Positions &p = positions(u);
  Pair source = sourceOf(u, b);
  double n = p.n, r = u.memory ? u.memoryRho : b.r;
  double qk = queryGain(u, b.input.own, source.own);
  // A^T G A keeps the sum of all entries.
  auto spread = [&](const Pair &x) {
    Pair y;
    y.own = (x.own - x.other) * p.squares + x.other * p.received;
    double total = n * x.own + n * (n - 1) * x.other;
    y.other = n > 1 ? (total - n * y.own) / (n * (n - 1)) : 0;
    return y;
  };
  Pair in = spread(g);
  in.own += p.noise * (b.e - 1) * g.own;
  weights.in = static_cast<double>(model.width) * std::sqrt(std::max(0.0, in.dot(source, n)));
  double width = static_cast<double>(model.width), f2 = p.replaced * p.replaced;
  Pair keys = {g.own * f2,
               g.other * (b.input.own > 0 ? b.input.other / b.input.own : 0) * p.replaced2};
  if (u.memory)
    in = {};
  double query = qk * (1 - r) * (1 - r);
  in.own += query * g.own * f2 * (p.inverse * b.e + 1 / width);
  in.other += query * g.other * p.replaced2 * (p.overlap + 1 / width);
  if (!u.memory)
    in.own += qk * (1 - r) * (spread(keys).own + p.squares * (b.e - 1) * keys.own);
  return in.scaled(u.sV);
}

Pair ScalarRecursion::pull(const MeanFieldUpdate &u, const ScalarBranch &b, Pair g,
                           WeightGradients &weights) const {
  bool attention = u.branch == Branch::attention;
  double width = static_cast<double>(model.width), n = full.n;
  g = g.scaled(b.out);
  g.own /= 1 - u.dropout;
  double fanIn = width * (attention ? 1 : u.hiddenRatio);
  weights.out = std::sqrt(std::max(0.0, fanIn * width * g.dot(b.hidden, n)));
  g = g.scaled(b.inner * (attention ? u.sO : u.s2));
  if (attention)
    return pullAttention(u, b, g, weights).scaled(b.in);
  double rho = b.input.own > 0 ? std::clamp(b.input.other / b.input.own, -1.0, 1.0) : 0;
  Pair slope = {g.own * b.dual->derivative(1), g.other * b.dual->derivative(rho)};
  if (u.branch == Branch::mlp) {
    weights.in = width * std::sqrt(std::max(0.0, slope.dot(b.input, n)));
    return slope.scaled(u.s1 * b.in);
  }
  slope = {slope.own * b.input.own, slope.other * b.input.other};
  weights.in = width * std::sqrt(std::max(0.0, u.sU * slope.dot(b.input, n)));
  slope = slope.scaled(u.s1 * u.sU);
  Pair gate = {g.own * b.dual->value(1), g.other * b.dual->value(rho)};
  weights.up = width * std::sqrt(std::max(0.0, gate.dot(b.input, n)));
  slope.add(gate.scaled(u.sU));
  return slope.scaled(b.in);
}

MeanFieldProfile ScalarRecursion::run() {
  MeanFieldNotes notes(model);
  size_t steps = model.steps.size();
  Pair k = {model.q0, model.rho0 * model.q0};
  std::vector<Pair> before;
  before.reserve(steps);
  notes.stream(k.own, k.other);
  for (size_t i = 0; i < steps; ++i) {
    const MeanFieldStep &step = model.steps[i];
    ScalarStep state = enter(step, k);
    for (size_t j = 0; j < step.updates.size(); ++j)
      notes.update(i, step.updates[j], state.branches[j].input.own, state.branches[j].variance,
                   state.branches[j].output.own);
    notes.stream(state.after.own, state.after.other);
    if (notes.overflown())
      return notes.finish();
    before.push_back(k);
    k = state.after;
  }
  Pair g = {model.headVariance, 0};
  if (model.finalNorm)
    g = g.scaled(1 / (k.own + model.eps));
  notes.gradient(steps, g.own, g.other);
  for (size_t i = steps; i-- > 0 && !notes.overflown();) {
    const MeanFieldStep &step = model.steps[i];
    ScalarStep state = enter(step, before[i]);
    g = g.scaled(state.post);
    notes.gain(i, g.own);
    Pair pulled = g.scaled(step.skip * step.skip);
    for (size_t j = 0; j < step.updates.size(); ++j) {
      const MeanFieldUpdate &u = step.updates[j];
      WeightGradients weights;
      pulled.add(pull(u, state.branches[j], g.scaled(u.dt * u.dt), weights));
      notes.weights(i, u, weights);
    }
    g = pulled;
    notes.gradient(i, g.own, g.other);
  }
  return notes.finish();
}

MeanFieldProfile mlir::lnx::stability::predictScalar(const MeanFieldModel &model,
                                                     DualActivations &duals) {
  return ScalarRecursion(model, duals).run();
}

MeanFieldProfile mlir::lnx::stability::predictScalar(const MeanFieldModel &model) {
  DualActivations duals(DualActivations::Accuracy::interpolated);
  return predictScalar(model, duals);
}
