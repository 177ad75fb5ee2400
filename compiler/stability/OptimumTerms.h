// OptimumTerms: an update written as sums of products of matrices, for bounds by their Frobenius
// norms alone (S72). Reads equations through idioms and the primitives' own bounds.
#ifndef LNX_COMPILER_STABILITY_OPTIMUMTERMS_H
#define LNX_COMPILER_STABILITY_OPTIMUMTERMS_H

#include "compiler/stability/Analysis.h"

namespace mlir::lnx::stability {

/// factor * |x| * prod |W|_F, without |x| where it does not change with the stream x; all in l2, of
/// the largest row.
struct OptimumTerm {
  Series factor = 1.0;
  llvm::SmallVector<ParamOp, 3> matrices; ///< sorted, each at most once
  bool ofStream = false;
  /// The bound holds where blocks of a row's features come from different rows, too (S42).
  bool isAcross = false;
};
using OptimumTerms = std::vector<OptimumTerm>;

/// What a value of one step is at most the sum of; `grounds` collects what that rests on.
class TermReader {
public:
  /// `declared` is the run with nothing but the promises.
  TermReader(const Analysis &declared, Value stream, uint64_t &grounds)
      : declared(declared), stream(stream), grounds(grounds) {}

  /// Absent, and `culprit` set, where a value is no such sum.
  std::optional<OptimumTerms> read(Value value);
  Operation *culprit = nullptr;

private:
  std::optional<OptimumTerms> readParts(Value value);
  std::optional<OptimumTerms> readProjection(Value value);
  std::optional<OptimumTerms> readAttention(Value value);
  std::optional<OptimumTerms> readProduct(Value value);
  std::optional<OptimumTerms> readUnary(Value value);
  std::optional<OptimumTerms> constant(Value value);

  const Analysis &declared;
  Value stream;
  uint64_t &grounds;
};

} // namespace mlir::lnx::stability

#endif
