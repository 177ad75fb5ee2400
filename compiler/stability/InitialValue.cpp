// InitialValue: constants are folded entry by entry, laws are read off parameters, and activations
// become functions of one number by asking each element-wise operation for its value.
#include "compiler/stability/InitialValue.h"
#include "dialect/Idioms.h"
#include "dialect/LayerRange.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

//===-- fixed tensors --------------------------------------------------------===//

/// Constants of a law: one entry's number.
static std::optional<Series> numberOf(ParamOp op) {
  InitAttr init = op.getInit();
  auto repeat = op->getParentOfType<RepeatOp>();
  Series a = seriesOf(init.getA(), init.getASchedule(), repeat);
  bool isRandom = init.getKind() == "normal" && !a.isAll(0);
  if (init.getKind() == "uniform") {
    Series b = seriesOf(init.getB(), init.getBSchedule(), repeat);
    isRandom = !(b + negated(a)).isAll(0);
  }
  if (isRandom || init.getKind() == "identity")
    return std::nullopt;
  return a;
}

/// Of operands that hold one number each.
static std::optional<Series> compute(ElementwiseOpInterface op, ArrayRef<Series> x) {
  if (x.empty())
    return Series(op.compute({}));
  if (x.size() > 2)
    return std::nullopt;
  return Series::zip(x.front(), x.back(), [&](double a, double b) {
    return op.compute(ArrayRef<double>{a, b}.take_front(x.size()));
  });
}

std::optional<Series> stability::initialNumber(Value value) {
  value = resolve(value);
  Operation *op = value.getDefiningOp();
  if (!op || hasRows(value.getType()))
    return std::nullopt;
  if (auto param = dyn_cast<ParamOp>(op))
    return numberOf(param);
  if (auto table = dyn_cast<TableOp>(op))
    return seriesOf(table);
  auto primitive = dyn_cast<PrimitiveOpInterface>(op);
  if (!primitive || op->getNumResults() != 1)
    return std::nullopt;
  std::vector<Series> operands;
  for (Value operand : op->getOperands()) {
    std::optional<Series> number = initialNumber(operand);
    if (!number)
      return std::nullopt;
    operands.push_back(std::move(*number));
  }
  if (auto elementwise = dyn_cast<ElementwiseOpInterface>(op))
    return compute(elementwise, operands);
  if (operands.size() != 1)
    return std::nullopt;
  // A part, another shape or a reduction of equal entries: asked for one of them.
  bool isEqual = true;
  Array ones(Array::shapeOf(op->getOperand(0).getType(), {}), 1);
  SmallVector<Array> result = primitive.evaluate({ones}, {});
  for (double entry : result.front().data)
    isEqual &= entry == result.front().data.front();
  if (!isEqual || result.front().data.empty())
    return std::nullopt;
  return operands.front() * result.front().data.front();
}

std::optional<RandomMatrix> stability::randomMatrix(Value value) {
  Factors product = factorsOf(value, 4);
  Series factor = product.number;
  ParamOp parameter;
  for (Value above : product.above) {
    Value matrix = behindReshape(above);
    while (!matrix.getDefiningOp<ParamOp>()) { // a part of a stack of matrices
      auto part = dyn_cast_or_null<PrimitiveOpInterface>(matrix.getDefiningOp());
      if (!part || part->getNumOperands() != 1 || isa<ElementwiseOpInterface>(*part) ||
          isa<ReductionOpInterface>(*part) || part.getOpClass() == OpClass::Mixing)
        break;
      matrix = behindReshape(part->getOperand(0));
    }
    if (auto param = matrix.getDefiningOp<ParamOp>();
        param && !parameter && param.getType().getRank() >= 2)
      parameter = param;
    else if (std::optional<Series> number = initialNumber(above))
      factor = factor * *number;
    else
      return std::nullopt;
  }
  for (Value below : product.below) {
    std::optional<Series> number = initialNumber(below);
    if (!number)
      return std::nullopt;
    factor = factor / *number;
  }
  if (!parameter)
    return std::nullopt;
  Series square = factor * factor;
  InitAttr init = parameter.getInit();
  auto repeat = parameter->getParentOfType<RepeatOp>();
  Series a = seriesOf(init.getA(), init.getASchedule(), repeat);
  Series b = seriesOf(init.getB(), init.getBSchedule(), repeat);
  if (init.getKind() == "normal")
    return RandomMatrix{square * a * a, parameter};
  if (init.getKind() == "const" && a.isAll(0))
    return RandomMatrix{0.0, parameter};
  if (init.getKind() != "uniform" || !(a + b).isAll(0))
    return std::nullopt;
  Series width = b + negated(a);
  return RandomMatrix{square * (Series(1.0 / 12) * (width * width)), parameter};
}

//===-- activations ----------------------------------------------------------===//

static void collectArguments(Value value, SmallVector<Value> &arguments) {
  value = resolve(value);
  auto op = dyn_cast_or_null<ElementwiseOpInterface>(value.getDefiningOp());
  if (!hasRows(value.getType()) && initialNumber(value))
    return;
  if (op) {
    for (Value operand : op->getOperands())
      collectArguments(operand, arguments);
    return;
  }
  if (!llvm::is_contained(arguments, value))
    arguments.push_back(value);
}

SmallVector<Value> stability::argumentsOf(Value value) {
  SmallVector<Value> arguments;
  collectArguments(value, arguments);
  return arguments;
}

namespace {
/// Element-wise operations in order; slot 0 is the argument.
class EntryProgram {
public:
  /// The slot of a value, or none where it is no function of the argument.
  std::optional<size_t> add(Value value, Value argument);
  /// Slots are multiplied.
  void addFactor(size_t slot) { factors.push_back(slot); }
  double run(double x) const;
  double number = 1;

private:
  struct Line {
    ElementwiseOpInterface op; ///< null: a number
    double number = 0;
    SmallVector<size_t, 2> operands;
  };
  std::vector<Line> lines;
  std::vector<size_t> factors;
};
} // namespace

std::optional<size_t> EntryProgram::add(Value value, Value argument) {
  value = resolve(value);
  if (value == argument)
    return 0;
  if (!hasRows(value.getType())) {
    std::optional<Series> number = initialNumber(value);
    if (!number || !number->isUniform())
      return std::nullopt;
    lines.push_back({nullptr, (*number)[0], {}});
    return lines.size();
  }
  auto op = dyn_cast_or_null<ElementwiseOpInterface>(value.getDefiningOp());
  if (!op)
    return std::nullopt;
  Line line{op, 0, {}};
  for (Value operand : op->getOperands()) {
    std::optional<size_t> slot = add(operand, argument);
    if (!slot)
      return std::nullopt;
    line.operands.push_back(*slot);
  }
  lines.push_back(std::move(line));
  return lines.size();
}

double EntryProgram::run(double x) const {
  SmallVector<double, 16> slots = {x};
  for (const Line &line : lines) {
    SmallVector<double, 2> operands;
    for (size_t slot : line.operands)
      operands.push_back(slots[slot]);
    slots.push_back(line.op ? const_cast<Line &>(line).op.compute(operands) : line.number);
  }
  double result = number;
  for (size_t slot : factors)
    result *= slots[slot];
  return result;
}

std::optional<EntryFunction> stability::matchEntryFunction(ArrayRef<Value> factors, double number) {
  SmallVector<Value> arguments;
  for (Value factor : factors)
    collectArguments(factor, arguments);
  if (arguments.size() != 1)
    return std::nullopt;
  EntryProgram program;
  program.number = number;
  for (Value factor : factors) {
    std::optional<size_t> slot = program.add(factor, arguments.front());
    if (!slot)
      return std::nullopt;
    program.addFactor(*slot);
  }
  auto function = std::make_shared<const std::function<double(double)>>(
      [program = std::move(program)](double x) { return program.run(x); });
  return EntryFunction{arguments.front(), std::move(function)};
}
