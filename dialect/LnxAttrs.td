// LnxAttrs.td: initial laws of parameters and the small enumerations of the dialect.

#ifndef LNX_ATTRS_TD
#define LNX_ATTRS_TD

include "dialect/LnxDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

// `kind` is one of const, normal, uniform, identity; a and b hold one number for each layer of the
// repeat around the parameter, or a single number. xavier and friends are resolved to these by the
// frontend, which knows the fan-in and fan-out. A schedule says what the numbers are at other
// depths (see ModelOps.td); without one they are these at every depth.
def Lnx_InitAttr : AttrDef<Lnx_Dialect, "Init"> {
  let mnemonic = "init";
  let summary = "the law a parameter is drawn from at initialisation";
  let parameters = (ins StringRefParameter<"const, normal, uniform or identity">:$kind,
                        "::mlir::DenseF64ArrayAttr":$a, "::mlir::DenseF64ArrayAttr":$b,
                        OptionalParameter<"::mlir::StringAttr">:$aSchedule,
                        OptionalParameter<"::mlir::StringAttr">:$bSchedule);
  let genVerifyDecl = 1;
  let assemblyFormat = [{
    `<` custom<Law>($kind) `,` custom<Numbers>($a) (`schedule` $aSchedule^)?
    `,` custom<Numbers>($b) (`schedule` $bSchedule^)? `>`
  }];
}

def Lnx_GroupKind : I32EnumAttr<"GroupKind", "what a group of primitives becomes",
    [I32EnumAttrCase<"rows", 0>, I32EnumAttrCase<"gemm", 1>, I32EnumAttrCase<"attend", 2>,
     I32EnumAttrCase<"library", 3>]> {
  let cppNamespace = "::mlir::lnx";
  let genSpecializedAttr = 0;
}
def Lnx_GroupKindAttr : EnumAttr<Lnx_Dialect, Lnx_GroupKind, "group_kind"> {
  let assemblyFormat = "$value";
}

#endif // LNX_ATTRS_TD
