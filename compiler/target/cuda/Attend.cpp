// Attend: attention and its gradient for every shape: a warp for each query row and head, the
// softmax kept up to date while the keys go by. Plain and exact; what tensor cores take is faster.
// The gradients of keys and values are a second kernel with a warp for each of their rows, so each
// sum has one owner and one order.
#include "compiler/target/cuda/Cuda.h"
#include "compiler/target/cuda/Team.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::cuda;

// Below every score, and its distance to one is still a number.
static constexpr double lowest = -3.0e38;

namespace {

struct Shape {
  int64_t heads, kvHeads, size;
  bool causal;
  double scale, softcap;

  template <typename Op> static Shape of(Op op) {
    int64_t width = cast<RankedTensorType>(op.getQ().getType()).getShape().back();
    auto heads = static_cast<int64_t>(op.getHeads());
    return {
        heads,          static_cast<int64_t>(op.getKvHeads()), width / heads,
        op.getCausal(), op.getScale().convertToDouble(),       op.getSoftcap().convertToDouble()};
  }
};

/// The features of one head, dealt to the threads of a warp: thread t has t, t + 32, ...
using Features = SmallVector<Value>;

/// Code of one warp.
class Warp {
public:
  Warp(OpBuilder &b, Location loc, Team &team, Shape shape)
      : b(b), loc(loc), team(team), shape(shape), count(llvm::divideCeil(shape.size, warpSize)) {}

  Value index(int64_t value) { return indexOf(b, loc, value); }
  Value number(double value) { return floatOf(b, loc, value); }
  Value plus(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y); }
  Value exp(Value x) { return math::ExpOp::create(b, loc, x); }
  Features zeros() { return Features(count, number(0)); }
  Features scaled(Value by, ArrayRef<Value> x) {
    return llvm::map_to_vector(x, [&](Value feature) { return mul(by, feature); });
  }
  /// x + by * y
  Features plus(ArrayRef<Value> x, Value by, ArrayRef<Value> y) {
    Features sum;
    for (auto [a, c] : llvm::zip_equal(x, y))
      sum.push_back(add(a, mul(by, c)));
    return sum;
  }
  /// Sum over the features of x y, in every thread.
  Value dot(ArrayRef<Value> x, ArrayRef<Value> y) {
    Value sum;
    for (auto [a, c] : llvm::zip_equal(x, y))
      sum = sum ? add(sum, mul(a, c)) : mul(a, c);
    return team.reduce(vector::CombiningKind::ADD, sum);
  }
  /// Features of head `head` in row `row`; beyond the head they are 0.
  Features load(Value buffer, Value row, Value head);
  /// Writes them where `isRow`.
  void store(Value buffer, Value row, Value head, ArrayRef<Value> x, Value isRow);
  /// From the product of query and key, and the score's derivative by it.
  Value score(Value product);
  Value slope(Value score);
  /// A loop that carries numbers.
  SmallVector<Value> loop(Value from, Value to, ValueRange start,
                          function_ref<SmallVector<Value>(Value, ValueRange)> body);

private:
  Value element(size_t piece) { return plus(team.thread, index(warpSize * piece)); }
  /// Whether feature `piece` of this thread exists; null where it does in every thread.
  Value exists(size_t piece);

  OpBuilder &b;
  Location loc;
  Team &team;
  const Shape shape;
  int64_t count;
};

/// One row and head of an item: item = row * heads + head.
struct Item {
  Value row, head, isRow;
  Value first;    ///< row of the sequence
  Value position; ///< of the row in it

  Item(OpBuilder &b, Location loc, Team &team, Value lo, Value hi, int64_t heads, Value time) {
    Value item = arith::AddIOp::create(b, loc, lo, team.number);
    isRow = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, item, hi);
    Value last = arith::SubIOp::create(b, loc, hi, indexOf(b, loc, 1));
    item = arith::MinSIOp::create(b, loc, item, last);
    row = arith::DivUIOp::create(b, loc, item, indexOf(b, loc, heads));
    head = arith::RemUIOp::create(b, loc, item, indexOf(b, loc, heads));
    position = arith::RemUIOp::create(b, loc, row, time);
    first = arith::SubIOp::create(b, loc, row, position);
  }
};

} // namespace

Value Warp::exists(size_t piece) {
  if (static_cast<int64_t>(piece + 1) * warpSize <= shape.size)
    return nullptr;
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, element(piece),
                               index(shape.size));
}

Features Warp::load(Value buffer, Value row, Value head) {
  Features features;
  Value start = arith::MulIOp::create(b, loc, head, index(shape.size));
  for (size_t piece = 0; piece < static_cast<size_t>(count); ++piece) {
    Value at = element(piece), valid = exists(piece);
    if (valid) // no branch around the load
      at = arith::SelectOp::create(b, loc, valid, at, index(0));
    Value value = loadNumbers(b, loc, buffer, ValueRange{row, plus(start, at)});
    if (valid)
      value = arith::SelectOp::create(b, loc, valid, value, number(0));
    features.push_back(value);
  }
  return features;
}

void Warp::store(Value buffer, Value row, Value head, ArrayRef<Value> x, Value isRow) {
  Value start = arith::MulIOp::create(b, loc, head, index(shape.size));
  for (auto [piece, value] : llvm::enumerate(x)) {
    Value column = plus(start, element(piece)), mine = isRow;
    if (Value valid = exists(piece))
      mine = arith::AndIOp::create(b, loc, mine, valid);
    scf::IfOp::create(b, loc, mine, [&](OpBuilder &b, Location loc) {
      storeNumbers(b, loc, value, buffer, ValueRange{row, column});
      scf::YieldOp::create(b, loc);
    });
  }
}

Value Warp::score(Value product) {
  Value scaled = mul(product, number(shape.scale));
  if (shape.softcap <= 0)
    return scaled;
  Value relative = mul(scaled, number(1 / shape.softcap));
  return mul(math::TanhOp::create(b, loc, relative), number(shape.softcap));
}

Value Warp::slope(Value score) {
  if (shape.softcap <= 0)
    return number(shape.scale);
  Value relative = mul(score, number(1 / shape.softcap));
  return mul(sub(number(1), mul(relative, relative)), number(shape.scale));
}

SmallVector<Value> Warp::loop(Value from, Value to, ValueRange start,
                              function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(b, loc, from, to, index(1), start);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  scf::YieldOp::create(b, loc, next);
  return SmallVector<Value>(loop.getResults());
}

// Four warps a block: each has its own row and head, none waits for another.
static constexpr TeamShape warps = {warpSize, 4, 1};

static Features join(ArrayRef<Value> x, ArrayRef<Value> y) {
  Features all(x);
  all.append(y.begin(), y.end());
  return all;
}

/// One number of an item, by one thread of its team.
static void storeOnce(Team &team, Location loc, Value number, Value buffer, const Item &at) {
  team.once([&](OpBuilder &b) {
    scf::IfOp::create(b, loc, at.isRow, [&](OpBuilder &b, Location loc) {
      memref::StoreOp::create(b, loc, number, buffer, ValueRange{at.row, at.head});
      scf::YieldOp::create(b, loc);
    });
  });
}

static void emitForward(OpBuilder &b, Location loc, Shape shape, ValueRange values, Value lo,
                        Value hi) {
  Team team(b, loc, kernelOf(b), warps);
  Warp w(b, loc, team, shape);
  Value q = values[0], k = values[1], v = values[2], out = values[3], lse = values[4];
  Value time = values[5];
  Item at(b, loc, team, lo, hi, shape.heads, time);
  Value keyHead = arith::DivUIOp::create(b, loc, at.head, w.index(shape.heads / shape.kvHeads));
  Features query = w.load(q, at.row, at.head);
  Value visible = shape.causal ? w.plus(at.position, w.index(1)) : time;
  // Largest score so far, sum of exp of the others against it, weighted values.
  SmallVector<Value> start = join({w.number(lowest), w.number(0)}, w.zeros());
  SmallVector<Value> end = w.loop(w.index(0), visible, start, [&](Value j, ValueRange so) {
    Value other = w.plus(at.first, j);
    Value score = w.score(w.dot(query, w.load(k, other, keyHead)));
    Value most = arith::MaximumFOp::create(b, loc, so[0], score);
    Value shrink = w.exp(w.sub(so[0], most)), weight = w.exp(w.sub(score, most));
    Value sum = w.add(w.mul(so[1], shrink), weight);
    Features old = w.scaled(shrink, SmallVector<Value>(so.drop_front(2)));
    return join({most, sum}, w.plus(old, weight, w.load(v, other, keyHead)));
  });
  Value share = arith::DivFOp::create(b, loc, w.number(1), end[1]);
  w.store(out, at.row, at.head, w.scaled(share, ArrayRef<Value>(end).drop_front(2)), at.isRow);
  Value logSum = w.add(end[0], math::LogOp::create(b, loc, end[1]));
  storeOnce(team, loc, logSum, lse, at);
}

// dq, and delta = sum of dout out for the second kernel.
static void emitQueryGradient(OpBuilder &b, Location loc, Shape shape, ValueRange values, Value lo,
                              Value hi) {
  Team team(b, loc, kernelOf(b), warps);
  Warp w(b, loc, team, shape);
  Value q = values[0], k = values[1], v = values[2], out = values[3], lse = values[4];
  Value dOut = values[5], dq = values[6], delta = values[7], time = values[8];
  Item at(b, loc, team, lo, hi, shape.heads, time);
  Value keyHead = arith::DivUIOp::create(b, loc, at.head, w.index(shape.heads / shape.kvHeads));
  Features query = w.load(q, at.row, at.head), dRow = w.load(dOut, at.row, at.head);
  Value mean = w.dot(dRow, w.load(out, at.row, at.head));
  Value logSum = memref::LoadOp::create(b, loc, lse, ValueRange{at.row, at.head});
  Value visible = shape.causal ? w.plus(at.position, w.index(1)) : time;
  SmallVector<Value> end = w.loop(w.index(0), visible, w.zeros(), [&](Value j, ValueRange so) {
    Value other = w.plus(at.first, j);
    Features key = w.load(k, other, keyHead);
    Value score = w.score(w.dot(query, key));
    Value weight = w.exp(w.sub(score, logSum));
    Value change = w.sub(w.dot(dRow, w.load(v, other, keyHead)), mean);
    Value slope = w.mul(w.mul(weight, change), w.slope(score));
    return w.plus(SmallVector<Value>(so), slope, key);
  });
  w.store(dq, at.row, at.head, end, at.isRow);
  storeOnce(team, loc, mean, delta, at);
}

// dk and dv of one row and key head: over its query heads, and the rows that see it.
static void emitKeyGradient(OpBuilder &b, Location loc, Shape shape, ValueRange values, Value lo,
                            Value hi) {
  Team team(b, loc, kernelOf(b), warps);
  Warp w(b, loc, team, shape);
  Value q = values[0], k = values[1], v = values[2], lse = values[3], dOut = values[4];
  Value delta = values[5], dk = values[6], dv = values[7], time = values[8];
  Item at(b, loc, team, lo, hi, shape.kvHeads, time);
  int64_t group = shape.heads / shape.kvHeads;
  Features key = w.load(k, at.row, at.head), value = w.load(v, at.row, at.head);
  Value firstHead = arith::MulIOp::create(b, loc, at.head, w.index(group));
  size_t count = key.size();
  auto ofHead = [&](Value head, ValueRange start) {
    Value from = shape.causal ? at.position : w.index(0);
    return w.loop(from, time, start, [&](Value i, ValueRange so) {
      Value row = w.plus(at.first, i);
      Features query = w.load(q, row, head), dRow = w.load(dOut, row, head);
      Value logSum = memref::LoadOp::create(b, loc, lse, ValueRange{row, head});
      Value mean = memref::LoadOp::create(b, loc, delta, ValueRange{row, head});
      Value score = w.score(w.dot(query, key));
      Value weight = w.exp(w.sub(score, logSum));
      Value slope = w.mul(w.mul(weight, w.sub(w.dot(dRow, value), mean)), w.slope(score));
      SmallVector<Value> sums(so);
      ArrayRef<Value> dKey = ArrayRef(sums).take_front(count);
      return join(w.plus(dKey, slope, query),
                  w.plus(ArrayRef(sums).drop_front(count), weight, dRow));
    });
  };
  SmallVector<Value> end =
      w.loop(w.index(0), w.index(group), join(w.zeros(), w.zeros()),
             [&](Value number, ValueRange so) { return ofHead(w.plus(firstHead, number), so); });
  w.store(dk, at.row, at.head, ArrayRef<Value>(end).take_front(count), at.isRow);
  w.store(dv, at.row, at.head, ArrayRef<Value>(end).drop_front(count), at.isRow);
}

/// Runs a kernel over all rows and heads.
static void run(GroupOp group, GroupBuffers &buffers, Shape shape, StringRef name, int64_t heads,
                SmallVector<Value> arguments,
                void (*emit)(OpBuilder &, Location, Shape, ValueRange, Value, Value)) {
  arguments.push_back(buffers.time);
  auto kernel = buffers.kernel(("cuda " + name + buffers.key(group)).str(), name,
                               ValueRange(arguments).getTypes(),
                               [&](OpBuilder &b, ValueRange values, Value lo, Value hi) {
                                 emit(b, buffers.loc, shape, values, lo, hi);
                               });
  Value items =
      arith::MulIOp::create(buffers.builder, buffers.loc, buffers.rows, buffers.index(heads));
  buffers.parallel(kernel, arguments, items, buffers.index(warps.rows));
}

LogicalResult cuda::lowerAttend(AttendOp op, GroupBuffers &buffers) {
  if (llvm::is_contained(buffers.accumulate, true))
    return failure();
  Shape shape = Shape::of(op);
  run(op->getParentOfType<GroupOp>(), buffers, shape, "attend", shape.heads,
      {inputBuffer(buffers, op.getQ()), inputBuffer(buffers, op.getK()),
       inputBuffer(buffers, op.getV()), buffers.results[0], buffers.results[1]},
      emitForward);
  return success();
}

LogicalResult cuda::lowerAttendGrad(AttendGradOp op, GroupBuffers &buffers) {
  if (llvm::is_contained(buffers.accumulate, true))
    return failure();
  Shape shape = Shape::of(op);
  auto group = op->getParentOfType<GroupOp>();
  SmallVector<Value> in;
  for (Value operand : op->getOperands()) // q, k, v, out, lse, gradient of out
    in.push_back(inputBuffer(buffers, operand));
  Value delta = buffers.allocate(
      MemRefType::get({ShapedType::kDynamic, shape.heads}, buffers.builder.getF32Type()));
  run(group, buffers, shape, "attend_query_grad", shape.heads,
      {in[0], in[1], in[2], in[3], in[4], in[5], buffers.results[0], delta}, emitQueryGradient);
  run(group, buffers, shape, "attend_key_grad", shape.kvHeads,
      {in[0], in[1], in[2], in[4], in[5], delta, buffers.results[1], buffers.results[2]},
      emitKeyGradient);
  return success();
}
