// Loss.td: cross-entropy, alone and behind the head's matrix product.

include "dialect/ops/Primitive.td"

def Lnx_CrossEntropyOp : Lnx_Primitive<"cross_entropy"> {
  let summary = "mean over rows of -log softmax(logits)[target], tensor<f32>";
  let arguments = (ins Lnx_Tensor:$logits, Lnx_Ids:$targets);
  let results = (outs Lnx_Tensor:$loss);
  let hasCanonicalizer = 1;
}
def Lnx_CrossEntropyGradOp : Lnx_Primitive<"cross_entropy_grad"> {
  let summary = "d_loss * (softmax(logits) - onehot(target)) / rows";
  let arguments = (ins Lnx_Tensor:$logits, Lnx_Ids:$targets, Lnx_Tensor:$d_loss);
  let results = (outs Lnx_Tensor:$d_logits);
}
// The head and the loss in row chunks: logits never need rows x vocabulary memory.
def Lnx_LinearCrossEntropyOp : Lnx_Primitive<"linear_cross_entropy"> {
  let summary = "cross_entropy(x op(weight), targets), computed in row chunks";
  let arguments = (ins Lnx_Tensor:$x, Lnx_Tensor:$weight, Lnx_Ids:$targets, UnitAttr:$transpose_weight);
  let results = (outs Lnx_Tensor:$loss);
}
def Lnx_LinearCrossEntropyGradOp : Lnx_Primitive<"linear_cross_entropy_grad"> {
  let summary = "the loss again and its gradients for x and weight, in one pass over row chunks";
  let arguments = (ins Lnx_Tensor:$x, Lnx_Tensor:$weight, Lnx_Ids:$targets, Lnx_Tensor:$d_loss,
                       UnitAttr:$transpose_weight);
  let results = (outs Lnx_Tensor:$loss, Lnx_Tensor:$d_x, Lnx_Tensor:$d_weight);
  let hasCanonicalizer = 1;
}
