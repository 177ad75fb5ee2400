// WitnessMeasure: the number that a witness is about, from an evaluation of the model.
// The same function finds a witness and replays it.
#include "compiler/stability/WitnessSearch.h"

#include "compiler/stability/WitnessSet.h"
#include "compiler/stability/WitnessWeights.h"
#include "dialect/Scores.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

SmallVector<StepOp> stability::stepsOf(ModelOp model) {
  SmallVector<StepOp> steps;
  model.walk([&](StepOp op) { steps.push_back(op); });
  return steps;
}

SmallVector<Operation *> stability::attentionsOf(ModelOp model) {
  SmallVector<Operation *> attentions;
  model.walk([&](PrimitiveOpInterface op) {
    if (op.getOpClass() == OpClass::Mixing && op->getNumOperands() > 1)
      attentions.push_back(op);
  });
  return attentions;
}

bool stability::isViolation(const Witness &witness) {
  if (!std::isfinite(witness.measured))
    return false;
  if (witness.measure == Measure::stream)
    return witness.measured < witness.limit;
  if (!(witness.measured > witness.limit))
    return false;
  if (witness.measure == Measure::growth)
    return witness.depths.size() == 2 && witness.depths[0].first < witness.depths[1].first &&
           witness.depths[1].second > leastGrowth * witness.depths[0].second;
  if (witness.measure != Measure::depths)
    return true;
  if (witness.depths.size() != 3)
    return false;
  double first = witness.depths[1].second - witness.depths[0].second,
         second = witness.depths[2].second - witness.depths[1].second;
  return first > 0 && second >= 1.05 * first; // a logarithm adds the same for each doubling
}

std::string stability::describe(const Witness &witness) {
  std::string number = printNumber(witness.measured), limit = printNumber(witness.limit);
  std::string at = witness.layer > 0 ? " of layer " + std::to_string(witness.layer) : "";
  std::string scaled = witness.parameter.empty() ? "" : "with '" + witness.parameter + "' scaled, ";
  std::string behind =
      scaled + "behind step " + std::to_string(witness.step + 1) + at + " the stream has ";
  switch (witness.measure) {
  case Measure::meanAbs:
    return behind + "mean |x| = " + number + ", above " + limit;
  case Measure::variance:
    return behind + "variance " + number + ", above " + limit;
  case Measure::largestEntry:
    return behind + "max |x| = " + number + ", above " + limit;
  case Measure::score:
    return scaled + "attention " + std::to_string(witness.step + 1) + at + " has a score of size " +
           number + ", above " + limit;
  case Measure::update:
    return "step " + std::to_string(witness.step + 1) + at + ": with 10 times '" +
           witness.parameter + "' its update is " + number + " times as large";
  case Measure::stream:
    return "step " + std::to_string(witness.step + 1) + at +
           ": half the stream changes what it gives by a share of " + number +
           ", a summand of it would change by half";
  case Measure::spread:
    return scaled + "two tokens are " + number +
           " times as far apart in the last stream as in the first, above " + limit;
  case Measure::depths:
  case Measure::growth: {
    std::string text = witness.measure == Measure::depths ? "U =" : "mean |x| of the last stream =";
    for (auto [depth, u] : witness.depths)
      text += " " + printNumber(u) + " at " + std::to_string(depth) + " layers,";
    text.pop_back();
    return text;
  }
  }
  llvm_unreachable("covered");
}

namespace {
class Measuring {
public:
  Measuring(const Analysis &analysis, const Witness &witness, std::string &problem)
      : analysis(analysis), witness(witness), problem(problem),
        values(witness.parameters.begin(), witness.parameters.end()) {}

  std::optional<double> measure();

private:
  std::optional<Array> stream(StepOp step, double factor);
  std::optional<Array> streamWith(StepOp step, ParamOp op, double factor);
  std::optional<double> score(Operation *attention);
  std::optional<double> update(StepOp step);
  std::optional<double> change(StepOp step);
  std::optional<double> spread(StepOp step);
  std::optional<int64_t> layerOf(Operation *op);
  std::nullopt_t fail(std::string text) {
    if (problem.empty())
      problem = std::move(text);
    return std::nullopt;
  }
  std::optional<Array> finish(WitnessRun &run, FailureOr<Array> array) {
    if (failed(array))
      return fail(run.problem);
    if (!run.brokenLaw.empty())
      return fail(run.brokenLaw + " does not hold");
    return std::move(*array);
  }

  const Analysis &analysis;
  const Witness &witness;
  std::string &problem;
  std::vector<ParameterValue> values;
};
} // namespace

/// 0-based within the repeat around `op`.
std::optional<int64_t> Measuring::layerOf(Operation *op) {
  auto repeat = op->getParentOfType<RepeatOp>();
  if (!repeat)
    return 0;
  int64_t layer = witness.layer - static_cast<int64_t>(repeat.getFirst());
  if (layer < 0 || layer >= static_cast<int64_t>(repeat.getCount()))
    return fail("the step is not in layer " + std::to_string(witness.layer));
  return layer;
}

std::optional<Array> Measuring::stream(StepOp step, double factor) {
  std::optional<int64_t> layer = layerOf(step);
  if (!layer)
    return std::nullopt;
  WitnessRun run(analysis.model, values, witness.tokens);
  if (factor != 1)
    run.scale(step.getPrevious(), *layer, factor);
  return finish(run, run.at(step.getResult(), *layer));
}

std::optional<Array> Measuring::streamWith(StepOp step, ParamOp op, double factor) {
  std::optional<int64_t> layer = layerOf(step);
  if (!layer)
    return std::nullopt;
  WitnessRun whole(analysis.model, values, witness.tokens);
  const Fill *fill = whole.fillOf(op, *layer);
  if (!fill)
    return fail("there is no value for parameter '" + witness.parameter + "'");
  std::vector<ParameterValue> changed = values;
  changed.push_back(valueIn(op, *layer, *fill));
  changed.back().fill.value *= factor;
  WitnessRun run(analysis.model, changed, witness.tokens);
  return finish(run, run.at(step.getResult(), *layer));
}

static double distance(const Array &x, const Array *y) {
  double sum = 0;
  for (int64_t i = 0; i < x.size(); ++i)
    sum += std::pow(x.data[i] - (y ? y->data[i] : 0), 2);
  return std::sqrt(sum);
}

/// |u(W)| / |u(W/10)|, with u the next stream less what it is for W = 0.
std::optional<double> Measuring::update(StepOp step) {
  ParamOp found;
  const_cast<Analysis &>(analysis).model.walk([&](ParamOp op) {
    if (pathOf(op) == witness.parameter &&
        op->getParentOfType<RepeatOp>() == step->getParentOfType<RepeatOp>())
      found = op;
  });
  if (!found)
    return fail("the model has no parameter '" + witness.parameter + "' beside the step");
  std::optional<Array> none = streamWith(step, found, 0), small = streamWith(step, found, 0.1),
                       large = streamWith(step, found, 1);
  if (!none || !small || !large)
    return std::nullopt;
  return distance(*large, &*none) / distance(*small, &*none);
}

std::optional<double> Measuring::change(StepOp step) {
  std::optional<Array> whole = stream(step, 1), half = stream(step, 0.5);
  if (!whole || !half)
    return std::nullopt;
  double change = distance(*whole, &*half);
  return change == 0 ? 0 : change / distance(*whole, nullptr);
}

/// A secant: somewhere between the two tokens the Jacobian is at least as large.
std::optional<double> Measuring::spread(StepOp step) {
  std::optional<int64_t> layer = layerOf(step);
  if (!layer || witness.tokens.size() != 2)
    return fail("two tokens are compared, not " + std::to_string(witness.tokens.size()));
  std::vector<Array> last, first;
  for (int64_t token : witness.tokens) {
    WitnessRun run(analysis.model, values, {token});
    for (Value root : embeddingsOf(analysis)) {
      std::optional<Array> x = finish(run, run.at(root, 0));
      if (!x)
        return std::nullopt;
      first.push_back(std::move(*x));
    }
    std::optional<Array> x = finish(run, run.at(step.getResult(), *layer));
    if (!x)
      return std::nullopt;
    last.push_back(std::move(*x));
  }
  double apart = 0;
  for (size_t i = 0; i < first.size() / 2; ++i)
    apart = std::max(apart, distance(first[i], &first[first.size() / 2 + i]));
  return apart > 0 ? std::optional(distance(last[0], &last[1]) / apart) : std::nullopt;
}

std::optional<double> Measuring::score(Operation *attention) {
  std::optional<int64_t> layer = layerOf(attention);
  if (!layer)
    return std::nullopt;
  WitnessRun run(analysis.model, values, witness.tokens);
  SmallVector<Array> operands;
  for (Value operand : attention->getOperands()) {
    std::optional<Array> array = finish(run, run.at(operand, *layer));
    if (!array)
      return std::nullopt;
    operands.push_back(std::move(*array));
  }
  std::optional<double> largest = largestScore(attention, operands, run.batch);
  return largest ? largest : fail("this operation has no scores");
}

static double meanAbs(const Array &x) {
  double sum = 0;
  for (double value : x.data)
    sum += std::abs(value) / double(x.size());
  return sum;
}

static double variance(const Array &x) {
  double mean = 0, sum = 0;
  for (double value : x.data)
    mean += value / double(x.size());
  for (double value : x.data)
    sum += (value - mean) * (value - mean) / std::max<double>(1, double(x.size() - 1));
  return sum;
}

static double largest(const Array &x) {
  double most = 0;
  for (double value : x.data)
    most = std::isnan(value) ? NAN : std::max(most, std::abs(value));
  return most;
}

std::optional<double> Measuring::measure() {
  bool isOfAttention = witness.measure == Measure::score;
  SmallVector<StepOp> steps = stepsOf(analysis.model);
  SmallVector<Operation *> attentions = attentionsOf(analysis.model);
  size_t count = isOfAttention ? attentions.size() : steps.size();
  if (witness.step < 0 || witness.step >= static_cast<int64_t>(count))
    return fail("the model has " + std::to_string(count) +
                (isOfAttention ? " attentions" : " steps") + ", not " +
                std::to_string(witness.step + 1));
  if (isOfAttention)
    return score(attentions[witness.step]);
  StepOp step = steps[witness.step];
  if (witness.measure == Measure::update)
    return update(step);
  if (witness.measure == Measure::stream)
    return change(step);
  if (witness.measure == Measure::spread)
    return spread(step);
  std::optional<Array> x = stream(step, 1);
  if (!x)
    return std::nullopt;
  return witness.measure == Measure::variance       ? variance(*x)
         : witness.measure == Measure::largestEntry ? largest(*x)
                                                    : meanAbs(*x);
}

/// One number at another depth: U, or the mean |entry| of the last stream.
static std::optional<double> measureAt(int64_t depth, const Witness &witness,
                                       const VerifyOptions &options, std::string &problem) {
  OwningOpRef<ModuleOp> module = options.atDepth ? options.atDepth(depth) : nullptr;
  FailureOr<Assumptions> assumptions = failure();
  if (module && !module->getOps<ModelOp>().empty())
    assumptions = Assumptions::read(*module->getOps<ModelOp>().begin());
  if (failed(assumptions)) {
    problem = "the model cannot have " + std::to_string(depth) + " layers";
    return std::nullopt;
  }
  Analysis analysis(*module->getOps<ModelOp>().begin(), *assumptions, Weights::declared);
  if (witness.measure == Measure::depths) {
    std::optional<double> u = updateTotal(analysis);
    if (!u)
      problem = "the model has no update bound at " + std::to_string(depth) + " layers";
    return u;
  }
  Witness deep = witness;
  deep.measure = Measure::meanAbs;
  if (!setLastPlace(deep, analysis)) {
    problem = "the model has no streams";
    return std::nullopt;
  }
  return measureAgain(analysis, deep, options, problem);
}

std::optional<double> stability::measureAgain(const Analysis &analysis, Witness &witness,
                                              const VerifyOptions &options, std::string &problem) {
  if (witness.measure == Measure::depths || witness.measure == Measure::growth) {
    for (auto &[depth, number] : witness.depths) {
      std::optional<double> measured = measureAt(depth, witness, options, problem);
      if (!measured)
        return std::nullopt;
      number = *measured;
    }
    return witness.depths.empty() ? std::nullopt : std::optional(witness.depths.back().second);
  }
  std::vector<std::vector<int64_t>> sequences = {witness.tokens};
  if (witness.measure == Measure::spread) { // each by itself, and all that lies between them
    sequences.clear();
    for (int64_t token : witness.tokens)
      sequences.push_back({token});
    for (const Assumption &one : analysis.assumptions.all())
      if (one.form == "x0.std") {
        problem = "between two tokens assume " + one.text + " may not hold";
        return std::nullopt;
      }
  }
  for (const std::vector<int64_t> &tokens : sequences) {
    WitnessRun run(analysis.model, witness.parameters, tokens);
    if (std::optional<std::string> broken = brokenPromise(analysis, run)) {
      problem = *broken;
      return std::nullopt;
    }
  }
  return Measuring(analysis, witness, problem).measure();
}
