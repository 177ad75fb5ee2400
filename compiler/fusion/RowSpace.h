// RowSpace: what a rows group iterates over.
// Relied on by FormGroups to decide which row-wise operations can share one kernel.
#ifndef LNX_COMPILER_FUSION_ROWSPACE_H
#define LNX_COMPILER_FUSION_ROWSPACE_H

#include "dialect/LnxDialect.h"
#include <optional>

namespace mlir::lnx {

/// Rows times features: a kernel walks the rows (of a row tensor, or the leading dimension of a
/// fixed one) and, inside a row, `lead` times a vector of `width` elements. A value of width 1 is a
/// number for each row.
struct RowSpace {
  bool hasRows = false;
  llvm::SmallVector<int64_t, 4> lead; ///< features before the last
  int64_t width = 1;

  /// The space of a row-wise op, or nothing when it needs a kernel of its own: it is not row-wise,
  /// or relates shapes in another way than broadcasting and sums do. The space of a sum is its
  /// operand's.
  static std::optional<RowSpace> of(Operation *op);
  /// The space of a tensor.
  static std::optional<RowSpace> of(Type type);

  bool operator==(const RowSpace &other) const = default;
};

/// The space that both fit in, if there is one: numbers for each row join any width.
std::optional<RowSpace> join(const RowSpace &a, const RowSpace &b);

/// A sum over all rows, known by its shapes: its result exists only when every row is done.
bool sumsOverRows(Operation *op);

/// A number computed from numbers: copied into each kernel that uses it instead of being stored.
bool isNumber(Operation *op);

} // namespace mlir::lnx

#endif
