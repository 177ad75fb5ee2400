// Deep: runs work that recurses over user input on a stack that is large enough for it.
// 64 MiB, whatever the caller's thread has (docs/decisions/0002, limits).
#pragma once

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/thread.h"

#include <optional>

namespace lnx {

inline void onDeepStack(llvm::function_ref<void()> work) {
  llvm::thread thread(std::optional<unsigned>(64u << 20), work);
  thread.join();
}

} // namespace lnx
