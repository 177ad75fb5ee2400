// Single: groups of one operation, and matrix products as calls of the runtime's gemm.
// A transposed operand is the same memory with its flag set; the leading dimension is its width.
#include "compiler/target/Single.h"

#include "lnx/abi.h"

using namespace mlir;
using namespace mlir::lnx;

Value lnx::beforeCast(Value value) {
  auto cast = value.getDefiningOp<CastOp>();
  return cast ? cast.getX() : value;
}

Value lnx::inputBuffer(GroupBuffers &buffers, Value value) {
  value = beforeCast(value);
  return buffers.inputs[cast<BlockArgument>(value).getArgNumber()];
}

Operation *lnx::singleOp(GroupOp group) {
  Block &body = group.getBody().front();
  Operation *single = nullptr;
  for (Operation &op : body.without_terminator()) {
    if (isa<CastOp>(op))
      continue;
    if (std::exchange(single, &op))
      return nullptr;
  }
  if (!single)
    return nullptr;
  auto isInput = [](Value value) { return isa<BlockArgument>(beforeCast(value)); };
  SmallVector<Value> outputs = llvm::map_to_vector(body.getTerminator()->getOperands(), beforeCast);
  bool plain =
      llvm::equal(outputs, single->getResults()) && llvm::all_of(single->getOperands(), isInput);
  return plain ? single : nullptr;
}

bool lnx::isFullPrecision(const GroupBuffers &buffers) {
  auto isFull = [](Value buffer) {
    return !cast<MemRefType>(buffer.getType()).getElementType().isBF16();
  };
  return llvm::all_of(buffers.inputs, isFull) && llvm::all_of(buffers.results, isFull);
}

Matrix lnx::matrixOf(GroupBuffers &buffers, Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  return {buffers.address(buffer), buffers.index(type.getDimSize(1)), type.getElementType()};
}

bool lnx::hasGemm(Type a, Type b, Type c) { return a == b && (a.isBF16() || c.isF32()); }

// Operands of full precision take the product that every device has.
void lnx::callGemm(GroupBuffers &buffers, const Gemm &p) {
  auto flag = [&](bool value) { return buffers.index(value); };
  if (p.a.type.isF32() && p.c.type.isF32())
    return buffers.call("lnx_gemm", {flag(p.transposeA), flag(p.transposeB), p.m, p.n, p.k,
                                     p.a.address, p.a.distance, p.b.address, p.b.distance,
                                     p.accumulate, p.c.address, p.c.distance});
  auto number = [&](Type type) {
    return buffers.index(type.isBF16() ? LNX_TYPE_BF16 : LNX_TYPE_F32);
  };
  Value none = buffers.index(0);
  buffers.call("lnx_matmul", {flag(p.transposeA), flag(p.transposeB), p.m, p.n, p.k,
                              number(p.a.type), p.a.address, p.a.distance, p.b.address,
                              p.b.distance, p.accumulate, number(p.c.type), p.c.address,
                              p.c.distance, buffers.index(LNX_EPILOGUE_NONE), none, none, none});
}

Value lnx::sizeOf(GroupBuffers &buffers, Value buffer, unsigned dim) {
  auto type = cast<MemRefType>(buffer.getType());
  return type.isDynamicDim(dim) ? buffers.rows : buffers.index(type.getDimSize(dim));
}

LogicalResult lnx::lowerGemm(MatmulOp matmul, GroupBuffers &buffers) {
  Value a = inputBuffer(buffers, matmul.getLhs()), b = inputBuffer(buffers, matmul.getRhs());
  if (!hasGemm(getElementTypeOrSelf(a.getType()), getElementTypeOrSelf(b.getType()),
               getElementTypeOrSelf(buffers.results[0].getType())))
    return failure();
  bool transposeA = matmul.getTransposeLhs(), transposeB = matmul.getTransposeRhs();
  callGemm(buffers, {sizeOf(buffers, a, transposeA ? 1 : 0), sizeOf(buffers, b, transposeB ? 0 : 1),
                     sizeOf(buffers, a, transposeA ? 0 : 1), matrixOf(buffers, a), transposeA,
                     matrixOf(buffers, b), transposeB, matrixOf(buffers, buffers.results[0]),
                     buffers.index(buffers.accumulate[0])});
  return success();
}
