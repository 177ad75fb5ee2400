// MeanField: the predictor at initialisation (section 6, claims S102..S107): variance, token
// correlation and gradients of every layer from the laws of the weights alone.
// Sees no IR: the normal form comes in as numbers.
#ifndef LNX_COMPILER_STABILITY_MEANFIELD_H
#define LNX_COMPILER_STABILITY_MEANFIELD_H

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace mlir::lnx::stability {

/// One update dt * O(f(I(x))) of a step. Gains are s_W = fan_in * Var(W) (6.1).
struct MeanFieldUpdate {
  enum class Branch { attention, mlp, glu } branch = Branch::mlp;
  /// phi of mlp and glu, by its values; nothing stands for the identity. Copies are one function.
  using Activation = std::shared_ptr<const std::function<double(double)>>;
  Activation activation;
  double dt = 1;
  bool inputNorm = false, outputNorm = false;
  double inputEps = 1e-5, hiddenEps = 1e-5, outputEps = 1e-5; ///< of its norms
  double inputGain = 1;                  ///< what multiplies I(x): a norm's gain, l^(-1/2) of LNS
  double outputGain = 1;                 ///< the same after the output norm
  bool hiddenNorm = false;               ///< a norm before the output projection (Sub-LN)
  bool hiddenCentred = true;             ///< it is a layer norm, which removes the mean of phi
  double dropout = 0;                    ///< of the branch's output, in training
  double sQ = 1, sK = 1, sV = 1, sO = 1; ///< attention
  double s1 = 1, s2 = 1;                 ///< mlp: in, out; glu: s1 is the gate
  double sU = 1;                         ///< glu: up
  double hiddenRatio = 4;                ///< hidden width over width of mlp and glu
  bool causal = true;
  bool qkNorm = false; ///< queries and keys are normalised per head
  /// Cross-attention: keys and values come from another stream, with this mean square and token
  /// cosine. Its gradient goes there and is not followed.
  bool memory = false;
  double memoryQ = 1, memoryRho = 0;
  double headSize = 64;
  double scale = 0.125; ///< of the scores
};

/// One step: x <- P(a x + updates). All updates read x (parallel branches add).
struct MeanFieldStep {
  double skip = 1;
  bool postNorm = false;
  double postGain = 1;
  double eps = 1e-5; ///< of the norm over the sum
  std::vector<MeanFieldUpdate> updates;
};

struct MeanFieldModel {
  std::vector<MeanFieldStep> steps; ///< of all layers, in order
  std::vector<int64_t> layerOfStep; ///< 1-based layer of each step
  double q0 = 8e-4;                 ///< mean square of x0
  double rho0 = 0;                  ///< token correlation of x0
  bool finalNorm = true;
  double eps = 1e-5;       ///< of the final norm
  double headVariance = 1; ///< Var of an entry of the head; scales all gradients alike
  int64_t tokens = 128;    ///< min(sequence length, 128)
  int64_t width = 768;
};

struct MeanFieldProfile {
  /// After step k; entry 0 is the input. Infinity from where the recursion left the doubles.
  std::vector<double> q;           ///< mean square of the stream
  std::vector<double> rho;         ///< mean cosine between tokens
  std::vector<double> oneMinusRho; ///< the same, kept exact near 1
  /// Stream gradient before step k against that of the last stream; the last entry is 1. Behind a
  /// final norm the last stream is the one that enters it (6.4).
  std::vector<double> gradient;         ///< |g_k|/|g_K|
  std::vector<double> gradientSpecific; ///< the part that differs between tokens (S88)
  /// |dL/dW|_F of the first update of step k: W_V or W_1 (glu: gate), and W_O or W_2. Zero where
  /// the step has no update.
  std::vector<double> weightIn, weightOut;
  std::vector<double> effectiveness;  ///< dt^2 v_l / q_l of step k, all updates together (S101)
  std::vector<double> outputVariance; ///< v_l: mean square of the first update before dt
  double logitStd = 0;                ///< of attention scores at the first attention (S96)
  double largestLogitStd = 0;         ///< and at the attention where it is largest
  double updateBound = 0;             ///< U_mf = sum R_k G_k (S92)
  double admin = 0;                   ///< sum of variance shares times G_k (S93)
  bool overflow = false;              ///< the stream's mean square passed 1e140
  bool gradientOverflow = false;      ///< the gradient's passed 1e280, or the stream overflowed
};

class DualActivations;

/// Runs the recursion forward and backward, O(steps * tokens^2).
MeanFieldProfile predict(const MeanFieldModel &model);

/// The same with two numbers, q and rho, for the whole stream: O(steps). Exact without a causal
/// mask; with one, positions are averaged (S102). Error against predict(): see its test,
/// s102-two-numbers.
MeanFieldProfile predictScalar(const MeanFieldModel &model);
/// The same for several models with the same activations, whose duals are kept.
MeanFieldProfile predictScalar(const MeanFieldModel &model, DualActivations &duals);

/// predict() up to this many steps, predictScalar() beyond. 192 steps of 128 tokens take 40 ms on
/// one core, and linearly so; GPT-2 XL has 96.
inline constexpr int64_t maxGramSteps = 192;
MeanFieldProfile predictWithin(const MeanFieldModel &model, int64_t gramSteps = maxGramSteps);

/// Mean absolute value of a Gaussian stream of mean square q: sqrt(2 q / pi) (S107).
double meanAbsolute(double q);

/// Dual activation E[phi(z_i) phi(z_j)] for (z_i, z_j) ~ N(0, [[v, rho v], [rho v, v]]), by 48
/// Hermite terms or in closed form where phi is homogeneous, and the same for phi'.
double dual(const MeanFieldUpdate::Activation &activation, double v, double rho);
double dualDerivative(const MeanFieldUpdate::Activation &activation, double v, double rho);

} // namespace mlir::lnx::stability

#endif
