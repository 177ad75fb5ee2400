// WitnessTight: rank-one matrices from what goes in to what comes out, as large as is declared.
// Features of the stream's width alternate, hidden ones are one positive number and zeros.
#include "compiler/stability/WitnessTight.h"

#include "compiler/stability/WitnessSearch.h"
#include "compiler/stability/WitnessWeights.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

// A parameter that nothing bounds stands before a norm: large enough that eps is nothing beside it.
static constexpr double large = 1e6;
// About half a second for each of four tries; GPT-2 of 124M parameters has 0.85e8 in its layers.
static constexpr double mostEntries = 2e8;

namespace {
class Tight {
public:
  Tight(const Analysis &analysis, Direction hidden, double sign)
      : analysis(analysis), weights(analysis, Template::ones), hidden(hidden), sign(sign),
        width(analysis.chains[analysis.outputChain()].width) {}

  std::vector<ParameterValue> values(ArrayRef<int64_t> tokens) const;

private:
  void add(ParamOp op, std::vector<ParameterValue> &values) const;
  void addNorms(std::vector<ParameterValue> &values, ArrayRef<int64_t> tokens) const;
  Direction directionOf(int64_t size) const {
    return size == width ? Direction::alternating : hidden;
  }

  const Analysis &analysis;
  WitnessWeights weights;
  Direction hidden;
  double sign;
  int64_t width;
};
} // namespace

void Tight::add(ParamOp op, std::vector<ParameterValue> &values) const {
  ArrayRef<int64_t> shape = op.getType().getShape();
  bool isLaw = op.getInit().getKind() == "const" && op.getInit().getA()[0] != 0;
  bool isFree = true;
  for (const Assumption &one : analysis.assumptions.all())
    isFree &= !analysis.assumptions.boundOn(one, op, 0);
  if (isTable(op) || (isLaw && isFree))
    return values.push_back(valueOf(op, weights.fillOf(op, 0)));
  Fill fill{.kind = Fill::Kind::outer, .value = 1};
  if (isLaw || shape.empty())
    fill.kind = Fill::Kind::constant;
  else
    fill.right = directionOf(shape.back());
  if (shape.size() == 2)
    fill.left = directionOf(shape[0]);
  auto repeat = op->getParentOfType<RepeatOp>();
  int64_t count = repeat ? static_cast<int64_t>(repeat.getCount()) : 1;
  double before = 0;
  for (int64_t layer = 0; layer < count; ++layer) {
    Fill own = fill;
    own.value = isFree ? (shape.size() == 1 && shape[0] != width ? 0 : large)
                       : weights.most(op, layer, fill);
    if (layer == 0)
      values.push_back(valueOf(op, own));
    else if (own.value != before)
      values.push_back(valueIn(op, layer, own));
    before = values.back().fill.value;
    if (isFree || llvm::all_of(analysis.assumptions.all(), [](const Assumption &one) {
          return one.bound.isUniform() && !isdigit(one.path.c_str()[0]);
        }))
      break;
  }
}

/// Gains and biases of norms as large as is declared, of one sign.
void Tight::addNorms(std::vector<ParameterValue> &values, ArrayRef<int64_t> tokens) const {
  for (const NormPart &part : analysis.normParts) {
    SmallVector<ParamOp> params = parametersBehind(part.value);
    double most = INFINITY;
    for (const Assumption &one : analysis.assumptions.all())
      if (isAbout(one, part))
        most = std::min(most, one.bound.smallest());
    if (params.size() != 1 || !std::isfinite(most))
      continue;
    ParamOp op = params.front();
    if (part.isBias) {
      values.push_back(valueOf(
          op, {.kind = Fill::Kind::outer, .value = sign * most, .right = Direction::alternating}));
      continue;
    }
    // A gain is its parameter plus a number, or times one.
    values.push_back(valueOf(op, {.value = 0}));
    WitnessRun zero(analysis.model, values, tokens);
    double offset = sizeOf(part, zero, 0, /*ofRms=*/false).value_or(0);
    values.back().fill.value = sign * most - offset;
  }
}

std::vector<ParameterValue> Tight::values(ArrayRef<int64_t> tokens) const {
  std::vector<ParameterValue> values;
  const_cast<Analysis &>(analysis).model.walk([&](ParamOp op) { add(op, values); });
  addNorms(values, tokens);
  weights.fitEmbeddings(values, tokens);
  return values;
}

/// The bound from the stream that the witness starts with.
static double boundFrom(const Analysis &analysis, const Witness &witness) {
  int chain = analysis.outputChain();
  Analysis started = analysis;
  if (!started.chains[chain].r0) {
    WitnessRun run(analysis.model, witness.parameters, witness.tokens);
    FailureOr<Array> root = run.at(started.chains[chain].root, 0);
    if (failed(root))
      return INFINITY;
    started.chains[chain].r0 = rmsAndDeviation(*root).first;
  }
  return started.evaluate(chain, /*ofPeak=*/false);
}

std::optional<TightWitness> stability::tightWitness(const Analysis &analysis) {
  Witness place;
  if (!setLastPlace(place, analysis))
    return std::nullopt;
  // Every layer works here: up to four evaluations of all parameters of layers.
  double entries = 0;
  const_cast<Analysis &>(analysis).model.walk([&](ParamOp op) {
    if (auto repeat = op->getParentOfType<RepeatOp>())
      entries += double(repeat.getCount()) * double(op.getType().getNumElements());
  });
  if (entries > mostEntries)
    return std::nullopt;
  std::optional<TightWitness> best;
  for (Direction hidden : {Direction::first, Direction::alternating})
    for (double sign : {1.0, -1.0}) {
      TightWitness found;
      Witness &witness = found.witness;
      witness.property = "forward.bound";
      witness.claim = "S69";
      witness.tokens = {0};
      witness.parameters = Tight(analysis, hidden, sign).values(witness.tokens);
      setLastPlace(witness, analysis);
      found.bound = witness.limit = boundFrom(analysis, witness);
      std::string problem;
      std::optional<double> measured = measureAgain(analysis, witness, {}, problem);
      witness.measured = measured.value_or(0);
      if (!measured || !std::isfinite(found.bound))
        continue;
      if (!best || found.ratio() > best->ratio())
        best = found;
      if (best->ratio() >= leastTightness)
        return best;
    }
  return best;
}

std::optional<Witness> stability::tightGrowth(const Analysis &analysis,
                                              const VerifyOptions &options) {
  std::optional<TightWitness> tight = tightWitness(analysis);
  if (!tight || tight->ratio() < leastTightness || analysis.stacks.size() != 1 || !options.atDepth)
    return std::nullopt;
  Witness witness = tight->witness;
  for (ParameterValue &value : witness.parameters)
    if (value.first > 0 && value.last == witness.layer)
      value.last = std::numeric_limits<int32_t>::max();
  int64_t depth = analysis.layers();
  OwningOpRef<ModuleOp> module = options.atDepth(2 * depth);
  if (!module || module->getOps<ModelOp>().empty())
    return std::nullopt;
  FailureOr<Assumptions> assumptions = Assumptions::read(*module->getOps<ModelOp>().begin());
  if (failed(assumptions))
    return std::nullopt;
  Analysis deep(*module->getOps<ModelOp>().begin(), *assumptions, Weights::declared);
  double bound = boundFrom(deep, witness);
  witness.property = "forward.growth";
  witness.claim = "S58";
  witness.measure = Measure::growth;
  witness.limit = tight->witness.measured;
  witness.depths = {{depth, 0}, {2 * depth, 0}};
  std::string problem;
  witness.measured = measureAgain(analysis, witness, options, problem).value_or(0);
  if (!isViolation(witness) || witness.measured < leastTightness * bound)
    return std::nullopt;
  return witness;
}
