// InitStep: one residual step as the predictor sees it, for all layers of its repeat at once.
// Used by InitModel.cpp, which strings steps together.
#ifndef LNX_COMPILER_STABILITY_INITSTEP_H
#define LNX_COMPILER_STABILITY_INITSTEP_H

#include "compiler/stability/InitialValue.h"
#include "compiler/stability/Verdict.h"
#include "dialect/Idioms.h"
#include "dialect/LayerRange.h"

#include <functional>
#include <utility>

namespace mlir::lnx::stability {

/// Mean square and token cosine of another stream, behind its last norm.
struct StreamLaw {
  double q = 1, rho = 0;
};

/// A step with the numbers that differ by layer beside it.
class StepForm {
public:
  MeanFieldStep step;

  void set(double MeanFieldStep::*field, const Series &numbers);
  void set(size_t update, double MeanFieldUpdate::*field, const Series &numbers);
  MeanFieldStep at(size_t layer) const;
  /// In layer `layer` (as the model counts them) at another depth; absent where some number is not
  /// known there.
  std::optional<MeanFieldStep> at(double layer, double depth) const;

private:
  std::vector<std::pair<double MeanFieldStep::*, Series>> ofStep;
  std::vector<std::tuple<size_t, double MeanFieldUpdate::*, Series>> ofUpdates;
};

/// One stretch of steps: a repeat, or what stands outside of them (count 1).
struct Stretch {
  int64_t count = 1;
  LayerRange range; ///< the layers at other depths
  std::vector<std::pair<StepOp, StepForm>> steps;

  /// The first layer and how many they are, at another depth.
  std::pair<int64_t, int64_t> layersAt(int64_t depth) const;
};

/// number * core, where core is neither a product with a number nor a sum with a constant.
struct Scaled {
  Value core;
  Series factor = 1;
};
/// Absent after `obstacle` was set.
std::optional<Scaled> scaledCore(Value value, Value stop, Remark &obstacle);

/// number * norm(input), its gain included.
struct NormForm {
  Value input;
  Series gain = 1;
  double eps = 0;
  bool isCentred = false;
};
/// Absent where `value` is no norm; with an obstacle where its gain is not a number.
std::optional<NormForm> readNorm(Value value, Remark &obstacle);

class StepReader {
public:
  using Memory = std::function<std::optional<StreamLaw>(Value)>;
  /// `memory` gives the law of values made of other streams.
  StepReader(StepOp op, Memory memory);
  /// The step; absent after `obstacle` was set.
  std::optional<StepForm> read();

  Remark obstacle;
  bool hasMemory = false;
  bool isOfOneDepth = false;   ///< some number without a place in the form depends on the depth
  std::vector<Remark> hazards; ///< numbers without effect

private:
  using Update = MeanFieldUpdate;
  bool readSum(Value value, Series factor);
  bool readTerm(Value value, Series factor);
  bool readUpdate(Value value, Series dt);
  bool readHidden(Value hidden, Series out);
  bool readAttention(const SoftmaxAttention &attention);
  bool readActivation(Value hidden);
  bool readGated(Value hidden);
  bool readInput(Value value, Value &input);
  std::optional<Series> readWeights(const Projection &projection, Series factor);
  struct Side;
  std::optional<Side> readSide(Value value);
  bool stop(const char *why, Value where);
  void set(double Update::*field, const Series &numbers) {
    form.set(form.step.updates.size() - 1, field, numbers);
  }
  Update &update() { return form.step.updates.back(); }

  StepOp op;
  Memory memory;
  Value stream;
  RepeatOp repeat;
  int64_t width;
  StepForm form;
  Series skip = 0.0;
  llvm::SmallVector<Value> used; ///< matrices
};

} // namespace mlir::lnx::stability

#endif
