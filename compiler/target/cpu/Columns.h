// Columns: vector loops over a row whose width is known when compiling.
// Relied on by the lowerings that are not rows groups.
#ifndef LNX_COMPILER_TARGET_CPU_COLUMNS_H
#define LNX_COMPILER_TARGET_CPU_COLUMNS_H

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace mlir::lnx {

/// One piece of a row: `type` is vector<lanes x f32>, `column` its first column.
using ColumnBody = llvm::function_ref<void(OpBuilder &, VectorType, Value column)>;
using ColumnValue = llvm::function_ref<Value(OpBuilder &, VectorType, Value column)>;

/// Runs `body` over columns [0, size): a loop over 32 lanes, then ever smaller powers of two.
void forColumns(OpBuilder &builder, Location loc, int64_t size, ColumnBody body);
/// Combines the pieces that `body` returns, always in the same order, to one f32.
Value reduceColumns(OpBuilder &builder, Location loc, int64_t size, vector::CombiningKind kind,
                    double identity, ColumnValue body);

Value indexConstant(OpBuilder &builder, Location loc, int64_t value);
Value floatConstant(OpBuilder &builder, Location loc, double value);
/// All lanes of `type` equal to `value`.
Value splat(OpBuilder &builder, Location loc, VectorType type, double value);

} // namespace mlir::lnx

#endif
