// Scores.h: the numbers inside an attention that no value of the program holds.
// For whoever measures what the verifier bounds.
#ifndef LNX_DIALECT_SCORES_H
#define LNX_DIALECT_SCORES_H

#include "dialect/Evaluator.h"
#include <optional>

namespace mlir::lnx {

/// The largest |score| over visible pairs and heads, behind the cap; nothing where `op` makes no
/// scores. `operands` are the op's, as in evaluate().
std::optional<double> largestScore(Operation *op, llvm::ArrayRef<Array> operands, Batch batch);

} // namespace mlir::lnx

#endif
