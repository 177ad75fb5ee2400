// Link: object code to a shared object on disk, or to code in this process.
// Relied on by Compiler.cpp.
#ifndef LNX_COMPILER_TARGET_CPU_LINK_H
#define LNX_COMPILER_TARGET_CPU_LINK_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>
#include <string>

namespace mlir::lnx {

/// Links objects to a shared object without undefined symbols; `path` is replaced at once when all
/// is written, else not touched.
llvm::Error linkShared(llvm::ArrayRef<llvm::StringRef> objects, llvm::StringRef path);

/// Code in this process; the address of `symbol`, valid while `owner` lives.
struct LoadedCode {
  void *symbol = nullptr;
  std::shared_ptr<const void> owner;
};
llvm::Expected<LoadedCode> loadObjects(llvm::ArrayRef<llvm::StringRef> objects,
                                       llvm::StringRef symbol);

} // namespace mlir::lnx

#endif
