// Attend.td: attention, the one mixing primitive.

include "dialect/ops/Primitive.td"

def Lnx_AttendOp : Lnx_Primitive<"attend"> {
  let summary = "scaled dot-product attention within each sequence, head by head";
  let description = [{
    q is [rows, heads*size], k and v are [rows, kv_heads*size]; query head h reads key head
    h / (heads / kv_heads). Scores are `scale * q.k`, capped by `softcap * tanh(s / softcap)` where
    softcap > 0, masked where causal. `lse` [rows, heads] is the log of each row's sum of exp.
  }];
  let arguments = (ins Lnx_Tensor:$q, Lnx_Tensor:$k, Lnx_Tensor:$v, I64Attr:$heads, I64Attr:$kv_heads,
                       BoolAttr:$causal, F64Attr:$scale, F64Attr:$softcap);
  let builders = [OpBuilder<(ins "::mlir::Value":$q, "::mlir::Value":$k, "::mlir::Value":$v, "int64_t":$heads,
      "int64_t":$kv_heads, "bool":$causal, "double":$scale, "double":$softcap), [{
    build($_builder, $_state, q, k, v, $_builder.getI64IntegerAttr(heads), $_builder.getI64IntegerAttr(kv_heads),
          $_builder.getBoolAttr(causal), $_builder.getF64FloatAttr(scale), $_builder.getF64FloatAttr(softcap));
  }]>];
  let results = (outs Lnx_Tensor:$output, Lnx_Tensor:$lse);
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::lnx::Flops getFlops();
    bool needsFullPrecision(::mlir::Value value) { return value == getLse(); }
    static ::std::vector<::llvm::StringRef> samples() {
      return {"lnx.attend %0, %1, %2 {heads = 2 : i64, kv_heads = 2 : i64, causal = true, scale = 0.7, softcap = 0.0} : tensor<?x6xf32>, tensor<?x6xf32>, tensor<?x6xf32>",
              "lnx.attend %0, %1, %2 {heads = 4 : i64, kv_heads = 2 : i64, causal = false, scale = 0.5, softcap = 2.0} : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>"};
    }
  }];
}
def Lnx_AttendGradOp : Lnx_Primitive<"attend_grad"> {
  let summary = "gradients of attend for q, k and v, given the output and its gradient";
  let arguments = (ins Lnx_Tensor:$q, Lnx_Tensor:$k, Lnx_Tensor:$v, Lnx_Tensor:$output, Lnx_Tensor:$lse,
                       Lnx_Tensor:$d_output, I64Attr:$heads, I64Attr:$kv_heads, BoolAttr:$causal,
                       F64Attr:$scale, F64Attr:$softcap);
  let results = (outs Lnx_Tensor:$d_q, Lnx_Tensor:$d_k, Lnx_Tensor:$d_v);
  let extraClassDeclaration = [{
    ::mlir::lnx::Flops getFlops();
    bool needsFullPrecision(::mlir::Value value) { return value == getLse(); }
    void fitOperands(::llvm::MutableArrayRef<::mlir::lnx::Array> operands, ::mlir::lnx::Batch batch);
    static ::std::vector<::llvm::StringRef> samples() {
      return {"lnx.attend_grad %0, %1, %2, %3, %4, %5 {heads = 2 : i64, kv_heads = 2 : i64, causal = true, scale = 0.7, softcap = 0.0} : tensor<?x6xf32>, tensor<?x6xf32>, tensor<?x6xf32>, tensor<?x6xf32>, tensor<?x2xf32>, tensor<?x6xf32>",
              "lnx.attend_grad %0, %1, %2, %3, %4, %5 {heads = 4 : i64, kv_heads = 2 : i64, causal = false, scale = 0.5, softcap = 2.0} : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x8xf32>"};
    }
  }];
}
