// RowShapes: which part of each value in a rows group belongs to one row.
// Row tensors have a dynamic first dimension; a group of fixed tensors takes their first dimension
// for rows, or counts as a single row.
#include "compiler/target/RowPlan.h"

using namespace mlir;
using namespace mlir::lnx;

static int64_t product(ArrayRef<int64_t> sizes) {
  int64_t result = 1;
  for (int64_t size : sizes)
    result *= size;
  return result;
}

/// Shapes with `rows` rows, which are dimension 0 of tensors of rank `rank`; 0 stands for dynamic
/// rows, rank 0 for a single row that is the whole tensor.
bool RowPlan::setShapes(GroupOp group, int64_t rows, int64_t rank) {
  shapes.clear();
  auto set = [&](Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    if (!isa<Float32Type, BFloat16Type>(type.getElementType()))
      return false;
    RowShape shape;
    ArrayRef<int64_t> dims = type.getShape();
    if (rows == 0 && lnx::hasRows(type)) {
      shape.hasRows = true;
      dims = dims.drop_front();
    } else if (rows != 0 && rank != 0 && type.getRank() == rank) {
      if (dims[0] != rows && dims[0] != 1)
        return false;
      shape.hasRows = dims[0] == rows && rows != 1;
      dims = dims.drop_front();
    }
    if (llvm::any_of(dims, ShapedType::isDynamic))
      return false;
    shape.features.assign(dims.begin(), dims.end());
    shape.size = product(dims);
    shapes[value] = shape;
    return true;
  };
  for (BlockArgument argument : group.getBody().getArguments())
    if (!set(argument))
      return false;
  for (Operation &op : group.getBody().front().without_terminator()) {
    for (Value result : op.getResults())
      if (!set(result))
        return false;
    if (isa<ReshapeOp>(op) && shape(op.getOperand(0)).hasRows != shape(op.getResult(0)).hasRows)
      return false;
    if (isa<ReductionOpInterface>(op) && axisOf(&op, shape(op.getOperand(0))) < 0)
      return false;
    if (isa<SumRowsOp>(op) && !shape(op.getOperand(0)).hasRows)
      return false;
  }
  return true;
}

bool RowPlan::findShapes(GroupOp group) {
  int64_t rank = 0, rows = 0;
  auto look = [&](Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    if (lnx::hasRows(type))
      return true;
    if (type.getRank() > rank ||
        (type.getRank() == rank && rank > 0 && type.getDimSize(0) > rows)) {
      rank = type.getRank();
      rows = type.getDimSize(0);
    }
    return false;
  };
  bool dynamic = false;
  for (BlockArgument argument : group.getBody().getArguments())
    dynamic |= look(argument);
  for (Operation &op : group.getBody().front().without_terminator())
    for (Value result : op.getResults())
      dynamic |= look(result);
  if (dynamic) {
    fixedRows = 0;
    return setShapes(group, 0, 0);
  }
  bool sumsRows = llvm::any_of(group.getBody().front().without_terminator(),
                               [](Operation &op) { return isa<SumRowsOp>(op); });
  if ((rank >= 2 || sumsRows) && rows > 1) {
    fixedRows = rows;
    if (setShapes(group, rows, rank))
      return true;
  }
  fixedRows = 1;
  return !sumsRows && setShapes(group, 1, 0);
}
