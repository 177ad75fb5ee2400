// Matmul.td: matrix products, the one contraction.

include "dialect/ops/Primitive.td"

def Lnx_MatmulOp : Lnx_Primitive<"matmul"> {
  let summary = "op(lhs) op(rhs), op transposing where its flag is set";
  let description = [{
    Operands have rank 2 and the rows are an ordinary dimension: rows x k times k x n is the forward
    product, `transpose_rhs` its gradient for the rows, and `transpose_lhs` of two row tensors the
    gradient for the weights (a fixed tensor).
  }];
  let arguments = (ins Lnx_Tensor:$lhs, Lnx_Tensor:$rhs, UnitAttr:$transpose_lhs, UnitAttr:$transpose_rhs);
  let results = (outs Lnx_Tensor:$result);
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    ::mlir::lnx::Flops getFlops();
    static ::std::vector<::llvm::StringRef> samples() {
      return {"lnx.matmul %0, %1 : tensor<?x4xf32>, tensor<4x3xf32>",
              "lnx.matmul %0, %1 : tensor<3x4xf32>, tensor<4x2xf32>",
              "lnx.matmul %0, %1 {transpose_rhs} : tensor<?x4xf32>, tensor<3x4xf32>",
              "lnx.matmul %0, %1 {transpose_lhs} : tensor<?x4xf32>, tensor<?x3xf32>",
              "lnx.matmul %0, %1 {transpose_lhs, transpose_rhs} : tensor<2x3xf32>, tensor<5x2xf32>"};
    }
  }];
}
def Lnx_TransposeOp : Lnx_Primitive<"transpose"> {
  let summary = "the transpose of a fixed matrix";
  let arguments = (ins Lnx_Tensor:$x);
  let results = (outs Lnx_Tensor:$result);
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    static ::std::vector<::llvm::StringRef> samples() {
      return {"lnx.transpose %0 : tensor<2x3xf32>"};
    }
  }];
}
