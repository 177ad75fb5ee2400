// MeanFieldNotes: the numbers of a profile, their normalisation, and what is left undefined by an
// overflow.
// Formulas: effectiveness S101, update bounds S92 and S93, logits S96, token-specific gradient S88.
#include "compiler/stability/MeanFieldNotes.h"
#include "compiler/stability/MeanFieldBranch.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

using namespace mlir::lnx::stability;
using Branch = MeanFieldUpdate::Branch;

static constexpr double infinity = std::numeric_limits<double>::infinity();

MeanFieldNotes::MeanFieldNotes(const MeanFieldModel &model) : model(model) {
  size_t steps = model.steps.size();
  profile.gradient.assign(steps + 1, infinity);
  profile.gradientSpecific.assign(steps + 1, infinity);
  profile.weightIn.assign(steps, 0);
  profile.weightOut.assign(steps, 0);
  profile.effectiveness.assign(steps, 0);
  profile.outputVariance.assign(steps, 0);
  share.assign(steps, 0);
}

void MeanFieldNotes::stream(double q, double off) {
  constexpr double largest = 1e140; // squares of Gram entries must stay doubles
  if (!(std::abs(q) <= largest)) {
    profile.overflow = profile.gradientOverflow = true;
    return;
  }
  profile.q.push_back(q);
  profile.rho.push_back(q > 0 ? off / q : 0);
  profile.oneMinusRho.push_back(q > 0 ? std::max(0.0, (q - off) / q) : 1);
}

void MeanFieldNotes::update(size_t index, const MeanFieldUpdate &u, double input, double variance,
                            double output) {
  const MeanFieldStep &step = model.steps[index];
  bool first = &u == step.updates.data();
  double moved = u.dt * u.dt * output;
  double kept = step.skip * step.skip * profile.q[index];
  profile.effectiveness[index] += kept > 0 ? moved / kept : (moved > 0 ? infinity : 0);
  if (first)
    profile.outputVariance[index] = variance;
  share[index] += moved;
  if (u.branch == Branch::attention) {
    double s = u.inputNorm ? u.inputGain * u.inputGain : input;
    double scores = std::sqrt(logitVariance(u, s, u.memory ? u.memoryQ : s));
    if (!std::exchange(sawAttention, true))
      profile.logitStd = scores;
    profile.largestLogitStd = std::max(profile.largestLogitStd, scores);
  }
}

void MeanFieldNotes::gain(size_t index, double g) {
  double relative = model.headVariance > 0 ? g / model.headVariance : 0;
  profile.admin += share[index] > 0 ? share[index] * relative : 0;
}

void MeanFieldNotes::weights(size_t index, const MeanFieldUpdate &u, const WeightGradients &g) {
  if (&u == model.steps[index].updates.data()) {
    profile.weightIn[index] = g.in;
    profile.weightOut[index] = g.out;
  }
  // dL = sum_i g_i.dx_i with independent g_i of variance headVariance, so the square of a weight
  // gradient is that of its Jacobian, over all tokens and features.
  double width = static_cast<double>(model.width), tokens = static_cast<double>(model.tokens);
  double unit = model.headVariance * tokens * width * width;
  profile.updateBound += unit > 0 ? (g.in * g.in + g.up * g.up + g.out * g.out) / unit : 0;
}

void MeanFieldNotes::gradient(size_t index, double g, double off) {
  constexpr double largest = 1e280;
  if (!(g <= largest)) {
    profile.gradientOverflow = true;
    return;
  }
  profile.gradient[index] = std::sqrt(std::max(0.0, g));
  profile.gradientSpecific[index] = std::sqrt(std::max(0.0, g - off));
}

MeanFieldProfile MeanFieldNotes::finish() {
  size_t steps = model.steps.size();
  profile.q.resize(steps + 1, infinity);
  profile.rho.resize(steps + 1, profile.rho.back());
  profile.oneMinusRho.resize(steps + 1, profile.oneMinusRho.back());
  double last = profile.gradient.back(), lastSpecific = profile.gradientSpecific.back();
  for (double &g : profile.gradient)
    g = std::isfinite(last) && last > 0 ? g / last : g;
  for (double &g : profile.gradientSpecific)
    g = std::isfinite(lastSpecific) && lastSpecific > 0 ? g / lastSpecific : g;
  // G_k ends at the normalised output (S92): of a bare stream, that is the stream over its rms.
  bool bare = !model.finalNorm && steps > 0 && !model.steps.back().postNorm;
  if (bare && profile.q.back() > 0) {
    profile.updateBound /= profile.q.back();
    profile.admin /= profile.q.back();
  }
  if (profile.gradientOverflow)
    profile.updateBound = profile.admin = infinity;
  return std::move(profile);
}
