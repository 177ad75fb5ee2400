// Streams: chains of streams, where each starts, and what a stream is outside its own steps.
// A bound in r is about one state of one chain; everywhere else only its number may be used.
#include "compiler/stability/Analysis.h"
#include "dialect/Sensitivity.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

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
  x.slope = formerStream(type);
  x.spread = Spread::stream();
  x.spread.epoch = epoch;
  size_t stack = static_cast<size_t>(current), step = stacks[current].equations.size();
  if (stack >= ranges.size() || step >= ranges[stack].size())
    return x;
  const StreamRange &range = ranges[stack][step];
  if (range.size.isFinite()) {
    x.whole = x.part = Bound::constant(range.size);
    x.peak = x.across = Bound::constant(Series(std::sqrt(double(size))) * range.size);
  }
  x.grounds = range.grounds;
  if (range.spread)
    x.spread = Spread::constant(*range.spread);
  x.spread.grounds = range.spreadGrounds;
  return x;
}

/// Of a stream that is none any more once there is another.
Slope Analysis::formerStream(Type type) const {
  Slope slope = Slope::stream(ShapedType::getNumElements(getFeatures(type)), lastOf(type));
  slope.epoch = epoch;
  return slope;
}

// A stream behind its last step: a number where it is known, which may depend on the depth.
Abstract Analysis::result(int chain, Type type) {
  Abstract x;
  const std::optional<Sum> above = flow(chain).bound();
  auto numberOf = [&](double value, double factor) {
    Schedule size = Schedule::unknown(/*ofLayer=*/false);
    if (above)
      size = Schedule::upTo(productOf(*above, {Monomial{Scalar::inexact(factor)}}, Toward::above));
    return Bound::constant(Series(value).with(size));
  };
  double r = evaluate(chain, /*ofPeak=*/false);
  x.partSize = lastOf(type);
  double width = std::sqrt(double(x.partSize));
  x.whole = x.part = numberOf(r, 1);
  x.peak = numberOf(std::min(r * width, evaluate(chain, true)), width);
  x.across = x.peak;
  x.slope = formerStream(type);
  for (const Stack &stack : stacks)
    if (stack.chain == chain)
      for (const Equation &equation : stack.equations) {
        x.grounds |= equation.next.grounds;
        for (Value carrier : equation.next.carriers)
          x.carriers.push_back(carrier);
      }
  return x;
}

Value stability::behindApplies(Value value) {
  while (auto apply = value.getDefiningOp<ApplyOp>())
    value = apply.getBody().front().getTerminator()->getOperand(
        cast<OpResult>(value).getResultNumber());
  return value;
}

/// Made of parameters and inputs only, not of what a step computed.
static bool isEmbedding(Value value, DenseSet<Value> &seen) {
  value = behindApplies(value);
  if (!value.getDefiningOp() || isa<StepOp, RepeatOp>(value.getDefiningOp()))
    return false;
  return !seen.insert(value).second || llvm::all_of(value.getDefiningOp()->getOperands(),
                                                    [&](Value x) { return isEmbedding(x, seen); });
}

bool Analysis::isRoot(StepOp op) {
  return !op->getParentOfType<RepeatOp>() &&
         !behindApplies(op.getPrevious()).getDefiningOp<StepOp>();
}

void Analysis::findStarts() {
  SmallVector<Value> first;
  model.walk([&](RepeatOp op) { llvm::append_range(first, op.getCarries()); });
  model.walk([&](StepOp op) {
    if (isRoot(op))
      first.push_back(op.getPrevious());
  });
  for (Value value : first)
    if (DenseSet<Value> seen; isEmbedding(value, seen))
      starts.insert(behindApplies(value));
}

/// Steps and repeats of a chain so far: two of its states are the same where this is.
size_t Analysis::stateOf(int chain) const {
  size_t state = 0;
  for (const Stack &stack : stacks)
    if (stack.chain == chain)
      state += stack.equations.size() + (stack.repeat ? 1 : 0);
  return state;
}

// What follows may be about another stream: numbers are left, where they are known.
void Analysis::close() {
  if (current < 0)
    return;
  int chain = stacks[current].chain;
  current = -1;
  for (auto &[value, x] : values) {
    bool isKnown =
        x.whole.isConstant() && x.part.isConstant() && x.across.isConstant() && x.peak.isConstant();
    if (x.isStream && x.epoch == epoch) {
      x = result(chain, value.getType());
      chainOfResult[value] = {chain, stateOf(chain)};
    } else if (x.epoch >= 0 && isKnown) {
      x.epoch = -1;
      x.hasSkip = x.usesOlder = x.isStream = false;
    } else if (x.epoch >= 0) {
      Abstract unknown;
      unknown.carriers = x.carriers;
      x = std::move(unknown);
    }
  }
}

/// Opens the steps beside repeats that start from `value`, which is r from here on.
void Analysis::open(Value value, StringRef stream) {
  close();
  int chain = chainOf(value, stream);
  stacks.push_back({});
  stacks.back().chain = chain;
  current = static_cast<int>(stacks.size()) - 1;
  values[value] = streamOf(value.getType());
}

// The chain whose last state all carries are, or else a new one that starts from the largest.
int Analysis::chainOf(ValueRange carries, StringRef stream) {
  auto known = chainOfResult.find(behindApplies(carries.front()));
  if (known != chainOfResult.end() && llvm::all_of(carries, [&](Value carry) {
        auto other = chainOfResult.find(behindApplies(carry));
        return other != chainOfResult.end() && other->second == known->second &&
               known->second.second == stateOf(known->second.first);
      }))
    return known->second.first;
  Chain chain;
  chain.stream = stream.str();
  chain.root = resolve(carries.front());
  chain.r0 = chain.peak0 = 0.0;
  chain.narrowest = std::numeric_limits<int64_t>::max();
  for (Value carry : carries)
    start(chain, carry);
  chains.push_back(std::move(chain));
  return static_cast<int>(chains.size()) - 1;
}

/// Makes a chain large enough for one more stream that it stands for.
void Analysis::start(Chain &chain, Value carry) {
  const Abstract &x = get(carry);
  int64_t width = lastOf(carry.getType());
  const bool isFirst = chain.width == 0;
  chain.width = std::max(chain.width, width);
  chain.narrowest = std::min(chain.narrowest, width);
  chain.grounds |= x.grounds;
  llvm::append_range(chain.carriers, x.carriers);
  Bound size = partOf(x, carry.getType(), width);
  std::optional<double> r0, peak0;
  Schedule own = Schedule::constant(1); // of an embedding of which nothing is known
  if (size.isConstant() && !size.isTop()) {
    r0 = size.b.largest();
    own = size.b.schedule();
  }
  if (x.peak.isConstant() && !x.peak.isTop())
    peak0 = x.peak.b.largest();
  // x0.rms speaks about embeddings, not about streams made of other streams.
  DenseSet<Value> seen;
  bool isStart = isEmbedding(carry, seen);
  chain.isDerived |= !isStart;
  if (std::optional<Series> rms = assumptions.number("x0.rms", chain.grounds))
    if (isStart && (chains.empty() || !r0)) {
      own = r0 ? minimum(own, rms->schedule()) : rms->schedule();
      r0 = std::min(r0.value_or(INFINITY), (*rms)[0]);
    }
  Series s0 = lowest(x.spread);
  uint64_t spreadGrounds = x.spread.grounds;
  if (isStart)
    if (std::optional<Series> std = assumptions.number("x0.std", spreadGrounds))
      s0 = larger(s0, *std);
  if (r0)
    contradict(carry.getDefiningOp() ? carry.getDefiningOp() : model.getOperation(),
               "a standard deviation", s0.smallest(), *r0);
  chain.s0 = isFirst ? s0 : smaller(chain.s0, s0);
  chain.spreadGrounds |= spreadGrounds;
  if (!isStart)
    chain.link = largerSlope(chain.link, x.slope);
  // r starts from the largest of the carries that it stands for, so below their sum.
  chain.start = isFirst ? own : chain.start + own;
  chain.r0 = chain.r0 && r0 ? std::optional(std::max(*chain.r0, *r0)) : std::nullopt;
  chain.peak0 = chain.peak0 && peak0 ? std::optional(std::max(*chain.peak0, *peak0)) : std::nullopt;
}

// The streams that the model returns. Where one is not the last state of its chain, the chain's
// size must not fall below it.
void Analysis::findOutputs(Value value, DenseSet<Value> &seen) {
  value = behindApplies(value);
  if (!seen.insert(value).second)
    return;
  if (auto found = chainOfResult.find(value); found != chainOfResult.end()) {
    auto [chain, state] = found->second;
    outputs.push_back(chain);
    if (state != stateOf(chain))
      for (Stack &stack : stacks)
        stack.usesLargest |= stack.chain == chain;
  } else if (Operation *op = value.getDefiningOp()) {
    for (Value operand : op->getOperands())
      findOutputs(operand, seen);
  }
}

int Analysis::outputChain() const {
  int largest = static_cast<int>(chains.size()) - 1;
  if (!outputs.empty())
    largest = *llvm::max_element(outputs, [&](int x, int y) {
      return evaluate(x, /*ofPeak=*/false) < evaluate(y, /*ofPeak=*/false);
    });
  return largest;
}
