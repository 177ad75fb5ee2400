// Shape.td: views and parts; no arithmetic.

include "dialect/ops/Primitive.td"

def Lnx_ReshapeOp : Op<Lnx_Dialect, "reshape", [Pure, DeclareOpInterfaceMethods<Lnx_PrimitiveInterface>]> {
  let summary = "the same values with other feature dimensions, row major";
  let arguments = (ins Lnx_Stored:$x);
  let results = (outs Lnx_Stored:$result);
  let assemblyFormat = "$x attr-dict `:` type($x) `to` type($result)";
  let hasFolder = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    static ::std::vector<::llvm::StringRef> samples() {
      return {"lnx.reshape %0 : tensor<?x6xf32> to tensor<?x2x3xf32>",
              "lnx.reshape %0 : tensor<2x6xf32> to tensor<4x3xf32>",
              "lnx.reshape %0 : tensor<1xf32> to tensor<f32>"};
    }
  }];
}
def Lnx_SliceOp : Lnx_Primitive<"slice"> {
  let summary = "x[index] along the leading dimension of a fixed tensor";
  let arguments = (ins Lnx_Tensor:$x, I64Attr:$index);
  let results = (outs Lnx_Tensor:$result);
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    static ::std::vector<::llvm::StringRef> samples() {
      return {"lnx.slice %0 {index = 1 : i64} : tensor<2x3xf32>",
              "lnx.slice %0 {index = 0 : i64} : tensor<2xf32>"};
    }
  }];
}
def Lnx_UnsliceOp : Lnx_Primitive<"unslice"> {
  let summary = "zeros of `count` leading parts with x at `index`: the gradient of slice";
  let arguments = (ins Lnx_Tensor:$x, I64Attr:$index, I64Attr:$count);
  let results = (outs Lnx_Tensor:$result);
  let extraClassDeclaration = [{
    static ::std::vector<::llvm::StringRef> samples() {
      return {"lnx.unslice %0 {index = 1 : i64, count = 3 : i64} : tensor<2xf32>"};
    }
  }];
}
def Lnx_LastRowOp : Lnx_Primitive<"last_row"> {
  let summary = "the last row as a fixed tensor with one row, for sampling: tensor<?xFxf32> to tensor<1xFxf32>";
  let arguments = (ins Lnx_Tensor:$x);
  let results = (outs Lnx_Tensor:$result);
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    static ::std::vector<::llvm::StringRef> samples() {
      return {"lnx.last_row %0 : tensor<?x4xf32>"};
    }
  }];
}
