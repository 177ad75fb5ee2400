// MeanField: the token Gram recursion, forward through all steps and backward through their
// transposes (S102..S104).
// Keeps one Gram matrix a step; what else the backward direction needs is computed again.
#include "compiler/stability/MeanField.h"
#include "compiler/stability/MeanFieldBranch.h"
#include "compiler/stability/MeanFieldNotes.h"

#include <algorithm>
#include <cmath>
#include <numbers>

using namespace mlir::lnx::stability;

namespace {

/// One step: its branches, the norm over their sum, and the stream after it.
struct StepState {
  std::vector<BranchState> branches;
  std::vector<double> post;
  TokenGram after;
};

} // namespace

static StepState enterStep(const MeanFieldStep &step, const TokenGram &k, DualActivations &duals) {
  StepState state;
  state.after = k;
  state.after.times(step.skip * step.skip);
  for (const MeanFieldUpdate &update : step.updates) {
    state.branches.push_back(enterBranch(update, k, duals));
    state.after.combine(1, update.dt * update.dt, state.branches.back().output);
  }
  if (step.postNorm) {
    state.post = state.after.inverseNorms(step.eps, step.postGain);
    state.after.scale(state.post);
  }
  return state;
}

/// The gradient before the step, from the one after it.
static TokenGram pullStep(const MeanFieldStep &step, const StepState &state, const TokenGram &after,
                          double width, size_t index, MeanFieldNotes &notes) {
  TokenGram g = after;
  if (step.postNorm)
    g.scale(state.post);
  notes.gain(index, g.meanDiagonal());
  TokenGram before = g;
  before.times(step.skip * step.skip);
  for (size_t j = 0; j < step.updates.size(); ++j) {
    const MeanFieldUpdate &update = step.updates[j];
    TokenGram branch = g;
    branch.times(update.dt * update.dt);
    BranchGradient pulled = pullBranch(update, state.branches[j], branch, width);
    before.combine(1, 1, pulled.input);
    notes.weights(index, update, pulled.weights);
  }
  return before;
}

static void noteStep(const MeanFieldStep &step, const StepState &state, size_t index,
                     MeanFieldNotes &notes) {
  for (size_t j = 0; j < step.updates.size(); ++j)
    notes.update(index, step.updates[j], state.branches[j].s, state.branches[j].variance,
                 state.branches[j].output.meanDiagonal());
  notes.stream(state.after.meanDiagonal(), state.after.meanOffDiagonal());
}

MeanFieldProfile mlir::lnx::stability::predict(const MeanFieldModel &model) {
  DualActivations duals(DualActivations::Accuracy::exact);
  MeanFieldNotes notes(model);
  size_t steps = model.steps.size();
  TokenGram k(std::max<int64_t>(model.tokens, 1), model.q0, model.rho0 * model.q0);
  notes.stream(k.meanDiagonal(), k.meanOffDiagonal());
  std::vector<TokenGram> before;
  before.reserve(steps);
  for (size_t i = 0; i < steps; ++i) {
    StepState state = enterStep(model.steps[i], k, duals);
    noteStep(model.steps[i], state, i, notes);
    if (notes.overflown())
      return notes.finish();
    before.push_back(std::move(k));
    k = std::move(state.after);
  }
  // Gradients of the cross-entropy at init do not correlate between tokens.
  TokenGram g(k.tokens(), model.headVariance);
  if (model.finalNorm)
    g.scale(k.inverseNorms(model.eps, 1));
  notes.gradient(steps, g.meanDiagonal(), g.meanOffDiagonal());
  for (size_t i = steps; i-- > 0;) {
    StepState state = enterStep(model.steps[i], before[i], duals);
    g = pullStep(model.steps[i], state, g, static_cast<double>(model.width), i, notes);
    notes.gradient(i, g.meanDiagonal(), g.meanOffDiagonal());
    if (notes.overflown())
      break;
  }
  return notes.finish();
}

MeanFieldProfile mlir::lnx::stability::predictWithin(const MeanFieldModel &model,
                                                     int64_t gramSteps) {
  bool small = static_cast<int64_t>(model.steps.size()) <= gramSteps;
  return small ? predict(model) : predictScalar(model);
}

double mlir::lnx::stability::meanAbsolute(double q) {
  return std::sqrt(2 * q * std::numbers::inv_pi);
}
