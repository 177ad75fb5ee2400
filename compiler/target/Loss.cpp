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
  SoftmaxRows rows{op.getLogits().getType().getShape().back(),
                   inputBuffer(buffers, op.getLogits()),
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
  SoftmaxRows rows{op.getLogits().getType().getShape().back(),
                   inputBuffer(buffers, op.getLogits()),
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
  Value chunk; ///< logits of one chunk, as distant as a product likes them

  Value index(int64_t value) { return buffers.index(value); }
  Matrix rowsOf(Value buffer, Value first) {
    Matrix all = matrixOf(buffers, buffer);
    OpBuilder &b = buffers.builder;
    int64_t bytes = width * all.type.getIntOrFloatBitWidth() / 8;
    Value offset = arith::MulIOp::create(b, buffers.loc, first, index(bytes));
    all.address = arith::AddIOp::create(b, buffers.loc, all.address, offset);
    return all;
  }
  Matrix logits() { return matrixOf(buffers, chunk); }
  void product(Value first, Value count) {
    callGemm(buffers, {count, index(vocabulary), index(width), rowsOf(x, first), false,
                       matrixOf(buffers, weight), transposed, logits(), index(0)});
  }
  /// dx = d_logits op(weight)^T
  void productForX(Value first, Value count, Value dx, bool accumulate) {
    callGemm(buffers,
             {count, index(width), index(vocabulary), logits(), false, matrixOf(buffers, weight),
              !transposed, rowsOf(dx, first), index(accumulate)});
  }
  /// dW (+)= x^T d_logits, or its transpose.
  void productForWeight(Value first, Value count, Value dw, Value accumulate) {
    Matrix rows = rowsOf(x, first);
    Matrix a = transposed ? logits() : rows, b = transposed ? rows : logits();
    int64_t m = transposed ? vocabulary : width, n = transposed ? width : vocabulary;
    callGemm(buffers,
             {index(m), index(n), count, a, true, b, false, matrixOf(buffers, dw), accumulate});
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

/// Whether the products with the head exist; `result` has the type of one.
template <typename Op> static bool takesHead(Op op, GroupBuffers &buffers, Value result) {
  return hasGemm(getElementTypeOrSelf(inputBuffer(buffers, op.getX()).getType()),
                 getElementTypeOrSelf(inputBuffer(buffers, op.getWeight()).getType()),
                 getElementTypeOrSelf(result.getType()));
}

template <typename Op> static Head makeHead(Op op, GroupBuffers &buffers) {
  Value x = inputBuffer(buffers, op.getX()), weight = inputBuffer(buffers, op.getWeight());
  bool transposed = op.getTransposeWeight();
  ArrayRef<int64_t> shape = cast<MemRefType>(weight.getType()).getShape();
  int64_t width = shape[transposed ? 1 : 0], vocabulary = shape[transposed ? 0 : 1];
  // Rows that start at multiples of 16 bytes are what fast products want (cuda-target 6.4).
  auto distance = static_cast<int64_t>(llvm::alignTo(vocabulary, 8));
  Value chunk = buffers.allocate(
      MemRefType::get({chunkRows(vocabulary), distance}, getElementTypeOrSelf(x.getType())));
  return {buffers, x, weight, transposed, width, vocabulary, chunk};
}

LogicalResult lnx::lowerLinearCrossEntropy(LinearCrossEntropyOp op, GroupBuffers &buffers,
                                           const LossKernels &kernels) {
  if (buffers.accumulate[0] || !takesHead(op, buffers, buffers.results[0]))
    return failure();
  Head head = makeHead(op, buffers);
  Value losses = allocateLosses(buffers);
  Value targets = inputBuffer(buffers, op.getTargets());
  forChunks(buffers, chunkRows(head.vocabulary), [&](Value first, Value count) {
    head.product(first, count);
    kernels.softmax(buffers,
                    {head.vocabulary, head.chunk, nullptr, targets, losses, first, nullptr}, count);
  });
  kernels.mean(buffers, losses, buffers.results[0]);
  return success();
}

LogicalResult lnx::lowerLinearCrossEntropyGrad(LinearCrossEntropyGradOp op, GroupBuffers &buffers,
                                               const LossKernels &kernels) {
  if (buffers.accumulate[0] || !takesHead(op, buffers, buffers.results[1]))
    return failure();
  Head head = makeHead(op, buffers);
  Value losses = allocateLosses(buffers);
  Value targets = inputBuffer(buffers, op.getTargets()),
        scale = inputBuffer(buffers, op.getDLoss());
  forChunks(buffers, chunkRows(head.vocabulary), [&](Value first, Value count) {
    OpBuilder &b = buffers.builder;
    head.product(first, count);
    kernels.softmax(
        buffers, {head.vocabulary, head.chunk, head.chunk, targets, losses, first, scale}, count);
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
