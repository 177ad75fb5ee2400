// WitnessReplay: a witness against a model: inside the declared set, and the number again.
#include "compiler/stability/WitnessSearch.h"

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

/// Whether what is measured is about the property, and the limit one that it sets.
static bool fits(const Witness &witness, const Analysis &analysis) {
  StringRef property = witness.property;
  if (property == "backward.scale_invariance")
    return witness.measure == Measure::update && witness.limit >= mostUpdateChange;
  if (property == "backward.identity_path")
    return witness.measure == Measure::stream && witness.limit <= leastStreamChange;
  if (property == "deepnorm.update_bound")
    return witness.measure == Measure::depths && witness.limit >= largestUpdate;
  if (property == "attention.logit_bound")
    return witness.measure == Measure::score;
  if (property == "precision.overflow")
    return witness.measure == Measure::largestEntry && witness.limit >= smallestOverflow;
  if (property == "forward.growth" && witness.measure == Measure::growth)
    return true;
  if (property == "forward.growth" || property == "forward.wellposed")
    return witness.measure == Measure::meanAbs;
  if (property != "forward.bound" && property != "forward.variance" &&
      property != "backward.sensitivity_bound")
    return false;
  // The statement is about the last stream, not about one on the way.
  Witness last;
  setLastPlace(last, analysis);
  Measure measure = property == "forward.bound"      ? Measure::meanAbs
                    : property == "forward.variance" ? Measure::variance
                                                     : Measure::spread;
  return witness.measure == measure && last.step == witness.step && last.layer == witness.layer;
}

FailureOr<Replayed> stability::replay(ModuleOp spec, const VerifyOptions &options,
                                      const Witness &witness) {
  auto models = spec.getOps<ModelOp>();
  if (models.empty())
    return spec.emitError("there is no model to verify");
  ModelOp model = *models.begin();
  FailureOr<Assumptions> assumptions = Assumptions::read(model);
  if (failed(assumptions))
    return failure();
  Subject subject(model, *assumptions, options);
  Replayed result{witness, /*problem=*/""};
  if (!fits(witness, subject.declared)) {
    result.problem = "what is measured is not what '" + witness.property + "' is about";
    return result;
  }
  std::optional<double> measured =
      measureAgain(subject.declared, result.witness, options, result.problem);
  if (!measured && result.problem.empty())
    result.problem = "nothing was measured";
  result.witness.measured = measured.value_or(0);
  return result;
}
