// WitnessSearch: takes a parameter that carries a stream's scale and makes it larger, everything
// else at rest, until the quantity exceeds what it has to (S56).
#include "compiler/stability/WitnessSearch.h"

#include "compiler/stability/WitnessWeights.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

// Where no number was asked for, "as large as one likes" is shown at this size.
static constexpr double large = 1e6;
// Carriers to try before a verdict is left open; a few are enough in every model of section 7.
static constexpr int mostTries = 40;
// Beyond the largest number of bf16 and of f32.
static constexpr double overflowed = 3.4028235677973366e38;

static std::string placeOf(Operation *op) {
  auto place = op->getLoc()->findInstanceOf<FileLineColLoc>();
  return place ? place.getFilename().str() + ":" + std::to_string(place.getLine()) + ":" +
                     std::to_string(place.getColumn())
               : "";
}

/// As the model counts layers; 0 outside.
static int64_t numberOf(Operation *op, int64_t layer) {
  auto repeat = op->getParentOfType<RepeatOp>();
  return repeat ? static_cast<int64_t>(repeat.getFirst()) + layer : 0;
}

namespace {
class Search {
public:
  Search(Subject &subject, const Verdict &verdict, Measure measure, double limit)
      : subject(subject), analysis(subject.declared) {
    witness.property = verdict.property;
    witness.claim = verdict.claim;
    witness.tokens = {0};
    if (measure == Measure::spread)
      witness.tokens.push_back(1);
    witness.measure = measure;
    witness.limit = limit;
  }

  /// A carrier in `layers` makes a stream large: behind its own step, or the last of the model.
  std::optional<Witness> ofStream(bool isLast);
  std::optional<Witness> ofScores();
  std::optional<Witness> ofUpdate();
  std::optional<Witness> ofSkip();
  std::optional<Witness> ofDepths();

private:
  std::optional<Witness> ofCarriers(const Stack &stack, Operation *last, int64_t lastLayer,
                                    Template kind);
  std::optional<Witness> grow(const WitnessWeights &weights, Operation *place, ParamOp carrier,
                              int64_t layer);
  void setPlace(Operation *op, int64_t layer) { stability::setPlace(witness, analysis, op, layer); }
  bool isShown();
  void setTokensApart(std::vector<ParameterValue> &values) const;
  bool isUseless(ParamOp carrier) const;

  Subject &subject;
  const Analysis &analysis;
  Witness witness;
  int tries = 0;
};
} // namespace

void stability::setPlace(Witness &witness, const Analysis &analysis, Operation *op, int64_t layer) {
  SmallVector<Operation *> all = attentionsOf(analysis.model);
  if (isa<StepOp>(op)) {
    all.clear();
    for (StepOp step : stepsOf(analysis.model))
      all.push_back(step);
  }
  witness.step = llvm::find(all, op) - all.begin();
  witness.layer = numberOf(op, layer);
  witness.place = placeOf(op);
}

bool stability::setLastPlace(Witness &witness, const Analysis &analysis) {
  const Stack *last = nullptr;
  for (const Stack &stack : analysis.stacks)
    if (stack.chain == analysis.outputChain() && stack.count > 0 && !stack.equations.empty())
      last = &stack;
  if (last)
    setPlace(witness, analysis, const_cast<Stack *>(last)->equations.back().op, last->count - 1);
  return last;
}

bool Search::isShown() {
  std::string problem;
  std::optional<double> measured = measureAgain(analysis, witness, subject.options, problem);
  witness.measured = measured.value_or(NAN);
  if (problem == tooLong)
    tries = mostTries; // another carrier would take as long
  return measured && isViolation(witness);
}

/// Tokens 0 and 1 of every table: opposite rows.
void Search::setTokensApart(std::vector<ParameterValue> &values) const {
  const_cast<Analysis &>(analysis).model.walk([&](ParamOp op) {
    if (isTable(op) && !op->getParentOfType<RepeatOp>())
      values.push_back(valueOf(op, {.kind = Fill::Kind::outer,
                                    .value = 1,
                                    .left = Direction::alternating,
                                    .right = Direction::alternating}));
  });
}

/// A bias moves the stream and changes nothing of how it changes.
bool Search::isUseless(ParamOp carrier) const {
  return witness.measure == Measure::spread && carrier.getType().getRank() < 2 &&
         !analysis.gains.count(carrier.getResult());
}

/// Makes `carrier` larger in `layer` until the measure exceeds its limit.
std::optional<Witness> Search::grow(const WitnessWeights &weights, Operation *place,
                                    ParamOp carrier, int64_t layer) {
  auto repeat = carrier->getParentOfType<RepeatOp>();
  if (!repeat)
    repeat = place->getParentOfType<RepeatOp>();
  std::vector<ParameterValue> rest = weights.quiet(repeat, layer);
  if (witness.measure == Measure::spread)
    setTokensApart(rest);
  weights.fit(rest, witness.tokens);
  witness.parameter = pathOf(carrier);
  // Twice the limit where the measure grows like the factor, and then as its growth asks for.
  double factor = std::pow(10, std::ceil(std::log10(2 * std::max(witness.limit, 1.0))));
  for (int turn = 0; turn < 4; ++turn) {
    witness.parameters = rest;
    witness.parameters.push_back(weights.scaled(carrier, layer, factor));
    if (isShown())
      return witness;
    double before = witness.measured;
    if (std::isnan(before) || (turn > 1 && before < witness.limit * 1e-3))
      return std::nullopt;
    double missing = std::isinf(before) ? 1 / std::sqrt(factor)
                                        : 10 * witness.limit / std::max(before, 1e-12 * factor);
    factor = std::pow(10, std::ceil(std::log10(factor * std::min(missing, 1e12))));
  }
  return std::nullopt;
}

static constexpr Template templates[] = {Template::diagonal, Template::ones, Template::drawn};

/// Whether scaling the parameter scales what is made of it.
static bool isScaled(Degree degree) { return !degree.top && degree.high >= 1 && degree.exact; }

std::optional<Witness> Search::ofCarriers(const Stack &stack, Operation *last, int64_t lastLayer,
                                          Template kind) {
  SmallVector<int64_t> layers = {0};
  if (last && stack.count > 1)
    layers = {stack.count - 1, 0};
  WitnessWeights weights(analysis, kind);
  size_t count = stack.equations.size();
  for (size_t i = 0; i < count; ++i) {
    const Equation &equation = stack.equations[last ? count - 1 - i : i];
    for (Value value : equation.next.carriers) {
      auto carrier = value.getDefiningOp<ParamOp>();
      if (!carrier || stack.count == 0 || !isScaled(equation.next.degreeIn(value)) ||
          isUseless(carrier))
        continue;
      Operation *own = const_cast<Equation &>(equation).op;
      for (int64_t layer : layers) {
        if (++tries > mostTries)
          return std::nullopt;
        setPlace(last ? last : own, last ? lastLayer : layer);
        if (auto found = grow(weights, last ? last : own, carrier, layer))
          return found;
      }
    }
  }
  return std::nullopt;
}

/// What a later norm does not take away again is tried first.
std::optional<Witness> Search::ofStream(bool isLast) {
  Operation *last = nullptr;
  int64_t lastLayer = 0;
  if (isLast)
    for (const Stack &stack : analysis.stacks)
      if (stack.chain == analysis.outputChain() && stack.count > 0 && !stack.equations.empty()) {
        last = const_cast<Equation &>(stack.equations.back()).op;
        lastLayer = stack.count - 1;
      }
  size_t count = analysis.stacks.size();
  for (Template kind : templates)
    for (size_t i = 0; i < count && tries < mostTries; ++i)
      if (auto found =
              ofCarriers(analysis.stacks[isLast ? count - 1 - i : i], last, lastLayer, kind))
        return found;
  return std::nullopt;
}

std::optional<Witness> Search::ofScores() {
  for (Template kind : templates)
    for (const Attention &attention : analysis.attentions)
      for (const Abstract *side : {&attention.query, &attention.key})
        for (Value value : side->carriers) {
          auto carrier = value.getDefiningOp<ParamOp>();
          if (!carrier || !isScaled(side->degreeIn(value)))
            continue;
          setPlace(attention.op, 0);
          WitnessWeights weights(analysis, kind);
          if (auto found = grow(weights, attention.op, carrier, 0))
            return found;
        }
  return std::nullopt;
}

std::optional<Witness> Search::ofUpdate() {
  witness.limit = mostUpdateChange;
  for (Template kind : templates)
    for (const Stack &stack : analysis.stacks)
      for (const Equation &equation : stack.equations)
        for (Value projection : equation.next.last) {
          Operation *op = projection.getDefiningOp();
          if (!op || stack.count == 0 || !isScaled(equation.next.degreeIn(projection)))
            continue;
          for (Value operand : op->getOperands()) {
            auto matrix = operand.getDefiningOp<ParamOp>();
            if (!matrix)
              continue;
            Operation *step = const_cast<Equation &>(equation).op;
            setPlace(step, 0);
            WitnessWeights weights(analysis, kind);
            witness.parameter = pathOf(matrix);
            witness.parameters = weights.quiet(step->getParentOfType<RepeatOp>(), 0);
            weights.fit(witness.parameters, witness.tokens);
            if (isShown())
              return witness;
          }
        }
  return std::nullopt;
}

std::optional<Witness> Search::ofSkip() {
  witness.limit = leastStreamChange;
  for (Template kind : templates)
    for (const Stack &stack : analysis.stacks)
      for (const Equation &equation : stack.equations) {
        if (equation.next.hasSkip || stack.count == 0)
          continue;
        setPlace(const_cast<Equation &>(equation).op, 0);
        WitnessWeights weights(analysis, kind);
        witness.parameters = weights.quiet(RepeatOp(), 0);
        weights.fit(witness.parameters, witness.tokens);
        if (isShown())
          return witness;
      }
  return std::nullopt;
}

std::optional<Witness> Search::ofDepths() {
  int64_t base = std::clamp<int64_t>(analysis.layers(), 48, 96);
  witness.limit = largestUpdate;
  witness.tokens.clear();
  witness.depths = {{base, 0}, {2 * base, 0}, {4 * base, 0}};
  return isShown() ? std::optional(witness) : std::nullopt;
}

std::optional<Witness> stability::findWitness(Subject &subject, const Verdict &verdict,
                                              double atLeast) {
  double limit = std::max(large, atLeast);
  StringRef property = verdict.property;
  if (verdict.basis == Basis::trajectory || verdict.basis == Basis::optimum)
    return std::nullopt; // nothing says that an optimizer gets there
  if (property == "forward.growth" || property == "forward.wellposed")
    return Search(subject, verdict, Measure::meanAbs, limit).ofStream(/*isLast=*/false);
  if (property == "forward.bound")
    return Search(subject, verdict, Measure::meanAbs, limit).ofStream(/*isLast=*/true);
  if (property == "forward.variance")
    return Search(subject, verdict, Measure::variance, limit).ofStream(/*isLast=*/true);
  if (property == "backward.sensitivity_bound")
    return Search(subject, verdict, Measure::spread, limit).ofStream(/*isLast=*/true);
  if (property == "precision.overflow")
    return Search(subject, verdict, Measure::largestEntry, overflowed).ofStream(/*isLast=*/false);
  if (property == "attention.logit_bound")
    return Search(subject, verdict, Measure::score, limit).ofScores();
  if (property == "backward.scale_invariance")
    return Search(subject, verdict, Measure::update, 0).ofUpdate();
  if (property == "backward.identity_path")
    return Search(subject, verdict, Measure::stream, 0).ofSkip();
  if (property == "deepnorm.update_bound")
    return Search(subject, verdict, Measure::depths, 0).ofDepths();
  return std::nullopt;
}
