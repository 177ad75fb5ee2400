// Assembler: what NVIDIA's ptxas holds against a module, where a toolkit is installed.
// Relied on by the load of modules; without ptxas nothing is held against any.
#ifndef LNX_TEST_EMULATOR_DRIVER_ASSEMBLER_H
#define LNX_TEST_EMULATOR_DRIVER_ASSEMBLER_H

#include <set>
#include <string>
#include <string_view>

namespace emulator {

class Assembler {
public:
  // $LNX_PTXAS where it is set (empty: none), else ptxas of the PATH or of
  // /usr/local/cuda/bin.
  Assembler();

  // Empty where there is no ptxas.
  const std::string &path() const { return program; }
  // Assembles `ptx` for sm_90a. What is wrong with it, one sentence; empty when nothing is: errors,
  // warnings, notes, spills, a stack, unresolved names. Assembles a text once.
  std::string complaint(std::string_view ptx);

private:
  std::string program;
  std::set<std::string, std::less<>> passed;
};

// What is wrong in the report of `ptxas -v`: the first line that is no plain statement about a
// kernel without spills and stack, with the kernel's name; empty when there is none.
std::string firstComplaint(std::string_view report);

} // namespace emulator

#endif
