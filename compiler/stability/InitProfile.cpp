// InitProfile: verdicts PREDICTED_OK, PREDICTED_BAD or UNKNOWN on the prediction at initialisation.
// Rules: S87 for variance and gradients, S95 for rank collapse, S101 for layers without effect.
#include "compiler/stability/InitProfile.h"
#include "compiler/stability/DualActivation.h"

#include "llvm/Support/FormatVariadic.h"
#include <algorithm>
#include <cmath>
#include <limits>

using namespace mlir::lnx::stability;
using llvm::formatv;

static constexpr double infinity = std::numeric_limits<double>::infinity();

static std::string digits(double value) {
  if (!std::isfinite(value))
    return value > 0 ? "infinite" : "undefined";
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

std::optional<InitProfile> mlir::lnx::stability::measureInit(int64_t depth,
                                                             const MeanFieldAtDepth &at) {
  InitProfile init;
  init.depth = depth;
  std::optional<MeanFieldModel> model;
  init.evaluated = depth;
  if (depth > deepestProfile && (model = at(deepestProfile)))
    init.evaluated = deepestProfile;
  else
    model = at(depth);
  if (!model)
    return std::nullopt;
  init.model = std::move(*model);
  DualActivations duals(DualActivations::Accuracy::interpolated);
  init.profile = static_cast<int64_t>(init.model.steps.size()) <= maxGramSteps
                     ? predict(init.model)
                     : predictScalar(init.model, duals);
  init.own = summarise(init.evaluated, init.model, init.profile);
  // Classes belong to large depths, whatever this one is.
  for (int64_t compared : comparedDepths) {
    std::optional<MeanFieldModel> other = at(compared);
    if (!other) {
      init.doubling.clear();
      break;
    }
    init.doubling.push_back(summarise(compared, *other, predictScalar(*other, duals)));
  }
  return init;
}

/// One quantity of all summaries.
template <typename Quantity>
static std::vector<double> collect(const InitProfile &init, Quantity quantity) {
  std::vector<double> values;
  for (const InitSummary &s : init.doubling)
    values.push_back(quantity(s));
  return values;
}

static Verdict begin(const InitProfile &init, const char *property, const char *claim) {
  Verdict v;
  v.property = property;
  v.claim = claim;
  v.basis = Basis::initMeanField;
  if (init.evaluated != init.depth)
    v.details.push_back(formatv("profile of {0} of {1} layers; deeper ones follow the class",
                                init.evaluated, init.depth));
  if (init.profile.overflow)
    v.details.push_back("the stream leaves the range of doubles; later entries are infinite");
  else if (init.profile.gradientOverflow)
    v.details.push_back("the gradient leaves the range of doubles; earlier entries are infinite");
  if (init.doubling.empty())
    v.details.push_back("no class: the model cannot be built at other depths");
  return v;
}

/// Beyond this the expected attention is no longer near uniform, which the recursion takes for
/// granted: without norms and with Xavier weights it was seen off by a factor of 5,600.
static constexpr double mostLogitStd = 2;

/// Whether tolerances can be claimed; says why not.
static bool isInRange(Verdict &v, const InitProfile &init) {
  double scores = init.profile.largestLogitStd;
  if (scores <= mostLogitStd)
    return true;
  v.details.push_back(formatv("tolerance: none claimed, attention scores reach a standard "
                              "deviation of {0}, more than {1}",
                              digits(scores), mostLogitStd));
  return false;
}

static void addTolerance(Verdict &v, const InitProfile &init, const char *wide,
                         const char *narrow) {
  const MeanFieldModel &model = init.model;
  if (!isInRange(v, init))
    return;
  if (model.width >= 768)
    v.details.push_back(formatv("tolerance (S106): predicted/measured {0}, one seed", wide));
  else if (model.width >= 256)
    v.details.push_back(
        formatv("tolerance (S106): predicted/measured {0}, mean of 4 seeds", narrow));
  else
    v.details.push_back(formatv("tolerance (S106): none claimed at width {0} < 256", model.width));
}

/// One value for each layer: the stream's after it.
static std::vector<double> afterLayers(const MeanFieldModel &model,
                                       const std::vector<double> &entries) {
  std::vector<double> layers;
  for (size_t k = 0; k < model.steps.size(); ++k)
    if (k + 1 == model.steps.size() || model.layerOfStep[k + 1] != model.layerOfStep[k])
      layers.push_back(entries[k + 1]);
  return layers;
}

/// S87: small and steady is OK, large or exponential is BAD.
static Word spreadRule(double spread, const std::vector<double> &doubling, const Growth &growth) {
  if (spread >= 30 || std::isnan(spread) || growth.kind() == Growth::Kind::exponential)
    return Word::predictedBad;
  size_t n = doubling.size();
  bool steady = n >= 2 && doubling[n - 1] <= 1.5 * doubling[n - 2];
  return spread <= 4 && steady ? Word::predictedOk : Word::unknown;
}

static void addComparison(Verdict &v, const InitProfile &init, const char *what,
                          const std::vector<double> &values) {
  if (values.empty())
    return;
  std::string line = formatv("{0} at depth", what);
  for (size_t i = 0; i < values.size(); ++i)
    line += formatv("{0} {1}: {2}", i ? "," : "", init.doubling[i].depth, digits(values[i]));
  v.details.push_back(line);
}

static Growth classOrUnknown(const std::vector<double> &values, int root = 1) {
  return values.empty() ? Growth::unknown() : classOfDoubling(values, root);
}

static void setGrowth(Verdict &v, const InitProfile &init, const Growth &growth) {
  if (!init.doubling.empty())
    v.growth = growth.print();
}

Verdict mlir::lnx::stability::initVariance(const InitProfile &init) {
  Verdict v = begin(init, "init.variance", "S87");
  std::vector<double> q = collect(init, [](const InitSummary &s) { return s.q; });
  std::vector<double> spreads =
      collect(init, [](const InitSummary &s) { return s.varianceSpread; });
  Growth growth = classOrUnknown(q);
  v.word = spreadRule(init.own.varianceSpread, spreads, growth);
  setGrowth(v, init, growth);
  v.formula = "q_N, q_k = P(a^2 q_(k-1) + dt^2 v_k)";
  v.number = init.own.q;
  v.profile = afterLayers(init.model, init.profile.q);
  v.details.push_back(formatv("rms {0}, mean absolute value {1} after the last layer (S107)",
                              digits(std::sqrt(init.own.q)), digits(meanAbsolute(init.own.q))));
  v.details.push_back(
      formatv("spread of the rms over layers {0}", digits(init.own.varianceSpread)));
  addComparison(v, init, "q_N", q);
  addTolerance(v, init, "0.90..1.12", "0.85..1.18");
  return v;
}

Verdict mlir::lnx::stability::backwardInitGradientProfile(const InitProfile &init) {
  Verdict v = begin(init, "backward.init_gradient_profile", "S87");
  // The class is that of |g_0|/|g_K|, or of its inverse where gradients vanish towards the input.
  std::vector<double> squares = collect(init, [](const InitSummary &s) {
    return s.gradientOverflow ? infinity : std::pow(std::max(s.shortcut, 1 / s.shortcut), 2);
  });
  std::vector<double> spreads = collect(init, [](const InitSummary &s) { return s.streamSpread; });
  std::vector<double> ratios = collect(init, [](const InitSummary &s) { return s.shortcut; });
  Growth growth = classOrUnknown(squares, 2);
  v.word = spreadRule(init.own.streamSpread, spreads, growth);
  setGrowth(v, init, growth);
  v.formula = "max |g_l| / min |g_l| over layers";
  v.number = init.own.streamSpread;
  v.profile = afterLayers(init.model, init.profile.gradient);
  double steps = static_cast<double>(init.model.steps.size());
  v.details.push_back(formatv("shortcut ratio |g_0|/|g_K| {0}", digits(init.own.shortcut)));
  v.details.push_back(formatv("Lyapunov rate ln(|g_0|/|g_K|)/(KN) {0}",
                              digits(std::log(init.own.shortcut) / std::max(steps, 1.0))));
  const std::vector<double> &specific = init.profile.gradientSpecific;
  v.details.push_back(formatv("token-specific part at mid-depth against the last layer {0} (S88)",
                              digits(specific[specific.size() / 2])));
  addComparison(v, init, "|g_0|/|g_K|", ratios);
  addTolerance(v, init, "0.84..1.16", "0.77..1.26");
  return v;
}

Verdict mlir::lnx::stability::initParameterGradientProfile(const InitProfile &init) {
  Verdict v = begin(init, "init.parameter_gradient_profile", "S87");
  std::vector<double> spreads = collect(init, [](const InitSummary &s) { return s.weightSpread; });
  std::vector<double> squares = spreads;
  for (double &s : squares)
    s *= s;
  Growth growth = classOrUnknown(squares, 2);
  v.word = spreadRule(init.own.weightSpread, spreads, growth);
  setGrowth(v, init, growth);
  v.formula = "max |dL/dW_l| / min |dL/dW_l| over layers, worst matrix";
  v.number = init.own.weightSpread;
  bool isDead = !init.own.weights.empty();
  for (const WeightSpread &w : init.own.weights) {
    isDead = isDead && w.isZero;
    if (w.isZero)
      v.details.push_back(formatv("{0}: no gradient at init in any layer", w.matrix));
    else
      v.details.push_back(formatv("{0}: first/last {1}, spread {2}", w.matrix,
                                  digits(w.firstToLast), digits(w.spread)));
  }
  // A step that starts at zero moves first; nothing can be said about what follows.
  if (isDead)
    v.word = Word::unknown;
  v.profile = init.profile.weightOut;
  addComparison(v, init, "spread", spreads);
  addTolerance(v, init, "0.80..1.28", "0.75..1.35");
  return v;
}

Verdict mlir::lnx::stability::rankCollapse(const InitProfile &init) {
  // Below this, 1 - rho is rounding; no power of a depth below a thousand gets there.
  constexpr double gone = 1e-10;
  Verdict v = begin(init, "rank_collapse", "S95");
  std::vector<double> left = collect(init, [](const InitSummary &s) { return s.tokensLeft; });
  // A stream that overflowed has no cosine any more; shallower ones tell the class.
  std::vector<double> inverse;
  for (const InitSummary &s : init.doubling)
    if (!s.overflow)
      inverse.push_back(s.tokensLeft > gone ? 1 / s.tokensLeft : infinity);
  Growth growth = classOrUnknown(inverse);
  // Where the stream leaves the doubles, the last depths may be too shallow to tell an exponential
  // from the powers up to 3 that follow it (no norm, ReLU): fewer tokens than that have to be left.
  size_t told = inverse.size();
  if (told > 0 && told < init.doubling.size() &&
      init.doubling[told - 1].tokensLeft > std::pow(init.doubling[told - 1].depth, -3.0) &&
      growth.kind() == Growth::Kind::exponential)
    growth = Growth::unknown();
  if (init.own.tokensLeft <= gone && !(init.model.rho0 >= 1))
    growth = Growth::exponential();
  setGrowth(v, init, growth);
  switch (growth.kind()) {
  case Growth::Kind::bounded:
    v.word = Word::predictedOk;
    break;
  case Growth::Kind::exponential:
    v.word = Word::predictedBad;
    break;
  default:
    v.word = Word::unknown;
    if (!init.doubling.empty())
      v.details.push_back("slow: tokens become alike like a power of the depth");
  }
  v.formula = "1 - rho_N";
  v.number = init.own.tokensLeft;
  v.profile = afterLayers(init.model, init.profile.oneMinusRho);
  addComparison(v, init, "1 - rho_N", left);
  if (init.profile.oneMinusRho.size() > 1 && init.model.q0 < 0.01 &&
      init.profile.oneMinusRho[1] < 0.5 * init.profile.oneMinusRho[0])
    v.details.push_back(formatv("the first step alone takes 1 - rho from {0} to {1}: normalise or "
                                "scale the embedding (mean square {2})",
                                digits(init.profile.oneMinusRho[0]),
                                digits(init.profile.oneMinusRho[1]), digits(init.model.q0)));
  if (isInRange(v, init))
    v.details.push_back("tolerance (S106): rho within 0.04");
  return v;
}

Verdict mlir::lnx::stability::layerEffectiveness(const InitProfile &init) {
  constexpr double weak = 0.01;
  Verdict v = begin(init, "layer.effectiveness", "S101");
  std::vector<double> effective = collect(init, [](const InitSummary &s) { return s.effective; });
  setGrowth(v, init, classOrUnknown(effective));
  int64_t weakLayers = 0, firstWeak = 0;
  double moved = 0;
  for (size_t k = 0; k < init.model.steps.size(); ++k) {
    moved += init.profile.effectiveness[k];
    bool last = k + 1 == init.model.steps.size();
    if (!last && init.model.layerOfStep[k + 1] == init.model.layerOfStep[k])
      continue;
    v.profile.push_back(moved);
    if (moved < weak && ++weakLayers == 1)
      firstWeak = init.model.layerOfStep[k];
    moved = 0;
  }
  v.word = weakLayers == 0 ? Word::predictedOk : Word::unknown;
  v.formula = "N_eff = sum_l min(1, dt^2 v_l / q_l)";
  v.number = init.own.effective;
  if (weakLayers > 0)
    v.details.push_back(formatv("{0} of {1} layers change less than {2} of the stream's mean "
                                "square, layer {3} first",
                                weakLayers, v.profile.size(), weak, firstWeak));
  addComparison(v, init, "N_eff", effective);
  addTolerance(v, init, "0.90..1.12", "0.85..1.18");
  return v;
}

std::vector<Verdict> mlir::lnx::stability::initVerdicts(const InitProfile &init) {
  return {initVariance(init), backwardInitGradientProfile(init), initParameterGradientProfile(init),
          rankCollapse(init), layerEffectiveness(init)};
}
