// LoopBuilder.h: what `lower` is written with: plain scf loops over memrefs, one element at a time.
// The reference lowering; a target overrides it where it has something better.
#ifndef LNX_DIALECT_LOOPBUILDER_H
#define LNX_DIALECT_LOOPBUILDER_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/ValueRange.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

namespace mlir::lnx {

/// The buffers of one op and the insertion point of its loops. Buffers are memrefs of the tensors'
/// shapes with identity layout. A result marked `accumulate` keeps what its buffer holds and adds.
class LoopBuilder {
public:
  OpBuilder &builder;
  Location loc;
  llvm::SmallVector<Value> operands;
  llvm::SmallVector<Value> results;
  llvm::SmallVector<bool> accumulate; ///< one flag for each result
  Value batch, time;                  ///< index: sequences and positions of this call

  /// The size of dimension `dim` of a buffer, index.
  Value size(Value buffer, int64_t dim);
  /// The sizes of all dimensions.
  llvm::SmallVector<Value> sizes(Value buffer);
  Value index(int64_t value);
  Value number(double value); ///< f32
  /// A loop nest over [0, sizes[i]); the body gets the induction variables.
  void forEach(llvm::ArrayRef<Value> sizes, llvm::function_ref<void(ValueRange)> body);
  /// A loop over [0, size) that carries one f32; returns the last.
  Value reduce(Value size, Value init, llvm::function_ref<Value(Value iv, Value carried)> body);
  Value load(Value buffer, ValueRange indices);
  /// Element `row` of a buffer of ids, as an index.
  Value loadIndex(Value buffer, Value row);
  /// Loads with NumPy broadcasting as the dialect defines it: `indices` address the result's shape.
  Value loadBroadcast(Value buffer, ValueRange indices, bool resultHasRows);
  /// Writes element `indices` of result `result`, adding where it accumulates.
  void store(unsigned result, ValueRange indices, Value value);
  /// Sets a result to zero unless it accumulates; then addTo adds element by element.
  void clear(unsigned result);
  void addTo(unsigned result, ValueRange indices, Value value);
  /// Arithmetic on f32.
  Value add(Value a, Value b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
};

} // namespace mlir::lnx

#endif
