// MeanFieldNotes: collects a MeanFieldProfile while a recursion runs, full or with two numbers.
// Used by MeanField.cpp and MeanFieldScalar.cpp, so that both report the same quantities.
#ifndef LNX_COMPILER_STABILITY_MEANFIELDNOTES_H
#define LNX_COMPILER_STABILITY_MEANFIELDNOTES_H

#include "compiler/stability/MeanField.h"
#include <cstddef>

namespace mlir::lnx::stability {

/// |dL/dW|_F of an update's matrices: W_V or W_1, the up projection of a glu, W_O or W_2.
struct WeightGradients {
  double in = 0, up = 0, out = 0;
};

class MeanFieldNotes {
public:
  explicit MeanFieldNotes(const MeanFieldModel &model);

  /// The stream after the next step, the input first: mean square and mean product of two tokens.
  void stream(double q, double off);
  /// An update of step `index`: mean squares of its input and of its output before and after the
  /// norm.
  void update(size_t index, const MeanFieldUpdate &update, double input, double variance,
              double output);
  /// Mean square of the gradient right after the sum of step `index`, before its norm.
  void gain(size_t index, double g);
  void weights(size_t index, const MeanFieldUpdate &update, const WeightGradients &gradients);
  /// Mean square and mean product of the gradient before step `index`.
  void gradient(size_t index, double g, double off);
  bool overflown() const { return profile.gradientOverflow; }
  MeanFieldProfile finish();

private:
  const MeanFieldModel &model;
  MeanFieldProfile profile;
  std::vector<double> share; ///< variance share of each step
  bool sawAttention = false;
};

} // namespace mlir::lnx::stability

#endif
