// Codegen: from level loops, with calls lowered, to object code.
// Relied on by Compiler.cpp; knows LLVM's passes and nothing of models.
#ifndef LNX_COMPILER_TARGET_CPU_CODEGEN_H
#define LNX_COMPILER_TARGET_CPU_CODEGEN_H

#include "compiler/target/cpu/Machine.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

namespace mlir {
class DialectRegistry;
class OpPassManager;
} // namespace mlir

namespace mlir::lnx {

/// What the passes below need to know of the upstream dialects.
void registerCodegen(DialectRegistry &registry);
/// Upstream dialects to the LLVM dialect; exp, tanh and log become polynomials.
void addConversionPasses(OpPassManager &passes);
/// LLVM IR in which only the program's symbol is visible; null after a diagnostic.
std::unique_ptr<llvm::Module> translate(ModuleOp module, const Machine &machine,
                                        llvm::TargetMachine &target, llvm::LLVMContext &context);
/// How the loops of a module were written: as vectors, or as scalars that LLVM has to vectorize.
enum class Loops { vector, scalar };
void optimize(llvm::Module &module, llvm::TargetMachine &target, int optLevel, Loops loops);
/// Object code, or assembly text.
void emit(llvm::Module &module, llvm::TargetMachine &target, llvm::CodeGenFileType type,
          llvm::SmallVectorImpl<char> &output);

} // namespace mlir::lnx

#endif
