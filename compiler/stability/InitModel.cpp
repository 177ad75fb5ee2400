// InitModel: from the logits back through final norm, stacks and steps to the embedding.
// Layers stay rolled: a step is read once and gives its numbers for each layer.
#include "compiler/stability/InitModel.h"
#include "compiler/stability/InitStep.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

namespace {

/// A stream from its root to where it is read.
class ChainReader {
public:
  explicit ChainReader(ModelOp model);
  /// False after `reading.obstacle` was set.
  bool read(Value end);
  InitReading reading;

private:
  bool stop(const char *why, Value where);
  /// Walks back over steps that end in `value` and returns where they start, null after a stop.
  Value readSteps(Value value, Stretch &stretch);
  Value readRepeat(Value result);
  bool readStep(StepOp op, Stretch &stretch);
  std::optional<StreamLaw> readMemory(Value value);
  /// The step that a value is the stream behind: idioms see through steps.
  Value streamOf(Value value) const;

  ModelOp model;
  DenseMap<Value, StepOp> steps; ///< by what they compute
};

} // namespace

/// Behind uses of definitions only: steps are looked for.
static Value behindApply(Value value) {
  while (auto apply = value.getDefiningOp<ApplyOp>())
    value = apply.getBody().front().getTerminator()->getOperand(
        cast<OpResult>(value).getResultNumber());
  return value;
}

ChainReader::ChainReader(ModelOp model) : model(model) {
  model.walk([&](StepOp op) { steps.try_emplace(resolve(op.getNext()), op); });
}

Value ChainReader::streamOf(Value value) const {
  value = behindApply(value);
  auto step = steps.find(value);
  return step == steps.end() ? value : Value(const_cast<StepOp &>(step->second).getResult());
}

bool ChainReader::stop(const char *why, Value where) {
  if (reading.obstacle.text.empty())
    reading.obstacle = {why, where.getLoc()};
  return false;
}

//===-- the embedding --------------------------------------------------------===//

namespace {
/// Mean square of a token and mean product of two tokens.
struct Law {
  double own = 0, other = 0;
};
} // namespace

/// A number that has no layers.
static double single(const Series &number, InitReading &reading) {
  reading.isOfOneDepth |= number.hasSchedule();
  return number[0];
}

static std::optional<Law> lawOf(Value value, InitReading &reading, int depth);

static std::optional<Law> sumOfLaws(const Summands &sum, InitReading &reading, int depth) {
  Law total = {sum.number * sum.number, sum.number * sum.number};
  for (auto [factor, term] : sum.terms) {
    std::optional<Law> law = lawOf(term, reading, depth);
    if (!law)
      return std::nullopt;
    total.own += factor * factor * law->own;
    total.other += factor * factor * law->other;
  }
  return total;
}

static std::optional<Law> lawOfTable(Value table, InitReading &reading) {
  if (std::optional<RandomMatrix> random = randomMatrix(table))
    return Law{single(random->variance, reading), 0};
  if (std::optional<Series> number = initialNumber(table)) {
    const double value = single(*number, reading);
    return Law{value * value, value * value};
  }
  return std::nullopt;
}

/// Of distinct tokens: rows of tables, their sums, norms and projections.
static std::optional<Law> lawOf(Value value, InitReading &reading, int depth) {
  Remark &obstacle = reading.obstacle;
  value = resolve(value);
  auto scaled = [&](const Law &law, double factor) {
    return Law{law.own * factor, law.other * factor};
  };
  if (depth > 0) {
    if (std::optional<Value> table = matchLookup(value))
      if (std::optional<Law> law = lawOfTable(*table, reading))
        return law;
    if (!hasRows(value.getType()))
      if (std::optional<Law> law = lawOfTable(value, reading)) // the same for all tokens
        return Law{law->own, law->own};
    std::optional<NormForm> norm = readNorm(value, obstacle);
    if (norm)
      if (std::optional<Law> law = lawOf(norm->input, reading, depth - 1))
        return scaled(*law, single(norm->gain * norm->gain, reading) / (law->own + norm->eps));
    std::optional<Projection> projection = matchProjection(value);
    std::optional<RandomMatrix> matrix =
        projection ? randomMatrix(projection->matrix) : std::nullopt;
    if (matrix)
      if (std::optional<Law> law = lawOf(projection->input, reading, depth - 1))
        return scaled(*law,
                      static_cast<double>(projection->fanIn) * single(matrix->variance, reading));
    Summands sum = summandsOf(value, 8);
    if (sum.terms.size() > 1)
      return sumOfLaws(sum, reading, depth - 1);
    Remark ignored;
    if (std::optional<Scaled> core = scaledCore(value, {}, ignored); core && core->core != value)
      if (std::optional<Law> law = lawOf(core->core, reading, depth - 1))
        return scaled(*law, single(core->factor * core->factor, reading));
  }
  if (obstacle.text.empty())
    obstacle = {"the predictor has no rule for how this stream starts", value.getLoc()};
  return std::nullopt;
}

//===-- steps ----------------------------------------------------------------===//

bool ChainReader::readStep(StepOp op, Stretch &stretch) {
  StepReader reader(op, [&](Value value) { return readMemory(value); });
  std::optional<StepForm> form = reader.read();
  if (!form) {
    if (reading.obstacle.text.empty())
      reading.obstacle = reader.obstacle;
    return false;
  }
  reading.hasMemory |= reader.hasMemory;
  reading.isOfOneDepth |= reader.isOfOneDepth || reader.hasMemory;
  llvm::append_range(reading.hazards, reader.hazards);
  stretch.steps.emplace_back(op, std::move(*form));
  return true;
}

Value ChainReader::readSteps(Value value, Stretch &stretch) {
  llvm::SmallDenseSet<Operation *> seen;
  for (;;) {
    value = streamOf(value);
    auto step = value.getDefiningOp<StepOp>();
    if (!step)
      break;
    if (!seen.insert(step).second) { // x <- x is the step of what it starts from
      stop("the predictor has no rule for a step that changes nothing", step.getResult());
      return {};
    }
    // Around the steps of a block there is one more, from the same stream to the same value.
    Value next = behindApply(step.getNext());
    if (next.getDefiningOp<StepOp>()) {
      value = next;
      continue;
    }
    if (!readStep(step, stretch))
      return {};
    value = step.getPrevious();
  }
  std::reverse(stretch.steps.begin(), stretch.steps.end());
  return value;
}

Value ChainReader::readRepeat(Value result) {
  auto repeat = result.getDefiningOp<RepeatOp>();
  if (repeat.getCarries().size() != 1) {
    stop("the predictor has no rule for several streams", result);
    return {};
  }
  Stretch stretch;
  stretch.count = repeat.getCount();
  stretch.range = layersOf(repeat);
  if (stretch.count > 0) {
    Value end = repeat.getBody().front().getTerminator()->getOperand(0);
    Value start = readSteps(end, stretch);
    if (!start)
      return {};
    if (start != repeat.getCarryArguments().front()) {
      stop("the predictor has no rule for a layer like this", start);
      return {};
    }
    reading.stretches.push_back(std::move(stretch));
  }
  return repeat.getCarries().front();
}

bool ChainReader::read(Value end) {
  Value value = end;
  for (;;) {
    Stretch outside;
    value = readSteps(value, outside);
    if (!value)
      return false;
    if (!outside.steps.empty())
      reading.stretches.push_back(std::move(outside));
    if (!value.getDefiningOp<RepeatOp>())
      break;
    value = readRepeat(value);
    if (!value)
      return false;
  }
  std::optional<Law> start = lawOf(value, reading, 8);
  if (!start)
    return false;
  reading.model.emplace();
  constexpr int64_t mostTokens = 128; // min(n, 128) of 6.1
  MeanFieldModel &numbers = *reading.model;
  numbers.q0 = start->own;
  numbers.rho0 = start->own > 0 ? start->other / start->own : 0;
  int64_t context = model.getContext();
  numbers.tokens = context > 0 ? std::min(context, mostTokens) : mostTokens;
  numbers.width = getFeatures(value.getType()).back();
  std::reverse(reading.stretches.begin(), reading.stretches.end());
  return true;
}

// Another stream, behind a norm or bare, at its end.
std::optional<StreamLaw> ChainReader::readMemory(Value value) {
  Remark ignored;
  std::optional<Scaled> outer = scaledCore(value, {}, ignored);
  std::optional<NormForm> norm = outer ? readNorm(outer->core, ignored) : std::nullopt;
  if (!outer || !ignored.text.empty())
    return std::nullopt;
  // The idiom sees through steps; the stream is asked for by its name.
  Value end = norm ? norm->input : outer->core;
  if (!end.getDefiningOp()) // the layer's own stream
    return std::nullopt;
  ChainReader other(model);
  if (!other.read(end)) {
    reading.obstacle = other.reading.obstacle;
    return std::nullopt;
  }
  MeanFieldProfile profile = predictWithin(other.reading.here());
  StreamLaw law = {profile.q.back(), profile.rho.back()};
  if (!std::isfinite(law.q))
    return std::nullopt;
  double gain = outer->factor[0] * (norm ? norm->gain[0] : 1);
  law.q *= gain * gain / (norm ? law.q + norm->eps : 1);
  return law;
}

//===-- the head -------------------------------------------------------------===//

InitReading stability::readSteps(ModelOp op) {
  ChainReader reader(op);
  InitReading &reading = reader.reading;
  Value logits = op.getBody().front().getTerminator()->getOperand(0);
  SmallVector<Value> arguments = argumentsOf(logits); // behind a cap of the logits
  std::optional<Projection> head =
      arguments.size() == 1 ? matchProjection(arguments.front()) : std::nullopt;
  std::optional<RandomMatrix> matrix = head ? randomMatrix(head->matrix) : std::nullopt;
  if (!matrix) {
    reading.obstacle = {"the predictor has no rule for how these logits are made", logits.getLoc()};
    return std::move(reading);
  }
  // A last step outside of repeats is the stream, whatever it computes.
  Value stream = behindApply(head->input);
  std::optional<Scaled> input = stream.getDefiningOp<StepOp>()
                                    ? Scaled{stream, 1.0}
                                    : scaledCore(stream, {}, reading.obstacle);
  if (!input)
    return std::move(reading);
  std::optional<NormForm> norm;
  if (input->core != stream || !stream.getDefiningOp<StepOp>())
    norm = readNorm(input->core, reading.obstacle);
  if (!reading.obstacle.text.empty() || !reader.read(norm ? norm->input : input->core))
    return std::move(reading);
  MeanFieldModel &model = *reading.model;
  model.finalNorm = norm.has_value();
  model.eps = norm ? norm->eps : model.eps;
  const Series gain = norm ? input->factor * norm->gain : input->factor;
  model.headVariance = single(matrix->variance * gain * gain, reading);
  return std::move(reading);
}

InitReading stability::readInit(ModelOp op) {
  InitReading reading = readSteps(op);
  if (reading.model)
    reading.model = reading.here();
  return reading;
}

//===-- layers ---------------------------------------------------------------===//

MeanFieldModel InitReading::here() {
  MeanFieldModel result = *model;
  steps.clear();
  layers = 0;
  for (const Stretch &stretch : stretches)
    for (int64_t layer = 0; layer < stretch.count; ++layer) {
      ++layers;
      for (const auto &[op, form] : stretch.steps) {
        result.steps.push_back(form.at(static_cast<size_t>(layer)));
        result.layerOfStep.push_back(layers);
        steps.push_back(op);
      }
    }
  return result;
}

std::optional<MeanFieldModel> InitReading::at(int64_t depth, std::vector<StepOp> &ops) const {
  auto isGrowing = [](const Stretch &stretch) { return !stretch.range.count.asConstant(); };
  if (isOfOneDepth || llvm::none_of(stretches, isGrowing))
    return std::nullopt;
  MeanFieldModel result = *model;
  int64_t count = 0;
  for (const Stretch &stretch : stretches) {
    const auto [first, number] = stretch.layersAt(depth);
    for (int64_t layer = first; layer < first + number; ++layer) {
      ++count;
      for (const auto &[op, form] : stretch.steps) {
        std::optional<MeanFieldStep> step =
            form.at(static_cast<double>(layer), static_cast<double>(depth));
        if (!step)
          return std::nullopt;
        result.steps.push_back(std::move(*step));
        result.layerOfStep.push_back(count);
        ops.push_back(op);
      }
    }
  }
  return result;
}
