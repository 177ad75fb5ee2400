// Evaluator.cpp: walks regions and keeps one array for each value.
// Arithmetic is in the ops (`evaluate`); only the frame of models and programs is run here.
#include "dialect/LnxDialect.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::lnx;

Array::Array(ArrayRef<int64_t> shape, double fill) : shape(shape) {
  data.assign(ShapedType::getNumElements(shape), fill);
}

SmallVector<int64_t, 4> Array::shapeOf(Type type, Batch batch) {
  SmallVector<int64_t, 4> shape(cast<ShapedType>(type).getShape());
  for (int64_t &size : shape)
    if (ShapedType::isDynamic(size))
      size = batch.rows();
  return shape;
}

FailureOr<SmallVector<Array>> lnx::evaluateOp(Operation *op, ArrayRef<Array> operands,
                                              Batch batch) {
  if (auto primitive = dyn_cast<PrimitiveOpInterface>(op))
    return primitive.evaluate(operands, batch);
  return op->emitError("the evaluator does not run '") << op->getName() << "'";
}

namespace {
/// Part `index` of an array cut along its leading dimension into parts of the shape `shape`.
Array partOf(const Array &whole, int64_t index, ArrayRef<int64_t> shape) {
  Array part(shape);
  std::copy_n(whole.data.begin() + index * part.size(), part.size(), part.data.begin());
  return part;
}

/// Runs blocks. Values of enclosing regions stay visible inside nested ones.
class Frame {
public:
  explicit Frame(Environment &environment) : environment(environment) {}

  void set(Value value, Array array) { values[value] = std::move(array); }
  /// Runs a block and returns its terminator's operands.
  FailureOr<SmallVector<Array>> run(Block &block);

private:
  LogicalResult runOp(Operation &op);
  LogicalResult runRepeat(RepeatOp op);
  LogicalResult runGroup(GroupOp op);
  LogicalResult runRegion(Region &region, ResultRange results);
  LogicalResult runParam(ParamOp op);
  LogicalResult runGet(GetOp op);
  LogicalResult runAccumulate(AccumulateOp op);
  LogicalResult runInput(InputOp op);
  LogicalResult runStateRead(ReadStateOp op);
  LogicalResult runArgument(ArgumentOp op);

  SmallVector<Array> operandsOf(Operation *op) const;
  int64_t layerOf(Value layer) const;
  SmallVector<int64_t, 4> shapeOf(Type type) const {
    return Array::shapeOf(type, environment.batch);
  }

  Environment &environment;
  llvm::DenseMap<Value, Array> values;
};
} // namespace

SmallVector<Array> Frame::operandsOf(Operation *op) const {
  SmallVector<Array> operands;
  for (Value operand : op->getOperands())
    operands.push_back(values.find(operand)->second);
  return operands;
}

// Layer indices are kept like every other value, as an array of rank 0.
int64_t Frame::layerOf(Value layer) const {
  return layer ? static_cast<int64_t>(values.find(layer)->second.data.front()) : 0;
}

FailureOr<SmallVector<Array>> Frame::run(Block &block) {
  for (Operation &op : block) {
    if (op.hasTrait<OpTrait::IsTerminator>())
      return operandsOf(&op);
    if (failed(runOp(op)))
      return failure();
  }
  return SmallVector<Array>();
}

LogicalResult Frame::runRegion(Region &region, ResultRange results) {
  FailureOr<SmallVector<Array>> yielded = run(region.front());
  if (failed(yielded))
    return failure();
  for (auto [result, array] : llvm::zip_equal(results, *yielded))
    set(result, std::move(array));
  return success();
}

LogicalResult Frame::runGroup(GroupOp op) {
  for (auto [argument, input] : llvm::zip_equal(op.getBody().getArguments(), op.getInputs()))
    set(argument, values.find(input)->second);
  return runRegion(op.getBody(), op.getResults());
}

LogicalResult Frame::runRepeat(RepeatOp op) {
  SmallVector<Array> carried, stacks;
  for (Value carry : op.getCarries())
    carried.push_back(values.find(carry)->second);
  for (Value stack : op.getStackResults())
    stacks.emplace_back(shapeOf(stack.getType()));
  int64_t count = op.getCount();
  for (int64_t turn = 0; turn < count; ++turn) {
    int64_t layer = op.getReverse() ? count - 1 - turn : turn;
    set(op.getLayer(), Array({}, static_cast<double>(layer)));
    for (auto [argument, array] : llvm::zip_equal(op.getCarryArguments(), carried))
      set(argument, array);
    for (auto [argument, slice] : llvm::zip_equal(op.getSliceArguments(), op.getSlices()))
      set(argument, partOf(values.find(slice)->second, layer, shapeOf(argument.getType())));
    FailureOr<SmallVector<Array>> yielded = run(op.getBody().front());
    if (failed(yielded))
      return failure();
    for (auto [stack, part] : llvm::zip_equal(stacks, llvm::drop_begin(*yielded, carried.size())))
      llvm::copy(part.data, stack.data.begin() + layer * part.size());
    carried.assign(yielded->begin(), yielded->begin() + carried.size());
  }
  for (auto [result, array] : llvm::zip_equal(op.getCarryResults(), carried))
    set(result, array);
  for (auto [result, array] : llvm::zip_equal(op.getStackResults(), stacks))
    set(result, array);
  return success();
}

LogicalResult Frame::runParam(ParamOp op) {
  auto repeat = op->getParentOfType<RepeatOp>();
  std::string name = op.getPath().str();
  if (repeat && !repeat.getScope().empty())
    name = repeat.getScope().str() + "." + name;
  auto found = environment.parameters.find(name);
  if (found == environment.parameters.end())
    return op.emitError("no values for parameter '") << name << "'";
  int64_t layer = repeat ? layerOf(repeat.getLayer()) : 0;
  set(op.getResult(), partOf(found->second, layer, shapeOf(op.getType())));
  return success();
}

LogicalResult Frame::runGet(GetOp op) {
  auto found = environment.parameters.find(op.getParameter());
  if (found == environment.parameters.end())
    return op.emitError("no values for parameter '") << op.getParameter() << "'";
  set(op.getResult(), partOf(found->second, layerOf(op.getLayer()), shapeOf(op.getType())));
  return success();
}

LogicalResult Frame::runAccumulate(AccumulateOp op) {
  auto parameter = SymbolTable::lookupNearestSymbolFrom<ParameterOp>(op, op.getParameterAttr());
  if (!parameter)
    return op.emitError("no parameter '") << op.getParameter() << "'";
  Array &gradient = environment.gradients[op.getParameter()];
  if (gradient.data.empty())
    gradient = Array(shapeOf(RepeatOp::getStackedType(parameter.getType(), parameter.getLayers())));
  const Array &value = values.find(op.getValue())->second;
  double *target = gradient.data.data() + layerOf(op.getLayer()) * value.size();
  for (double part : value.data)
    *target++ += part;
  return success();
}

LogicalResult Frame::runInput(InputOp op) {
  auto found = environment.inputs.find(op.getName());
  if (found == environment.inputs.end())
    return op.emitError("no values for input '") << op.getName() << "'";
  set(op.getResult(), found->second);
  return success();
}

LogicalResult Frame::runStateRead(ReadStateOp op) {
  std::string name = (op.getArena() + llvm::Twine(op.getSegment())).str();
  auto found = environment.state.find(name);
  if (found == environment.state.end())
    return op.emitError("no values for state '") << name << "'";
  set(op.getResult(), found->second);
  return success();
}

LogicalResult Frame::runArgument(ArgumentOp op) {
  uint64_t index = op.getIndex();
  if (index >= environment.arguments.size())
    return op.emitError("argument ")
           << index << " of " << environment.arguments.size() << " is missing";
  set(op.getResult(), Array({}, environment.arguments[index]));
  return success();
}

LogicalResult Frame::runOp(Operation &op) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(&op)
      .Case([&](RepeatOp repeat) { return runRepeat(repeat); })
      .Case([&](GroupOp group) { return runGroup(group); })
      .Case([&](ApplyOp apply) { return runRegion(apply.getBody(), apply.getResults()); })
      .Case([&](ParamOp param) { return runParam(param); })
      .Case([&](GetOp get) { return runGet(get); })
      .Case([&](AccumulateOp accumulate) { return runAccumulate(accumulate); })
      .Case([&](InputOp input) { return runInput(input); })
      .Case([&](ReadStateOp read) { return runStateRead(read); })
      .Case([&](ArgumentOp argument) { return runArgument(argument); })
      .Case([&](StepOp step) {
        set(step.getResult(), values.find(step.getNext())->second);
        return success();
      })
      .Case([&](TableOp table) {
        set(table.getResult(), Array({}, table.getValues()[table.getLayer() ? layerOf(table.getLayer()) : 0]));
        return success();
      })
      .Case([&](WriteStateOp write) {
        std::string name = (write.getArena() + llvm::Twine(write.getSegment())).str();
        environment.state[name] = values.find(write.getValue())->second;
        return success();
      })
      .Case<AssumeOp, CheckOp, LawOp>([](Operation *) { return success(); })
      .Default([&](Operation *primitive) -> LogicalResult {
        FailureOr<SmallVector<Array>> arrays =
            evaluateOp(primitive, operandsOf(primitive), environment.batch);
        if (failed(arrays))
          return failure();
        for (auto [result, array] : llvm::zip_equal(primitive->getResults(), *arrays))
          set(result, std::move(array));
        return success();
      });
}

FailureOr<Array> lnx::evaluateModel(Operation *model, Environment &environment) {
  FailureOr<SmallVector<Array>> logits =
      Frame(environment).run(cast<ModelOp>(model).getBody().front());
  if (failed(logits))
    return failure();
  return std::move(logits->front());
}

FailureOr<SmallVector<Array>>
lnx::evaluateFunction(func::FuncOp function, ArrayRef<Array> arguments, Environment &environment) {
  Frame frame(environment);
  for (auto [argument, array] : llvm::zip_equal(function.getArguments(), arguments))
    frame.set(argument, array);
  return frame.run(function.getBody().front());
}
