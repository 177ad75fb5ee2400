// Reduce.td: reductions over features and over rows.

include "dialect/ops/Primitive.td"

class Lnx_RowReduction<string mnemonic>
    : Lnx_Primitive<mnemonic, [DeclareOpInterfaceMethods<Lnx_ReductionInterface, ["getFactor"]>]> {
  let arguments = (ins Lnx_Tensor:$x, DefaultValuedAttr<I64Attr, "-1">:$axis);
  let results = (outs Lnx_Tensor:$result);
}
def Lnx_SumOp : Lnx_RowReduction<"sum"> { let summary = "sum along a feature axis, which keeps size 1"; }
def Lnx_MeanOp : Lnx_RowReduction<"mean"> { let summary = "mean along a feature axis, which keeps size 1"; }

def Lnx_SumRowsOp : Lnx_Primitive<"sum_rows"> {
  let summary = "sum over all rows: tensor<?xFxf32> to tensor<Fxf32>; fixed tensors: over the first dimension";
  let arguments = (ins Lnx_Tensor:$x);
  let results = (outs Lnx_Tensor:$result);
}
// The gradient of a reduction or of sum_rows: the operand's values over the shape of `like`.
def Lnx_BroadcastOp : Lnx_Primitive<"broadcast"> {
  let summary = "x broadcast to the shape of `like`, whose values are not read";
  let arguments = (ins Lnx_Tensor:$x, Lnx_Tensor:$like);
  let results = (outs Lnx_Tensor:$result);
}
