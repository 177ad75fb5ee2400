// RowBuffer: casts of buffers to rows of floats.
// Their memory is dense, so the casts change no address.
#include "compiler/target/RowBuffer.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

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
