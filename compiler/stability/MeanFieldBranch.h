// MeanFieldBranch: one update O(f(I(x))) of a step on the token Gram matrix, and its transpose on
// gradients (S102..S104).
// Used by MeanField.cpp only.
#ifndef LNX_COMPILER_STABILITY_MEANFIELDBRANCH_H
#define LNX_COMPILER_STABILITY_MEANFIELDBRANCH_H

#include "compiler/stability/DualActivation.h"
#include "compiler/stability/MeanField.h"
#include "compiler/stability/MeanFieldNotes.h"
#include "compiler/stability/TokenGram.h"

namespace mlir::lnx::stability {

/// What a branch computed on the way forward.
struct BranchState {
  std::vector<double> in; ///< 1/norm of the input norm, or its gain
  TokenGram input;        ///< I(x)
  double s = 0, r = 0;    ///< mean square and cosine of I(x)
  TokenGram memory;       ///< of keys and values, where they are not the stream's
  double e = 1;           ///< exp(variance of the logits), capped
  TokenGram correlation;  ///< of the pre-activations, mlp and glu
  const DualActivation *dual = nullptr;
  std::vector<double> inner; ///< 1/norm before the output projection
  TokenGram hidden;          ///< what the output projection sees
  double variance = 0;       ///< mean square of the output before its norm
  std::vector<double> out;   ///< 1/norm of the output norm
  TokenGram output;
};

/// What a gradient at the branch's output becomes.
struct BranchGradient {
  TokenGram input; ///< at x
  WeightGradients weights;
};

/// Variance of a logit before the factor 1 - rho, from queries and keys of these mean squares: s_Q
/// s_K times both, or what query and key norms make of it.
double logitVariance(const MeanFieldUpdate &update, double query, double key);
/// The same for the gradient at the stream behind the queries, which meets a key and a value.
double queryGain(const MeanFieldUpdate &update, double query, double key);

BranchState enterBranch(const MeanFieldUpdate &update, const TokenGram &x, DualActivations &duals);
/// `g` is the gradient at dt * O(f(I(x))).
BranchGradient pullBranch(const MeanFieldUpdate &update, const BranchState &state,
                          const TokenGram &g, double width);

} // namespace mlir::lnx::stability

#endif
