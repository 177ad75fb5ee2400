// Evaluator.h: the oracle. Runs dialect IR on host arrays in double precision.
// Every target, pass and kernel is compared with it; it favours clarity over speed.
#ifndef LNX_DIALECT_EVALUATOR_H
#define LNX_DIALECT_EVALUATOR_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include <vector>

namespace mlir::func {
class FuncOp;
}

namespace mlir::lnx {

/// Sequences and positions of a run; row tensors have `rows()` rows.
struct Batch {
  int64_t batch = 1;
  int64_t time = 1;
  int64_t rows() const { return batch * time; }
};

/// A dense array, row major. Token ids are stored as doubles.
struct Array {
  llvm::SmallVector<int64_t, 4> shape;
  std::vector<double> data;

  Array() = default;
  explicit Array(llvm::ArrayRef<int64_t> shape, double fill = 0);
  int64_t size() const { return static_cast<int64_t>(data.size()); }
  /// The shape `type` has in a run with this batch: dynamic dimensions become rows.
  static llvm::SmallVector<int64_t, 4> shapeOf(Type type, Batch batch);
};

/// For each dimension of `result`, how far apart the elements of an operand lie; 0 where it
/// repeats.
llvm::SmallVector<int64_t, 4> broadcastStrides(Type operand, Type result);
/// `x` of type `type`, repeated to the shape of `result`.
Array broadcastArray(const Array &x, Type type, Type result, Batch batch);

/// Everything a program reads and writes outside its values.
struct Environment {
  Batch batch;
  llvm::StringMap<Array> inputs;       ///< "tokens", "targets", "source"
  llvm::StringMap<Array> parameters;   ///< by path at level spec, by symbol below; [layers x shape]
  llvm::StringMap<Array> gradients;    ///< by symbol, the same shapes; lnx.accumulate adds here
  llvm::SmallVector<double> arguments; ///< LNX_ARGUMENT_* of abi.h
  llvm::StringMap<Array> state;        ///< "param0", "grad1", ...: arena and segment
};

/// Runs a lnx.model at level spec and returns its logits [rows x vocabulary]. Parameters are looked
/// up by scope and path ("attn.q.W", stacked over the layers of their repeat).
FailureOr<Array> evaluateModel(Operation *model, Environment &environment);

/// Runs an entry function at level grad or fused; returns one array for each result.
FailureOr<llvm::SmallVector<Array>>
evaluateFunction(func::FuncOp function, llvm::ArrayRef<Array> arguments, Environment &environment);

/// Evaluates one op without regions; used by both of the above and by the conformance tests.
FailureOr<llvm::SmallVector<Array>> evaluateOp(Operation *op, llvm::ArrayRef<Array> operands,
                                               Batch batch);

} // namespace mlir::lnx

#endif
