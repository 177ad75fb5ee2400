// RowSpace: what a rows group iterates over.
// Relied on by FormGroups to decide which row-wise operations can share one kernel.
#include "compiler/fusion/RowSpace.h"

using namespace mlir;
using namespace mlir::lnx;

std::optional<RowSpace> RowSpace::of(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !isa<FloatType>(tensor.getElementType()))
    return std::nullopt;
  ArrayRef<int64_t> shape = tensor.getShape();
  RowSpace space;
  space.hasRows = !shape.empty() && ShapedType::isDynamic(shape.front());
  if (space.hasRows)
    shape = shape.drop_front();
  if (llvm::any_of(shape, ShapedType::isDynamic))
    return std::nullopt;
  if (!shape.empty()) {
    space.width = shape.back();
    space.lead.assign(shape.begin(), shape.end() - 1);
  }
  return space;
}

bool lnx::sumsOverRows(Operation *op) {
  auto primitive = dyn_cast<PrimitiveOpInterface>(op);
  if (!primitive || primitive.getOpClass() != OpClass::Rowwise || op->getNumOperands() != 1 ||
      op->getNumResults() != 1 || isa<ElementwiseOpInterface, ReductionOpInterface>(op))
    return false;
  auto from = dyn_cast<RankedTensorType>(op->getOperand(0).getType());
  auto to = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  return from && to && from.getRank() > 0 && from.getShape().drop_front() == to.getShape();
}

// Row-wise in the sense of broadcasting: every operand stretches to the one result.
static bool stretchesToResult(Operation *op) {
  if (op->getNumResults() != 1 || op->getNumOperands() == 0)
    return false;
  SmallVector<Type> types(op->getOperandTypes());
  types.push_back(op->getResult(0).getType());
  if (!llvm::all_of(types, [](Type type) { return RowSpace::of(type).has_value(); }))
    return false;
  FailureOr<RankedTensorType> stretched = broadcastTypes(types);
  return succeeded(stretched) && *stretched == op->getResult(0).getType();
}

std::optional<RowSpace> RowSpace::of(Operation *op) {
  auto primitive = dyn_cast<PrimitiveOpInterface>(op);
  if (!primitive || primitive.getOpClass() != OpClass::Rowwise)
    return std::nullopt;
  if (isa<ReductionOpInterface>(op)) {
    bool shrinks = op->getOperand(0).getType() != op->getResult(0).getType();
    return shrinks ? RowSpace::of(op->getOperand(0).getType()) : std::nullopt;
  }
  if (sumsOverRows(op))
    return RowSpace::of(op->getOperand(0).getType());
  if (isa<ElementwiseOpInterface>(op) || stretchesToResult(op))
    return RowSpace::of(op->getResult(0).getType());
  return std::nullopt;
}

std::optional<RowSpace> lnx::join(const RowSpace &a, const RowSpace &b) {
  bool fits = a.hasRows == b.hasRows && a.lead == b.lead &&
              (a.width == b.width || a.width == 1 || b.width == 1);
  if (!fits)
    return std::nullopt;
  return a.width == 1 ? b : a;
}

bool lnx::isNumber(Operation *op) {
  auto isNumberType = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && isa<FloatType>(tensor.getElementType()) && tensor.hasStaticShape() &&
           tensor.getNumElements() == 1;
  };
  return isa<ElementwiseOpInterface>(op) && llvm::all_of(op->getResultTypes(), isNumberType) &&
         llvm::all_of(op->getOperandTypes(), isNumberType);
}
