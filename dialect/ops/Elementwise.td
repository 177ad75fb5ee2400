// Elementwise.td: arithmetic on single elements, and numbers.

include "dialect/ops/Primitive.td"

def Lnx_ConstantOp : Lnx_Elementwise<"constant", [ConstantLike]> {
  let summary = "a number, tensor<f32>";
  let arguments = (ins F64Attr:$value);
  let extraClassDeclaration = [{
    double getNumber() { return getValueAttr().getValueAsDouble(); }
    static ::std::vector<::llvm::StringRef> samples() { return {"lnx.constant 0.3333333333333333"}; }
  }];
  let assemblyFormat = "$value attr-dict";
  let builders = [OpBuilder<(ins "double":$value),
                            [{ build($_builder, $_state, $_builder.getF64FloatAttr(value)); }]>];
}
def Lnx_AddOp : Lnx_Binary<"add", [Commutative]> { let summary = "lhs + rhs"; let hasCanonicalizer = 1; }
def Lnx_SubOp : Lnx_Binary<"sub"> { let summary = "lhs - rhs"; let hasCanonicalizer = 1; }
def Lnx_MulOp : Lnx_Binary<"mul", [Commutative]> { let summary = "lhs * rhs"; let hasCanonicalizer = 1; }
def Lnx_DivOp : Lnx_Binary<"div"> { let summary = "lhs / rhs"; let hasCanonicalizer = 1; }
def Lnx_MaximumOp : Lnx_Binary<"maximum", [Commutative]> { let summary = "the larger of two"; }
def Lnx_MinimumOp : Lnx_Binary<"minimum", [Commutative]> { let summary = "the smaller of two"; }
def Lnx_NegOp : Lnx_Unary<"neg"> { let summary = "-x"; }
def Lnx_AbsOp : Lnx_Unary<"abs"> { let summary = "|x|; the gradient at 0 is 0"; }
def Lnx_SignOp : Lnx_Unary<"sign"> { let summary = "-1, 0 or 1; gradient 0"; }
def Lnx_StepFunctionOp : Lnx_Unary<"positive"> { let summary = "1 where x > 0, else 0; gradient 0"; }
def Lnx_ExpOp : Lnx_Unary<"exp"> { let summary = "e^x"; }
def Lnx_LogOp : Lnx_Unary<"log"> { let summary = "the natural logarithm"; }
def Lnx_SqrtOp : Lnx_Unary<"sqrt"> { let summary = "the square root"; }
def Lnx_RsqrtOp : Lnx_Unary<"rsqrt"> { let summary = "1 / sqrt(x)"; }
def Lnx_PowOp : Lnx_Elementwise<"pow"> {
  let summary = "x^exponent for a number known when compiling";
  let arguments = (ins Lnx_Tensor:$x, F64Attr:$exponent);
  let builders = [OpBuilder<(ins "::mlir::Value":$x, "double":$exponent),
                            [{ build($_builder, $_state, x, $_builder.getF64FloatAttr(exponent)); }]>];
  let extraClassDeclaration = [{
    double getNumber() { return getExponentAttr().getValueAsDouble(); }
    static ::std::vector<::llvm::StringRef> samples() {
      return {"lnx.pow %0 {exponent = 3.0} : tensor<?x4xf32>", "lnx.pow %0 {exponent = -2.0} : tensor<3xf32>",
              "lnx.pow %0 {exponent = 0.3} : tensor<?x4xf32>", "lnx.pow %0 {exponent = 0.0} : tensor<?x4xf32>"};
    }
  }];
  let hasCanonicalizer = 1;
}
