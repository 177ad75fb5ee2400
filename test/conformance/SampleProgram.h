// SampleProgram: a program around one primitive, what goes in and what evaluate says comes out.
// Operands come from parameters, results go to gradients; rows are looked up by the tokens, which
// are all different. Relied on by the tests of compiled code, here and on a device.
#ifndef LNX_TEST_CONFORMANCE_SAMPLEPROGRAM_H
#define LNX_TEST_CONFORMANCE_SAMPLEPROGRAM_H

#include "Samples.h"
#include <map>

namespace lnxtest {

inline constexpr mlir::lnx::Batch sampleBatch{2, 3};

struct SampleProgram {
  std::string text; ///< a module at level grad with the entry @grad
  std::vector<int32_t> tokens, targets;
  std::map<std::string, std::vector<float>> parameters; ///< values before the call
  struct Result {
    std::string name;           ///< of the parameter whose gradient it is
    std::vector<double> values; ///< of the whole parameter
    double scale;               ///< the largest size of a value, at least 1
  };
  std::vector<Result> results;

  /// `op` was parsed from `line`.
  SampleProgram(mlir::lnx::PrimitiveOpInterface op, llvm::StringRef line);
};

} // namespace lnxtest

#endif
