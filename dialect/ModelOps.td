// ModelOps.td: what a model says at level `spec`, and the frame of programs at `grad` and `fused`.
// Primitives live in ops/; nothing here computes.

#ifndef LNX_MODEL_OPS_TD
#define LNX_MODEL_OPS_TD

include "dialect/LnxDialect.td"
include "dialect/LnxAttrs.td"
include "dialect/LnxInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Lnx_Op<string mnemonic, list<Trait> traits = []> : Op<Lnx_Dialect, mnemonic, traits>;

//===-- level spec -------------------------------------------------------===//

def Lnx_ModelOp : Lnx_Op<"model", [IsolatedFromAbove, Symbol, SingleBlock, NoRegionArguments,
                                   HasParent<"::mlir::ModuleOp">]> {
  let summary = "one elaborated model";
  let description = [{
    The body ends in `lnx.return` of the logits, `tensor<?xVxf32>`. `settings` keeps the numbers the
    model was elaborated with; `context` is the longest sequence, 0 for no limit.

    A *schedule* is a number as a function of the layer l and the depth N, as text: one sum of
    c*l^p*N^s*log(N)^q, "1/2*N^-1/2", or a lower and an upper one, "0 .. N^-1" (Schedule.h). It holds
    for all large N, beside the numbers of this depth. The unit attribute `one_depth` says that some
    part of the model is known at this depth only, so nothing may be concluded about others.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$context, OptionalAttr<DictionaryAttr>:$settings);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name `context` $context (`settings` $settings^)? attr-dict-with-keyword $body";
}

def Lnx_ReturnOp : Lnx_Op<"return", [Terminator, HasParent<"ModelOp">]> {
  let summary = "the logits of a model";
  let arguments = (ins Lnx_Tensor:$logits);
  let assemblyFormat = "$logits attr-dict `:` type($logits)";
}

def Lnx_InputOp : Lnx_Op<"input", [Pure]> {
  let summary = "token ids of the batch: \"tokens\", \"targets\" or \"source\", one for each row";
  let arguments = (ins StrAttr:$name);
  let results = (outs Lnx_Ids:$result);
  let assemblyFormat = "$name attr-dict `:` type($result)";
}

def Lnx_ParamOp : Lnx_Op<"param", [MemoryEffects<[MemAlloc, MemRead]>]> {
  let summary = "a parameter at level spec; inside a repeat it exists once for each layer";
  let description = [{`path` is its name inside one layer, such as "attn.q.W".}];
  let arguments = (ins StrAttr:$path, Lnx_InitAttr:$init);
  let results = (outs Lnx_Tensor:$result);
  let assemblyFormat = "$path $init attr-dict `:` type($result)";
}

def Lnx_ApplyOp : Lnx_Op<"apply", [SingleBlock, NoRegionArguments, RecursiveMemoryEffects]> {
  let summary = "the use of a definition, expanded in place; its body sees the values around it";
  let description = [{`callee` is the definition, `scope` its part in parameter paths.}];
  let arguments = (ins StrAttr:$callee, StrAttr:$scope);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasVerifier = 1;
  let assemblyFormat = "$callee $scope (`->` type($results)^)? attr-dict-with-keyword $body";
}

def Lnx_StepOp : Lnx_Op<"step", [Pure, AllTypesMatch<["previous", "next", "result"]>]> {
  let summary = "one residual step `stream <- next`; the result is `next`";
  let arguments = (ins StrAttr:$stream, Lnx_Tensor:$previous, Lnx_Tensor:$next);
  let results = (outs Lnx_Tensor:$result);
  let assemblyFormat = "$stream $previous `to` $next attr-dict `:` type($result)";
}

// An assumption, a check or a law, kept for the verifier. `arguments` are parameter paths or
// name = value pairs as the source had them; `relation` is "<=", ">=", "=" or "".
class Lnx_ClaimOp<string mnemonic> : Lnx_Op<mnemonic> {
  let arguments = (ins StrAttr:$path, OptionalAttr<DictionaryAttr>:$arguments,
                       DefaultValuedStrAttr<StrAttr, "">:$relation, OptionalAttr<AnyAttr>:$bound);
  let assemblyFormat = "$path (`(` $arguments^ `)`)? $relation (`bound` $bound^)? attr-dict";
}
def Lnx_AssumeOp : Lnx_ClaimOp<"assume"> {
  let summary = "a bound the model's author promises; `schedule` says what it is at other depths";
  let arguments = (ins StrAttr:$path, OptionalAttr<DictionaryAttr>:$arguments,
                       DefaultValuedStrAttr<StrAttr, "">:$relation, OptionalAttr<AnyAttr>:$bound,
                       OptionalAttr<StrAttr>:$schedule);
  let assemblyFormat = [{
    $path (`(` $arguments^ `)`)? $relation (`bound` $bound^)? (`schedule` $schedule^)? attr-dict
  }];
}
def Lnx_CheckOp : Lnx_ClaimOp<"check"> { let summary = "a property that must be proved"; }
def Lnx_LawOp : Lnx_ClaimOp<"law"> { let summary = "a trusted bound of the enclosing definition"; }

//===-- repeat: all levels down to fused ---------------------------------===//

def Lnx_RepeatOp : Lnx_Op<"repeat", [AttrSizedOperandSegments, SingleBlock, RecursiveMemoryEffects,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "a stack of layers, rolled";
  let description = [{
    Runs its body for layers `first`, ..., `first + count - 1`, or in the opposite order when
    `reverse`. The body's arguments are the layer index (0-based within this repeat, type index),
    the carried values, and this layer's part of each slice (the slice's type without its leading
    dimension `count`). `lnx.yield` gives the next carried values, then one value for each stack.
    `from` and `to` are the schedules of its first and last layer; without them it has these layers
    at every depth. Results are the last carried values, then the stacks: the yielded values of all layers along a
    new leading dimension `count`, indexed by layer whatever the order of running. A stack of a row
    tensor `tensor<?x768xf32>` is `tensor<12x?x768xf32>`. Values around the repeat may be used inside.
    `scope` is put before the layer number in parameter paths.
  }];
  let arguments = (ins I64Attr:$first, I64Attr:$count, OptionalAttr<StrAttr>:$from,
                       OptionalAttr<StrAttr>:$to, UnitAttr:$reverse, StrAttr:$scope,
                       Variadic<Lnx_Stored>:$carries, Variadic<Lnx_Stored>:$slices);
  let results = (outs Variadic<Lnx_Stored>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "int64_t":$first, "int64_t":$count, "bool":$reverse,
      "::llvm::StringRef":$scope, "::mlir::ValueRange":$carries, "::mlir::ValueRange":$slices,
      "::mlir::TypeRange":$stackElementTypes)>];
  let extraClassDeclaration = [{
    ::mlir::Value getLayer() { return getBody().getArgument(0); }
    ::mlir::Block::BlockArgListType getCarryArguments() {
      return getBody().getArguments().slice(1, getCarries().size());
    }
    ::mlir::Block::BlockArgListType getSliceArguments() {
      return getBody().getArguments().drop_front(1 + getCarries().size());
    }
    ::mlir::ResultRange getCarryResults() { return getResults().take_front(getCarries().size()); }
    ::mlir::ResultRange getStackResults() { return getResults().drop_front(getCarries().size()); }
    /// Type of a value of type `element` gathered over `count` layers.
    static ::mlir::RankedTensorType getStackedType(::mlir::Type element, int64_t count);
    /// Type of one layer of a stacked value.
    static ::mlir::RankedTensorType getLayerType(::mlir::Type stacked);
  }];
}

def Lnx_YieldOp : Lnx_Op<"yield", [Pure, Terminator, ReturnLike]> {
  let summary = "what the region of apply, repeat or group gives back";
  let arguments = (ins Variadic<AnyType>:$values);
  let builders = [OpBuilder<(ins), [{ (void)$_builder; (void)$_state; }]>];
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
}

def Lnx_TableOp : Lnx_Op<"table", [Pure]> {
  let summary = "the number of this layer: `values[layer]`";
  let description = [{
    Without a layer it is one number for all, which at level spec another depth may change; lower
    levels write that as `lnx.constant`.
  }];
  let arguments = (ins Optional<Index>:$layer, DenseF64ArrayAttr:$values,
                       OptionalAttr<StrAttr>:$schedule);
  let results = (outs Lnx_Tensor:$result);
  let assemblyFormat = [{
    custom<Numbers>($values) (`at` $layer^)? (`schedule` $schedule^)? attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

//===-- levels grad and fused --------------------------------------------===//

def Lnx_ParameterOp : Lnx_Op<"parameter", [Symbol, HasParent<"::mlir::ModuleOp">]> {
  let summary = "one row of the parameter table";
  let description = [{
    `type` is the shape of one layer. `layers` is 1 outside any repeat and then `first_layer` is 0.
    The symbol is the unique path of the stack, scope included.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$path, TypeAttr:$type, I64Attr:$first_layer,
                       I64Attr:$layers, Lnx_InitAttr:$init);
  let assemblyFormat = "$sym_name $path `layers` $layers `from` $first_layer $init attr-dict `:` $type";
}

def Lnx_GetOp : Lnx_Op<"get", [MemoryEffects<[]>]> {
  let summary = "the value of a parameter, of layer `layer` when it has several";
  let arguments = (ins FlatSymbolRefAttr:$parameter, Optional<Index>:$layer);
  let results = (outs Lnx_Tensor:$result);
  let assemblyFormat = "$parameter (`at` $layer^)? attr-dict `:` type($result)";
}

def Lnx_AccumulateOp : Lnx_Op<"accumulate", [MemoryEffects<[MemWrite]>]> {
  let summary = "adds a value to the gradient of a parameter (of one layer of it)";
  let arguments = (ins FlatSymbolRefAttr:$parameter, Optional<Index>:$layer, Lnx_Tensor:$value);
  let assemblyFormat = "$parameter (`at` $layer^)? `,` $value attr-dict `:` type($value)";
}

def Lnx_ArgumentOp : Lnx_Op<"argument", [Pure]> {
  let summary = "a number given at run time: one of abi.h's LNX_ARGUMENT_*";
  let arguments = (ins I64Attr:$index);
  let results = (outs Lnx_Tensor:$result);
  let assemblyFormat = "$index attr-dict `:` type($result)";
}

// The flat arenas param, grad, m, v seen as rows of 1024 floats: segment 0 holds the parameters that
// are decayed, segment 1 the others.
def Lnx_ReadStateOp : Lnx_Op<"read_state", [MemoryEffects<[MemRead]>]> {
  let summary = "a whole segment of an arena, tensor<Sx1024xf32>";
  let arguments = (ins StrAttr:$arena, I64Attr:$segment);
  let results = (outs Lnx_Tensor:$result);
  let assemblyFormat = "$arena $segment attr-dict `:` type($result)";
}
def Lnx_WriteStateOp : Lnx_Op<"write_state", [MemoryEffects<[MemWrite]>]> {
  let summary = "overwrites a whole segment of an arena";
  let arguments = (ins StrAttr:$arena, I64Attr:$segment, Lnx_Tensor:$value);
  let assemblyFormat = "$arena $segment `,` $value attr-dict `:` type($value)";
}

def Lnx_GroupOp : Lnx_Op<"group", [IsolatedFromAbove, SingleBlock, Pure,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "primitives that become one kernel or one library call";
  let description = [{
    `rows`: any chain of row-wise work; `gemm`: one contraction (and what is fused behind it);
    `attend`: one mixing op; `library`: one op with its own lowering. Block arguments stand for the
    inputs, `lnx.yield` gives the outputs.
  }];
  let arguments = (ins Lnx_GroupKindAttr:$kind, Variadic<AnyRankedTensor>:$inputs);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

#endif // LNX_MODEL_OPS_TD
