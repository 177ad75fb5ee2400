// SensitivityGrowth: the class in depth of prod_k L_k (S84, S85). Sizes and deviations that streams
// keep at every large depth give slopes whose schedules are followed like those of any recurrence.
#include "compiler/stability/Sensitivity.h"
#include "dialect/Idioms.h"
#include "dialect/Sensitivity.h"
#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

/// More than the coefficients of a sum may be wrong.
static constexpr double coefficientSlack = 1 + 10 * coefficientError;

static bool isExactly(const Schedule &schedule, int64_t value) {
  const std::optional<Scalar> constant = schedule.asConstant();
  return constant && *constant == Scalar(value);
}

double stability::leastOf(const Schedule &schedule) {
  constexpr double most = 0x1p40; // of what grows without end, beyond anything that is asked
  double least = 0;
  for (const Monomial &term : schedule.positiveFloor().value_or(Sum()))
    least += term.c.value() * std::min(smallest(term, schedule.layers()).value(), most);
  return std::min(least, most) / coefficientSlack;
}

/// Above the size of every stream of a chain, for all large N.
static std::optional<Sum> sizeOfAll(const Analysis &plain, int chain) {
  std::vector<StackSchedule> stacks = plain.schedules(chain);
  const Schedule &start = plain.chains[chain].start;
  bool isReset = start.above().has_value();
  for (const StackSchedule &stack : stacks)
    for (const StepSchedule &step : stack.steps)
      isReset &= isExactly(step.a, 0) && isExactly(step.gain, 0) && isExactly(step.c, 0) &&
                 step.b.above() && stack.span.isKnown;
  GrowthFlow flow(start);
  Sum sum = isReset ? valueAbove(positiveAbove(*start.above()), start.layers()) : Sum();
  for (StackSchedule &stack : stacks) {
    for (StepSchedule &step : stack.steps) {
      if (isReset)
        sum = sumOf(sum, valueAbove(positiveAbove(*step.b.above()), stack.span.layers),
                    Toward::above);
      step.a = maximum(step.a, Schedule::constant(1)); // nothing that came before is forgotten
    }
    if (!isReset)
      flow.pass(stack);
  }
  return isReset ? std::optional(sum) : flow.bound();
}

/// What the steps of a stack x <- x + u may take of a deviation, summed over its layers.
static std::optional<Sum> lossOf(const Stack &stack) {
  Sum sum;
  for (const Equation &equation : stack.equations) {
    const Abstract &next = equation.next;
    if (!next.hasSkip || !isExactly(next.skip.schedule(), 1) || next.spread.stages.empty())
      return std::nullopt;
    for (const SpreadStage &stage : next.spread.stages) {
      const Schedule loss = -stage.offset.schedule();
      if (!stage.isLinear() || !isExactly(stage.factor.schedule(), 1) || !loss.above())
        return std::nullopt;
      Sum terms = positiveAbove(*loss.above());
      if (stack.span.isGrowing())
        terms = sumAbove(terms, stack.span.layers);
      else
        terms = productOf(valueAbove(terms, stack.span.layers),
                          {Monomial{Scalar(*stack.span.count)}}, Toward::above);
      sum = sumOf(sum, terms, Toward::above);
    }
  }
  return stack.span.isKnown ? std::optional(sum) : std::nullopt;
}

/// What every token of a chain keeps of its deviation at every large depth (S84); 0: nothing known.
static double deviationLeft(const Analysis &sized, int chain) {
  Sum sum;
  for (const Stack &stack : sized.stacks) {
    if (stack.chain != chain)
      continue;
    const std::optional<Sum> loss = lossOf(stack);
    if (!loss)
      return 0;
    sum = sumOf(sum, *loss, Toward::above);
  }
  const double taken = limitOf(sum, Layers()).value() * coefficientSlack;
  return std::max(0.0, leastOf(sized.chains[chain].s0.schedule()) - taken);
}

/// The number in number * stream.
static const Abstract *factorOf(const Analysis &analysis, Value product, Value stream) {
  if (std::optional<Pair> pair = matchProduct(product))
    for (const auto &[factor, other] : {std::pair(pair->x, pair->y), std::pair(pair->y, pair->x)})
      if (const Abstract *x = analysis.find(resolve(factor));
          x && x->isNumber && resolve(other) == stream)
        return x;
  return nullptr;
}

static bool isSummand(const Analysis &analysis, Value stream, Value sum) {
  if (resolve(sum) == stream || factorOf(analysis, sum, stream))
    return true;
  const std::optional<Pair> pair = matchSum(sum);
  return pair && (isSummand(analysis, stream, pair->x) || isSummand(analysis, stream, pair->y));
}

bool StreamSum::add(const Analysis &analysis, Value value, Value stream) {
  if (isSummand(analysis, stream, value)) {
    const std::optional<Pair> pair = matchSum(value);
    if (pair && resolve(value) != stream) // the stream may be the sum of an earlier step
      return add(analysis, pair->x, stream) && add(analysis, pair->y, stream);
    const Abstract *factor = factorOf(analysis, value, stream);
    const bool isFirst = !skip;
    skip = factor ? factor->peak.b.schedule() : Schedule::constant(1);
    return isFirst;
  }
  // As the laws of its definition say.
  const Abstract *x = analysis.find(value);
  // Entries that are repeated would change together.
  if (!x || (value.getType() != stream.getType() && !x->slope.isNone()))
    return false;
  slope = slope + x->slope.whole.schedule();
  const Bound rms = partOf(*x, value.getType(), lastOf(value.getType()));
  size = size && rms.isConstant() ? std::optional(*size + rms.b.schedule()) : std::nullopt;
  return true;
}

/// The factor of the stream and what the others change with it.
static StepSchedule stepOf(const Analysis &known, const Equation &equation, bool isOrdered) {
  StepOp op = equation.op;
  StreamSum sum;
  StepSchedule step{Schedule::constant(0), equation.next.slope.whole.schedule()};
  if (sum.add(known, op.getNext(), resolve(op.getPrevious())) && sum.skip && sum.slope.above())
    step = {*sum.skip, sum.slope};
  else if (!isOrdered)
    step.gain = step.gain - Schedule::constant(1);
  if (!isOrdered)
    step.a = maximum(step.a, Schedule::constant(1));
  return step;
}

/// The class of the product of the slopes of all streams.
static Growth followSlopes(const Analysis &known) {
  Growth result = Growth::bounded();
  for (size_t chain = 0; chain < known.chains.size(); ++chain) {
    const Slope &link = known.chains[chain].link;
    GrowthFlow flow(link.isNone() ? Schedule::constant(1)
                                  : maximum(link.whole.schedule(), Schedule::constant(1)));
    for (const Stack &stack : known.stacks) {
      if (stack.chain != static_cast<int>(chain))
        continue;
      StackSchedule steps{stack.span, {}};
      for (const Equation &equation : stack.equations)
        steps.steps.push_back(stepOf(known, equation, isOrdered(known)));
      flow.pass(steps);
    }
    result = result.times(flow.result());
  }
  return result;
}

Growth stability::sensitivityGrowth(const Analysis &plain) {
  Ranges ranges = rangesOfSizes(plain, Detail::worstLayer);
  for (size_t i = 0; i < ranges.size(); ++i) {
    const std::optional<Sum> above = sizeOfAll(plain, plain.stacks[i].chain);
    for (StreamRange &range : ranges[i])
      range.size = range.size.with(above ? Schedule::upTo(*above) : Schedule::unknown(false));
  }
  Analysis sized(plain.model, plain.assumptions, plain.weights, ranges);
  if (const auto steps = postNormsOf(sized))
    return classOf(Schedule::constant(1), *steps);
  for (size_t i = 0; i < ranges.size(); ++i)
    for (StreamRange &range : ranges[i])
      range.spread = deviationLeft(sized, plain.stacks[i].chain);
  return followSlopes(Analysis(plain.model, plain.assumptions, plain.weights, ranges));
}
