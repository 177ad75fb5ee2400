// Loss: cross-entropy, alone and behind the head's matrix product.
// The head runs in chunks of rows: one product, one kernel that turns logits into losses and their
// gradient in place, two products back. Logits never need rows x vocabulary memory.
#include "compiler/target/cpu/Columns.h"
#include "compiler/target/cpu/Cpu.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/FormatVariadic.h"
#include <limits>

using namespace mlir;
using namespace mlir::lnx;

// 256 rows of a 50257-word head: its weights are read from memory once for each 256 rows, a tenth
// of the time of the product. Small vocabularies take more rows, up to 4 MiB of logits.
static int64_t chunkRows(int64_t vocabulary) {
  return std::clamp<int64_t>((int64_t(1) << 20) / vocabulary, 256, 4096);
}

static int64_t vocabularyOf(Value logits) {
  return cast<MemRefType>(logits.getType()).getShape().back();
}

namespace {

/// Arguments of the softmax kernel and what it writes.
struct SoftmaxRows {
  Value logits;   ///< [rows of this chunk x vocabulary]
  Value gradient; ///< the same shape or the same buffer; null when only the loss is wanted
  Value targets;  ///< of all rows
  Value losses;   ///< of all rows
  Value first;    ///< row of the batch that is row 0 of `logits`
  Value scale;    ///< memref<f32>: gradient of the mean loss; null without gradient
  bool accumulate = false;
};

} // namespace

namespace {

/// Writes one row of the softmax kernel.
class SoftmaxRow {
public:
  SoftmaxRow(OpBuilder &b, Location loc, const SoftmaxRows &k, Value row)
      : b(b), loc(loc), k(k), row(row), vocabulary(vocabularyOf(k.logits)) {}

  /// Its loss, and gradient = (softmax - onehot) * scale / rows.
  void emit(Value rows);

private:
  Value loadRow(OpBuilder &b, VectorType type, Value buffer, Value column) {
    return vector::LoadOp::create(b, loc, type, buffer, ValueRange{row, column});
  }
  void storeRow(OpBuilder &b, Value value, Value column) {
    vector::StoreOp::create(b, loc, value, k.gradient, ValueRange{row, column});
  }
  /// exp(logit - largest)
  Value exponent(OpBuilder &b, VectorType type, Value column) {
    Value top = vector::BroadcastOp::create(b, loc, type, largest);
    Value logits = loadRow(b, type, k.logits, column);
    return math::ExpOp::create(b, loc, arith::SubFOp::create(b, loc, logits, top));
  }
  /// The gradient's buffer may hold the exponents until their sum is known.
  bool keepsExponents() const { return k.gradient && !k.accumulate; }
  void emitGradient(Value rows, Value sum, Value target);

  OpBuilder &b;
  Location loc;
  const SoftmaxRows &k;
  Value row, largest;
  int64_t vocabulary;
};

} // namespace

void SoftmaxRow::emit(Value rows) {
  Value batchRow = arith::AddIOp::create(b, loc, k.first, row);
  Value id = memref::LoadOp::create(b, loc, k.targets, batchRow);
  Value target = arith::IndexCastOp::create(b, loc, b.getIndexType(), id);
  Value hit = memref::LoadOp::create(b, loc, k.logits, ValueRange{row, target});
  largest = reduceColumns(b, loc, vocabulary, vector::CombiningKind::MAXNUMF,
                          -std::numeric_limits<double>::infinity(),
                          [&](OpBuilder &b, VectorType type, Value column) {
                            return loadRow(b, type, k.logits, column);
                          });
  Value sum = reduceColumns(b, loc, vocabulary, vector::CombiningKind::ADD, 0,
                            [&](OpBuilder &b, VectorType type, Value column) {
                              Value e = exponent(b, type, column);
                              if (keepsExponents())
                                storeRow(b, e, column);
                              return e;
                            });
  Value lse = arith::AddFOp::create(b, loc, math::LogOp::create(b, loc, sum), largest);
  Value loss = arith::SubFOp::create(b, loc, lse, hit);
  memref::StoreOp::create(b, loc, loss, k.losses, batchRow);
  if (k.gradient)
    emitGradient(rows, sum, target);
}

void SoftmaxRow::emitGradient(Value rows, Value sum, Value target) {
  Value count = arith::UIToFPOp::create(b, loc, b.getF32Type(),
                                        arith::IndexCastOp::create(b, loc, b.getI64Type(), rows));
  Value scale = memref::LoadOp::create(b, loc, k.scale, ValueRange{});
  Value unit = arith::DivFOp::create(b, loc, scale, count);
  Value factor = arith::DivFOp::create(b, loc, unit, sum);
  forColumns(b, loc, vocabulary, [&](OpBuilder &b, VectorType type, Value column) {
    Value e = keepsExponents() ? loadRow(b, type, k.gradient, column) : exponent(b, type, column);
    Value by = vector::BroadcastOp::create(b, loc, type, factor);
    Value value = arith::MulFOp::create(b, loc, e, by);
    if (k.accumulate)
      value = arith::AddFOp::create(b, loc, loadRow(b, type, k.gradient, column), value);
    storeRow(b, value, column);
  });
  Value soft = memref::LoadOp::create(b, loc, k.gradient, ValueRange{row, target});
  Value hard = arith::SubFOp::create(b, loc, soft, unit);
  memref::StoreOp::create(b, loc, hard, k.gradient, ValueRange{row, target});
}

/// Runs the softmax kernel over `count` rows.
static void runSoftmax(GroupBuffers &buffers, SoftmaxRows k, Value count) {
  int64_t vocabulary = vocabularyOf(k.logits);
  bool inPlace = k.gradient == k.logits;
  SmallVector<Value> arguments = {k.logits, k.targets, k.losses, k.first, buffers.rows};
  if (k.gradient)
    arguments.push_back(k.scale);
  if (k.gradient && !inPlace)
    arguments.push_back(k.gradient);
  std::string key =
      llvm::formatv("softmax {0} {1} {2} {3} {4}", k.logits.getType(), inPlace, bool(k.gradient),
                    k.accumulate, k.gradient ? k.gradient.getType() : Type());
  auto kernel = buffers.kernel(
      key, "softmax", ValueRange(arguments).getTypes(),
      [&](OpBuilder &b, ValueRange values, Value lo, Value hi) {
        SoftmaxRows inside{values[0], nullptr, values[1],   values[2],
                           values[3], nullptr, k.accumulate};
        if (k.gradient) {
          inside.scale = values[5];
          inside.gradient = inPlace ? values[0] : values[6];
        }
        auto loop = scf::ForOp::create(b, buffers.loc, lo, hi, indexConstant(b, buffers.loc, 1));
        OpBuilder body(loop.getBody()->getTerminator());
        SoftmaxRow(body, buffers.loc, inside, loop.getInductionVar()).emit(values[4]);
      });
  int64_t grain = std::max<int64_t>(1, (int64_t(1) << 14) / vocabulary);
  buffers.parallel(kernel, arguments, count, buffers.index(grain));
}

/// loss = sum of losses in order / rows, summed in double.
static void meanLoss(GroupBuffers &buffers, Value losses, Value loss) {
  SmallVector<Value> arguments = {losses, loss, buffers.rows};
  auto kernel = buffers.kernel(
      "mean_loss", "mean_loss", ValueRange(arguments).getTypes(),
      [&](OpBuilder &b, ValueRange values, Value, Value) {
        Location loc = buffers.loc;
        Type f64 = b.getF64Type();
        Value zero = arith::ConstantFloatOp::create(b, loc, b.getF64Type(), APFloat(0.0));
        auto loop = scf::ForOp::create(
            b, loc, indexConstant(b, loc, 0), values[2], indexConstant(b, loc, 1), zero,
            [&](OpBuilder &b, Location loc, Value row, ValueRange carried) {
              Value one = memref::LoadOp::create(b, loc, values[0], row);
              Value sum = arith::AddFOp::create(b, loc, carried[0],
                                                arith::ExtFOp::create(b, loc, f64, one));
              scf::YieldOp::create(b, loc, sum);
            });
        Value count = arith::UIToFPOp::create(
            b, loc, f64, arith::IndexCastOp::create(b, loc, b.getI64Type(), values[2]));
        Value mean = arith::DivFOp::create(b, loc, loop.getResult(0), count);
        memref::StoreOp::create(b, loc, arith::TruncFOp::create(b, loc, b.getF32Type(), mean),
                                values[1], ValueRange{});
      });
  buffers.parallel(kernel, arguments, buffers.index(1), buffers.index(1));
}

static Value allocateLosses(GroupBuffers &buffers) {
  return buffers.allocate(MemRefType::get({ShapedType::kDynamic}, buffers.builder.getF32Type()));
}

LogicalResult lnx::lowerCrossEntropy(CrossEntropyOp op, GroupBuffers &buffers) {
  if (buffers.accumulate[0])
    return failure();
  Value losses = allocateLosses(buffers);
  SoftmaxRows rows{inputBuffer(buffers, op.getLogits()),
                   nullptr,
                   inputBuffer(buffers, op.getTargets()),
                   losses,
                   buffers.index(0),
                   nullptr};
  runSoftmax(buffers, rows, buffers.rows);
  meanLoss(buffers, losses, buffers.results[0]);
  return success();
}

LogicalResult lnx::lowerCrossEntropyGrad(CrossEntropyGradOp op, GroupBuffers &buffers) {
  SoftmaxRows rows{inputBuffer(buffers, op.getLogits()),
                   buffers.results[0],
                   inputBuffer(buffers, op.getTargets()),
                   allocateLosses(buffers),
                   buffers.index(0),
                   inputBuffer(buffers, op.getDLoss()),
                   buffers.accumulate[0]};
  runSoftmax(buffers, rows, buffers.rows);
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

  Value index(int64_t value) { return indexConstant(buffers.builder, buffers.loc, value); }
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
  body(first, arith::MinUIOp::create(b, buffers.loc, left, indexConstant(b, buffers.loc, rows)));
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

LogicalResult lnx::lowerLinearCrossEntropy(LinearCrossEntropyOp op, GroupBuffers &buffers) {
  if (buffers.accumulate[0])
    return failure();
  Head head = makeHead(op, buffers);
  Value losses = allocateLosses(buffers);
  Value targets = inputBuffer(buffers, op.getTargets());
  forChunks(buffers, chunkRows(head.vocabulary), [&](Value first, Value count) {
    head.product(first, count);
    runSoftmax(buffers, {head.chunk, nullptr, targets, losses, first, nullptr}, count);
  });
  meanLoss(buffers, losses, buffers.results[0]);
  return success();
}

LogicalResult lnx::lowerLinearCrossEntropyGrad(LinearCrossEntropyGradOp op, GroupBuffers &buffers) {
  if (buffers.accumulate[0])
    return failure();
  Head head = makeHead(op, buffers);
  Value losses = allocateLosses(buffers);
  Value targets = inputBuffer(buffers, op.getTargets()),
        scale = inputBuffer(buffers, op.getDLoss());
  forChunks(buffers, chunkRows(head.vocabulary), [&](Value first, Value count) {
    OpBuilder &b = buffers.builder;
    head.product(first, count);
    runSoftmax(buffers, {head.chunk, head.chunk, targets, losses, first, scale}, count);
    head.productForX(first, count, buffers.results[1], buffers.accumulate[1]);
    // The first chunk overwrites unless the gradient accumulates.
    Value isFirst =
        arith::CmpIOp::create(b, buffers.loc, arith::CmpIPredicate::eq, first, head.index(0));
    Value accumulate = arith::SelectOp::create(b, buffers.loc, isFirst,
                                               head.index(buffers.accumulate[2]), head.index(1));
    head.productForWeight(first, count, buffers.results[2], accumulate);
  });
  meanLoss(buffers, losses, buffers.results[0]);
  return success();
}
