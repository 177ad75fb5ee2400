// Ptx: from kernels of the gpu dialect to PTX text, in this process and without a toolkit.
// Relied on by Compiler.cpp.
#ifndef LNX_COMPILER_TARGET_CUDA_PTX_H
#define LNX_COMPILER_TARGET_CUDA_PTX_H

#include "mlir/IR/BuiltinOps.h"
#include <memory>
#include <string>

namespace mlir {
class DialectRegistry;
class Pass;
} // namespace mlir

namespace mlir::lnx::cuda {

/// Dialects and interfaces that the passes here need.
void registerPtx(DialectRegistry &registry);

/// math on f32 to intrinsics of NVPTX; on gpu.module.
std::unique_ptr<Pass> createDeviceMath();

/// Compiles the module's `gpu.module` for sm_90a, PTX ISA 8.3, and replaces it by the attributes
/// `lnx.device_code`, the text, and `lnx.kernels`: name and threads of a block for each kernel, in
/// the order of their numbers in launches. Errors are diagnostics.
std::unique_ptr<Pass> createEmitPtx();

} // namespace mlir::lnx::cuda

#endif
