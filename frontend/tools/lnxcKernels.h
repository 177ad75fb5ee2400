// lnxcKernels: the table of --kernels: what each kernel of a training step is and moves.
#pragma once

#include "compiler/KernelTable.h"

#include <map>
#include <string>

namespace lnx::tool {

/// What a kernel amounts to on the device, or in PTX where there is no ptxas.
struct Assembled {
  int64_t registers = -1; ///< of a thread; -1 without ptxas
  int64_t shared = 0;     ///< bytes of a block
  int64_t instructions = 0;
};
struct Assembly {
  std::string ptxas; ///< its path; empty: instructions are those of PTX
  std::map<std::string, Assembled> kernels;
};

/// Asks ptxas ($LNX_PTXAS, empty for none, else of the PATH or /usr/local/cuda/bin) about `ptx`, or
/// counts in its text. An error is its first words.
mlir::FailureOr<Assembly> assemble(const std::string &ptx, std::string &error);

std::string kernelLines(const mlir::lnx::KernelTable &table, const Assembly &assembly);
std::string kernelJson(const mlir::lnx::KernelTable &table, const Assembly &assembly);

} // namespace lnx::tool
