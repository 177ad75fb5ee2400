// Loss.td: cross-entropy, alone and behind the head's matrix product.

include "dialect/ops/Primitive.td"

def Lnx_CrossEntropyOp : Lnx_Primitive<"cross_entropy"> {
  let summary = "mean over rows of -log softmax(logits)[target], tensor<f32>";
  let arguments = (ins Lnx_Tensor:$logits, Lnx_Ids:$targets);
  let results = (outs Lnx_Tensor:$loss);
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    static ::std::vector<::llvm::StringRef> samples() {
      return {"lnx.cross_entropy %0, %1 : tensor<?x5xf32>, tensor<?xi32>"};
    }
  }];
}
def Lnx_CrossEntropyGradOp : Lnx_Primitive<"cross_entropy_grad"> {
  let summary = "d_loss * (softmax(logits) - onehot(target)) / rows";
  let arguments = (ins Lnx_Tensor:$logits, Lnx_Ids:$targets, Lnx_Tensor:$d_loss);
  let results = (outs Lnx_Tensor:$d_logits);
  let extraClassDeclaration = [{
    static ::std::vector<::llvm::StringRef> samples() {
      return {"lnx.cross_entropy_grad %0, %1, %2 : tensor<?x5xf32>, tensor<?xi32>, tensor<f32>"};
    }
  }];
}
// The head and the loss in row chunks: logits never need rows x vocabulary memory.
def Lnx_LinearCrossEntropyOp : Lnx_Primitive<"linear_cross_entropy"> {
  let summary = "cross_entropy(x op(weight), targets), computed in row chunks";
  let arguments = (ins Lnx_Tensor:$x, Lnx_Tensor:$weight, Lnx_Ids:$targets, UnitAttr:$transpose_weight);
  let results = (outs Lnx_Tensor:$loss);
  let extraClassDeclaration = [{
    ::mlir::lnx::Flops getFlops();
    static ::std::vector<::llvm::StringRef> samples() {
      return {"lnx.linear_cross_entropy %0, %1, %2 : tensor<?x3xf32>, tensor<3x5xf32>, tensor<?xi32>",
              "lnx.linear_cross_entropy %0, %1, %2 {transpose_weight} : tensor<?x3xf32>, tensor<5x3xf32>, tensor<?xi32>"};
    }
  }];
}
def Lnx_LinearCrossEntropyGradOp : Lnx_Primitive<"linear_cross_entropy_grad"> {
  let summary = "the loss again and its gradients for x and weight, in one pass over row chunks";
  let arguments = (ins Lnx_Tensor:$x, Lnx_Tensor:$weight, Lnx_Ids:$targets, Lnx_Tensor:$d_loss,
                       UnitAttr:$transpose_weight);
  let results = (outs Lnx_Tensor:$loss, Lnx_Tensor:$d_x, Lnx_Tensor:$d_weight);
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    ::mlir::lnx::Flops getFlops();
    static ::std::vector<::llvm::StringRef> samples() {
      return {"lnx.linear_cross_entropy_grad %0, %1, %2, %3 : tensor<?x3xf32>, tensor<3x5xf32>, tensor<?xi32>, tensor<f32>",
              "lnx.linear_cross_entropy_grad %0, %1, %2, %3 {transpose_weight} : tensor<?x3xf32>, tensor<5x3xf32>, tensor<?xi32>, tensor<f32>"};
    }
  }];
}
