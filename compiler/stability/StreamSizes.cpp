// StreamSizes: the recurrence of each chain of streams at this depth: its coefficients, and the
// sizes that follow from them (S47). Layers that have the same coefficients are not followed one by
// one.
#include "compiler/stability/Analysis.h"
#include <cfloat>
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

static Type typeOf(const Equation &equation) { return StepOp(equation.op).getType(); }

static StepSize sizeOf(const Stack &stack, const Equation &equation) {
  const Abstract &next = equation.next;
  const Type type = typeOf(equation);
  const int64_t size = lastOf(type);
  const Bound whole = better(next.part, partOf(next, type, size));
  const Bound rest = restOf(next, type, size);
  StepSize step{0.0, whole.a, whole.b, whole.c};
  // What other summands add to the stream's own factor is apart: the sum of both may round to it.
  if (next.hasSkip && rest.isConstant())
    step = {whole.a, 0.0, whole.b, whole.c};
  else if (next.hasSkip && !whole.isConstant() && !rest.isTop())
    step = {next.skip, rest.a, rest.b, rest.c};
  if (stack.usesLargest)
    step.a = larger(step.a, 1.0);
  return step;
}

/// |x| is its own size here, other summands are bounded without it. Needs r where they are not.
static Recurrence::Coefficients peakOf(const Abstract &next, double width, bool needsR,
                                       size_t layer) {
  const double a = next.peak.a[layer];
  Recurrence::Coefficients result;
  result.a = next.hasSkip ? next.skip[layer] : 0;
  needsR |= a - result.a * width > 16 * DBL_EPSILON * a;
  result.b = needsR ? INFINITY : next.peak.b[layer];
  return result;
}

static Recurrence::Coefficients coefficientsOf(const StepSize &step, size_t layer) {
  return {step.a[layer], step.b[layer], step.c[layer], step.gain[layer]};
}

/// Of all steps of some layers, in order. Step by step, so that what is the same in all layers is
/// asked once.
static std::vector<Recurrence::Coefficients> coefficientsOf(const StackSizes &own, bool ofPeak,
                                                            int64_t first, int64_t layers) {
  const size_t steps = own.steps.size();
  std::vector<Recurrence::Coefficients> updates(static_cast<size_t>(layers) * steps);
  for (size_t i = 0; i < steps; ++i) {
    const Equation &equation = own.stack->equations[i];
    const Bound &peak = equation.next.peak;
    const double width = std::sqrt(double(lastOf(typeOf(equation))));
    const bool needsR = peak.isTop() || !peak.c.isZero() || own.stack->usesLargest;
    for (int64_t layer = 0; layer < layers; ++layer) {
      const size_t at = static_cast<size_t>(first + layer);
      updates[static_cast<size_t>(layer) * steps + i] =
          ofPeak ? peakOf(equation.next, width, needsR, at) : coefficientsOf(own.steps[i], at);
    }
  }
  return updates;
}

/// All layers have the same coefficients, of sizes and of peaks.
static bool isUniform(const StackSizes &stack) {
  for (auto [step, equation] : llvm::zip_equal(stack.steps, stack.stack->equations))
    for (const Series *series : {&step.a, &step.gain, &step.b, &step.c, &equation.next.peak.a,
                                 &equation.next.peak.b, &equation.next.peak.c, &equation.next.skip})
      if (!series->isUniform())
        return false;
  return true;
}

std::vector<StackSizes> Analysis::sizes(int chain) const {
  std::vector<StackSizes> result;
  for (const Stack &stack : stacks) {
    if (stack.chain != chain)
      continue;
    result.push_back({&stack, {}});
    for (const Equation &equation : stack.equations)
      result.back().steps.push_back(sizeOf(stack, equation));
  }
  return result;
}

bool Analysis::isTop(int chain) const {
  if (chains[chain].isDerived && !std::isfinite(chains[chain].r0.value_or(INFINITY)))
    return true;
  for (const StackSizes &own : sizes(chain))
    for (const StepSize &step : own.steps)
      for (const Series *series : {&step.a, &step.gain, &step.b, &step.c})
        if (own.stack->count > 0 && !series->isFinite())
          return true;
  return false;
}

Recurrence
Analysis::follow(int chain, bool ofPeak, double r0,
                 llvm::function_ref<void(const Stack &, const Recurrence &)> afterLayer) const {
  Recurrence result(r0);
  const Chain &start = chains[chain];
  if (start.isDerived) // what it starts from may be infinite, as a step may
    result.pass({0, startOf(chain, ofPeak)});
  for (const StackSizes &own : sizes(chain)) {
    const int64_t count = own.stack->count;
    if (isUniform(own) && !afterLayer && count > 0) {
      result.pass(coefficientsOf(own, ofPeak, 0, 1), count);
      continue;
    }
    const int64_t block = afterLayer ? 1 : 512; // as much as a cache holds
    for (int64_t layer = 0; layer < count && (afterLayer || !result.isInfinite()); layer += block) {
      result.pass(coefficientsOf(own, ofPeak, layer, std::min(block, count - layer)));
      if (afterLayer)
        afterLayer(*own.stack, result);
    }
  }
  return result;
}

std::vector<StackSchedule> Analysis::schedules(int chain) const {
  std::vector<StackSchedule> result;
  for (const StackSizes &own : sizes(chain)) {
    result.push_back({own.stack->span, {}});
    for (const StepSize &step : own.steps)
      result.back().steps.push_back(
          {step.a.schedule(), step.gain.schedule(), step.b.schedule(), step.c.schedule()});
  }
  return result;
}

GrowthFlow Analysis::flow(int chain) const {
  GrowthFlow flow(chains[chain].start);
  for (const StackSchedule &stack : schedules(chain))
    flow.pass(stack);
  return flow;
}

/// Without a start the bound may still not depend on it: an infinite one shows.
double Analysis::startOf(int chain, bool ofPeak) const {
  const Chain &start = chains[chain];
  if (!ofPeak)
    return start.r0.value_or(INFINITY);
  return start.peak0.value_or(start.r0.value_or(INFINITY) * std::sqrt(double(start.width)));
}

static double ofEntries(double bound, double width, double rms) {
  return std::min(bound, roundUp(std::sqrt(width) * rms));
}

Recurrence Analysis::followOwn(int chain, bool ofPeak) const {
  const double r0 = startOf(chain, ofPeak);
  size_t largest = 0;
  for (const Stack &stack : stacks)
    largest += stack.usesLargest;
  auto [known, isNew] = followed.try_emplace({chain, ofPeak});
  Followed &entry = known->second;
  const size_t state = stateOf(chain);
  if (isNew || entry.state != state || entry.largest != largest || entry.r0 != r0)
    entry = {state, largest, r0, follow(chain, ofPeak, r0)};
  return entry.result;
}

double Analysis::evaluate(int chain, bool ofPeak) const {
  double bound = followOwn(chain, ofPeak).last();
  return ofPeak ? ofEntries(bound, double(chains[chain].width), evaluate(chain, false)) : bound;
}

double Analysis::largest(int chain, bool ofPeak) const {
  double bound = followOwn(chain, ofPeak).largest();
  return ofPeak ? ofEntries(bound, double(chains[chain].width), largest(chain, false)) : bound;
}

std::vector<double> Analysis::sizesAfterLayers(size_t stack) const {
  std::vector<double> sizes;
  const int chain = stacks[stack].chain;
  follow(chain, /*ofPeak=*/false, startOf(chain, /*ofPeak=*/false),
         [&](const Stack &own, const Recurrence &recurrence) {
           if (&own == &stacks[stack])
             sizes.push_back(recurrence.size());
         });
  return sizes;
}

void Analysis::followSizes(int chain, bool isOfEach,
                           function_ref<void(size_t, size_t, int64_t, double)> f) const {
  Recurrence recurrence(startOf(chain, /*ofPeak=*/false));
  if (chains[chain].isDerived)
    recurrence.pass({0, startOf(chain, /*ofPeak=*/false)});
  for (const StackSizes &own : sizes(chain)) {
    const size_t stack = static_cast<size_t>(own.stack - stacks.data());
    const int64_t count = own.stack->count;
    for (int64_t layer = 0; layer < count; ++layer) {
      for (auto [number, step] : llvm::enumerate(own.steps)) {
        f(stack, number, layer, recurrence.now());
        recurrence.pass(coefficientsOf(step, layer));
      }
      f(stack, own.steps.size(), layer, recurrence.now());
      if (isOfEach || layer > 0 || count < 3 || !isUniform(own))
        continue;
      const std::vector<Recurrence::Coefficients> updates =
          coefficientsOf(own, /*ofPeak=*/false, 0, 1);
      // Iterates of lines that rise are monotone, those of squares are followed.
      const bool isLine = llvm::all_of(updates, [](const auto &k) { return k.c == 0; });
      if (!isLine)
        continue;
      recurrence.pass(updates, count - 2);
      layer = count - 2;
    }
  }
}
