// Assumptions: what the model's author promises, by parameter (S3), and the laws of definitions
// (S7). Each has a number, the bit that a bound resting on it carries.
#ifndef LNX_COMPILER_STABILITY_ASSUMPTIONS_H
#define LNX_COMPILER_STABILITY_ASSUMPTIONS_H

#include "compiler/stability/ParameterSize.h"
#include "dialect/LnxDialect.h"
#include "llvm/ADT/DenseMap.h"
#include <string>
#include <vector>

namespace mlir::lnx::stability {

/// What the weights are allowed to be in one run of the interpretation.
enum class Weights {
  declared,  ///< only what is assumed
  bounded,   ///< every undeclared parameter has some constant bound
  trajectory ///< every undeclared parameter has the bound of the assumed optimizer (S73..S75)
};

struct Assumption {
  AssumeOp op;
  std::string text; ///< as the user wrote it
  std::string form, path;
  Series bound = Series::top();
  bool isLower = false;

  /// The bound that all layers share.
  Series overLayers() const;
};

class Assumptions {
public:
  /// Fails after a diagnostic: a bound that is negative or no number, or two that contradict.
  static FailureOr<Assumptions> read(ModelOp model);

  /// Nothing is promised; these parameters have these sizes in each layer, others may have any.
  using Sizes = llvm::DenseMap<Operation *, std::vector<ParameterSize>>;
  static Assumptions measured(Sizes sizes) {
    Assumptions result;
    result.sizes = std::move(sizes);
    return result;
  }

  const std::vector<Assumption> &all() const { return list; }
  /// The bounds of a parameter; undeclared ones are carriers of themselves.
  Abstract parameter(ParamOp op, Weights weights, int64_t headSize) const;
  /// Tightens what multiplies a normalised value, and what is then added (S6).
  void applyGain(Abstract &gain, Operation *place) const;
  void applyBias(Abstract &bias, Operation *place, double size) const;
  /// The smallest bound of `form` without a path, one number for all layers: x0.rms.
  std::optional<Series> number(llvm::StringRef form, uint64_t &grounds) const;
  /// The least standard deviation that is promised of what a definition gives; 0 where none is.
  Series deviationOf(ApplyOp op, uint64_t &grounds) const;
  const Assumption *optimizer() const;
  /// `assume l2(...)`.
  const Assumption *objective() const;
  /// What one assumption about parameters says of `op` in a layer (0-based); nothing where it is
  /// about others.
  std::optional<double> boundOn(const Assumption &assumption, ParamOp op, int64_t layer) const;

  /// A law is numbered behind the assumptions.
  uint64_t addLaw(LawOp op);
  std::vector<std::string> textOf(uint64_t grounds) const;
  std::vector<std::string> lawsOf(uint64_t grounds) const;

private:
  void applySizes(ParamOp op, Abstract &x, Series &peak) const;
  // AssumptionChecks.cpp: bounds that are no such thing, and promises that contradict each other.
  LogicalResult check(ModelOp model);
  LogicalResult checkGains();
  LogicalResult checkAlone();
  LogicalResult checkMatrices(ModelOp model);
  bool matches(const Assumption &assumption, ParamOp op) const;
  void tighten(Series &bound, const Assumption &assumption, uint64_t bit, Abstract &x,
               ParamOp op) const;

  std::vector<Assumption> list;
  std::vector<std::pair<LawOp, std::string>> laws;
  std::vector<std::string> paths; ///< of all parameters
  Sizes sizes;
};

/// Largest |entry| that can be drawn.
double largestInitial(InitAttr init);
/// The bit of an assumption; those beyond the 63rd share the last.
inline uint64_t bitOf(size_t index) { return uint64_t(1) << std::min<size_t>(index, 63); }
/// Whether `end` names what is called `whole`: "q.W" for "attn.q.W".
bool endsWithPath(llvm::StringRef whole, llvm::StringRef end);
/// Where a definition is used, as parameters below it are called: "attn", "enc.attn".
std::string scopeOf(ApplyOp op);
/// The bound that AdamW keeps on one coordinate's step: U(beta1, beta2) of S73.
double adamBound(double beta1, double beta2);

} // namespace mlir::lnx::stability

#endif
