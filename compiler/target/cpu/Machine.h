// Machine: the CPU that code is generated for.
// Relied on by Codegen; its text form is what the loader checks before it maps any code.
#ifndef LNX_COMPILER_TARGET_CPU_MACHINE_H
#define LNX_COMPILER_TARGET_CPU_MACHINE_H

#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"
#include <memory>
#include <string>

namespace mlir::lnx {

struct Machine {
  std::string cpu;      ///< baseline for LLVM, such as x86-64-v3
  std::string features; ///< beyond it, "+avx512f,..."
  std::string tune;     ///< CPU whose instruction timings are assumed
  std::string text;     ///< for lnx_program.cpu: "x86-64-v3" or "native:avx,avx2,..."
  bool wide = false;    ///< 512-bit vectors are worth using

  /// "native" or one of the x86-64 levels; an error names what is known.
  static llvm::Expected<Machine> find(llvm::StringRef name);
  /// Position-independent code for this machine.
  std::unique_ptr<llvm::TargetMachine> create(int optLevel) const;
};

} // namespace mlir::lnx

#endif
