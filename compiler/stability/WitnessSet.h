// WitnessSet: whether weights and input keep every promise of the model (S3).
// A witness outside the declared set refutes nothing.
#ifndef LNX_COMPILER_STABILITY_WITNESSSET_H
#define LNX_COMPILER_STABILITY_WITNESSSET_H

#include "compiler/stability/Analysis.h"
#include "compiler/stability/WitnessRun.h"

namespace mlir::lnx::stability {

/// How a promise is broken: "assume norm.gain <= 1 does not hold: it is 3"; nothing where all hold.
/// Promises about an optimizer restrict no weights. Those that cannot be measured count as broken.
std::optional<std::string> brokenPromise(const Analysis &analysis, WitnessRun &run);

/// The largest |entry| of a gain, or the rms or largest |entry| of a bias, in a layer (0-based).
std::optional<double> sizeOf(const NormPart &part, WitnessRun &run, int64_t layer, bool ofRms);
/// Whether an assumption on norms speaks about a gain or bias.
bool isAbout(const Assumption &assumption, const NormPart &part);
/// The layers in which the parameters behind `value` may differ; {0} outside repeats.
std::vector<int64_t> layersToLookAt(Value value, WitnessRun &run);
/// Streams that no step has changed yet: what x0.rms is about.
std::vector<Value> embeddingsOf(const Analysis &analysis);
/// Largest rms and smallest standard deviation of the rows of [rows x width].
std::pair<double, double> rmsAndDeviation(const Array &x);
/// Parameters that a value is made of, all other operands being numbers.
SmallVector<ParamOp> parametersBehind(Value value);

} // namespace mlir::lnx::stability

#endif
