// LnxInterfaces.td: the questions every primitive answers; passes ask these and never name an op.

#ifndef LNX_INTERFACES_TD
#define LNX_INTERFACES_TD

include "mlir/IR/OpBase.td"

def Lnx_PrimitiveInterface : OpInterface<"PrimitiveOpInterface"> {
  let cppNamespace = "::mlir::lnx";
  let description = "One primitive: what it computes, how it varies, how big it gets, how it is lowered.";
  let methods = [
    InterfaceMethod<"Which resources the op needs: see OpClass.",
      "::mlir::lnx::OpClass", "getOpClass", (ins)>,
    InterfaceMethod<"What it computes, in double: one array for each result.",
      "::llvm::SmallVector<::mlir::lnx::Array>", "evaluate",
      (ins "::llvm::ArrayRef<::mlir::lnx::Array>":$operands, "::mlir::lnx::Batch":$batch)>,
    InterfaceMethod<"How it varies: adds to the gradients of its operands.",
      "void", "differentiate", (ins "::mlir::lnx::GradBuilder &":$grad)>,
    InterfaceMethod<"How big its results get, from how big its operands are (upper bounds).",
      "::llvm::SmallVector<::mlir::lnx::Moments>", "moments",
      (ins "::llvm::ArrayRef<::mlir::lnx::Moments>":$operands)>,
    InterfaceMethod<"What the verifier knows about its results, from what it knows about its operands.",
      "::std::vector<::mlir::lnx::Abstract>", "transfer",
      (ins "::llvm::ArrayRef<::mlir::lnx::Abstract>":$operands)>,
    InterfaceMethod<"How it is computed: the reference lowering, plain loops over memrefs.",
      "void", "lower", (ins "::mlir::lnx::LoopBuilder &":$loops)>,
    InterfaceMethod<[{Floating-point operations of matrix products for each row; `perPair` is counted for
        each (row, position of its sequence) pair instead, masked or not.}],
      "::mlir::lnx::Flops", "getFlops", (ins), "", "return {};">,
    InterfaceMethod<[{Whether an operand or result has to be kept in f32 where rows are kept in bf16: what
        exponentials are taken of.}],
      "bool", "needsFullPrecision", (ins "::mlir::Value":$value), "", "return false;">,
    StaticInterfaceMethod<[{Lines the conformance tests try it on, operands named %0, %1, ...; element-wise
        ops and reductions need none.}],
      "::std::vector<::llvm::StringRef>", "samples", (ins), "", "return {};">,
    InterfaceMethod<"Makes operands that were drawn at random fit each other, where some follow from others.",
      "void", "fitOperands",
      (ins "::llvm::MutableArrayRef<::mlir::lnx::Array>":$operands, "::mlir::lnx::Batch":$batch), "", "return;">,
  ];
}

// Element-wise arithmetic; `emit` serves scalars and vectors alike.
def Lnx_ElementwiseInterface : OpInterface<"ElementwiseOpInterface"> {
  let cppNamespace = "::mlir::lnx";
  let methods = [
    InterfaceMethod<"The value in double for one element.",
      "double", "compute", (ins "::llvm::ArrayRef<double>":$operands)>,
    InterfaceMethod<"The same as arith and math operations on scalars or vectors of one type.",
      "::mlir::Value", "emit",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::ValueRange":$operands)>,
  ];
}

// A reduction along one feature axis; the axis stays with size 1.
def Lnx_ReductionInterface : OpInterface<"ReductionOpInterface"> {
  let cppNamespace = "::mlir::lnx";
  let methods = [
    InterfaceMethod<"Counted from the last axis: -1 is the last.", "int64_t", "getReducedAxis", (ins)>,
    InterfaceMethod<"The neutral element.", "double", "getIdentity", (ins)>,
    InterfaceMethod<"How two partial results combine.", "::mlir::vector::CombiningKind", "getCombiningKind", (ins)>,
    InterfaceMethod<"Factor applied to the combined value of `count` elements.",
      "double", "getFactor", (ins "int64_t":$count), "", "return 1.0;">,
  ];
}

#endif // LNX_INTERFACES_TD
