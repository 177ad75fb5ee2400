// RowKernel: writes the kernel of a RowPlan with explicit vectors.
// Rows one after another, and for each row the plan's nests in order.
#include "compiler/target/cpu/NestEmitter.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::lnx;

RowBuffer lnx::flattenRows(OpBuilder &b, Location loc, Value memref, const RowShape &shape) {
  auto type = cast<MemRefType>(memref.getType());
  if (type.getRank() == 0)
    return {memref, false};
  SmallVector<OpFoldResult> sizes, strides;
  SmallVector<int64_t> shapeOut;
  if (shape.hasRows) {
    shapeOut.push_back(type.getDimSize(0));
    sizes.push_back(type.isDynamicDim(0)
                        ? OpFoldResult(memref::DimOp::create(b, loc, memref, 0).getResult())
                        : OpFoldResult(b.getIndexAttr(type.getDimSize(0))));
    strides.push_back(b.getIndexAttr(shape.size));
  }
  shapeOut.push_back(shape.size);
  sizes.push_back(b.getIndexAttr(shape.size));
  strides.push_back(b.getIndexAttr(1));
  auto flat = MemRefType::get(shapeOut, type.getElementType());
  if (flat == type)
    return {memref, shape.hasRows};
  return {
      memref::ReinterpretCastOp::create(b, loc, flat, memref, b.getIndexAttr(0), sizes, strides),
      shape.hasRows};
}

void lnx::emitRowKernel(OpBuilder &b, Location loc, GroupOp group, const RowPlan &plan,
                        const RowArguments &arguments) {
  RowScope scope(plan, arguments, b.getInsertionBlock());
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  auto loop = scf::ForOp::create(b, loc, arguments.lo, arguments.hi, one);
  scope.row = loop.getInductionVar();
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(loop.getBody()->getTerminator());
  for (const Nest &nest : plan.nests)
    NestEmitter(b, loc, scope, nest).emit();
}
