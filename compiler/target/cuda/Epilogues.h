// Epilogues: what cuBLASLt does behind a matrix product, fused into the product's group.
// Relied on by Compiler.cpp and Cuda.cpp.
#ifndef LNX_COMPILER_TARGET_CUDA_EPILOGUES_H
#define LNX_COMPILER_TARGET_CUDA_EPILOGUES_H

#include "compiler/target/Target.h"
#include "llvm/ADT/SetVector.h"
#include <memory>

namespace mlir {
class Pass;
}

namespace mlir::lnx::cuda {

/// `lnx-join-epilogues`: on level grad, before groups are formed. A product, the bias added to it
/// and the GELU of that become one group of kind gemm, and so do a gradient and the slope of GELU
/// that it meets, and the gradients of a weight and of its bias, where no kernel for rows reads the
/// same values anyway.
std::unique_ptr<Pass> createJoinEpilogues();

/// The value whose GELU has the derivative `slope`, which is computed from it and constants; null
/// where `slope` is anything else.
Value geluArgument(Value slope);
/// Adds the analytic operations and constants that compute `value`, in order, to `ops`; false where
/// they start from another value than `leaf`, which is set where it is null.
bool collectExpression(Value value, llvm::SetVector<Operation *> &ops, Value &leaf);

/// Such a group as one call of `matmul` (abi.def); failure where matmul.def has no such product.
LogicalResult lowerProduct(GroupOp group, GroupBuffers &buffers);

} // namespace mlir::lnx::cuda

#endif
