// FittedFlow: the rules of 4.6 for one piece: reset, square, contraction, product with sum.
// Everything is an upper bound; where an exponent of a product is needed its constant is kept.
#include "compiler/stability/FittedFlow.h"
#include <algorithm>
#include <cfloat>
#include <cmath>

namespace mlir::lnx::stability::fitted {

/// A product of skips this near to 1 is 1: rounding of doubles, nothing else.
static constexpr double roundingSlack = 4 * DBL_EPSILON;

bool GrowthFlow::readUpdates(const Piece &piece) {
  updates.clear();
  span = spanOf(piece, samples.depths);
  double smallest = static_cast<double>(samples.depths.front());
  for (size_t i = 0; i < piece.columns.size(); i += columnsPerUpdate) {
    std::optional<UpperBound> bounds[columnsPerUpdate];
    for (size_t k = 0; k < columnsPerUpdate; ++k) {
      bounds[k] = upperBound(piece.columns[i + k], smallest);
      if (!bounds[k])
        return false;
    }
    Update update{*bounds[0], *bounds[1], *bounds[2]};
    update.a.add(*bounds[3]);
    update.a.constant = std::max(update.a.constant, 0.0);
    update.isReset = update.a.isZero() && update.c.isZero();
    updates.push_back(std::move(update));
  }
  return true;
}

void GrowthFlow::passOnce(const Update &update) {
  Growth next = classOfValue(update.b, span);
  if (!update.a.isZero())
    next = Growth::maximum(next, state.times(classOfValue(update.a, span)));
  if (!update.c.isZero())
    next = Growth::maximum(next, state.squared().times(classOfValue(update.c, span)));
  state = next;
}

/// A norm after the sum forgets what came before: only the last layer's updates after it count.
bool GrowthFlow::passReset() {
  size_t last = updates.size();
  for (size_t i = 0; i < updates.size(); ++i)
    if (updates[i].isReset)
      last = i;
  for (size_t i = last; i < updates.size(); ++i)
    passOnce(updates[i]);
  return last < updates.size();
}

/// A const < 1 over a whole layer: max(r0, B/(1 - A)), with B the largest there is. Terms that
/// vanish are large in finitely many layers only, a constant factor.
bool GrowthFlow::passContraction() {
  double layer = 1;
  for (const Update &update : updates) {
    if (!std::all_of(update.a.terms.begin(), update.a.terms.end(), isVanishing))
      return false;
    layer *= update.a.constant;
  }
  if (!(layer < 1 - roundingSlack * static_cast<double>(updates.size())))
    return false;
  for (const Update &update : updates)
    state = Growth::maximum(state, classOfValue(update.b, span));
  return true;
}

/// Terms whose sum over the layers is above log prod A, up to a constant.
std::vector<ScheduleTerm> GrowthFlow::logTerms(bool &isExponential) const {
  double layer = 0, largest = 0, smallest = 1;
  for (const Update &update : updates) {
    layer += std::log(update.a.constant);
    largest = std::max(largest, update.a.constant);
    smallest = std::min(smallest, update.a.constant);
  }
  // Constants that cancel within a layer, as 2 and 1/2: prefixes of the product stay bounded.
  bool cancels =
      smallest > 0 && largest > 1 + roundingSlack && layer <= roundingSlack * updates.size();
  std::vector<ScheduleTerm> result;
  for (const Update &update : updates) {
    double above = update.a.constant;
    bool isBounded = true;
    for (const ScheduleTerm &t : update.a.terms) {
      above += t.c;
      isBounded &= isAtMostOne(t);
    }
    if (!cancels && isBounded && above <= 1 + roundingSlack)
      continue;
    isExponential |= !cancels && update.a.constant > 1 + roundingSlack;
    for (ScheduleTerm t : update.a.terms) {
      if (cancels)
        t.c /= update.a.constant;
      result.push_back(t);
    }
  }
  return result;
}

/// prod A <= (N/l)^k or N^k, so B's terms are multiplied by that before they are summed.
void GrowthFlow::passLogarithm(const std::vector<ScheduleTerm> &logs) {
  double k = 0;
  bool isPure = true;
  for (const ScheduleTerm &t : logs) {
    Growth sum = classOfSum(t, span);
    if (sum.kind() != Growth::Kind::log)
      continue;
    k += logCoefficient(t, span);
    isPure &= span.startFraction == 0 && t.s == 0 && t.q == 0;
  }
  k = nearbyFraction(k);
  state = state.times(Growth::power(k));
  for (const Update &update : updates) {
    std::vector<ScheduleTerm> terms = update.b.terms;
    if (update.b.constant > 0)
      terms.push_back({update.b.constant, 0, 0, 0});
    for (ScheduleTerm t : terms) {
      t.p += isPure ? k : 0;
      t.s -= k;
      state = Growth::maximum(state, classOfSum(t, span));
    }
  }
}

void GrowthFlow::passProduct() {
  bool isExponential = false;
  std::vector<ScheduleTerm> logs = logTerms(isExponential);
  Growth sum = isExponential ? Growth::power(1) : Growth::bounded();
  for (const ScheduleTerm &t : logs)
    sum = Growth::maximum(sum, classOfSum(t, span));
  Growth factor = Growth::bounded();
  if (sum.kind() == Growth::Kind::log && sum.logs() <= 1)
    return passLogarithm(logs);
  if (sum.kind() == Growth::Kind::log) // exp((log N)^q): between every power and every stretched
    factor = Growth::unknown(0);
  else if (sum.kind() == Growth::Kind::power && sum.exponent() < 1)
    factor = Growth::stretched(sum.exponent(), sum.logs());
  else if (sum.kind() == Growth::Kind::power)
    factor = sum == Growth::power(1) ? Growth::exponential() : Growth::doubleExponential();
  for (const Update &update : updates)
    state = Growth::maximum(state, classOfSum(update.b, span));
  state = state.times(factor);
}

bool GrowthFlow::pass(const Piece &piece) {
  if (!readUpdates(piece))
    return false;
  if (span.hasFixedLength) {
    for (int64_t layer = piece.first[0]; layer <= piece.last[0]; ++layer)
      for (const Update &update : updates)
        passOnce(update);
    return true;
  }
  if (passReset())
    return true;
  if (std::any_of(updates.begin(), updates.end(), [](const Update &u) { return !u.c.isZero(); }))
    state = Growth::doubleExponential();
  else if (!passContraction())
    passProduct();
  return true;
}

} // namespace mlir::lnx::stability::fitted
