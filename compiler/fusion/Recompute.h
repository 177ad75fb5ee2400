// Recompute: what a group computes again instead of reading it from another group.
// Relied on by FormGroups, after its units are formed.
#ifndef LNX_COMPILER_FUSION_RECOMPUTE_H
#define LNX_COMPILER_FUSION_RECOMPUTE_H

#include "compiler/fusion/Units.h"

namespace mlir::lnx {

/// Copies operations between rows units where that saves writing and reading rows of values: when a
/// unit reads values of another one that nobody else reads, and they follow from rows that it reads
/// anyway, or from one more. (The normalised rows of a layer norm follow from its input.)
void recomputeRows(Units &units);

} // namespace mlir::lnx

#endif
