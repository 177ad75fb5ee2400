// Loss: the kernels of cross-entropy.
// Softmax takes a row at a time; its exponents wait for their sum where the gradient goes.
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

namespace {

/// Writes one row of the softmax kernel.
class SoftmaxRow {
public:
  SoftmaxRow(OpBuilder &b, Location loc, const SoftmaxRows &k, Value row)
      : b(b), loc(loc), k(k), row(row), vocabulary(k.vocabulary) {}

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
void lnx::runSoftmax(GroupBuffers &buffers, SoftmaxRows k, Value count) {
  int64_t vocabulary = k.vocabulary;
  bool inPlace = k.gradient == k.logits;
  SmallVector<Value> arguments = {k.logits, k.targets, k.losses, k.first, buffers.rows};
  if (k.gradient)
    arguments.push_back(k.scale);
  if (k.gradient && !inPlace)
    arguments.push_back(k.gradient);
  std::string key =
      llvm::formatv("softmax {0} {1} {2} {3} {4} {5}", k.vocabulary, k.logits.getType(), inPlace,
                    bool(k.gradient), k.accumulate, k.gradient ? k.gradient.getType() : Type());
  auto kernel = buffers.kernel(
      key, "softmax", ValueRange(arguments).getTypes(),
      [&](OpBuilder &b, ValueRange values, Value lo, Value hi) {
        SoftmaxRows inside{k.vocabulary, values[0], nullptr, values[1],
                           values[2],    values[3], nullptr, k.accumulate};
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
void lnx::meanLoss(GroupBuffers &buffers, Value losses, Value loss) {
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
