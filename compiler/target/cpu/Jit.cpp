// Jit: object code to code in this process.
// The objects have no undefined symbols; LLJIT only places and relocates them.
#include "compiler/target/cpu/Link.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"

using namespace mlir;
using namespace mlir::lnx;

llvm::Expected<LoadedCode> lnx::loadObjects(llvm::ArrayRef<llvm::StringRef> objects,
                                            llvm::StringRef symbol) {
  auto jit = llvm::orc::LLJITBuilder().setNumCompileThreads(0).create();
  if (!jit)
    return jit.takeError();
  for (llvm::StringRef object : objects)
    if (llvm::Error error =
            (*jit)->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(object, "lnx")))
      return error;
  auto address = (*jit)->lookup(symbol);
  if (!address)
    return address.takeError();
  LoadedCode code;
  code.symbol = address->toPtr<void *>();
  code.owner = std::shared_ptr<llvm::orc::LLJIT>(std::move(*jit));
  return code;
}
