// InitStep: x <- P(a x + sum dt O(f(I(x)))) read off the values of one step (S8), however it is
// spelled: the sum, its factors and norms. The branches are in InitBranch.cpp.
// Whatever else a step computes is an obstacle with its line.
#include "compiler/stability/InitStep.h"

#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

//===-- numbers by layer -----------------------------------------------------===//

void StepForm::set(double MeanFieldStep::*field, const Series &numbers) {
  step.*field = numbers[0];
  if (!numbers.isUniform() || numbers.hasSchedule())
    ofStep.emplace_back(field, numbers);
}

void StepForm::set(size_t update, double MeanFieldUpdate::*field, const Series &numbers) {
  step.updates[update].*field = numbers[0];
  if (!numbers.isUniform() || numbers.hasSchedule())
    ofUpdates.emplace_back(update, field, numbers);
}

MeanFieldStep StepForm::at(size_t layer) const {
  MeanFieldStep result = step;
  for (const auto &[field, numbers] : ofStep)
    result.*field = numbers[layer];
  for (const auto &[update, field, numbers] : ofUpdates)
    result.updates[update].*field = numbers[layer];
  return result;
}

std::optional<MeanFieldStep> StepForm::at(double layer, double depth) const {
  MeanFieldStep result = step;
  bool isKnown = true;
  auto valueOf = [&](const Series &numbers) {
    std::optional<double> value = numbers.at(layer, depth);
    isKnown &= value.has_value();
    return value.value_or(0);
  };
  for (const auto &[field, numbers] : ofStep)
    result.*field = valueOf(numbers);
  for (const auto &[update, field, numbers] : ofUpdates)
    result.updates[update].*field = valueOf(numbers);
  return isKnown ? std::optional(std::move(result)) : std::nullopt;
}

std::pair<int64_t, int64_t> Stretch::layersAt(int64_t depth) const {
  const Layers &layers = range.layers;
  auto shareOf = [&](const Scalar &share) {
    return static_cast<int64_t>(std::floor(share.value() * static_cast<double>(depth) + 1e-9));
  };
  const int64_t first = layers.first.whole().value_or(1);
  if (const std::optional<Scalar> same = range.count.asConstant()) {
    const int64_t number = same->whole().value_or(count);
    return {isPositive(layers.from) ? shareOf(layers.to) - number + 1 : first, number};
  }
  const int64_t begin = isPositive(layers.from) ? shareOf(layers.from) + 1 : first;
  return {begin, std::max<int64_t>(0, shareOf(layers.to) - begin + 1)};
}

//===-- factors and norms ----------------------------------------------------===//

static std::optional<Series> factorOf(Value value, Remark &obstacle) {
  std::optional<Series> number = initialNumber(value);
  if (!number)
    obstacle = {"this factor is no single number at initialisation", value.getLoc()};
  return number;
}

/// The only summand with rows; null where there are several, and an obstacle where what else is
/// added is not zero at initialisation.
static Value onlySummand(const Summands &sum, double &coefficient, Remark &obstacle) {
  Value only;
  bool isAlone = true;
  for (auto [factor, term] : sum.terms) {
    if (hasRows(term.getType())) {
      isAlone &= !only;
      only = term;
      coefficient = factor;
      continue;
    }
    std::optional<Series> number = initialNumber(term);
    if (!number || !number->isAll(0))
      obstacle = {"what is added here is not zero at initialisation", term.getLoc()};
  }
  if (sum.number != 0 && only)
    obstacle = {"a constant is added here", only.getLoc()};
  return isAlone ? only : Value();
}

/// One factor with rows and numbers: the former, and `factor` times the latter; null otherwise.
static Value onlyFactor(const Factors &product, Series &factor, Remark &obstacle) {
  SmallVector<Value> others;
  Series numbers = product.number;
  for (auto [values, isBelow] : {std::pair(&product.above, false), {&product.below, true}})
    for (Value value : *values) {
      if (hasRows(value.getType())) {
        others.push_back(isBelow ? Value() : value);
        continue;
      }
      std::optional<Series> number = factorOf(value, obstacle);
      if (!number)
        return {};
      numbers = isBelow ? numbers / *number : numbers * *number;
    }
  if (others.size() != 1 || !others.front())
    return {};
  factor = factor * numbers;
  return others.front();
}

std::optional<Scaled> stability::scaledCore(Value value, Value stop, Remark &obstacle) {
  constexpr int deep = 8;
  Scaled result{resolve(value), 1.0};
  for (;;) {
    if (result.core == stop || !hasRows(result.core.getType()) || matchNormalisation(result.core))
      return result;
    Remark found;
    double coefficient = 1;
    Value summand = onlySummand(summandsOf(result.core, deep, stop), coefficient, found);
    if (!found.text.empty()) {
      obstacle = found;
      return std::nullopt;
    }
    if (!summand)
      return result;
    if (summand != result.core) {
      result = {summand, result.factor * coefficient};
      continue;
    }
    Value factor = onlyFactor(factorsOf(result.core, deep, stop), result.factor, found);
    if (!found.text.empty()) {
      obstacle = found;
      return std::nullopt;
    }
    if (!factor || factor == result.core)
      return result;
    result.core = factor;
  }
}

std::optional<NormForm> stability::readNorm(Value value, Remark &obstacle) {
  // Beside larger roots of a mean square, eps outside the root is nothing.
  constexpr double smallOutside = 1e-4;
  std::optional<Normalisation> norm = matchNormalisation(value);
  if (!norm)
    return std::nullopt;
  NormForm form;
  form.input = resolve(norm->input);
  form.isCentred = norm->isCentred;
  form.eps = (norm->eps + norm->outside * norm->outside) / norm->q;
  form.gain = norm->number / std::sqrt(norm->q);
  for (Value factor : norm->factors) {
    std::optional<Series> number = factorOf(factor, obstacle);
    if (!number)
      return std::nullopt;
    form.gain = form.gain * *number;
  }
  if (norm->outside > smallOutside) {
    obstacle = {"the predictor has no rule for a large eps outside the root", value.getLoc()};
    return std::nullopt;
  }
  return form;
}

//===-- the sum --------------------------------------------------------------===//

StepReader::StepReader(StepOp op, Memory memory)
    : op(op), memory(std::move(memory)), stream(resolve(op.getPrevious())),
      repeat(op->getParentOfType<RepeatOp>()), width(getFeatures(op.getType()).back()) {}

bool StepReader::stop(const char *why, Value where) {
  if (obstacle.text.empty())
    obstacle = {why, where.getLoc()};
  return false;
}

/// True where the stream, perhaps with a factor, is a summand.
static bool hasStream(Value value, Value stream) {
  Remark ignored;
  for (auto [factor, term] : summandsOf(value, 8, stream).terms)
    if (std::optional<Scaled> scaled = scaledCore(term, stream, ignored);
        scaled && scaled->core == stream)
      return true;
  return false;
}

std::optional<StepForm> StepReader::read() {
  if (getFeatures(op.getType()).size() != 1)
    return stop("the predictor has no rule for several streams", op.getResult()), std::nullopt;
  std::optional<Scaled> scaled = scaledCore(op.getNext(), stream, obstacle);
  if (!scaled)
    return std::nullopt;
  std::optional<NormForm> norm = readNorm(scaled->core, obstacle);
  if (!obstacle.text.empty())
    return std::nullopt;
  bool isPost = norm && hasStream(norm->input, stream);
  if (isPost) {
    form.step.postNorm = true;
    form.step.eps = norm->eps;
    form.set(&MeanFieldStep::postGain, scaled->factor * norm->gain);
  }
  if (!readSum(isPost ? norm->input : op.getNext(), 1.0))
    return std::nullopt;
  form.set(&MeanFieldStep::skip, skip);
  return form;
}

bool StepReader::readSum(Value value, Series factor) {
  Summands sum = summandsOf(value, 8, stream);
  if (sum.number != 0)
    return stop("a constant is added here", value);
  for (auto [coefficient, term] : sum.terms)
    if (!readTerm(term, factor * coefficient))
      return false;
  return true;
}

bool StepReader::readTerm(Value value, Series factor) {
  if (!hasRows(value.getType())) {
    std::optional<Series> number = initialNumber(value);
    isOfOneDepth |= number && number->hasSchedule();
    return (number && number->isAll(0)) ||
           stop("what is added here is not zero at initialisation", value);
  }
  std::optional<Scaled> scaled = scaledCore(value, stream, obstacle);
  if (!scaled)
    return false;
  factor = factor * scaled->factor;
  if (scaled->core == stream) {
    skip = skip + factor;
    return true;
  }
  bool isSum =
      !matchNormalisation(scaled->core) && summandsOf(scaled->core, 8, stream).terms.size() > 1;
  return isSum ? readSum(scaled->core, factor) : readUpdate(scaled->core, factor);
}
