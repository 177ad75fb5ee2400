// ElementwiseClass.cpp: the answers every element-wise primitive shares, from `compute` and `emit`.
// Broadcasting is defined in LnxDialect.td; broadcastStrides is its one implementation on arrays.
#include "dialect/ops/Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;

LogicalResult lnx::inferElementwise(MLIRContext *context, std::optional<Location> location,
                                    ValueRange operands, SmallVectorImpl<Type> &types) {
  if (operands.empty()) {
    types.push_back(getTensorType(context, {}, /*withRows=*/false));
    return success();
  }
  SmallVector<Type> operandTypes(operands.getTypes());
  FailureOr<RankedTensorType> type = broadcastTypes(operandTypes);
  if (failed(type))
    return emitOptionalError(location, "sizes do not match: ", operandTypes.front(), " and ",
                             operandTypes.back());
  types.push_back(*type);
  return success();
}

SmallVector<int64_t, 4> lnx::broadcastStrides(Type operand, Type result) {
  ArrayRef<int64_t> features = getFeatures(operand);
  int64_t rank = cast<ShapedType>(result).getRank();
  SmallVector<int64_t, 4> strides(rank, 0);
  int64_t stride = 1, place = rank;
  for (int64_t size : llvm::reverse(features)) {
    strides[--place] = size == 1 ? 0 : stride;
    stride *= size;
  }
  if (hasRows(operand))
    strides[0] = stride;
  return strides;
}

// Visits all elements of `shape` in row-major order, with each operand's offset.
static void visitBroadcast(ArrayRef<int64_t> shape, ArrayRef<SmallVector<int64_t, 4>> strides,
                           function_ref<void(ArrayRef<int64_t>)> visit) {
  SmallVector<int64_t, 4> indices(shape.size(), 0);
  SmallVector<int64_t> offsets(strides.size(), 0);
  for (int64_t left = ShapedType::getNumElements(shape); left > 0; --left) {
    visit(offsets);
    for (int64_t dim = static_cast<int64_t>(shape.size()) - 1; dim >= 0; --dim) {
      bool wraps = ++indices[dim] == shape[dim];
      for (auto [offset, stride] : llvm::zip_equal(offsets, strides))
        offset += wraps ? -stride[dim] * (shape[dim] - 1) : stride[dim];
      if (!wraps)
        break;
      indices[dim] = 0;
    }
  }
}

Array lnx::broadcastArray(const Array &x, Type type, Type result, Batch batch) {
  Array y(Array::shapeOf(result, batch));
  double *out = y.data.data();
  visitBroadcast(y.shape, {broadcastStrides(type, result)},
                 [&](ArrayRef<int64_t> offsets) { *out++ = x.data[offsets[0]]; });
  return y;
}

SmallVector<Array> lnx::evaluateElementwise(ElementwiseOpInterface op, ArrayRef<Array> operands,
                                            Batch batch) {
  Type type = op->getResult(0).getType();
  SmallVector<SmallVector<int64_t, 4>> strides;
  for (Type operandType : op->getOperandTypes())
    strides.push_back(broadcastStrides(operandType, type));
  Array result(Array::shapeOf(type, batch));
  double *out = result.data.data();
  SmallVector<double> elements(operands.size());
  visitBroadcast(result.shape, strides, [&](ArrayRef<int64_t> offsets) {
    for (auto [element, operand, offset] : llvm::zip_equal(elements, operands, offsets))
      element = operand.data[offset];
    *out++ = op.compute(elements);
  });
  return {result};
}

void lnx::lowerElementwise(ElementwiseOpInterface op, LoopBuilder &loops) {
  bool withRows = hasRows(op->getResult(0).getType());
  loops.forEach(loops.sizes(loops.results[0]), [&](ValueRange indices) {
    SmallVector<Value> elements;
    for (Value operand : loops.operands)
      elements.push_back(loops.loadBroadcast(operand, indices, withRows));
    loops.store(0, indices, op.emit(loops.builder, loops.loc, elements));
  });
}

//===-- folding ------------------------------------------------------------===//

std::optional<double> lnx::getNumber(Value value) {
  if (auto constant = value.getDefiningOp<ConstantOp>())
    return constant.getNumber();
  return std::nullopt;
}

// The number that, as the right operand, leaves the left one as it is.
static std::optional<double> rightNeutral(Operation *op) {
  if (isa<AddOp, SubOp>(op))
    return 0;
  if (isa<MulOp, DivOp>(op))
    return 1;
  return std::nullopt;
}

static bool isNumber(Attribute attribute, double number) {
  auto value = dyn_cast_if_present<FloatAttr>(attribute);
  return value && value.getValueAsDouble() == number;
}

OpFoldResult lnx::foldElementwise(ElementwiseOpInterface op, ArrayRef<Attribute> operands) {
  Type type = op->getResult(0).getType();
  if (llvm::all_of(operands, [](Attribute x) { return isa_and_present<FloatAttr>(x); })) {
    SmallVector<double> numbers;
    for (Attribute operand : operands)
      numbers.push_back(cast<FloatAttr>(operand).getValueAsDouble());
    double value = op.compute(numbers);
    return std::isfinite(value) || operands.empty()
               ? OpFoldResult(Builder(op.getContext()).getF64FloatAttr(value))
               : OpFoldResult();
  }
  if (auto negation = dyn_cast<NegOp>(op.getOperation()))
    if (auto inner = negation.getX().getDefiningOp<NegOp>())
      return inner.getX();
  if (std::optional<double> neutral = rightNeutral(op)) {
    bool commutes = op->hasTrait<OpTrait::IsCommutative>();
    if (isNumber(operands[1], *neutral) && op->getOperand(0).getType() == type)
      return op->getOperand(0);
    if (commutes && isNumber(operands[0], *neutral) && op->getOperand(1).getType() == type)
      return op->getOperand(1);
  }
  return {};
}

//===-- numbers in code and in bounds --------------------------------------===//

Value lnx::emitNumber(OpBuilder &builder, Location loc, Type type, double number) {
  TypedAttr value = builder.getFloatAttr(getElementTypeOrSelf(type), number);
  if (auto shaped = dyn_cast<ShapedType>(type))
    value = DenseElementsAttr::get(shaped, Attribute(value));
  return arith::ConstantOp::create(builder, loc, value);
}

double lnx::boundProduct(double a, double b) { return a == 0 || b == 0 ? 0 : a * b; }
