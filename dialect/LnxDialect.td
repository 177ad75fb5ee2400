// LnxDialect.td: the dialect and the shapes its operations speak about.
// Relied on by every other .td file of this folder.

#ifndef LNX_DIALECT_TD
#define LNX_DIALECT_TD

include "mlir/IR/OpBase.td"

def Lnx_Dialect : Dialect {
  let name = "lnx";
  let cppNamespace = "::mlir::lnx";
  let summary = "Transformer architectures as residual equations";
  let description = [{
    Tensors come in two shapes. A *row tensor*, `tensor<?x768xf32>`, has one row for each position
    of each sequence (its first dimension is dynamic: batch times time, sequence by sequence) and
    features after it. A *fixed tensor*, `tensor<768xf32>`, has static dimensions only: parameters,
    numbers, tables. An operation acts on the features of one row unless its class is `Mixing`.

    Element-wise operations broadcast: the row dimension is set aside and the features are aligned
    on the right as in NumPy, so `tensor<?x768xf32>` meets `tensor<768xf32>`, `tensor<?x1xf32>` and
    `tensor<f32>`. The result has rows when an operand has.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let dependentDialects = ["::mlir::func::FuncDialect"];
}

// What is computed on, and what values may be kept as between groups (see lnx.cast).
def Lnx_Tensor : RankedTensorOf<[F32]>;
def Lnx_Stored : RankedTensorOf<[F32, BF16]>;
def Lnx_Ids : RankedTensorOf<[I32]>;

#endif // LNX_DIALECT_TD
