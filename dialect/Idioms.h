// Idioms.h: values recognised by their arithmetic, however it is spelled (S6).
// Passes ask here instead of naming primitives.
#ifndef LNX_DIALECT_IDIOMS_H
#define LNX_DIALECT_IDIOMS_H

#include "mlir/IR/Value.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>
#include <utility>

namespace mlir::lnx {

/// The value itself, behind uses of definitions and residual steps.
Value resolve(Value value);
/// True where both are computed alike from the same values (value numbering).
bool isSameValue(Value x, Value y);

/// number * product of above / product of below.
struct Factors {
  double number = 1;
  llvm::SmallVector<Value> above, below;
};
/// number + sum of coefficient * value.
struct Summands {
  double number = 0;
  llvm::SmallVector<std::pair<double, Value>> terms;
};
/// A product, or a sum, flattened through at most `depth` operations and never through `stop`.
Factors factorsOf(Value value, int depth, Value stop = {});
Summands summandsOf(Value value, int depth, Value stop = {});

/// v / sqrt(q mean(v v) + eps), perhaps centred, times other factors.
struct Normalisation {
  Value input; ///< what is normalised, before it is centred
  bool isCentred = false;
  double q = 1;                     ///< factor of the mean square
  double eps = 0;                   ///< inside the root, as written
  double outside = 0;               ///< added to the root
  llvm::SmallVector<Value> factors; ///< what else multiplies it
  double number = 1;                ///< numbers that multiply it
};
std::optional<Normalisation> matchNormalisation(Value value);

/// e / sum(e) along one axis: the value e.
std::optional<Value> matchAveraging(Value value);

/// A weighted sum of streams, mix(A, X): A [t, s] (or [s]) and X [s, d] before broadcasting.
struct Mixing {
  Value weights, streams;
};
std::optional<Mixing> matchMixing(Value value);

/// The value whose entries these are, behind changes of shape.
Value behindReshape(Value value);

/// x @ W for a matrix without rows, perhaps transposed.
struct Projection {
  Value input, matrix;
  int64_t fanIn = 0, fanOut = 0;
};
std::optional<Projection> matchProjection(Value value);

/// Averages of values by a softmax of scale * query . key, head by head.
struct SoftmaxAttention {
  Value query, key, value;
  int64_t heads = 1;
  bool isCausal = false;
  double scale = 1;
  double softcap = 0; ///< 0: none
};
std::optional<SoftmaxAttention> matchAttention(Value value);

/// A row of a table for each token: the table.
std::optional<Value> matchLookup(Value value);

/// The one summand that a gain or bias scales or shifts: value = x * y or x + y.
struct Pair {
  Value x, y;
};
std::optional<Pair> matchProduct(Value value);
std::optional<Pair> matchSum(Value value);

} // namespace mlir::lnx

#endif
