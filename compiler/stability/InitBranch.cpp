// InitBranch: one update dt O(f(I(x))) of a step: what it reads, its matrices, activation or
// attention.
// The second half of StepReader; InitStep.cpp finds the updates.
#include "compiler/stability/InitStep.h"

#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

//===-- one update -----------------------------------------------------------===//

bool StepReader::readUpdate(Value value, Series dt) {
  form.step.updates.emplace_back();
  set(&Update::dt, dt);
  std::optional<NormForm> norm = readNorm(value, obstacle);
  if (norm) {
    update().outputNorm = true;
    update().outputEps = norm->eps;
    set(&Update::outputGain, norm->gain);
    value = norm->input;
  }
  std::optional<Scaled> scaled =
      obstacle.text.empty() ? scaledCore(value, stream, obstacle) : std::nullopt;
  if (!scaled)
    return false;
  isOfOneDepth |= norm && scaled->factor.hasSchedule();
  if (norm && !(abs(scaled->factor) == Series(1.0)))
    hazards.push_back({"a number inside a norm changes nothing (S10)", value.getLoc()});
  std::optional<Projection> projection = matchProjection(scaled->core);
  if (!projection || projection->fanOut != width)
    return stop("the predictor has no rule for an update that ends like this", scaled->core);
  std::optional<Series> weights = readWeights(*projection, scaled->factor);
  return weights && readHidden(projection->input, *weights);
}

bool StepReader::readHidden(Value hidden, Series out) {
  Remark ignored; // an activation may add constants
  std::optional<Scaled> scaled = scaledCore(hidden, stream, ignored);
  if (scaled) {
    std::optional<NormForm> norm = readNorm(scaled->core, obstacle);
    if (!obstacle.text.empty())
      return false;
    if (norm) {
      update().hiddenNorm = true;
      update().hiddenCentred = norm->isCentred;
      update().hiddenEps = norm->eps;
      Series gain = scaled->factor * norm->gain;
      out = out * gain * gain;
      hidden = norm->input;
      scaled = scaledCore(hidden, stream, ignored);
    }
  }
  std::optional<SoftmaxAttention> attention = scaled ? matchAttention(scaled->core) : std::nullopt;
  if (attention) {
    update().branch = Update::Branch::attention;
    set(&Update::sO, out * scaled->factor * scaled->factor);
    return readAttention(*attention);
  }
  set(&Update::s2, out);
  size_t arguments = argumentsOf(hidden).size();
  return arguments == 2 ? readGated(hidden) : readActivation(hidden);
}

std::optional<Series> StepReader::readWeights(const Projection &projection, Series factor) {
  std::optional<RandomMatrix> matrix = randomMatrix(projection.matrix);
  if (!matrix) {
    stop("these weights do not start as independent random numbers of mean zero",
         projection.matrix);
    return std::nullopt;
  }
  for (Value other : used)
    if (isSameValue(other, projection.matrix)) {
      stop("these weights are used twice", projection.matrix);
      return std::nullopt;
    }
  if (matrix->parameter->getParentOfType<RepeatOp>() != repeat) {
    stop("these weights are the same in every layer", projection.matrix);
    return std::nullopt;
  }
  used.push_back(projection.matrix);
  return Series(static_cast<double>(projection.fanIn)) * matrix->variance * factor * factor;
}

/// What a branch reads: the stream or its norm, with a number.
bool StepReader::readInput(Value value, Value &input) {
  if (input)
    return isSameValue(input, value) || stop("this branch reads two different values", value);
  input = value;
  std::optional<Scaled> scaled = scaledCore(value, stream, obstacle);
  if (!scaled)
    return false;
  if (scaled->core == stream) {
    set(&Update::inputGain, scaled->factor);
    return true;
  }
  std::optional<NormForm> norm = readNorm(scaled->core, obstacle);
  std::optional<Scaled> inner = norm ? scaledCore(norm->input, stream, obstacle) : std::nullopt;
  if (!inner || inner->core != stream)
    return stop("the predictor has no rule for what this reads", scaled->core);
  update().inputNorm = true;
  isOfOneDepth |= inner->factor.hasSchedule();
  update().inputEps = norm->eps / (inner->factor[0] * inner->factor[0]);
  set(&Update::inputGain, scaled->factor * norm->gain);
  return true;
}

//===-- activations ----------------------------------------------------------===//

bool StepReader::readActivation(Value hidden) {
  std::optional<EntryFunction> function = matchEntryFunction({hidden});
  std::optional<Projection> projection =
      function ? matchProjection(function->argument) : std::nullopt;
  if (!projection)
    return stop("the predictor has no rule for what this is made of", hidden);
  std::optional<Series> weights = readWeights(*projection, 1.0);
  if (!weights)
    return false;
  update().activation = function->function;
  update().hiddenRatio = static_cast<double>(projection->fanOut) / static_cast<double>(width);
  set(&Update::s1, *weights);
  Value input;
  return readInput(projection->input, input);
}

// phi(gate) * up: one of the two values enters as it is.
bool StepReader::readGated(Value hidden) {
  Remark ignored;
  Factors product = factorsOf(hidden, 8);
  SmallVector<Value> arguments = argumentsOf(hidden);
  SmallVector<Value> factors[2];
  for (Value above : product.above) {
    SmallVector<Value> own = argumentsOf(above);
    std::optional<Series> number = own.empty() ? initialNumber(above) : std::nullopt;
    if (own.size() == 1)
      factors[own.front() == arguments[1]].push_back(above);
    else if (number && number->isUniform() && !number->hasSchedule())
      product.number *= (*number)[0];
    else
      return stop("the predictor has no rule for this product", hidden);
  }
  std::optional<Scaled> up;
  int gate = 0;
  for (int side : {0, 1})
    if (factors[side].size() == 1 && !factors[1 - side].empty())
      if (auto scaled = scaledCore(factors[side].front(), stream, ignored);
          scaled && scaled->core == arguments[side]) {
        up = scaled;
        gate = 1 - side;
      }
  std::optional<EntryFunction> function =
      up ? matchEntryFunction(factors[gate], product.number) : std::nullopt;
  std::optional<Projection> first = function ? matchProjection(function->argument) : std::nullopt;
  std::optional<Projection> second = first ? matchProjection(up->core) : std::nullopt;
  if (!second || !product.below.empty())
    return stop("the predictor has no rule for this product", hidden);
  std::optional<Series> gateWeights = readWeights(*first, 1.0);
  std::optional<Series> upWeights = gateWeights ? readWeights(*second, up->factor) : std::nullopt;
  if (!upWeights)
    return false;
  update().branch = Update::Branch::glu;
  update().activation = function->function;
  update().hiddenRatio = static_cast<double>(first->fanOut) / static_cast<double>(width);
  set(&Update::s1, *gateWeights);
  set(&Update::sU, *upWeights);
  Value input;
  return readInput(first->input, input) && readInput(second->input, input);
}

//===-- attention ------------------------------------------------------------===//

/// Queries, keys or values: a projection, perhaps normalised head by head.
struct StepReader::Side {
  Value input;
  Series weights = 1.0; ///< fan_in Var(W), factors included where there is no norm
  Series gain = 1.0;    ///< of the norm
  bool isNormed = false;
};

std::optional<StepReader::Side> StepReader::readSide(Value value) {
  Side side;
  Series factor = 1.0;
  for (;;) {
    value = behindReshape(value);
    std::optional<Scaled> scaled = scaledCore(value, stream, obstacle);
    if (!scaled)
      return std::nullopt;
    factor = factor * scaled->factor;
    std::optional<NormForm> norm = readNorm(scaled->core, obstacle);
    if (!obstacle.text.empty())
      return std::nullopt;
    if (norm) {
      side.gain = side.gain * factor * norm->gain;
      factor = 1.0;
      side.isNormed = true;
      value = norm->input;
    } else if (behindReshape(scaled->core) != value) {
      value = scaled->core;
    } else {
      break;
    }
  }
  std::optional<Projection> projection = matchProjection(value);
  if (!projection) {
    stop("the predictor has no rule for what attention reads here", value);
    return std::nullopt;
  }
  std::optional<Series> weights = readWeights(*projection, factor);
  if (!weights)
    return std::nullopt;
  side.input = projection->input;
  side.weights = *weights;
  return side;
}

bool StepReader::readAttention(const SoftmaxAttention &attention) {
  std::optional<Side> q = readSide(attention.query);
  std::optional<Side> k = q ? readSide(attention.key) : std::nullopt;
  std::optional<Side> v = k ? readSide(attention.value) : std::nullopt;
  if (!v)
    return false;
  if (q->isNormed != k->isNormed || v->isNormed)
    return stop("the predictor has no rule for a norm of only these", attention.value);
  update().causal = attention.isCausal;
  update().qkNorm = q->isNormed;
  double heads = static_cast<double>(attention.heads);
  update().headSize = static_cast<double>(getFeatures(attention.query.getType()).back()) / heads;
  set(&Update::sQ, q->weights);
  set(&Update::sK, k->weights);
  set(&Update::sV, v->weights);
  set(&Update::scale, Series(attention.scale) * q->gain * k->gain);
  // A cap of many standard deviations changes nothing at initialisation.
  double variance = update().scale * update().scale * update().headSize *
                    (update().qkNorm ? 1 : update().sQ * update().sK);
  if (attention.softcap > 0 && attention.softcap < 8 * std::sqrt(variance))
    return stop("this cap bends the scores at initialisation", attention.query);
  Value input;
  if (!readInput(q->input, input) || !isSameValue(k->input, v->input))
    return stop("keys and values of this attention read different values", attention.key);
  if (isSameValue(input, k->input))
    return true;
  std::optional<StreamLaw> law = memory(k->input);
  if (!law)
    return stop("the predictor has no rule for what keys and values read", k->input);
  update().memory = true;
  update().memoryQ = law->q;
  update().memoryRho = law->rho;
  return hasMemory = true;
}
