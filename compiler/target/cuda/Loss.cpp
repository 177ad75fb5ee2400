// Loss: the kernels of cross-entropy; a block of threads for each row, which its registers keep.
// A thread always comes back to its own columns, so logits may become their gradient in place.
#include "compiler/target/cuda/Cuda.h"
#include "compiler/target/cuda/Team.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::cuda;

// Of a block that reads its row again, and at least.
static constexpr int64_t threads = 256;
// Of a block that keeps its row (decision 15) at most; with 64 registers each there is one block on
// a processor.
static constexpr int64_t mostThreads = 1024;
// Pieces of 16 bytes that a thread keeps: 28 of those registers. ptxas 13.0 spills a few with 8.
static constexpr int64_t mostPieces = 7;
// Below every logit, and its distance to one is still a number.
static constexpr double lowest = -3.0e38;

/// Neighbouring columns that a thread takes at once.
static int64_t lanesOf(const SoftmaxRows &k) {
  SmallVector<Value> buffers = {k.logits};
  if (k.gradient)
    buffers.push_back(k.gradient);
  return lanesFor(buffers, cast<MemRefType>(k.logits.getType()).getShape().back());
}

/// The fewest threads that keep the row in their registers; none where it does not fit.
static std::optional<int64_t> threadsThatKeep(const SoftmaxRows &k) {
  int64_t pieces = k.vocabulary / lanesOf(k);
  for (int64_t count = threads; count <= mostThreads; count *= 2)
    if (pieces <= mostPieces * count)
      return count;
  return std::nullopt;
}

/// The same number, which no optimisation can tell: what is widened from bf16 before and after it
/// does not become one value, which would keep twice the registers in between.
static Value hide(OpBuilder &b, Location loc, Value stored) {
  auto vector = dyn_cast<VectorType>(stored.getType());
  if (!vector || !vector.getElementType().isBF16() || vector.getNumElements() % 2 != 0)
    return stored;
  Type word = b.getI32Type();
  int64_t count = vector.getNumElements() / 2;
  Value words = vector::BitCastOp::create(b, loc, VectorType::get({count}, word), stored);
  for (int64_t i = 0; i < count; ++i) {
    Value known = vector::ExtractOp::create(b, loc, words, i);
    auto copy = LLVM::InlineAsmOp::create(
        b, loc, word, ValueRange(known), "mov.b32 $0, $1;", "=r,r", /*has_side_effects=*/false,
        /*is_align_stack=*/false, LLVM::tailcallkind::TailCallKind::None, LLVM::AsmDialectAttr(),
        ArrayAttr());
    words = vector::InsertOp::create(b, loc, copy.getRes(), words, i);
  }
  return vector::BitCastOp::create(b, loc, vector, words);
}

namespace {

/// Neighbouring logits that a thread keeps, as they are in memory.
struct Kept {
  Value column, stored;
  Value isMine; ///< null where there is a piece for every thread; `stored` is lowest where false
  int64_t count;
};

/// Writes one row of the softmax kernel.
class SoftmaxRow {
public:
  SoftmaxRow(OpBuilder &b, Location loc, Team &team, const SoftmaxRows &k, Value row)
      : b(b), loc(loc), team(team), k(k), row(row), lanes(lanesOf(k)), wide(k.vocabulary / lanes) {}

  void emit(Value rows);

private:
  /// Code for `count` columns from `column`, whose logits are `x`.
  using Columns = function_ref<void(OpBuilder &b, Value column, int64_t count, Value x)>;

  void keep();
  Kept keepPiece(Value number, Value end, int64_t first, int64_t count);
  void findSum();
  /// The exponents of what is behind the end are 0.
  void findSumOfKept();
  void forEach(Columns columns);
  Value logits(OpBuilder &b, Value column, int64_t count) {
    return loadNumbers(b, loc, k.logits, ValueRange{row, column}, count);
  }
  Value spread(OpBuilder &b, Value number, int64_t count) {
    if (count == 1)
      return number;
    return vector::BroadcastOp::create(b, loc, VectorType::get({count}, number.getType()), number);
  }
  Value exponent(OpBuilder &b, Value x, int64_t count) {
    return math::ExpOp::create(b, loc, arith::SubFOp::create(b, loc, x, spread(b, largest, count)));
  }
  Value isTarget(OpBuilder &b, Value target, Value column, int64_t count);
  void emitGradient(Value rows, Value target);
  Value columnOf(OpBuilder &b, Value piece) {
    return arith::MulIOp::create(b, loc, piece, indexOf(b, loc, lanes));
  }
  int64_t rest() const { return k.vocabulary % lanes; }
  Value columnBehind(OpBuilder &b, Value number) {
    return arith::AddIOp::create(b, loc, number, indexOf(b, loc, wide * lanes));
  }
  Value widen(Value stored);

  OpBuilder &b;
  Location loc;
  Team &team;
  const SoftmaxRows &k;
  Value row, largest;
  Value sum;              ///< of the exponents below the largest logit
  int64_t lanes;          ///< neighbouring columns that a thread takes at once
  int64_t wide;           ///< pieces of so many; what is left is taken one by one
  SmallVector<Kept> kept; ///< the row, where the block keeps it
};

} // namespace

//===-- a row that is kept ----------------------------------------------------===//

Value SoftmaxRow::widen(Value stored) {
  Type type = b.getF32Type();
  if (auto vector = dyn_cast<VectorType>(stored.getType()))
    type = vector.clone(type);
  return stored.getType() == type ? stored
                                  : arith::ExtFOp::create(b, loc, type, stored).getResult();
}

/// Piece `number` of those that start at column `first` and are `count` wide, below `end`; null
/// where every thread has one. Threads behind the end read the first one: no branch around a load.
Kept SoftmaxRow::keepPiece(Value number, Value end, int64_t first, int64_t count) {
  Kept piece{nullptr, nullptr, nullptr, count};
  if (end) {
    piece.isMine = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, number, end);
    number = arith::SelectOp::create(b, loc, piece.isMine, number, indexOf(b, loc, 0));
  }
  piece.column = arith::MulIOp::create(b, loc, number, indexOf(b, loc, count));
  piece.column = arith::AddIOp::create(b, loc, piece.column, indexOf(b, loc, first));
  Type element = getElementTypeOrSelf(k.logits.getType());
  const SmallVector<Value> at = {row, piece.column};
  if (count == 1)
    piece.stored = memref::LoadOp::create(b, loc, k.logits, at);
  else
    piece.stored = vector::LoadOp::create(b, loc, VectorType::get({count}, element), k.logits, at,
                                          /*nontemporal=*/false, alignmentOf(element, count));
  if (piece.isMine) {
    Value below = arith::ConstantOp::create(b, loc, b.getFloatAttr(element, lowest));
    piece.stored =
        arith::SelectOp::create(b, loc, piece.isMine, piece.stored, spread(b, below, count));
  }
  return piece;
}

void SoftmaxRow::keep() {
  for (int64_t from = 0; from < wide; from += team.shape.threads) {
    bool isFull = from + team.shape.threads <= wide;
    Value number = arith::AddIOp::create(b, loc, team.thread, indexOf(b, loc, from));
    kept.push_back(keepPiece(number, isFull ? Value() : indexOf(b, loc, wide), 0, lanes));
  }
  if (rest() > 0)
    kept.push_back(keepPiece(team.thread, indexOf(b, loc, rest()), wide * lanes, 1));
}

void SoftmaxRow::findSumOfKept() {
  constexpr auto add = vector::CombiningKind::ADD, max = vector::CombiningKind::MAXNUMF;
  Value most = floatOf(b, loc, lowest);
  for (const Kept &piece : kept)
    most = combine(b, loc, max, most, combineLanes(b, loc, max, widen(piece.stored)));
  largest = team.reduce(max, most);
  Value part = floatOf(b, loc, 0);
  for (Kept &piece : kept) {
    piece.stored = hide(b, loc, piece.stored);
    Value powers = exponent(b, widen(piece.stored), piece.count);
    part = combine(b, loc, add, part, combineLanes(b, loc, add, powers));
  }
  sum = team.reduce(add, part);
}

//===-- a row that is read again ----------------------------------------------===//

/// Largest logit and sum of exponents below it in one pass: a thread keeps its largest one so far
/// and shrinks its sum when a larger one comes (Milakov and Gimelshein 2018). The first shrinks an
/// empty sum by exp(lowest - logit) = 0.
void SoftmaxRow::findSum() {
  constexpr auto add = vector::CombiningKind::ADD, max = vector::CombiningKind::MAXNUMF;
  Value lowestLogit = floatOf(b, loc, lowest), zero = floatOf(b, loc, 0);
  auto exp = [&](OpBuilder &b, Value x, Value below) -> Value {
    return math::ExpOp::create(b, loc, arith::SubFOp::create(b, loc, x, below));
  };
  // Largest and sum, with x among them.
  auto join = [&](OpBuilder &b, Value most, Value sum, Value x) -> SmallVector<Value> {
    auto vector = dyn_cast<VectorType>(x.getType());
    int64_t width = vector ? vector.getNumElements() : 1;
    Value next = combine(b, loc, max, most, combineLanes(b, loc, max, x));
    Value shrink = spread(b, exp(b, most, next), width);
    Value old = arith::MulFOp::create(b, loc, sum, shrink);
    return {next, combine(b, loc, add, old, exp(b, x, spread(b, next, width)))};
  };
  auto ends = team.gather(indexOf(b, loc, wide), ValueRange{lowestLogit, spread(b, zero, lanes)},
                          [&](OpBuilder &b, Value i, ValueRange so) {
                            return join(b, so[0], so[1], logits(b, columnOf(b, i), lanes));
                          });
  Value most = ends[0], total = combineLanes(b, loc, add, ends[1]);
  if (rest() > 0) {
    // Threads behind the end read the first one: no branch around a load.
    Value left = indexOf(b, loc, rest());
    Value isMine = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, team.thread, left);
    Value number = arith::SelectOp::create(b, loc, isMine, team.thread, indexOf(b, loc, 0));
    SmallVector<Value> joined = join(b, most, total, logits(b, columnBehind(b, number), 1));
    most = arith::SelectOp::create(b, loc, isMine, joined[0], most);
    total = arith::SelectOp::create(b, loc, isMine, joined[1], total);
  }
  largest = team.reduce(max, most);
  sum = team.reduce(add, arith::MulFOp::create(b, loc, total, exp(b, most, largest)));
}

/// Runs code for all columns.
void SoftmaxRow::forEach(Columns columns) {
  team.forEach(indexOf(b, loc, wide), [&](OpBuilder &b, Value i) {
    Value column = columnOf(b, i);
    columns(b, column, lanes, logits(b, column, lanes));
  });
  if (rest() > 0)
    team.forItem(columnBehind(b, indexOf(b, loc, 0)), indexOf(b, loc, k.vocabulary),
                 [&](OpBuilder &b, Value column) { columns(b, column, 1, logits(b, column, 1)); });
}

//===-- both --------------------------------------------------------------------===//

void SoftmaxRow::emit(Value rows) {
  Value batchRow = arith::AddIOp::create(b, loc, k.first, row);
  Value id = memref::LoadOp::create(b, loc, k.targets, batchRow);
  Value target = arith::IndexCastOp::create(b, loc, b.getIndexType(), id);
  Value hit = logits(b, target, 1);
  if (threadsThatKeep(k)) {
    keep();
    findSumOfKept();
  } else {
    findSum();
  }
  Value lse = arith::AddFOp::create(b, loc, math::LogOp::create(b, loc, sum), largest);
  Value loss = arith::SubFOp::create(b, loc, lse, hit);
  team.once([&](OpBuilder &b) { memref::StoreOp::create(b, loc, loss, k.losses, batchRow); });
  if (k.gradient)
    emitGradient(rows, target);
}

/// Which of the columns is the target.
Value SoftmaxRow::isTarget(OpBuilder &b, Value target, Value column, int64_t count) {
  Value place = arith::SubIOp::create(b, loc, target, column);
  place = spread(b, arith::IndexCastOp::create(b, loc, b.getI32Type(), place), count);
  Value number = arith::ConstantOp::create(b, loc, b.getZeroAttr(place.getType()));
  if (count > 1)
    number = arith::ConstantOp::create(
        b, loc,
        DenseElementsAttr::get(cast<ShapedType>(place.getType()),
                               ArrayRef(llvm::to_vector(llvm::seq<int32_t>(0, count)))));
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, place, number);
}

void SoftmaxRow::emitGradient(Value rows, Value target) {
  Value count = arith::UIToFPOp::create(b, loc, b.getF32Type(),
                                        arith::IndexCastOp::create(b, loc, b.getI64Type(), rows));
  Value scale = memref::LoadOp::create(b, loc, k.scale, ValueRange{});
  Value unit = arith::DivFOp::create(b, loc, scale, count);
  Value factor = arith::DivFOp::create(b, loc, unit, sum), zero = floatOf(b, loc, 0);
  auto write = [&](OpBuilder &b, Value column, int64_t count, Value x) {
    Value soft = arith::MulFOp::create(b, loc, exponent(b, x, count), spread(b, factor, count));
    Value hard = arith::SelectOp::create(b, loc, isTarget(b, target, column, count),
                                         spread(b, unit, count), spread(b, zero, count));
    Value value = arith::SubFOp::create(b, loc, soft, hard);
    const SmallVector<Value> at = {row, column};
    if (k.accumulate)
      value = arith::AddFOp::create(b, loc, loadNumbers(b, loc, k.gradient, at, count), value);
    storeNumbers(b, loc, value, k.gradient, at);
  };
  if (kept.empty())
    forEach(write);
  for (Kept &piece : kept) {
    piece.stored = hide(b, loc, piece.stored);
    Value x = widen(piece.stored);
    if (!piece.isMine) {
      write(b, piece.column, piece.count, x);
      continue;
    }
    scf::IfOp::create(b, loc, piece.isMine, [&](OpBuilder &b, Location loc) {
      write(b, piece.column, piece.count, x);
      scf::YieldOp::create(b, loc);
    });
  }
}

void cuda::runSoftmax(GroupBuffers &buffers, SoftmaxRows k, Value count) {
  bool inPlace = k.gradient == k.logits;
  SmallVector<Value> arguments = {k.logits, k.targets, k.losses, k.first, buffers.rows};
  if (k.gradient)
    arguments.push_back(k.scale);
  if (k.gradient && !inPlace)
    arguments.push_back(k.gradient);
  std::string key = llvm::formatv("cuda softmax {0} {1} {2} {3} {4} {5}", k.vocabulary,
                                  k.logits.getType(), inPlace, bool(k.gradient), k.accumulate,
                                  k.gradient ? k.gradient.getType() : Type());
  auto kernel = buffers.kernel(key, "softmax", ValueRange(arguments).getTypes(),
                               [&](OpBuilder &b, ValueRange values, Value lo, Value) {
                                 SoftmaxRows inside{k.vocabulary, values[0], nullptr, values[1],
                                                    values[2],    values[3], nullptr, k.accumulate};
                                 if (k.gradient) {
                                   inside.scale = values[5];
                                   inside.gradient = inPlace ? values[0] : values[6];
                                 }
                                 Team team(b, buffers.loc, kernelOf(b),
                                           {threadsThatKeep(k).value_or(threads), 1, 1});
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
