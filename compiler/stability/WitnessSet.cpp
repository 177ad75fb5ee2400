// WitnessSet: norms of parameters from their fills; gains, biases and embeddings by evaluation.
#include "compiler/stability/WitnessSet.h"

#include "compiler/stability/Subject.h"
#include "compiler/stability/WitnessFill.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

// Slack of comparisons, as for every bound (S14): sums and roots of doubles are off by 1e-15 each.
static constexpr double slack = 1 + 1e-12;

static std::string broken(const Assumption &assumption, double is) {
  return "assume " + assumption.text + " does not hold: it is " + printNumber(is);
}

//===-- parameters -----------------------------------------------------------===//

/// Smallest number that the assumption is true with; absent for forms about something else.
static std::optional<double> measure(const Assumption &one, const Norms &norms) {
  return one.form == "spectral"      ? std::optional(norms.spectral)
         : one.form == "frobenius"   ? std::optional(norms.frobenius)
         : one.form == "perhead"     ? std::optional(norms.perhead)
         : one.form == "max"         ? std::optional(norms.largest)
         : one.form == "abs_row_sum" ? std::optional(norms.rowSum)
                                     : std::nullopt;
}

/// Rows and columns of non-negative numbers that add up to 1.
static bool isDoublyStochastic(const Array &x) {
  if (x.shape.size() != 2 || x.shape[0] != x.shape[1])
    return false;
  int64_t n = x.shape[0];
  for (int64_t i = 0; i < n; ++i) {
    double row = 0, column = 0;
    for (int64_t j = 0; j < n; ++j) {
      if (x.data[i * n + j] < 0)
        return false;
      row += x.data[i * n + j];
      column += x.data[j * n + i];
    }
    if (std::abs(row - 1) > 1e-12 || std::abs(column - 1) > 1e-12)
      return false;
  }
  return true;
}

static int64_t headSizeOf(ModelOp model) {
  int64_t size = 0;
  model.walk([&](PrimitiveOpInterface op) {
    if (op.getOpClass() == OpClass::Mixing && op->getNumResults() > 1)
      size = getFeatures(op->getResult(0).getType()).back() /
             getFeatures(op->getResult(1).getType()).back();
  });
  return size;
}

/// The layers in which a parameter's fill differs from the layer before, and one for each bound.
static std::vector<int64_t> layersOf(const Assumption &one, ParamOp op, WitnessRun &run) {
  std::vector<int64_t> layers = layersToLookAt(op.getResult(), run);
  auto repeat = op->getParentOfType<RepeatOp>();
  if (!repeat || (one.bound.isUniform() && !isdigit(one.path.front())))
    return layers;
  layers.clear();
  for (int64_t layer = 0; layer < static_cast<int64_t>(repeat.getCount()); ++layer)
    layers.push_back(layer);
  return layers;
}

static std::optional<std::string> brokenByParameter(const Assumptions &assumptions,
                                                    const Assumption &one, ParamOp op,
                                                    WitnessRun &run, int64_t headSize) {
  if (!assumptions.boundOn(one, op, 0))
    return std::nullopt;
  std::optional<Norms> norms;
  const Fill *last = nullptr;
  for (int64_t layer : layersOf(one, op, run)) {
    const Fill *fill = run.fillOf(op, layer);
    if (!fill)
      return "there is no value for parameter '" + pathOf(op) + "'";
    if (one.form == "doubly_stochastic") {
      if (!isDoublyStochastic(materialise(*fill, op, layer)))
        return "assume " + one.text + " does not hold";
      continue;
    }
    bool isDrawn = fill->kind == Fill::Kind::initial || fill->kind == Fill::Kind::normal;
    if (isDrawn && !run.work(double(op.getType().getNumElements())))
      return run.problem;
    if (!norms || isDrawn || !(*fill == *last))
      norms = normsOf(*fill, op, layer, headSize);
    last = fill;
    std::optional<double> is = measure(one, *norms);
    if (!is)
      return "assume " + one.text + " cannot be measured of weights alone";
    if (!(*is <= *assumptions.boundOn(one, op, layer) * slack))
      return broken(one, *is);
  }
  return std::nullopt;
}

//===-- norms ----------------------------------------------------------------===//

bool stability::isAbout(const Assumption &one, const NormPart &part) {
  bool isOfBias = one.form == "norm.bias.rms" || one.form == "norm.bias.max";
  AssumeOp op = one.op;
  return (part.isBias ? isOfBias : one.form == "norm.gain") &&
         op->getParentOp()->isProperAncestor(part.place);
}

SmallVector<ParamOp> stability::parametersBehind(Value value) {
  SmallVector<ParamOp> found;
  llvm::SmallDenseSet<Value> seen;
  SmallVector<Value> open = {value};
  while (!open.empty()) {
    Value next = open.pop_back_val();
    Operation *op = next.getDefiningOp();
    if (!op || !seen.insert(next).second || isa<RepeatOp>(op))
      continue;
    if (auto param = dyn_cast<ParamOp>(op))
      found.push_back(param);
    else if (auto apply = dyn_cast<ApplyOp>(op))
      open.push_back(apply.getBody().front().getTerminator()->getOperand(
          cast<OpResult>(next).getResultNumber()));
    else
      llvm::append_range(open, op->getOperands());
  }
  return found;
}

/// Whether a number of the layer is among what `value` is made of.
static bool usesLayer(Value value) {
  Operation *op = value.getDefiningOp();
  auto table = dyn_cast_if_present<TableOp>(op);
  if (!op || table)
    return !table || table.getLayer();
  if (isa<ParamOp>(op))
    return false;
  return llvm::any_of(op->getOperands(), usesLayer);
}

std::vector<int64_t> stability::layersToLookAt(Value value, WitnessRun &run) {
  RepeatOp repeat = repeatOf(value);
  if (!repeat)
    return {0};
  int64_t count = static_cast<int64_t>(repeat.getCount());
  SmallVector<ParamOp> params = parametersBehind(value);
  std::vector<int64_t> layers;
  bool isVaried = usesLayer(value);
  for (int64_t layer = 0; layer < count; ++layer)
    if (layer == 0 || isVaried || llvm::any_of(params, [&](ParamOp op) {
          const Fill *fill = run.fillOf(op, layer), *before = run.fillOf(op, layer - 1);
          bool isLawVaried = op.getInit().getKind() != "const" || op.getInit().getA().size() > 1;
          return !fill || !before || !(*fill == *before) || fill->kind == Fill::Kind::normal ||
                 (fill->kind == Fill::Kind::initial && isLawVaried);
        }))
      layers.push_back(layer);
  return layers;
}

std::optional<double> stability::sizeOf(const NormPart &part, WitnessRun &run, int64_t layer,
                                        bool ofRms) {
  FailureOr<Array> array = run.at(part.value, layer);
  if (failed(array))
    return std::nullopt;
  double largest = 0, sum = 0;
  for (double x : array->data) {
    largest = std::max(largest, std::abs(x));
    sum += x * x;
  }
  return ofRms ? std::sqrt(sum / std::max<double>(1, double(array->size()))) : largest;
}

/// The smallest entry of a gain.
static std::optional<double> smallestOf(const NormPart &part, WitnessRun &run, int64_t layer) {
  FailureOr<Array> array = run.at(part.value, layer);
  if (failed(array) || array->data.empty())
    return std::nullopt;
  return *llvm::min_element(array->data);
}

static std::optional<std::string> brokenByNorm(const Assumption &one, const NormPart &part,
                                               WitnessRun &run) {
  if (!isAbout(one, part))
    return std::nullopt;
  for (int64_t layer : layersToLookAt(part.value, run)) {
    std::optional<double> is = one.isLower ? smallestOf(part, run, layer)
                                           : sizeOf(part, run, layer, one.form == "norm.bias.rms");
    if (!is)
      return run.problem;
    double bound = one.bound[layer];
    if (!(one.isLower ? *is * slack >= bound : *is <= bound * slack))
      return broken(one, *is);
  }
  return std::nullopt;
}

//===-- embeddings -----------------------------------------------------------===//

std::vector<Value> stability::embeddingsOf(const Analysis &analysis) {
  std::vector<Value> roots;
  for (const Chain &chain : analysis.chains)
    if (!chain.isDerived && !repeatOf(chain.root))
      roots.push_back(chain.root);
  return roots;
}

std::pair<double, double> stability::rmsAndDeviation(const Array &x) {
  int64_t width = x.shape.empty() ? 1 : std::max<int64_t>(1, x.shape.back());
  double rms = 0, deviation = INFINITY;
  for (int64_t row = 0; row < x.size() / width; ++row) {
    double sum = 0, mean = 0, square = 0;
    for (int64_t i = 0; i < width; ++i)
      mean += x.data[row * width + i] / double(width);
    for (int64_t i = 0; i < width; ++i) {
      double value = x.data[row * width + i];
      sum += value * value;
      square += (value - mean) * (value - mean);
    }
    rms = std::max(rms, std::sqrt(sum / double(width)));
    deviation = std::min(deviation, std::sqrt(square / double(width)));
  }
  return {rms, deviation};
}

static std::optional<std::string> brokenByInput(const Assumption &one, const Analysis &analysis,
                                                WitnessRun &run) {
  for (Value root : embeddingsOf(analysis)) {
    FailureOr<Array> x = run.at(root, 0);
    if (failed(x))
      return run.problem;
    auto [rms, deviation] = rmsAndDeviation(*x);
    if (one.form == "x0.rms" && !(rms <= one.bound.largest() * slack))
      return broken(one, rms);
    if (one.form == "x0.std" && !(deviation * slack >= one.bound.largest()))
      return broken(one, deviation);
  }
  return std::nullopt;
}

std::optional<std::string> stability::brokenPromise(const Analysis &analysis, WitnessRun &run) {
  SmallVector<ParamOp> params;
  const_cast<Analysis &>(analysis).model.walk([&](ParamOp op) { params.push_back(op); });
  int64_t headSize = headSizeOf(analysis.model);
  for (const Assumption &one : analysis.assumptions.all()) {
    if (one.form == "std")
      return "assume " + one.text + " cannot be measured of weights alone";
    if (one.form == "x0.rms" || one.form == "x0.std")
      if (auto text = brokenByInput(one, analysis, run))
        return text;
    for (const NormPart &part : analysis.normParts)
      if (auto text = brokenByNorm(one, part, run))
        return text;
    for (ParamOp op : params)
      if (auto text = brokenByParameter(analysis.assumptions, one, op, run, headSize))
        return text;
  }
  return std::nullopt;
}
