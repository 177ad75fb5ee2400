// LayerSum: a schedule summed, or bounded, over the layers of a stack, as a function of N (S49).
// Every statement is for all large N, the constants included.
#ifndef LNX_COMPILER_STABILITY_LAYERSUM_H
#define LNX_COMPILER_STABILITY_LAYERSUM_H

#include "compiler/stability/Growth.h"
#include "dialect/LayerRange.h"

namespace mlir::lnx::stability {

/// The layers of a stack: where they lie and how many they are.
struct Span {
  Layers layers;
  std::optional<int64_t> count = 1; ///< the same at every depth; absent: at most `to` N
  bool isKnown = true;              ///< nothing is known where false
  bool isLong = false;              ///< as many as some share of N at least

  bool isGrowing() const { return !count; }
  static Span of(const LayerRange &range);
};

/// Terms of N alone above the values of positive terms in all layers.
Sum valueAbove(const Sum &terms, const Layers &layers);
/// The same above their sum over the layers of a span that grows.
Sum sumAbove(const Sum &terms, const Layers &layers);
/// Class of a sum of positive terms of N alone.
Growth classOf(const Sum &terms);

/// Upper and lower class of the sum of a schedule that is not negative (S49); absent where it has
/// no bound of that side.
std::optional<Growth> classOfSum(const Schedule &schedule, const Span &span);
std::optional<Growth> lowerClassOfSum(const Schedule &schedule, const Span &span);

} // namespace mlir::lnx::stability

#endif
