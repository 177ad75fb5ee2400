// InitModel: from equations to the numbers of the mean-field predictor (6.1): norms, gains, skips
// and activations of every step, by structure only.
// What the predictor has no rule for gives no model but the line that is in the way.
#ifndef LNX_COMPILER_STABILITY_INITMODEL_H
#define LNX_COMPILER_STABILITY_INITMODEL_H

#include "compiler/stability/InitProfile.h"
#include "compiler/stability/InitStep.h"
#include "dialect/LnxDialect.h"
#include "mlir/IR/OwningOpRef.h"
#include <optional>

namespace mlir::lnx::stability {

/// A model as numbers, or why it is none. Activations ask the module's operations, which must
/// outlive the model.
struct InitReading {
  std::optional<MeanFieldModel> model;
  std::vector<Stretch> stretches; ///< its steps, layers rolled
  std::vector<StepOp> steps;      ///< of each step of the model
  int64_t layers = 0;             ///< of the stream that the logits are made of
  bool isOfOneDepth = false;      ///< other depths have other numbers than the steps say
  bool hasMemory = false;         ///< some updates read another stream
  Remark obstacle;                ///< without a model: what the predictor has no rule for
  std::vector<Remark> hazards;    ///< seen on the way: numbers without effect (S10)

  /// `model` with all its layers at this depth; sets `steps` and `layers`.
  MeanFieldModel here();
  /// The same at another depth of the schedules, with the step of each; absent where it is not
  /// known without elaborating the model again.
  std::optional<MeanFieldModel> at(int64_t depth, std::vector<StepOp> &ops) const;
};

InitReading readInit(ModelOp model);
/// The same with layers rolled: a model without steps, and stretches.
InitReading readSteps(ModelOp model);

/// The prediction for one model, with what it was read from.
struct InitPrediction {
  std::optional<InitProfile> profile;         ///< absent: `reading.obstacle` says why
  InitReading reading;                        ///< without its model, which the profile has
  std::vector<OwningOpRef<ModuleOp>> modules; ///< the same model at other depths
};

/// `depth` is that of `model`; `atDepth` gives it at another depth, may be null or give null.
InitPrediction predictInit(ModelOp model, int64_t depth,
                           const std::function<OwningOpRef<ModuleOp>(int64_t)> &atDepth);

/// What to look out for when training starts (S86, S95), each with the step's line.
std::vector<Remark> initHazards(const InitPrediction &prediction);

} // namespace mlir::lnx::stability

#endif
