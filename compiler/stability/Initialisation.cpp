// Initialisation: the mean-field tier's properties, read off one prediction that all of them share.
// Without a rule for some step the verdicts are UNKNOWN and show its line.
#include "compiler/stability/Subject.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;
using llvm::formatv;

InitPrediction
stability::predictInit(ModelOp model, int64_t depth,
                       const std::function<OwningOpRef<ModuleOp>(int64_t)> &atDepth) {
  InitPrediction prediction;
  InitReading &reading = prediction.reading;
  reading = readSteps(model);
  auto modelAt = [&](int64_t other, std::vector<StepOp> &steps) -> std::optional<MeanFieldModel> {
    if (!reading.model)
      return std::nullopt;
    if (other == depth) {
      std::optional<MeanFieldModel> own = reading.here();
      steps = reading.steps;
      return own;
    }
    if (!model->hasAttr("one_depth"))
      if (std::optional<MeanFieldModel> known = reading.at(other, steps))
        return known;
    prediction.modules.push_back(atDepth ? atDepth(other) : nullptr);
    ModuleOp module = prediction.modules.back().get();
    if (!module || module.getOps<ModelOp>().empty())
      return std::nullopt;
    InitReading elaborated = readInit(*module.getOps<ModelOp>().begin());
    steps = elaborated.steps;
    return std::move(elaborated.model);
  };
  std::vector<StepOp> profiled;
  prediction.profile = measureInit(depth, [&](int64_t other) {
    std::vector<StepOp> steps;
    std::optional<MeanFieldModel> found = modelAt(other, steps);
    if (found && profiled.empty()) // the first is the one that is profiled
      profiled = std::move(steps);
    return found;
  });
  reading.steps = std::move(profiled);
  reading.model.reset();
  return prediction;
}

const InitPrediction &Subject::init() {
  if (!prediction)
    prediction =
        std::make_unique<InitPrediction>(predictInit(model, declared.layers(), options.atDepth));
  return *prediction;
}

void stability::initialisation(Subject &subject, std::vector<Verdict> &verdicts) {
  const InitPrediction &init = subject.init();
  if (init.profile) {
    for (Verdict &verdict : initVerdicts(*init.profile)) {
      if (init.reading.hasMemory)
        verdict.details.push_back("of the last stream; what it reads of another is taken as given");
      verdicts.push_back(std::move(verdict));
    }
    return;
  }
  static constexpr std::pair<const char *, const char *> properties[] = {
      {"init.variance", "S87"},
      {"backward.init_gradient_profile", "S87"},
      {"init.parameter_gradient_profile", "S87"},
      {"rank_collapse", "S95"},
      {"layer.effectiveness", "S101"}};
  for (auto [property, claim] : properties) {
    Verdict verdict;
    verdict.property = property;
    verdict.claim = claim;
    verdict.basis = Basis::initMeanField;
    verdict.culprits = {init.reading.obstacle};
    verdicts.push_back(std::move(verdict));
  }
}

//===-- hazards --------------------------------------------------------------===//

// h1 and h3 of S86, once for each line: the smallest variance that an output norm sees.
static void addNormHazards(const InitPrediction &init, std::vector<Remark> &hazards) {
  struct Worst {
    double ratio = 0, variance = 0, eps = 0;
    int64_t layer = 0;
  };
  constexpr double comparable = 0.1; // eps takes 5 % off the norm's output
  const MeanFieldModel &model = init.profile->model;
  llvm::MapVector<Operation *, Worst> worst;
  for (size_t k = 0; k < model.steps.size(); ++k) {
    if (model.steps[k].updates.empty() || !model.steps[k].updates.front().outputNorm)
      continue;
    double variance = init.profile->profile.outputVariance[k];
    double eps = model.steps[k].updates.front().outputEps;
    double ratio = eps / std::max(variance, 1e-300);
    Worst &step = worst[const_cast<StepOp &>(init.reading.steps[k])];
    if (ratio > step.ratio)
      step = {ratio, variance, eps, model.layerOfStep[k]};
  }
  for (const auto &[op, step] : worst)
    if (step.variance == 0)
      hazards.push_back(
          {formatv("the norm of this update divides zero by sqrt(eps) at first: its gradient is "
                   "{0:F0} times larger than behind a variance of 1 (S86)",
                   1 / std::sqrt(std::max(step.eps, 1e-300))),
           op->getLoc()});
    else if (step.ratio > comparable)
      hazards.push_back({formatv("eps {0} is not small beside the mean square {1} that the norm of "
                                 "this update sees in layer {2} (S86)",
                                 printNumber(step.eps), printNumber(step.variance), step.layer),
                         op->getLoc()});
}

std::vector<Remark> stability::initHazards(const InitPrediction &init) {
  std::vector<Remark> hazards = init.reading.hazards;
  if (!init.profile || init.profile->model.steps.empty())
    return hazards;
  addNormHazards(init, hazards);
  const MeanFieldProfile &profile = init.profile->profile;
  const MeanFieldModel &model = init.profile->model;
  const MeanFieldStep &first = model.steps.front();
  bool isTiny = model.q0 < 0.01 && !first.updates.empty() && first.updates.front().outputNorm;
  if (isTiny && profile.oneMinusRho[1] < 0.5 * profile.oneMinusRho[0])
    hazards.push_back(
        {formatv("the first update is so large beside the embedding (mean square {0}) that tokens "
                 "become alike, cosine {1}: normalise or scale the embedding (S95)",
                 printNumber(model.q0), printNumber(profile.rho[1])),
         const_cast<StepOp &>(init.reading.steps.front()).getLoc()});
  return hazards;
}
