// Epilogues: what cuBLASLt does behind a matrix product, fused into the product's group.
// Relied on by Compiler.cpp and Cuda.cpp.
#ifndef LNX_COMPILER_TARGET_CUDA_EPILOGUES_H
#define LNX_COMPILER_TARGET_CUDA_EPILOGUES_H

#include "compiler/target/Target.h"
#include <memory>

namespace mlir {
class Pass;
}

namespace mlir::lnx::cuda {

/// `lnx-join-epilogues`: on level grad, before groups are formed. A product, the bias added to it
/// and the GELU of that become one group of kind gemm, and so do the gradient of a weight and that
/// of its bias, where no kernel for rows reads the same values anyway.
std::unique_ptr<Pass> createJoinEpilogues();

/// Such a group as one call of `matmul` (abi.def); failure where matmul.def has no such product.
LogicalResult lowerProduct(GroupOp group, GroupBuffers &buffers);

} // namespace mlir::lnx::cuda

#endif
