// Growth: the table of S49 for sums over layers, and products of factors by the sums of their
// logarithms (S50). Constants count where they become exponents.
#include "compiler/certify/Growth.h"
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <tuple>

namespace lnx::certify {

using Terms = std::vector<Monomial>;
using MaybeClass = std::optional<Class>;

static constexpr double same = 1e-13; // exponents are sums of a few fractions
static constexpr double near = 1e-9;  // exponents that are neither the same nor surely others

//===-- classes ----------------------------------------------------------------===//

/// Whether rounding may have moved an exponent across a fraction.
static bool isUnclear(double exponent) {
  for (int under = 1; under <= 16; ++under)
    if (double off = std::abs(exponent * under - std::round(exponent * under));
        off > same * under && off < near * under)
      return true;
  return false;
}

static Class polynomialOf(double power, double logs) {
  if (isUnclear(power) || isUnclear(logs))
    return {Class::unclear};
  if (power < -same || (power < same && logs < same))
    return {};
  return {Class::polynomial, power < same ? 0 : power, logs < same ? 0 : logs};
}

static auto orderOf(const Class &x) { return std::tuple(x.kind, x.power, x.logs); }

Class larger(const Class &x, const Class &y) { return orderOf(x) < orderOf(y) ? y : x; }

Class productOf(const Class &x, const Class &y) {
  if (x.kind != Class::polynomial || y.kind != Class::polynomial)
    return larger(x, y);
  return polynomialOf(x.power + y.power, x.logs + y.logs);
}

static std::string fractionOf(double value) {
  for (int under = 1; under <= 16; ++under)
    if (double over = std::round(value * under); std::abs(value * under - over) < 1e-9 * under)
      return print(over) + (under > 1 ? "/" + std::to_string(under) : "");
  char text[32];
  std::snprintf(text, sizeof text, "%.12g", value);
  if (std::abs(std::strtod(text, nullptr) - value) > 4e-15)
    std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

std::string print(const Class &x) {
  if (x.kind == Class::unclear)
    return "unclear";
  if (x.kind >= Class::exponential)
    return x.kind == Class::exponential ? "exponential" : "double_exponential";
  std::string logs = x.logs == 0 ? "" : x.logs == 1 ? "log" : "log^" + fractionOf(x.logs);
  std::string power = fractionOf(x.power);
  if (x.kind == Class::polynomial && power == "0")
    return logs.empty() ? "bounded" : logs;
  power = x.kind == Class::stretched ? "stretched(" + power + ")"
          : power == "1"             ? "linear"
          : power == "2"             ? "quadratic"
                                     : "power(" + power + ")";
  return power + (logs.empty() ? "" : "*" + logs);
}

Rate rateOf(const Class &x) {
  if (x.kind != Class::polynomial)
    return std::nullopt;
  return Terms{{infinity, 0, x.power, x.logs}};
}

//===-- layers -----------------------------------------------------------------===//

/// At so many N instead of in layer l; the C library's pow is good to a few units in the last
/// place.
static Monomial at(double share, const Monomial &x) {
  double power = share == 1 ? 1 : mulUp(std::pow(share, x.p), 1 + 1e-15);
  return {mulUp(x.c, power), 0, x.s + x.p, x.q};
}

/// The largest in the layers: in the last ones where it rises, else in the first.
static Monomial largestIn(const Monomial &x, const Span &span) {
  bool isRising = x.p >= 0;
  if (x.p != 0 && (isRising ? span.isGrowing() : span.isLate()))
    return at(isRising ? span.to : span.from, x);
  return {x.p > 0 ? infinity : x.c, 0, x.s, x.q};
}

/// Over all layers: sum l^p <= N^(1+p)/(1+p) for -1 < p < 0, 1 + log N for p = -1, p/(1+p) for
/// p < -1, and else as many times the largest.
static Monomial sumIn(Monomial x, const Span &span) {
  double more = x.p + 1;
  if (!span.isGrowing())
    return largestIn(x, span);
  if (x.p >= 0 || span.isLate()) {
    x = largestIn(x, span);
    x.c = mulUp(x.c, span.to);
    x.s += 1;
  } else if (std::abs(more) <= same) {
    x = {x.c, 0, x.s, x.q + 1};
  } else if (std::abs(more) < near) {
    x = {infinity, 0, x.s + std::abs(more), x.q + 1};
  } else if (more > 0) {
    x = at(span.to, {divUp(x.c, more), more, x.s, x.q});
  } else {
    x = {divUp(mulUp(x.c, -x.p), -more), 0, x.s, x.q};
  }
  return x;
}

template <typename F> static Class classOf(const Terms &x, const Span &span, F f) {
  Class result;
  for (const Monomial &one : x) {
    Monomial all = f(one, span);
    result = larger(result, polynomialOf(all.s, all.q));
  }
  return result;
}
static Class largestClass(const Terms &x, const Span &span) { return classOf(x, span, largestIn); }
static Class summedClass(const Terms &x, const Span &span) { return classOf(x, span, sumIn); }

static constexpr Span allLayers = {/*isKnown=*/true, /*from=*/0, /*to=*/1};

MaybeClass classOf(const Rate &x) {
  return x ? MaybeClass(largestClass(*x, allLayers)) : std::nullopt;
}

bool isLess(const Rate &x, const Rate &y) {
  if (!x || !y)
    return x && !y;
  if (isSteady(x) && isSteady(y))
    return largestOf(x) < largestOf(y);
  auto order = [](const Terms &one) {
    return std::pair(orderOf(summedClass(one, allLayers)), orderOf(largestClass(one, allLayers)));
  };
  return order(*x) < order(*y);
}

//===-- one repeat -------------------------------------------------------------===//

namespace {
/// r' <= (level + beside) r + one + square r^2; beside has no constant.
struct Step {
  double level = 0;
  Terms beside, one, square;

  bool forgets() const { return level == 0 && beside.empty() && square.empty(); }
};
} // namespace

static std::optional<Step> stepOf(const Update &update) {
  const Size &next = update.next;
  if (!next.one.rate || !next.line.rate || !next.square.rate)
    return std::nullopt;
  Step step;
  step.one = *next.one.rate;
  step.square = *next.square.rate;
  for (const Monomial &term : *next.line.rate)
    if (term.isConstant())
      step.level = term.c;
    else
      step.beside.push_back(term);
  if (!update.isFalling) { // max(share, 1) instead of the share
    double share =
        isSteady(update.share.rate) ? std::min(largestOf(update.share.rate), step.level) : 0;
    step.level = addUp(std::max(share, 1.0), addUp(step.level, -share));
  }
  return step;
}

/// Below any number in all but finitely many layers.
static bool isVanishing(const Monomial &x, const Span &span) {
  if (x.s < -near || span.isLate())
    return x.p + x.s < -near;
  return x.s < same && x.p < -near && x.q < same;
}

/// level + beside <= 1 in all layers of all large depths.
static bool isAtMostOne(const Step &step, const Span &span) {
  double sum = step.level;
  for (const Monomial &one : step.beside) {
    Monomial most = largestIn(one, span);
    if (most.s > same || (most.s > -same && most.q > same))
      return false;
    bool isSmall = most.s < -near || most.q < -near; // below any share of c
    sum = addUp(sum, isSmall ? one.c / 64 : most.c);
  }
  return sum <= 1;
}

static Class behindOne(const Step &step, const Span &span, const Class &before) {
  Class result = largestClass(step.one, span);
  if (step.level > 0)
    result = larger(result, before);
  if (!step.beside.empty())
    result = larger(result, productOf(before, largestClass(step.beside, span)));
  if (!step.square.empty())
    result = larger(result, productOf(productOf(before, before), largestClass(step.square, span)));
  return result;
}

namespace {
/// exp(sum of logs over the layers): some number times N^k, or of the class exp(fastest).
struct Product {
  double k = 0;
  Class fastest;
  bool isHarmonic = true; ///< from layer l on it is (N/l)^k
};
} // namespace

static std::optional<Product> productOf(const Terms &logs, const Span &span) {
  Product result;
  for (const Monomial &log : logs) {
    Monomial sum = sumIn(log, span);
    Class one = polynomialOf(sum.s, sum.q);
    if (one.kind == Class::unclear)
      return std::nullopt;
    if (one.power > 0) {
      result.fastest = larger(result.fastest, one);
    } else if (one.logs > 0) {
      if (one.logs > 1 || !std::isfinite(sum.c))
        return std::nullopt;
      result.k = addUp(result.k, sum.c);
      result.isHarmonic = result.isHarmonic && std::abs(log.p + 1) < same && log.q == 0;
    }
  }
  return result;
}

static Class fastClass(const Class &exponent) {
  if (exponent.kind != Class::polynomial)
    return exponent;
  if (exponent.power > 1 + same || (exponent.power > 1 - same && exponent.logs > 0))
    return {Class::doubleExponential};
  if (exponent.power > 1 - same)
    return {Class::exponential};
  return {Class::stretched, exponent.power, exponent.logs};
}

static Class summedOf(const std::vector<Step> &steps, const Span &span) {
  Class result;
  for (const Step &step : steps)
    result = larger(result, summedClass(step.one, span));
  return result;
}

/// Factors above 1: the sum of their logarithms decides.
static MaybeClass behindProduct(const std::vector<Step> &steps, const Span &span,
                                const Class &before) {
  double product = 1;
  bool isRising = false, hasZero = false;
  for (const Step &step : steps) {
    product = mulUp(product, step.level);
    isRising = isRising || step.level > 1;
    hasZero = hasZero || step.level == 0;
  }
  bool isCancelled = isRising && !hasZero && product <= 1; // 2 and 1/2 in one layer
  Terms logs;
  for (const Step &step : steps)
    for (Monomial term : step.beside)
      if (isCancelled || !isAtMostOne(step, span)) {
        if (isCancelled || step.level > 1)
          term.c = divUp(term.c, step.level);
        logs.push_back(term);
      }
  if (isRising && !isCancelled) {
    Class sum = larger({Class::polynomial, 1, 0}, summedClass(logs, span));
    return larger(larger(before, summedOf(steps, span)), fastClass(sum));
  }
  std::optional<Product> factor = productOf(logs, span);
  if (!factor)
    return std::nullopt;
  if (factor->fastest.power > 0)
    return larger(larger(before, summedOf(steps, span)), fastClass(factor->fastest));
  Class result = productOf(before, polynomialOf(factor->k, 0));
  for (const Step &step : steps)
    for (Monomial term : step.one) {
      term.p -= factor->isHarmonic ? factor->k : 0;
      term.s += factor->k;
      result = larger(result, summedClass({term}, span));
    }
  return result;
}

MaybeClass classBehind(const std::vector<Update> &updates, const Span &span, int64_t count,
                       const MaybeClass &known) {
  std::vector<Step> steps;
  for (const Update &update : updates) {
    std::optional<Step> step = stepOf(update);
    if (!step || !span.isKnown)
      return std::nullopt;
    if (step->forgets()) // only the last layer counts, from here on
      steps.clear();
    steps.push_back(std::move(*step));
  }
  bool isReset = !steps.empty() && steps.front().forgets();
  if (steps.empty() || (!known && !isReset))
    return known;
  const Class before = known.value_or(Class());
  Class result = before;
  if (isReset || !span.isGrowing()) {
    constexpr int64_t most = 64;
    for (int64_t layer = 0; layer < (isReset ? 1 : count); ++layer) {
      const Class last = result;
      for (const Step &step : steps)
        result = behindOne(step, span, result);
      if (layer == most && orderOf(result) != orderOf(last))
        return std::nullopt;
      if (orderOf(result) == orderOf(last))
        break;
    }
    return result;
  }
  double product = 1;
  bool isContracting = true;
  for (const Step &step : steps) {
    if (!step.square.empty())
      return Class{Class::doubleExponential};
    product = mulUp(product, step.level);
    for (const Monomial &term : step.beside)
      isContracting = isContracting && isVanishing(term, span);
  }
  if (!isContracting || product >= 1)
    return behindProduct(steps, span, before);
  for (const Step &step : steps)
    result = larger(result, largestClass(step.one, span));
  return result;
}

} // namespace lnx::certify
