// machine.h: what this machine has, and what device "cuda" would lack.
//
//   const Machine machine = describeMachine();
//   for (const Check &check : checkCuda())
//     std::printf("%s: %s\n", check.name.c_str(), check.found.c_str());
//
// Sessions take the same steps, so both say the same about what is missing. Sees no LLVM.
#ifndef LNX_MACHINE_H
#define LNX_MACHINE_H

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace lnx {

struct Machine {
  std::string cpu;             ///< "AMD EPYC 9R14"; "unknown" where the system does not say
  std::string kernels;         ///< instruction set of the matrix products: "avx512"
  int processors = 0;          ///< of the machine
  int usable = 0;              ///< processors that this process may run on
  std::optional<double> quota; ///< processors whose time its control group may take
  size_t memory = 0;           ///< bytes
  size_t availableMemory = 0;  ///< bytes that this process can use
};
Machine describeMachine();

/// One thing that is needed, and whether this machine has it.
struct Check {
  std::string name; ///< "driver"
  bool works = false;
  std::string found; ///< what is there, or what is wrong with it
  std::string help;  ///< the next step where it does not work; may be empty
};

/// What device "cuda" needs, in the order in which it needs it: driver, gpu, cublaslt. Ends with
/// the first that does not work. Takes and gives back the GPU's context.
std::vector<Check> checkCuda();

/// NCCL, which only training on several GPUs would need.
Check checkNccl();

} // namespace lnx

#endif
