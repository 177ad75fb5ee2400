// WitnessRun: values are computed when they are asked for, so the head of a model costs nothing.
// A table of which few rows are looked up is given as those rows.
#include "compiler/stability/WitnessRun.h"

#include "compiler/stability/Subject.h"
#include "compiler/stability/WitnessFill.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

// Entries of parameters that one run may look at: about two seconds (measured 3 ns each).
static constexpr double mostWork = 6e8;

RepeatOp stability::repeatOf(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return dyn_cast<RepeatOp>(argument.getOwner()->getParentOp());
  return value.getDefiningOp()->getParentOfType<RepeatOp>();
}

static bool isIds(Value value) { return getElementTypeOrSelf(value.getType()).isInteger(); }

bool stability::isTable(ParamOp op) {
  return llvm::any_of(op->getUsers(), [](Operation *user) {
    return isa<PrimitiveOpInterface>(user) && llvm::any_of(user->getOperands(), isIds);
  });
}

WitnessRun::WitnessRun(ModelOp model, ArrayRef<ParameterValue> parameters, ArrayRef<int64_t> tokens)
    : owned(parameters.begin(), parameters.end()), ids({static_cast<int64_t>(tokens.size())}) {
  batch.time = static_cast<int64_t>(tokens.size());
  llvm::copy(tokens, ids.data.begin());
  for (const ParameterValue &value : owned)
    values[value.path].push_back(&value);
  scopes.push_back(std::make_unique<Scope>());
}

void WitnessRun::scale(Value value, int64_t layer, double factor) {
  factors[{value, layer}] = factor;
}

bool WitnessRun::work(double entries) {
  done += entries;
  return done <= mostWork || succeeded(fail(tooLong));
}

LogicalResult WitnessRun::fail(const Twine &text) {
  if (problem.empty())
    problem = text.str();
  return failure();
}

const Fill *WitnessRun::fillOf(ParamOp op, int64_t layer) const {
  auto found = values.find(pathOf(op));
  if (found == values.end())
    return nullptr;
  auto repeat = op->getParentOfType<RepeatOp>();
  int64_t number = repeat ? static_cast<int64_t>(repeat.getFirst()) + layer : 0;
  for (const ParameterValue *value : llvm::reverse(found->second))
    if (value->first <= number && number <= value->last)
      return &value->fill;
  return nullptr;
}

//===-- values ---------------------------------------------------------------===//

FailureOr<Array> WitnessRun::at(Value value, int64_t layer) {
  SmallVector<RepeatOp> around;
  for (RepeatOp repeat = repeatOf(value); repeat; repeat = repeat->getParentOfType<RepeatOp>())
    around.push_back(repeat);
  Scope *scope = scopes.front().get();
  for (RepeatOp repeat : llvm::reverse(around)) {
    Scope &inside = enter(repeat, scope);
    if (failed(runLayers(repeat, repeat == around.front() ? layer : 0, inside)))
      return failure();
    scope = &inside;
  }
  FailureOr<const Array *> array = get(value, *scope);
  if (failed(array))
    return failure();
  return **array;
}

WitnessRun::Scope &WitnessRun::enter(RepeatOp repeat, Scope *outer) {
  scopes.push_back(std::make_unique<Scope>());
  scopes.back()->repeat = repeat;
  scopes.back()->outer = outer;
  return *scopes.back();
}

FailureOr<const Array *> WitnessRun::get(Value value, Scope &scope) {
  RepeatOp home = repeatOf(value);
  Scope *own = &scope;
  while (own->repeat != home && own->outer)
    own = own->outer;
  void *key = value.getAsOpaquePointer();
  if (auto found = own->values.find(key); found != own->values.end())
    return &found->second;
  FailureOr<Array> array = compute(value, *own);
  if (failed(array))
    return failure();
  if (auto factor = factors.find({value, own->layer}); factor != factors.end())
    for (double &x : array->data)
      x *= factor->second;
  return &(own->values[key] = std::move(*array));
}

FailureOr<Array> WitnessRun::compute(Value value, Scope &scope) {
  auto result = dyn_cast<OpResult>(value);
  if (!result) { // the number of the layer, or a slice, which level spec has not
    if (scope.repeat && value == scope.repeat.getLayer())
      return Array({}, static_cast<double>(scope.layer));
    return fail("a value of a layer is not known");
  }
  auto copy = [&](Value other) -> FailureOr<Array> {
    FailureOr<const Array *> array = get(other, scope);
    if (failed(array))
      return failure();
    return **array;
  };
  Operation *op = result.getOwner();
  if (auto param = dyn_cast<ParamOp>(op))
    return runParam(param, scope, /*rows=*/-1);
  if (isa<InputOp>(op))
    return ids;
  if (auto step = dyn_cast<StepOp>(op))
    return copy(step.getNext());
  if (auto table = dyn_cast<TableOp>(op))
    return Array({}, table.getValues()[table.getLayer() ? scope.layer : 0]);
  if (auto apply = dyn_cast<ApplyOp>(op)) {
    FailureOr<Array> array =
        copy(apply.getBody().front().getTerminator()->getOperand(result.getResultNumber()));
    if (succeeded(array))
      checkLaws(apply, *array);
    return array;
  }
  if (auto repeat = dyn_cast<RepeatOp>(op)) {
    Scope &inside = enter(repeat, &scope);
    if (failed(runLayers(repeat, static_cast<int64_t>(repeat.getCount()), inside)))
      return failure();
    for (auto [other, argument] :
         llvm::zip_equal(repeat.getCarryResults(), repeat.getCarryArguments()))
      scope.values[other.getAsOpaquePointer()] = inside.values[argument.getAsOpaquePointer()];
    return scope.values[value.getAsOpaquePointer()];
  }
  if (auto primitive = dyn_cast<PrimitiveOpInterface>(op))
    return runPrimitive(primitive, result, scope);
  return fail("'" + op->getName().getStringRef() + "' is not evaluated");
}

FailureOr<Array> WitnessRun::runParam(ParamOp op, Scope &scope, int64_t rows) {
  const Fill *fill = fillOf(op, scope.layer);
  if (!fill)
    return fail(
        "there is no value for parameter '" + pathOf(op) + "'" +
        (scope.repeat ? " of layer " + std::to_string(scope.repeat.getFirst() + scope.layer) : ""));
  double size = static_cast<double>(op.getType().getNumElements());
  if (rows >= 0 && op.getType().getRank() > 0)
    size = size / std::max<double>(1, double(op.getType().getDimSize(0))) * double(rows);
  if (!work(size))
    return failure();
  return materialise(*fill, op, scope.layer, rows);
}

// Parameters are used once and large: they are not kept.
LogicalResult WitnessRun::runOperands(Operation *op, Scope &scope,
                                      SmallVectorImpl<Array> &operands) {
  int64_t rows = -1;
  for (Value operand : op->getOperands())
    if (isIds(operand)) {
      FailureOr<const Array *> lookup = get(operand, scope);
      if (failed(lookup))
        return failure();
      for (double id : (*lookup)->data)
        rows = std::max(rows, static_cast<int64_t>(id) + 1);
    }
  for (Value operand : op->getOperands()) {
    auto param = operand.getDefiningOp<ParamOp>();
    if (param && rows > (param.getType().getRank() ? param.getType().getDimSize(0) : 0))
      return fail("token " + Twine(rows - 1) + " is not in '" + pathOf(param) + "'");
    RepeatOp home = repeatOf(operand);
    bool isHere = !home || home == scope.repeat;
    Scope *own = &scope;
    while (own->repeat != home && own->outer)
      own = own->outer;
    if (param && isHere && !factors.count({operand, own->layer})) {
      FailureOr<Array> array = runParam(param, *own, rows);
      if (failed(array))
        return failure();
      operands.push_back(std::move(*array));
      continue;
    }
    FailureOr<const Array *> array = get(operand, scope);
    if (failed(array))
      return failure();
    operands.push_back(**array);
  }
  return success();
}

FailureOr<Array> WitnessRun::runPrimitive(PrimitiveOpInterface op, OpResult result, Scope &scope) {
  SmallVector<Array> operands;
  if (failed(runOperands(op, scope, operands)))
    return failure();
  SmallVector<Array> arrays = op.evaluate(operands, batch);
  for (auto [other, array] : llvm::zip_equal(op->getResults(), arrays))
    if (other != result)
      scope.values[other.getAsOpaquePointer()] = array;
  return std::move(arrays[result.getResultNumber()]);
}

//===-- layers ---------------------------------------------------------------===//

/// Whether the layer behind `layer` computes the same from the same stream.
bool WitnessRun::isRepeated(RepeatOp repeat, int64_t layer) const {
  if (layer + 1 >= static_cast<int64_t>(repeat.getCount()) || !repeat.getLayer().use_empty())
    return false;
  for (const auto &[place, factor] : factors)
    if (place.second == layer || place.second == layer + 1)
      return false;
  return !repeat.getBody()
              .walk([&](ParamOp op) {
                const Fill *fill = fillOf(op, layer), *next = fillOf(op, layer + 1);
                InitAttr law = op.getInit();
                bool isDrawn = fill && (fill->kind == Fill::Kind::normal ||
                                        (fill->kind == Fill::Kind::initial &&
                                         (law.getKind() != "const" || law.getA().size() > 1)));
                return fill && next && !isDrawn && *fill == *next ? WalkResult::advance()
                                                                  : WalkResult::interrupt();
              })
              .wasInterrupted();
}

/// The first layer behind `layer` that may differ from it.
int64_t WitnessRun::nextChange(RepeatOp repeat, int64_t layer) const {
  int64_t first = static_cast<int64_t>(repeat.getFirst());
  int64_t next = static_cast<int64_t>(repeat.getCount());
  auto meet = [&](int64_t change) {
    if (change > layer)
      next = std::min(next, change);
  };
  for (const ParameterValue &value : owned) {
    meet(value.first - first);
    meet(value.last + 1 - first);
  }
  for (const auto &[place, factor] : factors)
    meet(place.second);
  return next;
}

/// Largest change of an entry, as a share of the largest entry.
static double changeOf(const std::map<void *, Array> &next, std::map<void *, Array> &now) {
  double change = 0, largest = 0;
  for (const auto &[key, array] : next)
    for (int64_t i = 0; i < array.size(); ++i) {
      largest = std::max(largest, std::abs(array.data[i]));
      double moved = std::abs(array.data[i] - now[key].data[i]);
      change = moved <= change ? change : moved; // not a number stays
    }
  return change == 0 ? 0 : change / largest;
}

/// Sets the carries of layer `until` in `inside`.
LogicalResult WitnessRun::runLayers(RepeatOp repeat, int64_t until, Scope &inside) {
  for (auto [argument, carry] : llvm::zip_equal(repeat.getCarryArguments(), repeat.getCarries())) {
    FailureOr<const Array *> array = get(carry, *inside.outer);
    if (failed(array))
      return failure();
    inside.values[argument.getAsOpaquePointer()] = **array;
  }
  Operation *yield = repeat.getBody().front().getTerminator();
  int stillLayers = 0;
  for (inside.layer = 0; inside.layer < until; ++inside.layer) {
    std::map<void *, Array> next, now;
    for (auto [argument, value] : llvm::zip(repeat.getCarryArguments(), yield->getOperands())) {
      FailureOr<const Array *> array = get(value, inside);
      if (failed(array))
        return failure();
      void *key = argument.getAsOpaquePointer();
      next[key] = **array;
      now[key] = std::move(inside.values[key]);
    }
    // Equal layers that leave the stream as it was go on to do so. A norm of a norm is the same but
    // for the last digits, which then never come to rest.
    double change = changeOf(next, now);
    stillLayers = change <= 1e-12 ? stillLayers + 1 : 0;
    if ((change == 0 || stillLayers >= 16) && isRepeated(repeat, inside.layer))
      inside.layer = std::min(until, nextChange(repeat, inside.layer)) - 1;
    inside.values = std::move(next);
  }
  for (auto [argument, value] : llvm::zip(repeat.getCarryArguments(), yield->getOperands()))
    if (auto factor = factors.find({argument, until}); factor != factors.end())
      for (double &x : inside.values[argument.getAsOpaquePointer()].data)
        x *= factor->second;
  return success();
}

//===-- laws -----------------------------------------------------------------===//

void WitnessRun::checkLaws(ApplyOp op, const Array &result) {
  for (LawOp law : op.getBody().getOps<LawOp>()) {
    auto number = dyn_cast_if_present<FloatAttr>(law.getBoundAttr());
    if (!number || (law.getPath() != "size" && law.getPath() != "peak"))
      continue;
    int64_t width = std::max<int64_t>(1, result.size() / std::max<int64_t>(1, batch.rows()));
    double size = 0, peak = 0, sum = 0;
    for (int64_t i = 0; i < result.size(); ++i) {
      sum = i % width == 0 ? 0 : sum;
      sum += result.data[i] * result.data[i];
      size = std::max(size, std::sqrt(sum / double(width)));
      peak = std::max(peak, std::abs(result.data[i]));
    }
    if ((law.getPath() == "size" ? size : peak) > number.getValueAsDouble())
      brokenLaw = "law " + law.getPath().str() + " <= " + printNumber(number.getValueAsDouble()) +
                  " of '" + op.getCallee().str() + "'";
  }
}
