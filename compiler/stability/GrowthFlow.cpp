// GrowthFlow: the rules of 4.6 for one stack: reset, square, contraction, product with sum.
// Everything is an upper bound; factors are kept, as an exponent of a later product may need them.
#include "compiler/stability/GrowthFlow.h"
#include "llvm/ADT/STLExtras.h"
#include <cfloat>
#include <cmath>

namespace mlir::lnx::stability {

/// More layers of a stack whose length is the same at every depth are not followed one by one.
static constexpr int64_t mostFixed = 64;

static bool isLess(const Scalar &x, const Scalar &y) { return Scalar::compare(x, y) < 0; }

/// Above 1, for all that the rounding of the doubles it is made of shows.
static bool isAboveOne(const Scalar &x) {
  return x.isExact() ? isLess(1, x) : x.value() > 1 - 4 * DBL_EPSILON;
}
/// Below 1 by more than inexact numbers may be wrong.
static bool isBelowOne(const Scalar &x) {
  return x.isExact() ? isLess(x, 1) : x.value() < 1 - coefficientError;
}

/// A <= constant + terms + gain, B <= b, C <= c; positive terms all.
struct GrowthFlow::Update {
  Scalar constant = 0; ///< of the skip
  Sum terms, gain, b, c;

  bool isReset() const { return constant.isZero() && terms.empty() && gain.empty() && c.empty(); }
  /// The part of A that is the same in all layers at all depths.
  Scalar level() const {
    Scalar sum = constant;
    for (const Monomial &term : gain)
      sum = term.isConstant() ? sum + term.c : sum;
    return sum;
  }
  Sum all() const {
    Sum sum = sumOf(terms, gain, Toward::above);
    add(sum, {constant}, Toward::above);
    return sum;
  }
  /// A without its level.
  Sum beside() const {
    Sum sum;
    for (const Monomial &term : all())
      if (!term.isConstant())
        sum.push_back(term);
    return sum;
  }
};

std::optional<GrowthFlow::Update> GrowthFlow::read(const StepSchedule &step) {
  Update update;
  if (!step.a.above() || !step.gain.above() || !step.b.above() || !step.c.above())
    return std::nullopt;
  for (const Monomial &term : positiveAbove(*step.a.above())) {
    if (term.isConstant())
      update.constant = term.c;
    else
      update.terms.push_back(term);
  }
  update.gain = positiveAbove(*step.gain.above());
  update.b = positiveAbove(*step.b.above());
  update.c = positiveAbove(*step.c.above());
  return update;
}

//===-- the state ------------------------------------------------------------===//

GrowthFlow::GrowthFlow(const Schedule &start) {
  if (!start.above())
    lose();
  else
    set(valueAbove(positiveAbove(*start.above()), start.layers()), Growth::unknown());
}

void GrowthFlow::set(std::optional<Sum> above, const Growth &otherwise) {
  constexpr size_t mostTerms = 12;
  r = std::move(above);
  if (r && r->size() > mostTerms)
    if (std::optional<Monomial> one = oneAbove(*r, Layers()))
      r = Sum{*one};
  for (size_t i = 0; r && i < r->size(); ++i)
    if (!(*r)[i].c.isFinite())
      r.reset();
  state = r ? classOf(*r) : otherwise;
}

void GrowthFlow::lose() { set(std::nullopt, Growth::unknown()); }

void GrowthFlow::passOnce(const Update &update, const Layers &layers) {
  const Sum a = valueAbove(update.all(), layers), b = valueAbove(update.b, layers),
            c = valueAbove(update.c, layers);
  if (r)
    return set(sumOf(sumOf(productOf(a, *r, Toward::above), b, Toward::above),
                     productOf(c, productOf(*r, *r, Toward::above), Toward::above), Toward::above),
               Growth::unknown());
  Growth next = classOf(b);
  if (!a.empty())
    next = Growth::maximum(next, state.times(classOf(a)));
  if (!c.empty())
    next = Growth::maximum(next, state.squared().times(classOf(c)));
  set(std::nullopt, next);
}

/// As many layers at every depth: followed one by one, or all at once where nothing in them depends
/// on the depth.
void GrowthFlow::passFixed(llvm::ArrayRef<Update> updates, const Span &span) {
  if (*span.count <= mostFixed) {
    for (int64_t layer = 0; layer < *span.count; ++layer)
      for (const Update &update : updates)
        passOnce(update, span.layers);
    return;
  }
  Growth next = state;
  for (const Update &update : updates) {
    if (classOf(valueAbove(update.all(), span.layers)).kind() != Growth::Kind::bounded ||
        !update.c.empty())
      return lose();
    next = Growth::maximum(next, classOf(valueAbove(update.b, span.layers)));
  }
  set(std::nullopt, next);
}

//===-- stacks that grow -----------------------------------------------------===//

/// Below any number in all but finitely many layers, however many there are.
static bool isVanishing(const Monomial &term, const Layers &layers) {
  if (isLess(term.s, 0) || isLess(0, layers.from))
    return isLess(term.p + term.s, 0);
  return term.s.isZero() && isLess(term.p, 0) && !isLess(0, term.q);
}

/// A below 1 over a whole layer: r0 + B/(1 - A), with B the largest there is.
bool GrowthFlow::passContraction(llvm::ArrayRef<Update> updates, const Layers &layers) {
  Scalar product = 1, prefix = 1;
  bool isPlain = true;
  for (const Update &update : updates) {
    for (const Monomial &term : update.beside())
      if (!isVanishing(term, layers))
        return false;
      else
        isPlain = false;
    product = product * update.level();
    prefix = isLess(update.level(), 1) ? prefix : prefix * update.level();
  }
  if (!isBelowOne(product))
    return false;
  Sum b;
  for (const Update &update : updates)
    b = sumOf(b, valueAbove(update.b, layers), Toward::above);
  const Growth next = Growth::maximum(state, classOf(b));
  if (!r || !isPlain) // finitely many layers multiply by some number
    set(std::nullopt, next);
  else
    set(sumOf(*r, productOf(b, {{prefix / (1 - product)}}, Toward::above), Toward::above), next);
  return true;
}

/// Below a number 1 and what it is multiplied by: A <= 1 in all layers.
static bool isAtMostOne(const Sum &a, const Layers &layers) {
  const Scalar most = limitOf(a, layers);
  return most.isFinite() && !isAboveOne(most);
}

/// log prod A <= sum of log(level) + beside/level.
void GrowthFlow::passProduct(llvm::ArrayRef<Update> updates, const Layers &layers) {
  Scalar product = 1, prefix = 1;
  bool hasZero = false, hasGain = false, isRising = false;
  for (const Update &update : updates) {
    const Scalar level = update.level();
    hasZero |= level.isZero();
    hasGain |= llvm::any_of(update.gain, [](const Monomial &term) { return term.isConstant(); });
    isRising |= isAboveOne(level);
    product = product * level;
    prefix = isLess(level, 1) ? prefix : prefix * level;
  }
  // A gain counts even where it is lost in the rounding of the product.
  const bool grows = isAboveOne(product) || (hasGain && !product.isExact() && !isBelowOne(product));
  isRising |= grows;
  // Levels that cancel within a layer, as 2 and 1/2: prefixes of the product stay bounded.
  const bool cancels = isRising && !hasZero && !grows;
  Sum logs;
  for (const Update &update : updates) {
    if (!cancels && isAtMostOne(update.all(), layers))
      continue;
    for (Monomial term : update.beside()) {
      if (cancels || isLess(1, update.level()))
        term.c = term.c / update.level();
      add(logs, term, Toward::above);
    }
  }
  if (!isRising || cancels)
    return passPower(updates, layers, logs, isRising ? prefix : Scalar(1));
  const Growth sum = Growth::maximum(Growth::power(1), classOf(sumAbove(logs, layers)));
  if (sum.kind() == Growth::Kind::unknown)
    return lose();
  const Growth factor =
      sum == Growth::power(1) ? Growth::exponential() : Growth::doubleExponential();
  for (const Update &update : updates)
    state = Growth::maximum(state, classOf(sumAbove(update.b, layers)));
  set(std::nullopt, state.times(factor));
}

/// The fraction that a number is but for rounding, or itself.
static Scalar fractionOf(const Scalar &factor) {
  for (int64_t under = 1; !factor.isExact() && under <= 16; ++under) {
    const double over = std::round(factor.value() * double(under));
    if (std::fabs(factor.value() * double(under) - over) <= 4e-15)
      return Scalar::fraction(static_cast<int64_t>(over), under);
  }
  return factor;
}

namespace {
/// exp(sum of logs over the layers) <= e^constant N^k, or of the class exp(fastest).
struct Exponent {
  Scalar constant = 0, k = 0;
  Growth fastest;
  bool isHarmonic = true; ///< from layer l on it is e^constant (to N/l)^k
  bool isKnown = true;
};
} // namespace

static Exponent exponentOf(const Sum &logs, const Layers &layers) {
  Exponent result;
  for (const Monomial &log : logs) {
    const bool isHarmonic = log.p == -1 && log.s.isZero() && log.q.isZero() && layers.from.isZero();
    for (const Monomial &term : sumAbove({log}, layers)) {
      if (isLess(0, term.s)) {
        result.fastest = Growth::maximum(result.fastest, classOf(Sum{term}));
      } else if (isLess(term.s, 0) || !isLess(0, term.q)) {
        result.constant = result.constant + term.c; // no more than that, once N is large
      } else if (isLess(1, term.q)) {
        result.isKnown = false; // exp((log N)^q): between every power and every stretched class
      } else {
        result.k = result.k + term.c;
        result.isHarmonic &= isHarmonic;
      }
    }
  }
  result.k = fractionOf(result.k);
  result.isKnown &= result.fastest.kind() != Growth::Kind::unknown;
  return result;
}

/// prod A <= share exp(sum of logs). B's terms are multiplied by what follows them before they are
/// summed.
void GrowthFlow::passPower(llvm::ArrayRef<Update> updates, const Layers &layers, const Sum &logs,
                           const Scalar &share) {
  const Exponent exponent = exponentOf(logs, layers);
  if (!exponent.isKnown)
    return lose();
  if (exponent.fastest.kind() == Growth::Kind::power) {
    const Growth &fastest = exponent.fastest;
    Growth next = state;
    for (const Update &update : updates)
      next = Growth::maximum(next, classOf(sumAbove(update.b, layers)));
    return set(std::nullopt, next.times(fastest == Growth::power(1) ? Growth::exponential()
                                        : fastest.exponent() < 1
                                            ? Growth::stretched(fastest.exponent(), fastest.logs())
                                            : Growth::doubleExponential()));
  }
  const Scalar &k = exponent.k;
  Sum steps;
  for (const Update &update : updates)
    for (Monomial term : update.b) {
      if (exponent.isHarmonic) {
        term.c = term.c * power(layers.to, k);
        term.p = term.p - k;
      }
      term.s = term.s + k;
      steps = sumOf(steps, sumAbove({term}, layers), Toward::above);
    }
  const Sum product = {{1, 0, k, 0}};
  const Growth next = Growth::maximum(state.times(classOf(product)), classOf(steps));
  if (!r)
    return set(std::nullopt, next);
  const Scalar factor = exponent.constant.isZero()
                            ? share
                            : share * Scalar::inexact(std::exp(exponent.constant.value()));
  const Sum all = sumOf(productOf(*r, product, Toward::above), steps, Toward::above);
  set(productOf(all, {{factor}}, Toward::above), next);
}

void GrowthFlow::pass(const StackSchedule &stack) {
  if (stack.span.count == 0 || stack.steps.empty())
    return;
  std::vector<Update> updates;
  for (const StepSchedule &step : stack.steps) {
    std::optional<Update> update = read(step);
    if (!update || !stack.span.isKnown)
      return lose();
    updates.push_back(std::move(*update));
  }
  // A norm after the sum forgets what came before: only the last layer's updates from it on count.
  auto reset = std::find_if(updates.rbegin(), updates.rend(),
                            [](const Update &update) { return update.isReset(); });
  if (reset != updates.rend()) {
    for (auto update = std::prev(reset.base()); update != updates.end(); ++update)
      passOnce(*update, stack.span.layers);
    return;
  }
  if (!stack.span.isGrowing())
    return passFixed(updates, stack.span);
  if (llvm::any_of(updates, [](const Update &update) { return !update.c.empty(); }))
    return set(std::nullopt,
               state.kind() == Growth::Kind::unknown ? state : Growth::doubleExponential());
  if (!passContraction(updates, stack.span.layers))
    passProduct(updates, stack.span.layers);
}

Growth classOf(const Schedule &start, llvm::ArrayRef<StackSchedule> stacks) {
  GrowthFlow flow(start);
  for (const StackSchedule &stack : stacks)
    flow.pass(stack);
  return flow.result();
}

//===-- lower classes --------------------------------------------------------===//

/// The constant of terms below a schedule; 0 where nothing is known.
static Scalar constantBelow(const Schedule &schedule) {
  Scalar constant = 0;
  if (const std::optional<Sum> floor = schedule.positiveFloor())
    for (const Monomial &term : *floor)
      constant = term.isConstant() ? term.c : constant;
  return constant;
}

/// With every skip at least 1 r only grows: by the sum of B, and exponentially by a gain that does
/// not vanish.
Growth lowerClassOf(llvm::ArrayRef<StackSchedule> stacks) {
  Growth result = Growth::bounded();
  for (const StackSchedule &stack : stacks)
    for (const StepSchedule &step : stack.steps) {
      const Scalar skip = constantBelow(step.a);
      if (!skip.isExact() || isLess(skip, 1))
        return Growth::bounded();
      if (stack.span.isKnown && stack.span.isLong &&
          (isLess(0, constantBelow(step.gain)) || isLess(1, skip)))
        result = Growth::maximum(result, Growth::exponential());
      if (std::optional<Growth> sum = lowerClassOfSum(step.b, stack.span))
        result = Growth::maximum(result, *sum);
    }
  return result;
}

} // namespace mlir::lnx::stability
