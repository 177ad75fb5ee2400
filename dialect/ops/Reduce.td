// Reduce.td: reductions over features and over rows.

include "dialect/ops/Primitive.td"

class Lnx_RowReduction<string mnemonic>
    : Lnx_Primitive<mnemonic, [DeclareOpInterfaceMethods<Lnx_ReductionInterface, ["getFactor"]>]> {
  let arguments = (ins Lnx_Tensor:$x, DefaultValuedAttr<I64Attr, "-1">:$axis);
  let results = (outs Lnx_Tensor:$result);
  let extraClassDeclaration = [{
    /// Number of elements along the axis.
    int64_t getReducedSize();
  }];
  let extraClassDefinition = [{
    ::mlir::lnx::OpClass $cppClass::getOpClass() { return ::mlir::lnx::OpClass::Rowwise; }
    int64_t $cppClass::getReducedAxis() { return getAxis(); }
    int64_t $cppClass::getReducedSize() { return ::mlir::lnx::getReducedSize(getX().getType(), getAxis()); }
    double $cppClass::getIdentity() { return 0; }
    ::mlir::vector::CombiningKind $cppClass::getCombiningKind() { return ::mlir::vector::CombiningKind::ADD; }
    ::llvm::LogicalResult $cppClass::inferReturnTypes(
        ::mlir::MLIRContext *context, ::std::optional<::mlir::Location> location,
        ::mlir::ValueRange operands, ::mlir::DictionaryAttr attributes, ::mlir::OpaqueProperties properties,
        ::mlir::RegionRange regions, ::llvm::SmallVectorImpl<::mlir::Type> &types) {
      // The parser asks before it fills in the default.
      ::mlir::IntegerAttr axis = ::mlir::lnx::readProperties<$cppClass>(attributes, properties).axis;
      return ::mlir::lnx::inferReduction(context, location, operands[0].getType(), axis ? axis.getInt() : -1, types);
    }
    ::llvm::SmallVector<::mlir::lnx::Array> $cppClass::evaluate(
        ::llvm::ArrayRef<::mlir::lnx::Array> operands, ::mlir::lnx::Batch) {
      return {::mlir::lnx::evaluateReduction(operands[0], getAxis(), getFactor(getReducedSize()))};
    }
    ::llvm::SmallVector<::mlir::lnx::Moments> $cppClass::moments(::llvm::ArrayRef<::mlir::lnx::Moments> operands) {
      return {::mlir::lnx::boundReduction(operands[0], getX().getType(), getAxis(), getFactor(getReducedSize()))};
    }
    ::std::vector<::mlir::lnx::Abstract> $cppClass::transfer(::llvm::ArrayRef<::mlir::lnx::Abstract> operands) {
      return {::mlir::lnx::transferReduction(operands[0], getX().getType(), getAxis(), getFactor(getReducedSize()))};
    }
    void $cppClass::lower(::mlir::lnx::LoopBuilder &loops) {
      ::mlir::lnx::lowerReduction(loops, getAxis(), getFactor(getReducedSize()));
    }
  }];
}
def Lnx_SumOp : Lnx_RowReduction<"sum"> { let summary = "sum along a feature axis, which keeps size 1"; }
def Lnx_MeanOp : Lnx_RowReduction<"mean"> { let summary = "mean along a feature axis, which keeps size 1"; }

def Lnx_SumRowsOp : Lnx_Primitive<"sum_rows"> {
  let summary = "sum over all rows: tensor<?xFxf32> to tensor<Fxf32>; fixed tensors: over the first dimension";
  let arguments = (ins Lnx_Tensor:$x);
  let results = (outs Lnx_Tensor:$result);
  let extraClassDeclaration = [{
    static ::std::vector<::llvm::StringRef> samples() {
      return {"lnx.sum_rows %0 : tensor<?x4xf32>",
              "lnx.sum_rows %0 : tensor<3x4xf32>"};
    }
  }];
}
// The gradient of a reduction or of sum_rows: the operand's values over the shape of `like`.
def Lnx_BroadcastOp : Lnx_Primitive<"broadcast"> {
  let summary = "x broadcast to the shape of `like`, whose values are not read";
  let arguments = (ins Lnx_Tensor:$x, Lnx_Tensor:$like);
  let results = (outs Lnx_Tensor:$result);
  let hasCanonicalizeMethod = 1;
  let extraClassDeclaration = [{
    static ::std::vector<::llvm::StringRef> samples() {
      return {"lnx.broadcast %0, %1 : tensor<?x1xf32>, tensor<?x4xf32>",
              "lnx.broadcast %0, %1 : tensor<4xf32>, tensor<?x4xf32>",
              "lnx.broadcast %0, %1 : tensor<f32>, tensor<2x3xf32>"};
    }
  }];
}
