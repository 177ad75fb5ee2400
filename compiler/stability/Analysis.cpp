// Analysis: one walk over the model; every primitive answers for itself, idioms come first.
// After a step the stream is new: its size is r again, and older sizes are told apart by epochs.
#include "compiler/stability/Analysis.h"
#include "dialect/Idioms.h"
#include "dialect/Sensitivity.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

Analysis::Analysis(ModelOp model, Assumptions &assumptions, Weights weights, Ranges ranges)
    : model(model), assumptions(assumptions), weights(weights), ranges(std::move(ranges)) {
  model.walk([&](PrimitiveOpInterface op) {
    if (op.getOpClass() != OpClass::Mixing || op->getNumResults() < 2)
      return;
    int64_t size = lastOf(op->getResult(0).getType()) / lastOf(op->getResult(1).getType());
    headSize = headSize < 0 || headSize == size ? size : 0; // of unlike heads none is known
  });
  model.walk([&](StepOp op) {
    if (isRoot(op))
      roots[behindApplies(op.getPrevious())] = op.getStream();
  });
  findStarts();
  runBlock(model.getBody().front());
  close();
  DenseSet<Value> seen;
  for (Value value : model.getBody().front().getTerminator()->getOperands())
    findOutputs(value, seen);
}

//===-- the frame ------------------------------------------------------------===//

void Analysis::runBlock(Block &block) {
  for (Operation &op : block)
    runOp(op);
}

void Analysis::runOp(Operation &op) {
  if (auto param = dyn_cast<ParamOp>(op))
    values[param.getResult()] = assumptions.parameter(param, weights, sizeOfHeads());
  else if (auto apply = dyn_cast<ApplyOp>(op))
    runApply(apply);
  else if (auto step = dyn_cast<StepOp>(op))
    runStep(step);
  else if (auto repeat = dyn_cast<RepeatOp>(op))
    runRepeat(repeat);
  else if (auto table = dyn_cast<TableOp>(op))
    values[table.getResult()] = Abstract::number(seriesOf(table));
  else if (auto primitive = dyn_cast<PrimitiveOpInterface>(op))
    runPrimitive(primitive);
  else
    for (Value result : op.getResults())
      values[result] = Abstract();
  for (Value value : op.getResults()) {
    if (starts.count(value))
      values[value].slope = formerStream(value.getType());
    if (auto root = roots.find(value); root != roots.end())
      open(value, root->second);
  }
}

void Analysis::runApply(ApplyOp op) {
  runBlock(op.getBody().front());
  Operation *yield = op.getBody().front().getTerminator();
  for (auto [result, value] : llvm::zip_equal(op.getResults(), yield->getOperands())) {
    Abstract x = get(value);
    for (LawOp law : op.getBody().getOps<LawOp>())
      applyLaw(law, op, x, result.getType());
    values[result] = std::move(x);
    applyStd(op, result);
    applyStd(op, resolve(value)); // a norm looks through definitions
  }
}

void Analysis::runStep(StepOp op) {
  Value value = op.getNext();
  streams[resolve(value)] = op.getResult();
  if (isAround(op)) {
    Abstract same = get(value); // a new entry moves the others
    values[op.getResult()] = std::move(same);
    if (auto known = chainOfResult.find(behindApplies(value)); known != chainOfResult.end())
      chainOfResult[op.getResult()] = std::pair(known->second);
    return;
  }
  Equation equation;
  const Abstract *previous = &get(op.getPrevious());
  bool isOpen =
      current >= 0 && (stacks[current].repeat || (previous->isStream && previous->epoch == epoch));
  if (!isOpen) { // of another stream than the open one, which stays behind as a number
    open(op.getPrevious(), op.getStream());
    equation.isPlain = false;
  }
  Abstract next = get(value);
  Stack &stack = stacks[current];
  // Where r is not the stream this step goes on from, or next's, it stands for the largest.
  bool isOther = stack.repeat && stack.repeat.getCarries().size() > 1;
  stack.usesLargest |= next.usesOlder || isOther || (next.epoch >= 0 && next.epoch != epoch) ||
                       (isOpen && previous->epoch != epoch);
  next.slope.usesOlder |= next.slope.epoch >= 0 && next.slope.epoch != epoch;
  if (next.spread.epoch >= 0 && next.spread.epoch != epoch)
    next.spread = {}; // of another stream
  equation.op = op;
  equation.next = std::move(next);
  stack.equations.push_back(std::move(equation));
  values[op.getResult()] = streamOf(op.getType());
  if (!stack.repeat)
    chainOfResult[op.getResult()] = {stack.chain, stateOf(stack.chain)};
}

/// A step around the steps of a block: its value is a stream already.
bool Analysis::isAround(StepOp op) const {
  const Abstract &next = get(op.getNext());
  if (current >= 0 && next.isStream && next.epoch == epoch)
    return true;
  if (current >= 0 && stacks[current].repeat)
    return false;
  auto known = chainOfResult.find(behindApplies(op.getNext()));
  return known != chainOfResult.end() && known->second.second == stateOf(known->second.first);
}

void Analysis::runRepeat(RepeatOp op) {
  close();
  StringRef name = "x";
  op.getBody().walk([&](StepOp step) { name = step.getStream(); });
  int chain = op.getCarries().empty() ? -1 : chainOf(op.getCarries(), name);
  stacks.push_back({});
  current = static_cast<int>(stacks.size()) - 1;
  stacks[current].repeat = op;
  stacks[current].first = op.getFirst();
  stacks[current].count = op.getCount();
  stacks[current].span = Span::of(layersOf(op));
  stacks[current].chain = std::max(chain, 0);
  int before = epoch;
  for (BlockArgument argument : op.getCarryArguments()) {
    epoch = before; // all carries are one r
    values[argument] = streamOf(argument.getType());
  }
  if (op.getCount() > 0)
    runBlock(op.getBody().front());
  if (op.getCount() > 0)
    for (Value carry : op.getBody().front().getTerminator()->getOperands())
      stacks[current].usesLargest |= get(carry).epoch != epoch;
  current = -1;
  for (Value result : op.getCarryResults()) {
    values[result] = this->result(stacks.back().chain, result.getType());
    chainOfResult[result] = {stacks.back().chain, stateOf(stacks.back().chain)};
  }
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
      normParts.push_back({factor, place, /*isBias=*/false});
      applyGain(other, place);
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
    NormShape shape = {norm->isCentred, norm->q, norm->eps, norm->outside, norm->number};
    if (const Abstract &input = getStream(norm->input); input.hasSkip && input.hasRest)
      sums.try_emplace(value, NormOfSum{shape, input});
    values[value] =
        scaled(normalised(getStream(norm->input), norm->input.getType(), shape, &op), *norm, &op);
    return true;
  }
  if (std::optional<Value> e = matchAveraging(value)) {
    const Abstract &x = getStream(*e);
    if (x.low.isNonNegative()) {
      values[value] = averagingWeights(x);
      return true;
    }
  }
  if (std::optional<Mixing> mixing = matchMixing(value)) {
    Abstract weights = get(mixing->weights);
    ArrayRef<int64_t> features = getFeatures(mixing->weights.getType());
    weights.rowSum =
        smaller(weights.rowSum, Series(static_cast<double>(features.back())) * weights.peak.b);
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
      double size = static_cast<double>(
          ShapedType::getNumElements(getFeatures(op->getOperand(1 - i).getType())));
      if (norm.norm == Abstract::Norm::unit && matchProduct(op->getResult(0))) {
        gains.insert(other.carriers.begin(), other.carriers.end());
        normParts.push_back({op->getOperand(1 - i), op, /*isBias=*/false});
        applyGain(other, op);
        isGained = true;
      } else if (matchSum(op->getResult(0))) {
        biases.insert(other.carriers.begin(), other.carriers.end());
        normParts.push_back({op->getOperand(1 - i), op, /*isBias=*/true});
        assumptions.applyBias(other, op, size);
      }
    }
  std::vector<Abstract> results = op.transfer(operands);
  for (auto [result, x] : llvm::zip_equal(op->getResults(), results)) {
    if (isGained)
      x.norm = Abstract::Norm::gained;
    if (x.whole.isTop() && !x.culprit && x.carriers.empty())
      x.culprit = op;
    if (!x.slope.whole.isFinite() && !x.slope.culprit && x.slope.carriers.empty())
      x.slope.culprit = op;
    values[result] = x;
  }
  if (results.front().scores && op->getNumOperands() > 1)
    attentions.push_back({op, *results.front().scores, operands[0], operands[1], current});
}
