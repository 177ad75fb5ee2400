// WitnessWeights: weights inside the declared set to start a witness from (templates of 4.7).
// Chosen by what a parameter is (a table, a matrix, a vector), never by its name.
#ifndef LNX_COMPILER_STABILITY_WITNESSWEIGHTS_H
#define LNX_COMPILER_STABILITY_WITNESSWEIGHTS_H

#include "compiler/stability/WitnessSet.h"

namespace mlir::lnx::stability {

/// Which starting weights: the plain ones first, others where those happen to give 0.
enum class Template {
  diagonal, ///< matrices that copy, vectors as at initialisation
  ones,     ///< the same, vectors that start at zero are ones
  drawn,    ///< matrices of normal numbers
};

class WitnessWeights {
public:
  WitnessWeights(const Analysis &analysis, Template kind) : analysis(analysis), kind(kind) {}

  /// Every parameter; matrices of layers are zero but in `layer` (0-based) of `active`.
  std::vector<ParameterValue> quiet(RepeatOp active, int64_t layer) const;
  /// What a parameter is where it does something.
  Fill fillOf(ParamOp op, int64_t layer) const;
  /// `op` as the only one that is `factor` times as large.
  ParameterValue scaled(ParamOp op, int64_t layer, double factor) const;
  /// Brings gains, biases and embeddings into the declared set.
  void fit(std::vector<ParameterValue> &values, ArrayRef<int64_t> tokens) const;
  void fitEmbeddings(std::vector<ParameterValue> &values, ArrayRef<int64_t> tokens) const;
  /// The factor that makes `unit` as large as is declared; 1 where nothing is.
  double most(ParamOp op, int64_t layer, const Fill &unit) const;

private:
  bool isStochastic(ParamOp op) const;
  void fitNorms(std::vector<ParameterValue> &values, ArrayRef<int64_t> tokens) const;

  const Analysis &analysis;
  Template kind;
};

/// A value of one parameter in one layer (0-based).
ParameterValue valueIn(ParamOp op, int64_t layer, Fill fill);
/// The same in all its layers.
ParameterValue valueOf(ParamOp op, Fill fill);

} // namespace mlir::lnx::stability

#endif
