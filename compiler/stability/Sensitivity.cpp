// Sensitivity: three runs. The first gives the sizes of the streams, the second, with them, how
// near to a constant row a token may come (S37), the third, with both, the slope of every step.
#include "compiler/stability/Sensitivity.h"
#include "dialect/Idioms.h"
#include "dialect/Sensitivity.h"
#include <cfloat>
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

//===-- ranges ---------------------------------------------------------------===//

namespace {
/// Numbers by stack, step and layer; behind the last step of a stack there is one more. Of the
/// worst layer there is one number for all, the largest or the smallest that was put there.
class LayerTable {
public:
  enum class Keep { largest, smallest };
  LayerTable(const Analysis &analysis, Detail detail, Keep keep) : detail(detail), keep(keep) {
    for (const Stack &stack : analysis.stacks) {
      const size_t size = detail == Detail::eachLayer ? std::max<int64_t>(1, stack.count) : 1;
      const double none = keep == Keep::smallest && stack.count > 0 ? INFINITY : 0;
      rows.emplace_back(stack.equations.size() + 1, std::vector<double>(size, none));
    }
  }
  void put(size_t stack, size_t step, int64_t layer, double value) {
    double &entry = rows[stack][step][detail == Detail::eachLayer ? layer : 0];
    entry = keep == Keep::largest ? std::max(entry, value) : std::min(entry, value);
  }
  /// Of one step.
  Series of(size_t stack, size_t step) const {
    const std::vector<double> &row = rows[stack][step];
    if (row.size() == 1)
      return row.front();
    // True at this depth only: no class is read off these series.
    return Series(ArrayRef(row))
        .with(Schedule::between(Scalar::inexact(*llvm::min_element(row)),
                                Scalar::inexact(*llvm::max_element(row))));
  }
  double smallest() const {
    double least = INFINITY;
    for (const auto &stack : rows)
      for (const auto &row : stack)
        least = std::min(least, *llvm::min_element(row));
    return least;
  }

private:
  Detail detail;
  Keep keep;
  std::vector<std::vector<std::vector<double>>> rows;
};
} // namespace

Ranges stability::rangesOfSizes(const Analysis &plain, Detail detail) {
  LayerTable sizes(plain, detail, LayerTable::Keep::largest);
  for (size_t chain = 0; chain < plain.chains.size(); ++chain)
    plain.followSizes(static_cast<int>(chain), detail == Detail::eachLayer,
                      [&](size_t stack, size_t step, int64_t layer, double r) {
                        sizes.put(stack, step, layer, roundUp(r));
                      });
  uint64_t grounds = 0;
  for (const Chain &chain : plain.chains)
    grounds |= chain.grounds;
  for (const Stack &stack : plain.stacks)
    for (const Equation &equation : stack.equations)
      grounds |= equation.next.grounds;
  Ranges ranges;
  for (size_t stack = 0; stack < plain.stacks.size(); ++stack) {
    ranges.emplace_back();
    for (size_t step = 0; step <= plain.stacks[stack].equations.size(); ++step) {
      StreamRange &range = ranges[stack].emplace_back();
      range.size = sizes.of(stack, step);
      range.grounds = grounds;
    }
  }
  return ranges;
}

static bool hasUniformSpreads(const Stack &stack) {
  return llvm::all_of(stack.equations, [](const Equation &equation) {
    return llvm::all_of(equation.next.spread.stages, [](const SpreadStage &stage) {
      return stage.factor.isUniform() && stage.offset.isUniform();
    });
  });
}

/// From the standard deviations of the first streams, or from `start` where they are smaller. A
/// stream of a stack that mixes streams stands for the smallest so far.
static LayerTable spreadsOf(const Analysis &sized, Detail detail, double start = 0) {
  LayerTable spreads(sized, detail, LayerTable::Keep::smallest);
  std::vector<double> now;
  for (const Chain &chain : sized.chains)
    now.push_back(std::max(start, chain.s0.isFinite() ? chain.s0.smallest() : 0));
  for (size_t i = 0; i < sized.stacks.size(); ++i) {
    const Stack &stack = sized.stacks[i];
    double &s = now[stack.chain];
    const bool isUniform = hasUniformSpreads(stack);
    for (int64_t layer = 0; layer < stack.count; ++layer) {
      const double before = s;
      for (size_t step = 0; step < stack.equations.size(); ++step) {
        spreads.put(i, step, layer, s);
        double next = stack.equations[step].next.spread.at(layer, s);
        s = stack.usesLargest ? std::min(s, next) : next;
      }
      spreads.put(i, stack.equations.size(), layer, s);
      if (s == before && isUniform && detail == Detail::worstLayer)
        break; // the others are like this one
    }
  }
  return spreads;
}

/// What the updates together may take of a token's deviation: the least start of which something is
/// left (T B of S84); infinite where a start does not help.
static double deviationTaken(const Analysis &sized) {
  constexpr double most = 0x1p40; // beyond any embedding
  if (!(spreadsOf(sized, Detail::worstLayer, most).smallest() > 0))
    return INFINITY;
  double low = 0, high = most;
  for (int turn = 0; turn < 80 && high - low > 1e-9 * high; ++turn) {
    double middle = low == 0 && high > 1e-9 ? high / 1024 : (low + high) / 2;
    (spreadsOf(sized, Detail::worstLayer, middle).smallest() > 0 ? high : low) = middle;
  }
  return high;
}

static uint64_t groundsOfSpreads(const Analysis &sized) {
  uint64_t grounds = 0;
  for (const Chain &chain : sized.chains)
    grounds |= chain.spreadGrounds;
  for (const Stack &stack : sized.stacks)
    for (const Equation &equation : stack.equations)
      grounds |= equation.next.spread.grounds;
  return grounds;
}

//===-- factors --------------------------------------------------------------===//

// Where a step reads older streams, or there are several, L_k is about the largest change so far.
static Recurrence::Coefficients factorOf(const Abstract &next, size_t layer, bool isOrdered) {
  double all = next.slope.whole[layer];
  double skip = next.hasSkip ? std::min(next.skip[layer], all) : 0;
  if (!isOrdered) {
    all = std::max(all, 1.0);
    skip = 1;
  }
  double gain = all - skip < 4 * DBL_EPSILON * all ? 0 : all - skip;
  return {skip, 0, 0, std::isfinite(all) ? gain : all};
}

/// `times` steps of at most this factor.
static void addFactor(Sensitivity &result, double factor, int64_t times = 1) {
  const double logarithm = std::log(factor), count = static_cast<double>(times);
  const double power = times == 1 ? factor : std::pow(factor, count);
  if (factor == 0 || result.product == 0)
    result.product = 0;
  else // what is no longer a normal number may have been rounded to any share of itself
    result.product = std::max(result.product * power * (1 + 4 * count * DBL_EPSILON), DBL_MIN);
  result.logarithm +=
      factor == 0 ? logarithm : count * (logarithm + 4 * DBL_EPSILON * std::abs(logarithm));
}

static double roundedFactor(const Recurrence::Coefficients &k) { return roundUp(k.a + k.gain); }

/// The factors of all layers of a stack; several are multiplied before a logarithm is taken.
static void addLayers(Sensitivity &result, const Stack &stack, bool isOrdered) {
  const bool isUniform = llvm::all_of(stack.equations, [](const Equation &equation) {
    return equation.next.slope.whole.isUniform() && equation.next.skip.isUniform();
  });
  if (isUniform && stack.count > 0) {
    for (const Equation &equation : stack.equations) {
      const double factor = roundedFactor(factorOf(equation.next, 0, isOrdered));
      addFactor(result, factor, stack.count);
      result.exponent += static_cast<double>(stack.count) * (factor - 1);
    }
    return;
  }
  constexpr double large = 1e100;
  double chunk = 1;
  for (int64_t layer = 0; layer < stack.count; ++layer)
    for (const Equation &equation : stack.equations) {
      const double factor = roundedFactor(factorOf(equation.next, layer, isOrdered));
      result.exponent += factor - 1;
      if (!(factor > 1 / large && factor < large)) {
        addFactor(result, factor);
        continue;
      }
      chunk *= factor * (1 + 4 * DBL_EPSILON);
      if (chunk > 1 / large && chunk < large)
        continue;
      addFactor(result, chunk);
      chunk = 1;
    }
  addFactor(result, chunk);
}

static void addReasons(Sensitivity &result, const Slope &slope) {
  Slope joined = joinSlopes(result.reasons, slope);
  joined.whole = joined.part = joined.across = 0.0;
  result.reasons = std::move(joined);
}

static void addStack(Sensitivity &result, const Stack &stack, bool isOrdered) {
  for (const Equation &equation : stack.equations) {
    if (stack.count == 0)
      continue;
    addReasons(result, equation.next.slope);
    result.isSum &= equation.next.hasSkip && equation.next.skip.isAll(1);
    result.isPost &= !equation.next.hasSkip && equation.next.isNormed;
    if (!equation.next.slope.whole.isFinite())
      result.unbounded.push_back(equation.op);
  }
  addLayers(result, stack, isOrdered);
}

// What another stream was made of changes with the first one, too.
static void addLink(Sensitivity &result, const Chain &chain) {
  if (!chain.isDerived || chain.link.isNone())
    return;
  addReasons(result, chain.link);
  const double factor = std::max(chain.link.whole.largest(), 1.0);
  addFactor(result, roundUp(factor));
  result.exponent += factor - 1;
}

bool stability::isOrdered(const Analysis &analysis) {
  return analysis.chains.size() == 1 && analysis.chains.front().link.isNone() &&
         llvm::none_of(analysis.stacks, [](const Stack &stack) {
           return stack.usesLargest || llvm::any_of(stack.equations, [](const Equation &equation) {
                    return equation.next.slope.usesOlder;
                  });
         });
}

static Sensitivity multiply(const Analysis &known) {
  Sensitivity result;
  result.reasons = Slope::none();
  for (const Chain &chain : known.chains)
    addLink(result, chain);
  for (const Stack &stack : known.stacks)
    addStack(result, stack, stability::isOrdered(known));
  if (std::isnan(result.logarithm) || !result.unbounded.empty())
    result.logarithm = result.product = INFINITY;
  return result;
}

Sensitivity stability::sensitivityOf(const Analysis &plain, Detail detail) {
  Ranges ranges = rangesOfSizes(plain, detail);
  Analysis sized(plain.model, plain.assumptions, plain.weights, ranges);
  LayerTable spreads = spreadsOf(sized, detail);
  uint64_t grounds = groundsOfSpreads(sized);
  for (size_t stack = 0; stack < ranges.size(); ++stack)
    for (size_t step = 0; step < ranges[stack].size(); ++step) {
      ranges[stack][step].spread = spreads.of(stack, step);
      ranges[stack][step].spreadGrounds = grounds;
    }
  Analysis known(plain.model, plain.assumptions, plain.weights, ranges);
  Sensitivity result = multiply(known);
  result.least = spreads.smallest();
  if (result.least == 0 && !result.reasons.vacuous.empty() && detail == Detail::eachLayer)
    result.taken = deviationTaken(sized);
  return result;
}

//===-- what is missing ------------------------------------------------------===//

/// The definition whose result `value` is.
static ApplyOp definitionOf(ModelOp model, Value value) {
  ApplyOp found;
  model.walk<WalkOrder::PreOrder>([&](ApplyOp op) {
    bool isResult = llvm::any_of(op.getResults(), [&](Value x) { return resolve(x) == value; });
    if (!found && isResult && !op.getScope().empty())
      found = op;
  });
  return found;
}

std::vector<std::string> stability::missingDeviations(const Analysis &plain,
                                                      const Sensitivity &sensitivity) {
  std::vector<std::string> lines;
  auto add = [&](std::string line) {
    if (!llvm::is_contained(lines, line))
      lines.push_back(std::move(line));
  };
  bool isStartKnown =
      llvm::all_of(plain.chains, [](const Chain &chain) { return chain.s0.smallest() > 0; });
  for (Operation *norm : sensitivity.reasons.vacuous) {
    std::optional<Normalisation> shape = matchNormalisation(norm->getResult(0));
    const Abstract *input = shape ? plain.find(shape->input) : nullptr;
    if (!input)
      continue;
    ApplyOp definition = definitionOf(plain.model, resolve(shape->input));
    bool isOfStream = input->isStream || input->hasSkip;
    if (isOfStream && !isStartKnown)
      add("assume x0.std >= ...");
    else if (isOfStream && sensitivity.isPost)
      add("assume norm.gain >= ...");
    else if (!isOfStream && definition)
      add("assume std(" + scopeOf(definition) + ") >= ...");
  }
  return lines;
}
