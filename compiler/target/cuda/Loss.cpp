// Loss: the kernels of cross-entropy; a block of threads for each row.
// A thread always comes back to its own columns, so logits may become their gradient in place.
#include "compiler/target/cuda/Cuda.h"
#include "compiler/target/cuda/Team.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::cuda;

static constexpr int64_t threads = 256;
// Below every logit, and its distance to one is still a number.
static constexpr double lowest = -3.0e38;

namespace {

/// Writes one row of the softmax kernel.
class SoftmaxRow {
public:
  SoftmaxRow(OpBuilder &b, Location loc, Team &team, const SoftmaxRows &k, Value row)
      : b(b), loc(loc), team(team), k(k), row(row) {}

  void emit(Value rows);

private:
  Value logit(OpBuilder &b, Value column) {
    return memref::LoadOp::create(b, loc, k.logits, ValueRange{row, column});
  }
  Value exponent(OpBuilder &b, Value column) {
    return math::ExpOp::create(b, loc, arith::SubFOp::create(b, loc, logit(b, column), largest));
  }
  Value sumExponents(Value size);
  void emitGradient(Value rows, Value sum, Value target);

  OpBuilder &b;
  Location loc;
  Team &team;
  const SoftmaxRows &k;
  Value row, largest;
};

} // namespace

/// Sets `largest` and sums exp(logit - largest), going over the logits once: a thread keeps its
/// largest one so far and rescales its sum when a larger one comes (Milakov and Gimelshein 2018).
/// The first rescales an empty sum by exp(lowest - logit) = 0.
Value SoftmaxRow::sumExponents(Value size) {
  auto maximum = vector::CombiningKind::MAXNUMF;
  auto distance = [&](OpBuilder &b, Value from, Value to) {
    return math::ExpOp::create(b, loc, arith::SubFOp::create(b, loc, from, to));
  };
  auto loop = scf::ForOp::create(
      b, loc, team.thread, size, indexOf(b, loc, team.shape.threads),
      ValueRange{floatOf(b, loc, lowest), floatOf(b, loc, 0)},
      [&](OpBuilder &b, Location loc, Value column, ValueRange so) {
        Value value = logit(b, column), most = combine(b, loc, maximum, so[0], value);
        Value before = arith::MulFOp::create(b, loc, so[1], distance(b, so[0], most));
        Value sum = arith::AddFOp::create(b, loc, before, distance(b, value, most));
        scf::YieldOp::create(b, loc, ValueRange{most, sum});
      });
  Value own = loop.getResult(0);
  largest = team.reduce(maximum, own);
  Value part = arith::MulFOp::create(b, loc, loop.getResult(1), distance(b, own, largest));
  return team.reduce(vector::CombiningKind::ADD, part);
}

void SoftmaxRow::emit(Value rows) {
  Value size = indexOf(b, loc, k.vocabulary());
  Value batchRow = arith::AddIOp::create(b, loc, k.first, row);
  Value id = memref::LoadOp::create(b, loc, k.targets, batchRow);
  Value target = arith::IndexCastOp::create(b, loc, b.getIndexType(), id);
  Value hit = logit(b, target);
  Value sum = sumExponents(size);
  Value lse = arith::AddFOp::create(b, loc, math::LogOp::create(b, loc, sum), largest);
  Value loss = arith::SubFOp::create(b, loc, lse, hit);
  team.once([&](OpBuilder &b) { memref::StoreOp::create(b, loc, loss, k.losses, batchRow); });
  if (k.gradient)
    emitGradient(rows, sum, target);
}

void SoftmaxRow::emitGradient(Value rows, Value sum, Value target) {
  Value count = arith::UIToFPOp::create(b, loc, b.getF32Type(),
                                        arith::IndexCastOp::create(b, loc, b.getI64Type(), rows));
  Value scale = memref::LoadOp::create(b, loc, k.scale, ValueRange{});
  Value unit = arith::DivFOp::create(b, loc, scale, count);
  Value factor = arith::DivFOp::create(b, loc, unit, sum);
  team.forEach(indexOf(b, loc, k.vocabulary()), [&](OpBuilder &b, Value column) {
    Value soft = arith::MulFOp::create(b, loc, exponent(b, column), factor);
    Value isTarget = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, column, target);
    Value hard = arith::SelectOp::create(b, loc, isTarget, unit, floatOf(b, loc, 0));
    Value value = arith::SubFOp::create(b, loc, soft, hard);
    if (k.accumulate) {
      Value old = memref::LoadOp::create(b, loc, k.gradient, ValueRange{row, column});
      value = arith::AddFOp::create(b, loc, old, value);
    }
    memref::StoreOp::create(b, loc, value, k.gradient, ValueRange{row, column});
  });
}

void cuda::runSoftmax(GroupBuffers &buffers, SoftmaxRows k, Value count) {
  bool inPlace = k.gradient == k.logits;
  SmallVector<Value> arguments = {k.logits, k.targets, k.losses, k.first, buffers.rows};
  if (k.gradient)
    arguments.push_back(k.scale);
  if (k.gradient && !inPlace)
    arguments.push_back(k.gradient);
  std::string key =
      llvm::formatv("cuda softmax {0} {1} {2} {3} {4}", k.logits.getType(), inPlace,
                    bool(k.gradient), k.accumulate, k.gradient ? k.gradient.getType() : Type());
  auto kernel = buffers.kernel(key, "softmax", ValueRange(arguments).getTypes(),
                               [&](OpBuilder &b, ValueRange values, Value lo, Value) {
                                 SoftmaxRows inside{values[0], nullptr, values[1],   values[2],
                                                    values[3], nullptr, k.accumulate};
                                 if (k.gradient) {
                                   inside.scale = values[5];
                                   inside.gradient = inPlace ? values[0] : values[6];
                                 }
                                 Team team(b, buffers.loc, kernelOf(b), {threads, 1, 1});
                                 SoftmaxRow(b, buffers.loc, team, inside, lo).emit(values[4]);
                               });
  buffers.parallel(kernel, arguments, count, buffers.index(1));
}

void cuda::meanLoss(GroupBuffers &buffers, Value losses, Value loss) {
  SmallVector<Value> arguments = {losses, loss, buffers.rows};
  auto kernel = buffers.kernel(
      "cuda mean_loss", "mean_loss", ValueRange(arguments).getTypes(),
      [&](OpBuilder &b, ValueRange values, Value, Value) {
        Location loc = buffers.loc;
        Team team(b, loc, kernelOf(b), {threads, 1, 1});
        Value part = team.gather(values[2], floatOf(b, loc, 0),
                                 [&](OpBuilder &b, Value row, Value sum) -> Value {
                                   return arith::AddFOp::create(
                                       b, loc, sum, memref::LoadOp::create(b, loc, values[0], row));
                                 });
        Value sum = team.reduce(vector::CombiningKind::ADD, part);
        Value count = arith::UIToFPOp::create(
            b, loc, b.getF32Type(), arith::IndexCastOp::create(b, loc, b.getI64Type(), values[2]));
        Value mean = arith::DivFOp::create(b, loc, sum, count);
        team.once(
            [&](OpBuilder &b) { memref::StoreOp::create(b, loc, mean, values[1], ValueRange{}); });
      });
  buffers.parallel(kernel, arguments, buffers.index(1), buffers.index(1));
}
