// Module: a loaded PTX file: its kernels, decoded, and its variables in global memory.
// Loading fails at the first line that the emulator does not know.
#ifndef LNX_TEST_EMULATOR_MODULE_H
#define LNX_TEST_EMULATOR_MODULE_H

#include "emulator/GlobalMemory.h"
#include "emulator/Kernel.h"

#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace emulator {

struct GlobalVariable {
  uint64_t address = 0;
  uint64_t bytes = 0;
};

class Module {
public:
  const Kernel *kernel(std::string_view name) const;
  const GlobalVariable *variable(std::string_view name) const;
  const std::map<std::string, Kernel, std::less<>> &kernels() const { return decoded; }

private:
  friend struct Loaded load(std::string_view text, GlobalMemory &memory);
  std::map<std::string, Kernel, std::less<>> decoded;
  std::map<std::string, GlobalVariable, std::less<>> variables;
};

struct Loaded {
  std::unique_ptr<Module> module; // null where `error` says why
  std::string error;              // "line N: what is wrong"
};

// Variables of the module live in `memory` from now on.
Loaded load(std::string_view text, GlobalMemory &memory);

} // namespace emulator

#endif
