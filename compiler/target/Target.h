// Target.h: what a target is to the compiler: something that knows how to lower groups.
// LowerGroups owns the buffers and asks the target first; a folder of target/ implements one
// Target.
#ifndef LNX_COMPILER_TARGET_TARGET_H
#define LNX_COMPILER_TARGET_TARGET_H

#include "dialect/LnxDialect.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/ADT/StringMap.h"
#include <memory>
#include <string>

namespace mlir::lnx {

/// The private functions of one module, found by what they compute: equal keys share one function.
class Kernels {
public:
  /// Fills the body of a kernel: its arguments without the range, then the range [lo, hi). The
  /// builder stands before the return.
  using Body =
      llvm::function_ref<void(OpBuilder &builder, ValueRange arguments, Value lo, Value hi)>;

  explicit Kernels(ModuleOp module) : module(module), symbols(module) {}

  /// The kernel of `key`, made by `body` when it is the first; `hint` becomes part of its name. Its
  /// signature is `arguments` followed by the index range lo, hi.
  func::FuncOp get(llvm::StringRef key, llvm::StringRef hint, TypeRange arguments, Body body);
  /// The declaration of a runtime function (abi.def, with the prefix lnx_).
  func::FuncOp declare(llvm::StringRef name, TypeRange arguments);

private:
  ModuleOp module;
  SymbolTable symbols;
  llvm::StringMap<func::FuncOp> byKey;
};

/// One group on its way to loops: where its code goes and the buffers it reads and writes.
///
/// Every buffer is a memref of its tensor's shape with identity layout: `tensor<?x768xf32>` is
/// `memref<?x768xf32>`, `tensor<f32>` is `memref<f32>`. Results exist already (in scratch, in a
/// layer of a stack, or in the gradient arena). A result may share its memory with an input only
/// where `inPlace` says so: then element i may be written once element i of the input has been
/// read.
class GroupBuffers {
public:
  OpBuilder &builder; ///< stands in the entry function, after everything the group depends on
  Location loc;
  Kernels &kernels;
  llvm::SmallVector<Value> inputs;    ///< one for each group input
  llvm::SmallVector<Value> results;   ///< one for each group result
  llvm::SmallVector<bool> accumulate; ///< results that add to what their buffer holds
  /// Some results share their memory with an input of the same shape; only for groups of
  /// element-wise operations. Element i of the result may be written once element i of every input
  /// has been read.
  bool inPlace = false;
  Value batch, time, rows; ///< index; rows = batch * time

  GroupBuffers(OpBuilder &builder, Location loc, Kernels &kernels)
      : builder(builder), loc(loc), kernels(kernels) {}

  /// A temporary of the entry function, placed in the scratch block by lnx-plan-arena. Dynamic
  /// sizes must be `rows`.
  Value allocate(MemRefType type);
  Value index(int64_t value);
  Value number(double value); ///< f32

  /// What tells kernels apart: the group's operations and attributes, the types of its buffers and
  /// the accumulate flags. Append to it whatever else a kernel's body depends on.
  std::string key(GroupOp group) const;
  /// Kernels::get for this module.
  func::FuncOp kernel(llvm::StringRef key, llvm::StringRef hint, TypeRange arguments,
                      Kernels::Body body) {
    return kernels.get(key, hint, arguments, body);
  }
  /// Runs a kernel over [0, n) in chunks of `grain`, in any order:
  ///   scf.parallel (%lo) = (%c0) to (%n) step (%grain) { func.call @kernel(%arguments..., %lo,
  ///   %hi) }
  void parallel(func::FuncOp kernel, ValueRange arguments, Value n, Value grain);
  /// Calls a runtime function, declaring it where needed; arguments are index and f32.
  void call(llvm::StringRef name, ValueRange arguments);
  /// The address of a buffer as the runtime functions take it.
  Value address(Value buffer);
};

/// How one kind of machine computes groups.
class Target {
public:
  virtual ~Target() = default;
  /// Emits the group's code at `buffers.builder`. Failure without a diagnostic means: nothing
  /// better than the reference lowering; then nothing may have been emitted.
  virtual LogicalResult lowerGroup(GroupOp group, GroupBuffers &buffers) = 0;
  /// Copies or adds `count` floats of two flat buffers; failure: nothing better than the kernel
  /// that every target can run.
  virtual LogicalResult transfer(GroupBuffers &buffers, Value from, Value to, Value count,
                                 bool adds) {
    return failure();
  }
};

/// compiler/target/cpu.
std::unique_ptr<Target> createCpuTarget();

/// compiler/target/cuda.
std::unique_ptr<Target> createCudaTarget();

/// The target of that name: "cpu", "cuda", or null for "reference" (every op by its own lowering).
/// Failure for other names.
FailureOr<std::unique_ptr<Target>> createTarget(llvm::StringRef name);

/// Lowers the group's operations one after another with a temporary for every value between them:
/// each as a group of its own where `target`, if there is one, knows how, else by its own `lower`.
void lowerOneByOne(GroupOp group, GroupBuffers &buffers, Target *target);

} // namespace mlir::lnx

#endif
