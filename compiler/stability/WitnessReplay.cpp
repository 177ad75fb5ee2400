// WitnessReplay: a witness against a model: inside the declared set, and the number again.
#include "compiler/stability/WitnessSearch.h"

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

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
  std::optional<double> measured = measureAgain(
      subject.declared, result.witness, [&](int64_t depth) { return subject.updateTotalAt(depth); },
      result.problem);
  if (!measured && result.problem.empty())
    result.problem = "nothing was measured";
  result.witness.measured = measured.value_or(0);
  return result;
}
