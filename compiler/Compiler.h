// Compiler: from a module at level spec to a running program; the only header others include.
//
//   mlir::DialectRegistry registry;
//   mlir::lnx::registerAll(registry);
//   mlir::MLIRContext context(registry);
//   ... a module at level spec, from the elaborator ...
//   if (failed(mlir::lnx::compileToFile(module, "model.so", {}))) ...
//
// Errors are diagnostics at the module's locations.
#ifndef LNX_COMPILER_COMPILER_H
#define LNX_COMPILER_COMPILER_H

#include "mlir/IR/BuiltinOps.h"
#include <memory>
#include <string>

extern "C" struct lnx_program;

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace llvm {
class raw_ostream;
} // namespace llvm

namespace mlir::lnx {

/// What --emit= prints; each level is made from the one before it, `ptx` from loops.
enum class Level { spec, grad, fused, loops, llvm, assembly, ptx };

/// Seconds of each stage of one compilation; stages that did not run stay 0.
struct CompileTimes {
  double grad = 0;      ///< spec to grad: autodiff and the optimizer
  double fused = 0;     ///< grad to fused
  double loops = 0;     ///< fused to loops: kernels and buffers
  double convert = 0;   ///< loops to the LLVM dialect
  double translate = 0; ///< LLVM dialect to LLVM IR
  double optimize = 0;  ///< LLVM's passes
  double emit = 0;      ///< instruction selection to object code
  double link = 0;      ///< model.so on disk, or code in memory
};

/// What rows are kept as between kernels. Everything is computed in f32, and parameters, gradients
/// and the optimizer's state are f32 either way.
enum class Precision {
  f32,
  bf16 ///< rounded to 8 significant bits where a kernel writes them; matrix products take bf16
};

/// "f32" or "bf16"; "" is what `target` takes by default. Failure for other names.
FailureOr<Precision> findPrecision(llvm::StringRef name, llvm::StringRef target);

struct CompileOptions {
  /// "native": this machine's CPU; or x86-64, x86-64-v2, x86-64-v3, x86-64-v4 for files that
  /// travel.
  std::string cpu = "native";
  std::string target = "cpu"; ///< what groups become: cpu or cuda
  Precision precision = Precision::f32;
  bool fuse = true;          ///< join row-wise operations in one kernel
  bool reference = false;    ///< plain loops of every primitive's own lowering, no CPU target
  bool rematerialize = true; ///< compute row-wise values again instead of keeping them
  bool observe = true;       ///< grad reports the size of the stream after each layer
  int optLevel = 2;          ///< of LLVM, 0 to 3
  std::string spec = {};     ///< text of the elaborated specification, kept in the program
  CompileTimes *times = nullptr;
};

/// Dialects and interfaces the compiler needs.
void registerAll(DialectRegistry &registry);

/// The level a module is at, from what it is made of.
Level levelOf(ModuleOp module);
/// Lowers `module` from its level to `level`; at `assembly` it stays in the LLVM dialect, and at
/// `ptx` its kernels are the text in attribute `lnx.device_code`.
LogicalResult lowerTo(ModuleOp module, Level level, const CompileOptions &options);
/// Prints a module that lowerTo brought to `level`: MLIR text, LLVM IR that llc accepts,
/// assembly of options.cpu, or PTX.
LogicalResult printLevel(ModuleOp module, Level level, const CompileOptions &options,
                         llvm::raw_ostream &os);

/// Compiles to a shared object at `path`, which appears complete or not at all.
LogicalResult compileToFile(ModuleOp module, llvm::StringRef path, const CompileOptions &options);

/// A program in this process; `owner` keeps its code alive.
struct MemoryProgram {
  const lnx_program *program = nullptr;
  std::shared_ptr<const void> owner;
};
FailureOr<MemoryProgram> compileToMemory(ModuleOp module, const CompileOptions &options);

} // namespace mlir::lnx

#endif
