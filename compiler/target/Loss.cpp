// Loss: cross-entropy, alone and behind the head's matrix product.
// The head runs in chunks of rows: one product, one kernel that turns logits into losses and their
// gradient in place, two products back. Logits never need rows x vocabulary memory.
#include "compiler/target/Loss.h"
#include "compiler/target/Single.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::lnx;

// 256 rows of a 50257-word head: its weights are read from memory once for each 256 rows, a tenth
// of the time of the product. Small vocabularies take more rows, up to 4 MiB of logits.
static int64_t chunkRows(int64_t vocabulary) {
  return std::clamp<int64_t>((int64_t(1) << 20) / vocabulary, 256, 4096);
}

static Value allocateLosses(GroupBuffers &buffers) {
  return buffers.allocate(MemRefType::get({ShapedType::kDynamic}, buffers.builder.getF32Type()));
}

LogicalResult lnx::lowerCrossEntropy(CrossEntropyOp op, GroupBuffers &buffers,
                                     const LossKernels &kernels) {
  if (buffers.accumulate[0])
    return failure();
  Value losses = allocateLosses(buffers);
  SoftmaxRows rows{inputBuffer(buffers, op.getLogits()),
                   nullptr,
                   inputBuffer(buffers, op.getTargets()),
                   losses,
                   buffers.index(0),
                   nullptr};
  kernels.softmax(buffers, rows, buffers.rows);
  kernels.mean(buffers, losses, buffers.results[0]);
  return success();
}

LogicalResult lnx::lowerCrossEntropyGrad(CrossEntropyGradOp op, GroupBuffers &buffers,
                                         const LossKernels &kernels) {
  SoftmaxRows rows{inputBuffer(buffers, op.getLogits()),
                   buffers.results[0],
                   inputBuffer(buffers, op.getTargets()),
                   allocateLosses(buffers),
                   buffers.index(0),
                   inputBuffer(buffers, op.getDLoss()),
                   buffers.accumulate[0]};
  kernels.softmax(buffers, rows, buffers.rows);
  return success();
}

namespace {

/// The head: logits = x op(weight), in chunks of rows.
struct Head {
  GroupBuffers &buffers;
  Value x, weight;
  bool transposed; ///< weight is [vocabulary x width]
  int64_t width, vocabulary;
  Value chunk; ///< logits of one chunk

  Value index(int64_t value) { return buffers.index(value); }
  /// Address of row `row` of a buffer with `floats` floats in each row.
  Value rowAddress(Value buffer, Value row, int64_t floats) {
    OpBuilder &b = buffers.builder;
    Value offset = arith::MulIOp::create(b, buffers.loc, row, index(floats * 4));
    return arith::AddIOp::create(b, buffers.loc, buffers.address(buffer), offset);
  }
  void product(Value first, Value count) {
    buffers.call("lnx_gemm", {index(0), index(transposed), count, index(vocabulary), index(width),
                              rowAddress(x, first, width), index(width), buffers.address(weight),
                              index(transposed ? width : vocabulary), index(0),
                              buffers.address(chunk), index(vocabulary)});
  }
  /// dx = d_logits op(weight)^T
  void productForX(Value first, Value count, Value dx, bool accumulate) {
    buffers.call("lnx_gemm", {index(0), index(!transposed), count, index(width), index(vocabulary),
                              buffers.address(chunk), index(vocabulary), buffers.address(weight),
                              index(transposed ? width : vocabulary), index(accumulate),
                              rowAddress(dx, first, width), index(width)});
  }
  /// dW (+)= x^T d_logits, or its transpose.
  void productForWeight(Value first, Value count, Value dw, Value accumulate) {
    Value rows = rowAddress(x, first, width), logits = buffers.address(chunk);
    Value a = transposed ? logits : rows, b = transposed ? rows : logits;
    int64_t m = transposed ? vocabulary : width, n = transposed ? width : vocabulary;
    buffers.call("lnx_gemm", {index(1), index(0), index(m), index(n), count, a, index(m), b,
                              index(n), accumulate, buffers.address(dw), index(n)});
  }
};

} // namespace

/// Runs `body` for each chunk of rows [first, first + count).
static void forChunks(GroupBuffers &buffers, int64_t rows,
                      llvm::function_ref<void(Value first, Value count)> body) {
  OpBuilder &b = buffers.builder;
  auto loop =
      scf::ForOp::create(b, buffers.loc, buffers.index(0), buffers.rows, buffers.index(rows));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(loop.getBody()->getTerminator());
  Value first = loop.getInductionVar();
  Value left = arith::SubIOp::create(b, buffers.loc, buffers.rows, first);
  body(first, arith::MinUIOp::create(b, buffers.loc, left, buffers.index(rows)));
}

template <typename Op> static Head makeHead(Op op, GroupBuffers &buffers) {
  Value x = inputBuffer(buffers, op.getX()), weight = inputBuffer(buffers, op.getWeight());
  bool transposed = op.getTransposeWeight();
  ArrayRef<int64_t> shape = cast<MemRefType>(weight.getType()).getShape();
  int64_t width = shape[transposed ? 1 : 0], vocabulary = shape[transposed ? 0 : 1];
  Value chunk = buffers.allocate(
      MemRefType::get({chunkRows(vocabulary), vocabulary}, buffers.builder.getF32Type()));
  return {buffers, x, weight, transposed, width, vocabulary, chunk};
}

LogicalResult lnx::lowerLinearCrossEntropy(LinearCrossEntropyOp op, GroupBuffers &buffers,
                                           const LossKernels &kernels) {
  if (buffers.accumulate[0])
    return failure();
  Head head = makeHead(op, buffers);
  Value losses = allocateLosses(buffers);
  Value targets = inputBuffer(buffers, op.getTargets());
  forChunks(buffers, chunkRows(head.vocabulary), [&](Value first, Value count) {
    head.product(first, count);
    kernels.softmax(buffers, {head.chunk, nullptr, targets, losses, first, nullptr}, count);
  });
  kernels.mean(buffers, losses, buffers.results[0]);
  return success();
}

LogicalResult lnx::lowerLinearCrossEntropyGrad(LinearCrossEntropyGradOp op, GroupBuffers &buffers,
                                               const LossKernels &kernels) {
  if (buffers.accumulate[0])
    return failure();
  Head head = makeHead(op, buffers);
  Value losses = allocateLosses(buffers);
  Value targets = inputBuffer(buffers, op.getTargets()),
        scale = inputBuffer(buffers, op.getDLoss());
  forChunks(buffers, chunkRows(head.vocabulary), [&](Value first, Value count) {
    OpBuilder &b = buffers.builder;
    head.product(first, count);
    kernels.softmax(buffers, {head.chunk, head.chunk, targets, losses, first, scale}, count);
    head.productForX(first, count, buffers.results[1], buffers.accumulate[1]);
    // The first chunk overwrites unless the gradient accumulates.
    Value isFirst =
        arith::CmpIOp::create(b, buffers.loc, arith::CmpIPredicate::eq, first, head.index(0));
    Value accumulate = arith::SelectOp::create(b, buffers.loc, isFirst,
                                               head.index(buffers.accumulate[2]), head.index(1));
    head.productForWeight(first, count, buffers.results[2], accumulate);
  });
  kernels.mean(buffers, losses, buffers.results[0]);
  return success();
}
