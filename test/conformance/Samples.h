// Samples.h: lines to try every primitive on, found through the dialect's own registry.
// All conformance tests run over these; nothing here names an op.
#ifndef LNX_TEST_CONFORMANCE_SAMPLES_H
#define LNX_TEST_CONFORMANCE_SAMPLES_H

#include "dialect/LnxDialect.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/IR/Verifier.h"
#include <string>
#include <vector>

namespace lnxtest {

/// One primitive on given operand types.
struct Sample {
  std::string op; ///< "lnx.add"
  std::string
      line; ///< "lnx.add %0, %1 : tensor<?x4xf32>, tensor<4xf32>"; empty when none was found
};
std::ostream &operator<<(std::ostream &os, const Sample &sample);

/// All samples of all registered primitives. A primitive without one has a sample with no line.
std::vector<Sample> findSamples();

/// A parsed sample: a module with one function whose arguments are the operands.
struct ParsedSample {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp function;
  mlir::lnx::PrimitiveOpInterface op;
};
/// Null module when the line does not parse; diagnostics are dropped.
ParsedSample parseSample(mlir::MLIRContext &context, const Sample &sample);

/// A context with the dialects that samples and lowerings use.
std::unique_ptr<mlir::MLIRContext> makeContext();

/// The number nearest to `number` that an element of `type` holds, ties to even.
double roundTo(mlir::Type type, double number);

/// Operands drawn from a fixed seed, kept away from 0 where derivatives may jump, and positive
/// where the op is undefined below 0. Ids are below 3.
llvm::SmallVector<mlir::lnx::Array> drawOperands(mlir::lnx::PrimitiveOpInterface op,
                                                 mlir::lnx::Batch batch, unsigned seed);

} // namespace lnxtest

#endif
