// Idioms.h: values recognised by their arithmetic, however it is spelled (S6).
// Passes ask here instead of naming primitives.
#ifndef LNX_DIALECT_IDIOMS_H
#define LNX_DIALECT_IDIOMS_H

#include "mlir/IR/Value.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace mlir::lnx {

/// The value itself, behind uses of definitions and residual steps.
Value resolve(Value value);
/// True where both are computed alike from the same values (value numbering).
bool isSameValue(Value x, Value y);

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

/// The one summand that a gain or bias scales or shifts: value = x * y or x + y.
struct Pair {
  Value x, y;
};
std::optional<Pair> matchProduct(Value value);
std::optional<Pair> matchSum(Value value);

} // namespace mlir::lnx

#endif
