// Axioms: which parameters a promise is about, and what it says of them (S3, S6, S7, S73..S75).
#include "compiler/certify/Parts.h"
#include <algorithm>

namespace lnx::certify {

static bool speaksAbout(const Axiom &axiom, int64_t place) {
  return axiom.first <= place && place <= axiom.last;
}

static bool endsWith(const std::string &path, const std::string &end) {
  return path.size() >= end.size() &&
         path.compare(path.size() - end.size(), end.size(), end) == 0 &&
         (path.size() == end.size() || path[path.size() - end.size() - 1] == '.');
}

static std::optional<int64_t> layerOf(const std::string &path) {
  std::string head = path.substr(0, path.find('.'));
  if (head.empty() || head.size() > 15 || head.size() == path.size() ||
      head.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return std::stoll(head);
}

/// W_Q .. W_d are the matrices of attn, mlp and glu; a gate tells glu from mlp.
static bool names(const Site &site, std::string name, const std::string &path) {
  static const std::pair<const char *, const char *> aliases[] = {
      {"W_Q", "q.W"},    {"W_K", "k.W"},    {"W_V", "v.W"},  {"W_O", "o.W"},   {"W_1", "up.W"},
      {"W_2", "down.W"}, {"W_g", "gate.W"}, {"W_u", "up.W"}, {"W_d", "down.W"}};
  if (layerOf(name))
    name = name.substr(name.find('.') + 1);
  for (auto [alias, end] : aliases) {
    if (name != alias)
      continue;
    if (!endsWith(path, end))
      return false;
    std::string gate = path.substr(0, path.size() - std::string(end).size()) + "gate.W";
    bool isGated = site.document.paths.count(gate) > 0;
    if (name == "W_1" || name == "W_2")
      return !isGated;
    return (name != "W_u" && name != "W_d") || isGated;
  }
  return endsWith(path, name);
}

// A promise about one layer is a number for each of them.
static constexpr int64_t mostLayered = 100'000;

/// The bound of this axiom in the layers of the site; one layer's is no promise in others.
static Series boundAt(const Site &site, const Axiom &axiom) {
  if (!axiom.bound)
    return infinity;
  const Series &bound = *axiom.bound;
  std::optional<int64_t> layer = layerOf(axiom.path);
  if (layer && site.layers > mostLayered)
    return infinity;
  if (layer && site.firstLayer > 0) {
    Series result(std::vector<double>(static_cast<size_t>(site.layers), infinity), std::nullopt);
    int64_t index = *layer - site.firstLayer;
    if (index >= 0 && index < site.layers)
      result.values[static_cast<size_t>(index)] = bound[0];
    return result;
  }
  bool isFitting = bound.isUniform() || static_cast<int64_t>(bound.values.size()) == site.layers;
  return isFitting ? bound : Series(infinity);
}

//===-- optimizers -----------------------------------------------------------===//

/// max |m|/sqrt(v) of Adam (S73).
static double stepOfAdam(double beta1, double beta2) {
  if (!(beta1 >= 0 && beta1 < 1 && beta2 < 1 && beta1 * beta1 < beta2))
    return infinity;
  double rest = mulDown(addDown(1, -beta2), addDown(1, -divUp(mulUp(beta1, beta1), beta2)));
  return divUp(addUp(1, -beta1), sqrtDown(rest));
}

/// |W| after `steps` steps of W <- (1 - lr decay) W - lr u, |u| <= step (S73..S75).
static double reached(double initial, double lr, double steps, double decay, double step) {
  if (!(initial >= 0 && lr >= 0 && steps >= 0 && decay >= 0 && step >= 0))
    return infinity;
  if (steps == 0 || lr == 0)
    return initial;
  double summed = mulUp(lr, decay) <= 2 ? addUp(initial, mulUp(mulUp(step, lr), steps)) : infinity;
  double decayed =
      decay > 0 && mulUp(lr, decay) <= 1 ? std::max(initial, divUp(step, decay)) : infinity;
  return std::min(summed, decayed);
}

namespace {
/// What is known of a parameter so far.
struct Weights {
  Series peak = infinity, spectral = infinity, frobenius = infinity, perhead = infinity,
         rowSum = infinity;

  bool isBounded(bool isMatrix) const {
    return peak.isFinite() || frobenius.isFinite() || (isMatrix && spectral.isFinite()) ||
           perhead.isFinite() || rowSum.isFinite();
  }
};
} // namespace

static void reach(const Step &step, const Axiom &axiom, Weights &weights) {
  auto setting = [&](const char *name, double otherwise) {
    auto found = axiom.with.find(name);
    return found == axiom.with.end() ? otherwise : found->second;
  };
  double lr = setting("lr", infinity), steps = setting("steps", infinity);
  double decay = step.shape.size() < 2 ? 0 : setting("decay", 0);
  double start = step.start.value_or(infinity), size = root(step.count());
  if (axiom.form == "adamw") {
    double moved = stepOfAdam(setting("beta1", 0.9), setting("beta2", 0.95));
    weights.peak = least(weights.peak, reached(start, lr, steps, decay, moved));
  } else if (axiom.form == "sgd") {
    double clip = setting("clip", infinity);
    weights.frobenius = least(weights.frobenius, reached(mulUp(size, start), lr, steps, 0, clip));
    weights.peak = least(weights.peak, reached(start, lr, steps, 0, clip));
  } else if (axiom.form == "muon" && step.shape.size() == 2) {
    weights.spectral =
        least(weights.spectral, reached(mulUp(size, start), lr, steps, decay, setting("size", 1)));
  }
  if (!step.schedule.empty()) // drawn otherwise at other depths
    for (Series *one : {&weights.peak, &weights.frobenius, &weights.spectral})
      one->rate = std::nullopt;
}

//===-- parameters -------------------------------------------------------------===//

static void promise(const Site &site, const Axiom &axiom, Weights &weights) {
  Series bound = boundAt(site, axiom);
  if (axiom.form == "spectral")
    weights.spectral = least(weights.spectral, bound);
  else if (axiom.form == "frobenius")
    weights.frobenius = least(weights.frobenius, bound);
  else if (axiom.form == "perhead")
    weights.perhead = least(weights.perhead, bound);
  else if (axiom.form == "max")
    weights.peak = least(weights.peak, bound);
  else if (axiom.form == "abs_row_sum")
    weights.rowSum = least(weights.rowSum, bound);
  else if (axiom.form == "doubly_stochastic") // a mean of permutations
    for (Series *one : {&weights.rowSum, &weights.spectral, &weights.peak})
      *one = least(*one, 1.0);
}

/// Features of one head: what attention splits its queries into; 0 where there is no one size.
static int64_t headSize(const Document &document) {
  int64_t size = 0;
  for (const Step &step : document.program) {
    double heads = step.number("heads").value_or(0);
    if (step.op != "attend" || step.of.empty())
      continue;
    int64_t width = document.program[step.of[0]].last();
    if (!(heads >= 1 && heads <= static_cast<double>(width)))
      continue;
    int64_t one = width / static_cast<int64_t>(heads);
    if (size != 0 && one != size)
      return 0;
    size = one;
  }
  return size;
}

Derived parameterOf(const Site &site) {
  const Step &step = site.step();
  Weights weights;
  for (const Axiom &axiom : site.document.axioms)
    if (!axiom.path.empty() && speaksAbout(axiom, site.place) && names(site, axiom.path, step.path))
      promise(site, axiom, weights);
  bool isMatrix = step.shape.size() == 2;
  if (site.derivation.isTrajectory && !weights.isBounded(isMatrix))
    for (const Axiom &axiom : site.document.axioms)
      if (axiom.form == "adamw" || axiom.form == "sgd" || axiom.form == "muon") {
        reach(step, axiom, weights);
        break;
      }
  Derived x;
  x.rule = "S3";
  x.isFixed = true;
  x.frobenius = least(weights.frobenius, Series(root(step.count())) * weights.peak);
  if (isMatrix)
    x.frobenius =
        least(x.frobenius, Series(root(std::min(step.shape[0], step.shape[1]))) * weights.spectral);
  x.spectral = least(weights.spectral, x.frobenius);
  x.perhead = weights.perhead;
  x.rowSum = weights.rowSum;
  x.head = headSize(site.document);
  Series mean = divUp(1, sqrtDown(static_cast<double>(step.count())));
  x.bounds[rms] = x.bounds[across] = {Size::constant(mean * x.frobenius)};
  x.bounds[peak] = {Size::constant(least(least(weights.peak, x.frobenius), weights.spectral))};
  return x;
}

/// The better of two, where the first may be unknown.
static Size tighter(const Size &x, const Series &bound) {
  return Size::constant(x.isKnown() && x.isConstant() ? least(x.one, bound) : bound);
}

Value boundGain(const Site &site, Value gain) {
  for (const Axiom &axiom : site.document.axioms)
    if (axiom.form == "norm.gain" && speaksAbout(axiom, site.place)) {
      gain.bound[peak] = tighter(gain[peak], boundAt(site, axiom));
      for (Kind kind : {rms, part, across})
        gain.bound[kind] = tighter(gain[kind], gain[peak].one);
    }
  return gain;
}

Value boundBias(const Site &site, Value bias, int64_t size) {
  for (const Axiom &axiom : site.document.axioms) {
    bool isMax = axiom.form == "norm.bias.max";
    if ((!isMax && axiom.form != "norm.bias.rms") || !speaksAbout(axiom, site.place))
      continue;
    bias.bound[rms] = tighter(bias[rms], boundAt(site, axiom));
    if (isMax) {
      bias.bound[peak] = tighter(bias[peak], boundAt(site, axiom));
      for (Kind kind : {part, across})
        bias.bound[kind] = tighter(bias[kind], bias[peak].one);
    } else {
      bias.bound[across] = bias[rms]; // the same row everywhere
      bias.bound[peak] = tighter(bias[peak], Series(root(size)) * bias[rms].one);
    }
  }
  return bias;
}

std::optional<double> startOf(const Document &document) {
  std::optional<double> smallest;
  for (const Axiom &axiom : document.axioms)
    if (axiom.form == "x0.rms" && axiom.bound)
      if (double one = *std::max_element(axiom.bound->values.begin(), axiom.bound->values.end());
          !smallest || one < *smallest)
        smallest = one;
  return smallest;
}

} // namespace lnx::certify
