// Single: groups of one operation, and matrix products as calls of the runtime's gemm.
// A transposed operand is the same memory with its flag set; the leading dimension is its width.
#include "compiler/target/Single.h"

using namespace mlir;
using namespace mlir::lnx;

Value lnx::inputBuffer(GroupBuffers &buffers, Value value) {
  return buffers.inputs[cast<BlockArgument>(value).getArgNumber()];
}

Operation *lnx::singleOp(GroupOp group) {
  Block &body = group.getBody().front();
  Operation *terminator = body.getTerminator();
  if (!llvm::hasSingleElement(body.without_terminator()))
    return nullptr;
  Operation *op = &body.front();
  bool plain = terminator->getNumOperands() == op->getNumResults() &&
               llvm::equal(terminator->getOperands(), op->getResults()) &&
               llvm::all_of(op->getOperands(), llvm::IsaPred<BlockArgument>);
  return plain ? op : nullptr;
}

Value lnx::sizeOf(GroupBuffers &buffers, Value buffer, unsigned dim) {
  auto type = cast<MemRefType>(buffer.getType());
  return type.isDynamicDim(dim) ? buffers.rows : buffers.index(type.getDimSize(dim));
}

LogicalResult lnx::lowerGemm(MatmulOp matmul, GroupBuffers &buffers) {
  Value a = inputBuffer(buffers, matmul.getLhs()), b = inputBuffer(buffers, matmul.getRhs());
  Value c = buffers.results[0];
  bool transposeA = matmul.getTransposeLhs(), transposeB = matmul.getTransposeRhs();
  Value m = sizeOf(buffers, a, transposeA ? 1 : 0), k = sizeOf(buffers, a, transposeA ? 0 : 1);
  Value n = sizeOf(buffers, b, transposeB ? 0 : 1);
  buffers.call("lnx_gemm",
               {buffers.index(transposeA), buffers.index(transposeB), m, n, k, buffers.address(a),
                sizeOf(buffers, a, 1), buffers.address(b), sizeOf(buffers, b, 1),
                buffers.index(buffers.accumulate[0]), buffers.address(c), n});
  return success();
}
