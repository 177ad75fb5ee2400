// Activation.td: the activation functions that libraries and targets know by name.

include "dialect/ops/Primitive.td"

def Lnx_TanhOp : Lnx_Unary<"tanh"> { let summary = "hyperbolic tangent"; }
def Lnx_SigmoidOp : Lnx_Unary<"sigmoid"> { let summary = "1 / (1 + e^-x)"; }
def Lnx_ReluOp : Lnx_Unary<"relu"> { let summary = "max(x, 0); the gradient at 0 is 0"; }
def Lnx_SiluOp : Lnx_Unary<"silu"> { let summary = "x * sigmoid(x)"; }
def Lnx_GeluOp : Lnx_Unary<"gelu"> {
  let summary = "GELU with tanh, as in GPT-2: x * sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3)";
}
