// Analysis: one walk over the model; every primitive answers for itself, idioms come first.
// After a step the stream is new: its size is r again, and older sizes are told apart by epochs.
#include "compiler/stability/Analysis.h"
#include "dialect/Idioms.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

static int64_t lastOf(Type type) {
  ArrayRef<int64_t> features = getFeatures(type);
  return features.empty() ? 1 : features.back();
}

Analysis::Analysis(ModelOp model, Assumptions &assumptions, Weights weights)
    : model(model), assumptions(assumptions), weights(weights) {
  model.walk([&](PrimitiveOpInterface op) {
    if (op.getOpClass() == OpClass::Mixing && op->getNumResults() > 1)
      headSize = lastOf(op->getResult(0).getType()) / lastOf(op->getResult(1).getType());
  });
  model.walk([&](StepOp op) {
    if (!op->getParentOfType<RepeatOp>())
      roots[resolve(op.getPrevious())] = true;
  });
  runBlock(model.getBody().front());
}

int64_t Analysis::layers() const {
  int64_t count = 0;
  for (const Stack &stack : stacks)
    count += stack.repeat ? stack.count : 0;
  return count;
}

//===-- streams --------------------------------------------------------------===//

Abstract Analysis::streamOf(Type type) {
  Abstract x;
  int64_t size = lastOf(type);
  x.whole = x.part = Bound::stream();
  x.partSize = size;
  x.peak = x.across = Series(std::sqrt(double(size))) * Bound::stream();
  x.hasSkip = x.isStream = true;
  x.skip = x.initialSkip = 1.0;
  x.hasRest = false;
  x.epoch = ++epoch;
  return x;
}

// A stream behind its last step: a number where it is known.
Abstract Analysis::result(int chain, Type type) {
  Abstract x;
  double r = evaluate(chain, /*ofPeak=*/false);
  x.partSize = lastOf(type);
  x.whole = x.part = Bound::constant(r);
  x.peak = Bound::constant(std::min(r * std::sqrt(double(x.partSize)), evaluate(chain, true)));
  x.across = x.peak;
  for (const Stack &stack : stacks)
    if (stack.chain == chain)
      for (const Equation &equation : stack.equations) {
        x.grounds |= equation.next.grounds;
        for (Value carrier : equation.next.carriers)
          x.carriers.push_back(carrier);
      }
  return x;
}

/// Made of parameters and inputs only, not of what a step computed.
static bool isEmbedding(Value value, DenseSet<Value> &seen) {
  while (auto apply = value.getDefiningOp<ApplyOp>())
    value = apply.getBody().front().getTerminator()->getOperand(
        cast<OpResult>(value).getResultNumber());
  if (!value.getDefiningOp() || isa<StepOp, RepeatOp>(value.getDefiningOp()))
    return false;
  return !seen.insert(value).second || llvm::all_of(value.getDefiningOp()->getOperands(),
                                                    [&](Value x) { return isEmbedding(x, seen); });
}

// What follows may be about another stream: numbers are left, where they are known.
void Analysis::close() {
  int chain = stacks[current].chain;
  current = -1;
  for (auto &[value, x] : values) {
    bool isKnown =
        x.whole.isConstant() && x.part.isConstant() && x.across.isConstant() && x.peak.isConstant();
    if (x.isStream && x.epoch == epoch) {
      x = result(chain, value.getType());
      chainOfResult[value] = chain;
    } else if (x.epoch >= 0 && !isKnown) {
      Abstract unknown;
      unknown.carriers = x.carriers;
      x = std::move(unknown);
    }
  }
}

int Analysis::chainOf(Value carry, StringRef stream) {
  Value root = resolve(carry);
  if (auto found = chainOfResult.find(carry); found != chainOfResult.end())
    return found->second;
  Chain chain;
  chain.stream = stream.str();
  chain.root = root;
  chain.width = lastOf(root.getType());
  const Abstract &x = get(carry);
  Bound size = partOf(x, carry.getType(), lastOf(carry.getType()));
  if (size.isConstant() && !size.isTop())
    chain.r0 = size.b.largest();
  if (x.peak.isConstant() && !x.peak.isTop())
    chain.peak0 = x.peak.b.largest();
  chain.grounds = x.grounds;
  // x0.rms speaks about embeddings, not about streams made of other streams.
  DenseSet<Value> seen;
  bool isStart = isEmbedding(carry, seen);
  if (std::optional<double> rms = assumptions.number("x0.rms", chain.grounds))
    if (isStart && (chains.empty() || !chain.r0))
      chain.r0 = chain.r0 ? std::min(*chain.r0, *rms) : *rms;
  chains.push_back(std::move(chain));
  return static_cast<int>(chains.size()) - 1;
}

//===-- the frame ------------------------------------------------------------===//

void Analysis::runBlock(Block &block) {
  for (Operation &op : block)
    runOp(op);
}

void Analysis::runOp(Operation &op) {
  if (auto param = dyn_cast<ParamOp>(op))
    values[param.getResult()] = assumptions.parameter(param, weights, headSize);
  else if (auto apply = dyn_cast<ApplyOp>(op))
    runApply(apply);
  else if (auto step = dyn_cast<StepOp>(op))
    runStep(step);
  else if (auto repeat = dyn_cast<RepeatOp>(op))
    runRepeat(repeat);
  else if (auto table = dyn_cast<TableOp>(op))
    values[table.getResult()] = Abstract::number(Series(table.getValues()));
  else if (auto primitive = dyn_cast<PrimitiveOpInterface>(op))
    runPrimitive(primitive);
  else
    for (Value result : op.getResults())
      values[result] = Abstract();
  for (Value value : op.getResults())
    if (roots.count(value) && current < 0) {
      int chain = chainOf(value, "x");
      stacks.push_back({});
      stacks.back().chain = chain;
      current = static_cast<int>(stacks.size()) - 1;
      values[value] = streamOf(value.getType());
    }
}

void Analysis::runApply(ApplyOp op) {
  runBlock(op.getBody().front());
  Operation *yield = op.getBody().front().getTerminator();
  for (auto [result, value] : llvm::zip_equal(op.getResults(), yield->getOperands())) {
    Abstract x = get(value);
    for (LawOp law : op.getBody().getOps<LawOp>())
      applyLaw(law, x, result.getType());
    values[result] = std::move(x);
  }
}

void Analysis::applyLaw(LawOp law, Abstract &x, Type type) {
  Attribute attribute = law.getBoundAttr();
  auto number = dyn_cast_if_present<FloatAttr>(attribute);
  if (!number || !std::isfinite(number.getValueAsDouble()))
    return;
  Bound bound = Bound::constant(number.getValueAsDouble());
  bool isSize = law.getPath() == "size", isPeak = law.getPath() == "peak";
  Bound before = isSize ? x.whole : x.peak;
  bool isTighter = before.isTop() || !before.isConstant() || bound.b[0] < before.b.largest();
  if ((!isSize && !isPeak) || !isTighter)
    return;
  if (!laws.count(law))
    laws[law] = assumptions.addLaw(law);
  x.whole = better(x.whole, bound);
  if (isPeak) {
    x.peak = bound;
    x.part = better(x.part, bound);
    x.across = better(x.across, bound);
  } else {
    x.peak = better(
        x.peak, Series(std::sqrt(double(ShapedType::getNumElements(getFeatures(type))))) * bound);
    x.part = partOf(x, type, lastOf(type));
    x.partSize = lastOf(type);
  }
  x.grounds |= laws[law];
  x.carriers.clear();
  x.culprit = nullptr;
}

void Analysis::runStep(StepOp op) {
  Abstract next = get(op.getNext());
  streams[resolve(op.getNext())] = op.getResult();
  if (current < 0 || (next.isStream && next.epoch == epoch)) {
    values[op.getResult()] = std::move(next); // around the steps of a block
    return;
  }
  Stack &stack = stacks[current];
  Equation equation;
  equation.op = op;
  const Abstract &previous = get(op.getPrevious());
  if (!stack.repeat && (!previous.isStream || previous.epoch != epoch))
    next = Abstract(); // a step of another stream than the open one
  bool isOther = stack.repeat && stack.repeat.getCarries().size() > 1;
  stack.usesLargest |= next.usesOlder || isOther;
  if (next.epoch >= 0 && next.epoch != epoch)
    stack.usesLargest = true;
  equation.next = std::move(next);
  stack.equations.push_back(std::move(equation));
  values[op.getResult()] = streamOf(op.getType());
}

void Analysis::runRepeat(RepeatOp op) {
  if (current >= 0 && !stacks[current].repeat)
    close();
  int outer = std::exchange(current, -1);
  StringRef name = "x";
  op.getBody().walk([&](StepOp step) { name = step.getStream(); });
  int chain = op.getCarries().empty() ? -1 : chainOf(op.getCarries().front(), name);
  stacks.push_back({});
  current = static_cast<int>(stacks.size()) - 1;
  stacks[current].repeat = op;
  stacks[current].first = op.getFirst();
  stacks[current].count = op.getCount();
  stacks[current].chain = std::max(chain, 0);
  if (op.getCarries().size() > 1)
    for (Value carry : llvm::drop_begin(op.getCarries())) {
      Bound size = partOf(get(carry), carry.getType(), lastOf(carry.getType()));
      Chain &joined = chains[stacks[current].chain];
      bool isKnown = size.isConstant() && !size.isTop() && joined.r0;
      joined.r0 = isKnown ? std::optional(std::max(*joined.r0, size.b.largest())) : std::nullopt;
    }
  int before = epoch;
  for (BlockArgument argument : op.getCarryArguments()) {
    epoch = before; // all carries are one r
    values[argument] = streamOf(argument.getType());
  }
  if (op.getCount() > 0)
    runBlock(op.getBody().front());
  for (auto [result, carry] : llvm::zip_equal(op.getCarryResults(), op.getCarries())) {
    values[result] = this->result(stacks[current].chain, result.getType());
    chainOfResult[result] = stacks[current].chain;
  }
  current = outer;
}

//===-- primitives -----------------------------------------------------------===//

/// A gain has features: a number that is learned is a step, whatever it multiplies.
static bool isGain(const Abstract &x, Type type) {
  return x.isFixed && !x.isNumber && !getFeatures(type).empty();
}

// The idiom times its other factors, gains first.
Abstract Analysis::scaled(Abstract x, const Normalisation &norm, Operation *place) {
  Type type = place->getResult(0).getType();
  SmallVector<Value> factors(norm.factors);
  llvm::sort(factors, [&](Value a, Value b) {
    return isGain(get(a), a.getType()) > isGain(get(b), b.getType());
  });
  for (Value factor : factors) {
    Abstract other = getStream(factor);
    bool isGained = x.norm == Abstract::Norm::unit && isGain(other, factor.getType());
    if (isGained) {
      gains.insert(other.carriers.begin(), other.carriers.end());
      assumptions.applyGain(other, place);
    }
    x = productOf(x, type, other, factor.getType(), type);
    if (isGained)
      x.norm = Abstract::Norm::gained;
  }
  return x;
}

// Gains and biases are what multiplies, or is added to, a normalised value (S6).
bool Analysis::runIdiom(Operation &op) {
  Value value = op.getResult(0);
  if (std::optional<Normalisation> norm = matchNormalisation(value)) {
    double q = 1 / std::sqrt(norm->q) * std::abs(norm->number);
    values[value] = scaled(
        normalised(getStream(norm->input), norm->input.getType(), norm->isCentred, q), *norm, &op);
    return true;
  }
  if (std::optional<Value> e = matchAveraging(value)) {
    const Abstract &x = getStream(*e);
    if (llvm::all_of(x.low.values, [](double v) { return v >= 0; })) {
      values[value] = averagingWeights(x);
      return true;
    }
  }
  if (std::optional<Mixing> mixing = matchMixing(value)) {
    Abstract weights = get(mixing->weights);
    ArrayRef<int64_t> features = getFeatures(mixing->weights.getType());
    weights.rowSum = smaller(weights.rowSum, weights.peak.b.map([&](double v) {
      return v * static_cast<double>(features.back());
    }));
    values[value] = mixed(weights, getStream(mixing->streams), mixing->streams.getType());
    return true;
  }
  return false;
}

void Analysis::runPrimitive(PrimitiveOpInterface op) {
  if (op->getNumResults() == 1 && runIdiom(*op.getOperation()))
    return;
  std::vector<Abstract> operands;
  for (Value operand : op->getOperands())
    operands.push_back(get(operand));
  bool isGained = false;
  if (operands.size() == 2)
    for (int i : {0, 1}) {
      Abstract &norm = operands[i], &other = operands[1 - i];
      if (!isGain(other, op->getOperand(1 - i).getType()) || norm.norm == Abstract::Norm::none)
        continue;
      double size = static_cast<double>(lastOf(op->getOperand(1 - i).getType()));
      if (norm.norm == Abstract::Norm::unit && matchProduct(op->getResult(0))) {
        gains.insert(other.carriers.begin(), other.carriers.end());
        assumptions.applyGain(other, op);
        isGained = true;
      } else if (matchSum(op->getResult(0))) {
        biases.insert(other.carriers.begin(), other.carriers.end());
        assumptions.applyBias(other, op, size);
      }
    }
  std::vector<Abstract> results = op.transfer(operands);
  for (auto [result, x] : llvm::zip_equal(op->getResults(), results)) {
    if (isGained)
      x.norm = Abstract::Norm::gained;
    if (x.whole.isTop() && !x.culprit && x.carriers.empty())
      x.culprit = op;
    values[result] = x;
  }
  if (results.front().scores && op->getNumOperands() > 1)
    attentions.push_back({op, *results.front().scores, operands[0], operands[1], current});
}

//===-- recurrences ----------------------------------------------------------===//

namespace {
/// What the layers of one equation share; a layer costs no more than its numbers.
struct Step {
  const Stack &stack;
  const Abstract &next;
  Bound bound;
  double width;
  bool ofPeak, isTop, isSquare;

  Step(const Stack &stack, const Equation &equation, bool ofPeak)
      : stack(stack), next(equation.next), ofPeak(ofPeak) {
    Type type = const_cast<Equation &>(equation).op.getType();
    bound = ofPeak ? next.peak : better(next.part, partOf(next, type, lastOf(type)));
    width = std::sqrt(double(lastOf(type)));
    isTop = bound.isTop();
    isSquare = !bound.c.isZero();
  }
  Recurrence::Coefficients at(size_t layer) const;
};
} // namespace

Recurrence::Coefficients Step::at(size_t layer) const {
  Recurrence::Coefficients result;
  double a = bound.a[layer];
  if (ofPeak) { // |x| is its own size here, other summands are bounded without it
    result.a = next.hasSkip ? next.skip[layer] : 0;
    bool needsR = a - result.a * width > 1e-13 * a || isSquare || stack.usesLargest;
    result.b = needsR || isTop ? INFINITY : bound.b[layer];
    return result;
  }
  double skip = next.hasSkip ? std::min(next.skip[layer], a) : 0;
  result.a = stack.usesLargest ? std::max(skip, 1.0) : skip;
  result.gain = a - skip < 1e-13 * a ? 0 : a - skip;
  result.b = bound.b[layer];
  result.c = bound.c[layer];
  return result;
}

std::vector<Recurrence::Coefficients> Analysis::coefficients(int chain, bool ofPeak) const {
  size_t most = 1;
  for (const Stack &stack : stacks)
    if (stack.chain == chain)
      most = std::max(most, stack.equations.size());
  std::vector<Recurrence::Coefficients> all;
  for (const Stack &stack : stacks) {
    if (stack.chain != chain)
      continue;
    std::vector<Step> steps;
    for (const Equation &equation : stack.equations)
      steps.emplace_back(stack, equation, ofPeak);
    for (int64_t layer = 0; layer < stack.count; ++layer) {
      for (const Step &step : steps)
        all.push_back(step.at(layer));
      all.resize(all.size() + most - steps.size());
    }
  }
  return all;
}

double Analysis::evaluate(int chain, bool ofPeak) const {
  std::optional<double> start = ofPeak ? chains[chain].peak0 : chains[chain].r0;
  if (ofPeak && !start && chains[chain].r0)
    start = *chains[chain].r0 * std::sqrt(double(chains[chain].width));
  Recurrence recurrence;
  recurrence.at = [&](int64_t) { return coefficients(chain, ofPeak); };
  // Without a start the bound may still not depend on it: an infinite one shows.
  double bound = recurrence.evaluate(1, start.value_or(INFINITY));
  return ofPeak ? std::min(bound, roundUp(std::sqrt(double(chains[chain].width)) *
                                          evaluate(chain, /*ofPeak=*/false)))
                : bound;
}
