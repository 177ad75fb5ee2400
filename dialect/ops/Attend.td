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
  let results = (outs Lnx_Tensor:$output, Lnx_Tensor:$lse);
  let hasVerifier = 1;
}
def Lnx_AttendGradOp : Lnx_Primitive<"attend_grad"> {
  let summary = "gradients of attend for q, k and v, given the output and its gradient";
  let arguments = (ins Lnx_Tensor:$q, Lnx_Tensor:$k, Lnx_Tensor:$v, Lnx_Tensor:$output, Lnx_Tensor:$lse,
                       Lnx_Tensor:$d_output, I64Attr:$heads, I64Attr:$kv_heads, BoolAttr:$causal,
                       F64Attr:$scale, F64Attr:$softcap);
  let results = (outs Lnx_Tensor:$d_q, Lnx_Tensor:$d_k, Lnx_Tensor:$d_v);
}
