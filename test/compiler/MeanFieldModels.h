// MeanFieldModels: the architectures of the stability page as numbers, for tests of the predictor
// at initialisation. GPT-2 and Xavier initialisation as in 6.1; one update a step.
#ifndef LNX_TEST_COMPILER_MEANFIELDMODELS_H
#define LNX_TEST_COMPILER_MEANFIELDMODELS_H

#include "compiler/stability/MeanField.h"
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace lnx::test {

using mlir::lnx::stability::MeanFieldModel;
using mlir::lnx::stability::MeanFieldProfile;
using mlir::lnx::stability::MeanFieldStep;
using mlir::lnx::stability::MeanFieldUpdate;
using Branch = MeanFieldUpdate::Branch;
using Activation = MeanFieldUpdate::Activation;

inline Activation activationOf(double (*phi)(double)) {
  return std::make_shared<const std::function<double(double)>>(phi);
}

/// The activations of the stability page.
struct Phi {
  static inline const Activation identity;
  static inline const Activation relu = activationOf([](double z) { return std::max(z, 0.0); });
  static inline const Activation geluErf =
      activationOf([](double z) { return .5 * z * (1 + std::erf(z / std::sqrt(2.0))); });
  static inline const Activation geluTanh = activationOf([](double z) {
    return .5 * z * (1 + std::tanh(std::sqrt(2 / M_PI) * (z + .044715 * z * z * z)));
  });
  static inline const Activation silu =
      activationOf([](double z) { return z / (1 + std::exp(-z)); });
};

struct Shape {
  int64_t depth = 12;
  int64_t width = 768;
  double dt = 1;
  bool causal = true;
  int64_t tokens = 128;
};

/// Puts norms and coefficients of the architecture around an update. Unknown names stay without
/// norm.
inline MeanFieldStep stepOf(const std::string &kind, MeanFieldUpdate update, int64_t layer,
                            const Shape &shape) {
  MeanFieldStep step;
  double depth = static_cast<double>(shape.depth);
  update.dt = shape.dt;
  update.causal = shape.causal;
  bool post = kind == "post" || kind == "deepnorm" || kind == "labml";
  step.postNorm = post;
  update.inputNorm = !post && kind != "none" && kind != "rezero";
  update.outputNorm = kind == "peri";
  if (kind == "deepnorm")
    step.skip = std::pow(2 * depth, 0.25);
  if (kind == "labml")
    update.dt = std::pow(2 * depth, 0.25);
  if (kind == "deepnorm" || kind == "labml") {
    double beta = std::pow(8 * depth, -0.25);
    for (double *gain : {&update.sV, &update.sO, &update.s1, &update.s2})
      *gain *= beta * beta;
  }
  if (kind == "lns")
    update.inputGain = 1 / std::sqrt(static_cast<double>(layer));
  if (kind == "scaled")
    update.dt = 1 / std::sqrt(2 * depth);
  if (kind == "rezero")
    update.dt = 0;
  step.updates = {update};
  return step;
}

inline void addLayer(MeanFieldModel &model, const std::string &kind, int64_t layer,
                     const std::vector<MeanFieldUpdate> &updates, const Shape &shape) {
  for (const MeanFieldUpdate &update : updates) {
    model.steps.push_back(stepOf(kind, update, layer, shape));
    model.layerOfStep.push_back(layer);
  }
  model.finalNorm = model.steps.back().updates.front().inputNorm;
}

/// GPT-2's normal(0.02), out projections over sqrt(2 depth), GELU by the error function.
inline MeanFieldModel gpt2(const std::string &kind, Shape shape = {}) {
  MeanFieldModel model;
  model.width = shape.width;
  model.tokens = shape.tokens;
  double s = static_cast<double>(shape.width) * 4e-4;
  double out = s / (2 * static_cast<double>(shape.depth));
  for (int64_t l = 1; l <= shape.depth; ++l) {
    MeanFieldUpdate attention, mlp;
    attention.branch = Branch::attention;
    attention.sQ = attention.sK = attention.sV = s;
    attention.sO = out;
    mlp.activation = Phi::geluErf;
    mlp.s1 = s;
    mlp.s2 = 4 * out;
    addLayer(model, kind, l, {attention, mlp}, shape);
  }
  return model;
}

/// Xavier everywhere, unit input.
inline MeanFieldModel xavier(const std::string &kind, Shape shape,
                             Activation activation = Phi::relu) {
  MeanFieldModel model;
  model.width = shape.width;
  model.tokens = shape.tokens;
  model.q0 = 1;
  for (int64_t l = 1; l <= shape.depth; ++l) {
    MeanFieldUpdate attention, mlp;
    attention.branch = Branch::attention;
    mlp.activation = activation;
    mlp.s1 = 0.4;
    mlp.s2 = 1.6;
    // Mix-LN: the first quarter is Post.
    std::string form = kind != "mix" ? kind : l <= shape.depth / 4 ? "post" : "pre";
    addLayer(model, form, l, {attention, mlp}, shape);
  }
  return model;
}

/// Branches f(x) = W_2 phi(W_1 x) on one token: every closed form of 6.4 holds exactly.
inline MeanFieldModel homogeneous(const std::string &kind, int64_t steps, MeanFieldUpdate branch,
                                  double q0 = 1, double dt = 1) {
  MeanFieldModel model;
  model.tokens = 1;
  model.q0 = q0;
  model.eps = 0;
  // Depth counts pairs of steps, as everywhere else.
  Shape shape{(steps + 1) / 2, model.width, dt};
  for (int64_t k = 1; k <= steps; ++k)
    addLayer(model, kind, k, {branch}, shape);
  for (MeanFieldStep &step : model.steps) {
    step.eps = 0;
    for (MeanFieldUpdate &u : step.updates)
      u.inputEps = u.hiddenEps = u.outputEps = 0;
  }
  return model;
}

/// Variance of f at unit input and its Jacobian gain: v and chi of S105.
inline double varianceOf(const MeanFieldUpdate &u) {
  return u.s2 * mlir::lnx::stability::dual(u.activation, u.s1, 1);
}
inline double jacobianOf(const MeanFieldUpdate &u) {
  return u.s1 * u.s2 * mlir::lnx::stability::dualDerivative(u.activation, u.s1, 1);
}

inline MeanFieldUpdate identityBranch(double s1 = 1, double s2 = 1) {
  MeanFieldUpdate u;
  u.activation = Phi::identity;
  u.hiddenRatio = 1;
  u.s1 = s1;
  u.s2 = s2;
  return u;
}

} // namespace lnx::test

#endif
