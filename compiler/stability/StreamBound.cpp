// StreamBound: which parameters bounds need, found by asking the analysis what carries a stream;
// then one run of it for each set of sizes.
#include "compiler/stability/StreamBound.h"
#include "compiler/stability/Subject.h"
#include "llvm/ADT/SetVector.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

/// The row tensors that each repeat carries, as lnx-observe-streams finds them.
static std::vector<ObservedStream> streamsOf(ModelOp model) {
  std::vector<ObservedStream> streams;
  model.walk<WalkOrder::PreOrder>([&](RepeatOp repeat) {
    for (Value carry : repeat.getCarries()) {
      auto type = cast<RankedTensorType>(carry.getType());
      if (repeat.getCount() > 0 && hasRows(type) && isa<FloatType>(type.getElementType()) &&
          !getFeatures(type).empty())
        streams.push_back({repeat, static_cast<int64_t>(repeat.getFirst()),
                           static_cast<int64_t>(repeat.getCount()),
                           ShapedType::getNumElements(getFeatures(type))});
    }
    return WalkResult::skip();
  });
  return streams;
}

static NeededParameter parameterOf(ParamOp op) {
  auto repeat = op->getParentOfType<RepeatOp>();
  return {op, pathOf(op), repeat ? static_cast<int64_t>(repeat.getFirst()) : 0,
          repeat ? static_cast<int64_t>(repeat.getCount()) : 1};
}

static std::vector<double> boundsOf(const Analysis &analysis, ArrayRef<ObservedStream> streams) {
  std::vector<double> bounds;
  for (const ObservedStream &stream : streams) {
    auto found = llvm::find_if(analysis.stacks,
                               [&](const Stack &stack) { return stack.repeat == stream.repeat; });
    std::vector<double> sizes(stream.layers, ParameterSize::unknown);
    if (found != analysis.stacks.end() && found->count == stream.layers)
      sizes = analysis.sizesAfterLayers(static_cast<size_t>(found - analysis.stacks.begin()));
    llvm::append_range(bounds, sizes);
  }
  return bounds;
}

/// The first reason why a stream has no bound although every parameter has one.
static std::string obstacleOf(const Analysis &analysis) {
  for (const Stack &stack : analysis.stacks)
    for (const Equation &equation : stack.equations)
      if (equation.next.whole.isTop() && equation.next.culprit)
        return "nothing bounds '" + equation.next.culprit->getName().getStringRef().str() +
               "' in layers " + std::to_string(stack.first) + " to " +
               std::to_string(stack.first + stack.count - 1);
  return "nothing bounds the stream before the first layer";
}

namespace {
/// Every parameter of a set has size 1, others any: then a bound shows what it depends on.
struct Trial {
  Assumptions assumptions;
  Analysis analysis;
  std::vector<double> bounds;

  Trial(ModelOp model, ArrayRef<Operation *> known, ArrayRef<ObservedStream> streams)
      : assumptions(Assumptions::measured(unit(known))),
        analysis(model, assumptions, Weights::declared), bounds(boundsOf(analysis, streams)) {}
  static Assumptions::Sizes unit(ArrayRef<Operation *> known) {
    Assumptions::Sizes sizes;
    for (Operation *op : known)
      sizes[op].assign(parameterOf(cast<ParamOp>(op)).layers, {1, 1, 1, 1, 1, 1, 1});
    return sizes;
  }
  /// Adds the parameters in which a step, or else the start of a stream is unbounded.
  void addCarriers(llvm::SmallSetVector<Operation *, 32> &known) const {
    auto add = [&](ArrayRef<Value> values) {
      for (Value value : values)
        known.insert(value.getDefiningOp());
    };
    size_t before = known.size();
    for (const Stack &stack : analysis.stacks)
      for (const Equation &equation : stack.equations)
        add(equation.next.carriers);
    bool isStartForgotten = llvm::all_of(bounds, [](double b) { return std::isfinite(b); });
    if (known.size() == before && !isStartForgotten)
      for (const Chain &chain : analysis.chains)
        add(chain.carriers);
  }
  bool hasBound() const {
    return llvm::any_of(bounds, [](double bound) { return std::isfinite(bound); });
  }
};
} // namespace

StreamBound::StreamBound(ModelOp model) : model(model), observed(streamsOf(model)) {
  llvm::SmallSetVector<Operation *, 32> known;
  std::optional<Trial> trial;
  for (size_t before = 0;; before = known.size()) {
    trial.emplace(model, known.getArrayRef(), observed);
    trial->addCarriers(known);
    if (known.size() == before)
      break;
  }
  if (!trial->hasBound()) { // what carries it may have been lost on the way
    model.walk([&](ParamOp op) { known.insert(op); });
    trial.emplace(model, known.getArrayRef(), observed);
  }
  if (!trial->hasBound())
    reason = obstacleOf(trial->analysis);
  sizeOfHeads = trial->analysis.sizeOfHeads();
  Assumptions laws;
  model.walk([&](LawOp law) { laws.addLaw(law); });
  trusted = laws.lawsOf(~uint64_t(0));
  for (Operation *op : known)
    needed.push_back(parameterOf(cast<ParamOp>(op)));
}

std::vector<double>
StreamBound::evaluate(const std::vector<std::vector<ParameterSize>> &sizes) const {
  Assumptions::Sizes known;
  for (auto [parameter, layers] : llvm::zip_equal(needed, sizes))
    known[parameter.op] = layers;
  Assumptions assumptions = Assumptions::measured(std::move(known));
  return boundsOf(Analysis(model, assumptions, Weights::declared), observed);
}

/// One number for all layers where they agree, as a declared one is.
static Series sizesOf(ArrayRef<ParameterSize> layers, double ParameterSize::*number) {
  std::vector<double> values;
  for (const ParameterSize &layer : layers)
    values.push_back(layer.*number);
  return llvm::all_equal(values) ? Series(values.front()) : Series(values);
}

void Assumptions::applySizes(ParamOp op, Abstract &x, Series &peak) const {
  auto found = sizes.find(op);
  if (found == sizes.end() || found->second.empty())
    return;
  ArrayRef<ParameterSize> layers = found->second;
  peak = sizesOf(layers, &ParameterSize::peak);
  x.low = sizesOf(layers, &ParameterSize::low);
  x.frobenius = sizesOf(layers, &ParameterSize::frobenius);
  x.spectral = sizesOf(layers, &ParameterSize::spectral);
  x.perhead = sizesOf(layers, &ParameterSize::perhead);
  x.rowSum = sizesOf(layers, &ParameterSize::rowSum);
  x.rowRms = sizesOf(layers, &ParameterSize::rowRms);
}
