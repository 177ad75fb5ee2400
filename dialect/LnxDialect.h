// LnxDialect.h: the dialect, its interfaces and its operations.
// The one header that passes and the frontend include to see the IR.
#ifndef LNX_DIALECT_LNXDIALECT_H
#define LNX_DIALECT_LNXDIALECT_H

#include "dialect/Abstract.h"
#include "dialect/Evaluator.h"
#include "dialect/GradBuilder.h"
#include "dialect/LoopBuilder.h"
#include "dialect/Moments.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::lnx {

/// What resources a primitive needs.
enum class OpClass {
  Rowwise,     ///< acts on the features of one row (or sums over rows): can join any row group
  Contraction, ///< a matrix product
  Mixing,      ///< sees other positions
  Library      ///< a call with a lowering of its own
};

/// Floating-point operations of matrix products.
struct Flops {
  double perRow = 0;  ///< for each row
  double perPair = 0; ///< for each row and each position of its sequence
};

/// True for a tensor with rows: a dynamic first dimension (behind `count` in a stack).
bool hasRows(Type type);
/// Features of a row tensor, or the whole shape of a fixed one.
llvm::ArrayRef<int64_t> getFeatures(Type type);
/// tensor<?xFxf32> or tensor<Fxf32>.
RankedTensorType getTensorType(MLIRContext *context, llvm::ArrayRef<int64_t> features,
                               bool withRows);
/// That `text`, if there is one, is a schedule (Schedule.h).
llvm::LogicalResult verifySchedule(llvm::function_ref<InFlightDiagnostic()> emitError,
                                   StringAttr text);
/// The type element-wise operands broadcast to, or failure when they do not fit.
FailureOr<RankedTensorType> broadcastTypes(llvm::ArrayRef<Type> types);

} // namespace mlir::lnx

#include "dialect/LnxDialect.h.inc"
#include "dialect/LnxEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialect/LnxAttrs.h.inc"
#include "dialect/LnxInterfaces.h.inc"
#define GET_OP_CLASSES
#include "dialect/LnxOps.h.inc"

#endif
