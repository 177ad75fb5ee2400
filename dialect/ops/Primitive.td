// Primitive.td: the base classes of primitives.
// A family of primitives is one pair {Name.td, Name.cpp} in this folder.

#ifndef LNX_OPS_PRIMITIVE_TD
#define LNX_OPS_PRIMITIVE_TD

include "dialect/LnxDialect.td"
include "dialect/LnxInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

// A primitive infers its result types; its text form names the types of its operands.
class Lnx_Primitive<string mnemonic, list<Trait> traits = []>
    : Op<Lnx_Dialect, mnemonic,
         !listconcat([Pure, DeclareOpInterfaceMethods<Lnx_PrimitiveInterface>,
                      DeclareOpInterfaceMethods<InferTypeOpInterface>], traits)> {
  let assemblyFormat = "operands attr-dict `:` type(operands)";
}

// One element of the result from one element of each operand, with broadcasting. The class answers
// evaluate, moments by interval, lower and result types from `compute` and `emit`.
class Lnx_Elementwise<string mnemonic, list<Trait> traits = []>
    : Lnx_Primitive<mnemonic, !listconcat([DeclareOpInterfaceMethods<Lnx_ElementwiseInterface>], traits)> {
  let results = (outs Lnx_Tensor:$result);
  let hasFolder = 1;
  let extraClassDefinition = [{
    ::mlir::lnx::OpClass $cppClass::getOpClass() { return ::mlir::lnx::OpClass::Rowwise; }
    ::llvm::LogicalResult $cppClass::inferReturnTypes(
        ::mlir::MLIRContext *context, ::std::optional<::mlir::Location> location,
        ::mlir::ValueRange operands, ::mlir::DictionaryAttr, ::mlir::OpaqueProperties,
        ::mlir::RegionRange, ::llvm::SmallVectorImpl<::mlir::Type> &types) {
      return ::mlir::lnx::inferElementwise(context, location, operands, types);
    }
    ::llvm::SmallVector<::mlir::lnx::Array> $cppClass::evaluate(
        ::llvm::ArrayRef<::mlir::lnx::Array> operands, ::mlir::lnx::Batch batch) {
      return ::mlir::lnx::evaluateElementwise(*this, operands, batch);
    }
    void $cppClass::lower(::mlir::lnx::LoopBuilder &loops) {
      ::mlir::lnx::lowerElementwise(*this, loops);
    }
    ::mlir::OpFoldResult $cppClass::fold(FoldAdaptor adaptor) {
      return ::mlir::lnx::foldElementwise(*this, adaptor.getOperands());
    }
  }];
}
class Lnx_Unary<string mnemonic, list<Trait> traits = []> : Lnx_Elementwise<mnemonic, traits> {
  let arguments = (ins Lnx_Tensor:$x);
}
class Lnx_Binary<string mnemonic, list<Trait> traits = []> : Lnx_Elementwise<mnemonic, traits> {
  let arguments = (ins Lnx_Tensor:$lhs, Lnx_Tensor:$rhs);
}

#endif // LNX_OPS_PRIMITIVE_TD
