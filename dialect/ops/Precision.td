// Precision.td: the one operation that rounds; all others compute on f32 numbers.

include "dialect/ops/Primitive.td"

def Lnx_CastOp : Op<Lnx_Dialect, "cast", [Pure, DeclareOpInterfaceMethods<Lnx_PrimitiveInterface>,
                                          DeclareOpInterfaceMethods<Lnx_ElementwiseInterface>]> {
  let summary = "the same numbers in another precision, rounded to the nearest, ties to even";
  let description = [{
    Between f32, in which everything is computed, and bf16, in which rows may be kept. Widening is
    exact. bf16 has the exponents of f32 and 8 significant bits: a number that is not subnormal
    changes by at most 2^-8 of itself.
  }];
  let arguments = (ins Lnx_Stored:$x);
  let results = (outs Lnx_Stored:$result);
  let assemblyFormat = "$x attr-dict `:` type($x) `to` type($result)";
  let hasFolder = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    static ::std::vector<::llvm::StringRef> samples() {
      return {"lnx.cast %0 : tensor<?x5xf32> to tensor<?x5xbf16>",
              "lnx.cast %0 : tensor<?x8xbf16> to tensor<?x8xf32>",
              "lnx.cast %0 : tensor<2x3xf32> to tensor<2x3xbf16>",
              "lnx.cast %0 : tensor<f32> to tensor<f32>"};
    }
  }];
}
