// InitSummary: from a mean-field profile to the few numbers that rules and classes compare.
// Embedding and head are left out of spreads; the shortcut ratio is for them (S87).
#include "compiler/stability/InitProfile.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

using namespace mlir::lnx::stability;
using Branch = MeanFieldUpdate::Branch;

static constexpr double infinity = std::numeric_limits<double>::infinity();

static double spreadOf(const std::vector<double> &values) {
  if (values.empty())
    return 1;
  auto [low, high] = std::minmax_element(values.begin(), values.end());
  if (*high == 0 || *low == *high)
    return 1;
  return *low > 0 ? *high / *low : infinity;
}

static std::string nameOf(Branch branch) {
  switch (branch) {
  case Branch::attention:
    return "attention";
  case Branch::mlp:
    return "mlp";
  case Branch::glu:
    return "glu";
  }
  return "";
}

static WeightSpread weightSpread(const std::string &matrix, const std::vector<double> &norms) {
  WeightSpread w;
  w.matrix = matrix;
  w.spread = spreadOf(norms);
  w.isZero = std::all_of(norms.begin(), norms.end(), [](double norm) { return norm == 0; });
  if (!w.isZero)
    w.firstToLast = norms.back() > 0 ? norms.front() / norms.back() : infinity;
  return w;
}

static std::vector<WeightSpread> weightSpreads(const MeanFieldModel &model,
                                               const MeanFieldProfile &profile) {
  std::map<Branch, std::pair<std::vector<double>, std::vector<double>>> norms;
  for (size_t k = 0; k < model.steps.size(); ++k)
    if (!model.steps[k].updates.empty()) {
      auto &[in, out] = norms[model.steps[k].updates.front().branch];
      in.push_back(profile.weightIn[k]);
      out.push_back(profile.weightOut[k]);
    }
  std::vector<WeightSpread> spreads;
  for (const auto &[branch, both] : norms) {
    spreads.push_back(weightSpread(nameOf(branch) + " in", both.first));
    spreads.push_back(weightSpread(nameOf(branch) + " out", both.second));
  }
  return spreads;
}

InitSummary mlir::lnx::stability::summarise(int64_t depth, const MeanFieldModel &model,
                                            const MeanFieldProfile &profile) {
  InitSummary s;
  s.depth = depth;
  s.overflow = profile.overflow;
  s.gradientOverflow = profile.gradientOverflow;
  s.q = profile.q.back();
  s.tokensLeft = profile.oneMinusRho.back();
  s.updateBound = profile.updateBound;
  s.shortcut = profile.gradient.front();
  std::vector<double> rms, gradients;
  double moved = 0;
  for (size_t k = 0; k < model.steps.size(); ++k) {
    moved += profile.effectiveness[k];
    bool last = k + 1 == model.steps.size();
    if (!last && model.layerOfStep[k + 1] == model.layerOfStep[k])
      continue;
    rms.push_back(std::sqrt(profile.q[k + 1]));
    gradients.push_back(profile.gradient[k + 1]);
    s.effective += std::min(1.0, moved);
    moved = 0;
  }
  s.varianceSpread = s.overflow ? infinity : spreadOf(rms);
  s.streamSpread = s.gradientOverflow ? infinity : spreadOf(gradients);
  s.weights = weightSpreads(model, profile);
  for (const WeightSpread &w : s.weights)
    s.weightSpread = std::max(s.weightSpread, w.spread);
  if (s.gradientOverflow)
    s.weightSpread = infinity;
  return s;
}

Growth mlir::lnx::stability::classOfDoubling(const std::vector<double> &values, int root) {
  // Differences of a constant to this relative size are those of the recursion itself.
  constexpr double flat = 0.02;
  size_t n = values.size();
  for (double value : values)
    if (!std::isfinite(value))
      return Growth::exponential();
  if (n < 3)
    return Growth::unknown();
  double low = values[n - 3], middle = values[n - 2], high = values[n - 1];
  if (std::abs(high - values.front()) <= flat * std::abs(high) || high <= low)
    return Growth::bounded();
  // In e^(cN) logarithms double as well; by now it has left the linear part of the curve.
  double before = std::log(middle / low), after = std::log(high / middle);
  if (after > 1.6 * before && after > 0.3)
    return Growth::exponential();
  double ratio = (high - middle) / std::max(middle - low, 1e-300);
  if (ratio < 0.85)
    return Growth::bounded();
  if (ratio < 1.08)
    return Growth::log(1.0 / root);
  double exponent = std::log2(ratio) / root;
  // Exponents settle slowly: Peri's 1/2 is fitted as 0.45 at 768 layers.
  double quarter = std::round(4 * exponent) / 4;
  bool near = quarter > 0 && std::abs(quarter - exponent) <= 0.06;
  return Growth::power(near ? quarter : std::round(100 * exponent) / 100);
}
