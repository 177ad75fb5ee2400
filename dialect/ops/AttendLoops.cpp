// AttendLoops.cpp: the reference lowering of attend and attend_grad: plain loops, no T x T buffer.
// Scores are computed again wherever they are needed; targets have something better.
#include "dialect/ops/Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::lnx;

namespace {
/// One query row and head inside the loops.
class HeadLoops {
public:
  template <typename OpTy>
  HeadLoops(OpTy op, LoopBuilder &loops)
      : loops(loops), heads(op.getHeads()), group(heads / op.getKvHeads()),
        size(getFeatures(op.getQ().getType()).front() / heads), causal(op.getCausal()),
        scale(op.getScaleAttr().getValueAsDouble()),
        softcap(op.getSoftcapAttr().getValueAsDouble()) {}

  /// Runs `body` for every sequence, position and head.
  void forEachQuery(function_ref<void()> body) {
    loops.forEach({loops.batch, loops.time, loops.index(heads)}, [&](ValueRange i) {
      first = arith::MulIOp::create(loops.builder, loops.loc, i[0], loops.time);
      row = plus(first, i[1]);
      visible = causal ? plus(i[1], loops.index(1)) : loops.time;
      head = i[2];
      Value size = loops.index(this->size);
      queryColumn = arith::MulIOp::create(loops.builder, loops.loc, head, size);
      Value keyHead = arith::DivUIOp::create(loops.builder, loops.loc, head, loops.index(group));
      keyColumn = arith::MulIOp::create(loops.builder, loops.loc, keyHead, size);
      body();
    });
  }
  Value plus(Value a, Value b) { return arith::AddIOp::create(loops.builder, loops.loc, a, b); }
  /// Row of the `other`th visible position.
  Value keyRow(Value other) { return plus(first, other); }
  /// Sum over the features of the head of query-like a[row] times b[rowB] at columnB.
  Value dot(Value a, Value b, Value rowB, Value columnB) {
    return loops.reduce(loops.index(size), loops.number(0), [&](Value i, Value sum) {
      Value x = loops.load(a, {row, plus(queryColumn, i)});
      return loops.add(sum, loops.mul(x, loops.load(b, {rowB, plus(columnB, i)})));
    });
  }
  /// The capped score of the query with row `other`.
  Value score(Value other) {
    Value raw = dot(loops.operands[0], loops.operands[1], other, keyColumn);
    Value scaled = loops.mul(raw, loops.number(scale));
    if (softcap <= 0)
      return scaled;
    Value relative = loops.mul(scaled, loops.number(1 / softcap));
    Value bounded = math::TanhOp::create(loops.builder, loops.loc, relative);
    return loops.mul(bounded, loops.number(softcap));
  }
  /// Derivative of a capped score by the raw product of query and key.
  Value slope(Value score) {
    if (softcap <= 0)
      return loops.number(scale);
    Value relative = loops.mul(score, loops.number(1 / softcap));
    Value rest = loops.sub(loops.number(1), loops.mul(relative, relative));
    return loops.mul(rest, loops.number(scale));
  }
  Value exp(Value x) { return math::ExpOp::create(loops.builder, loops.loc, x); }
  /// max over visible positions, then log of the sum of exp.
  Value logSumExp() {
    Value lowest = loops.number(-3.0e38);
    Value largest = loops.reduce(visible, lowest, [&](Value j, Value carried) -> Value {
      return arith::MaximumFOp::create(loops.builder, loops.loc, carried, score(keyRow(j)));
    });
    Value sum = loops.reduce(visible, loops.number(0), [&](Value j, Value carried) {
      return loops.add(carried, exp(loops.sub(score(keyRow(j)), largest)));
    });
    return loops.add(largest, math::LogOp::create(loops.builder, loops.loc, sum));
  }

  LoopBuilder &loops;
  int64_t heads, group, size;
  bool causal;
  double scale, softcap;
  Value first, row, visible, head, queryColumn, keyColumn;
};
} // namespace

void AttendOp::lower(LoopBuilder &loops) {
  HeadLoops at(*this, loops);
  loops.clear(0);
  at.forEachQuery([&] {
    Value lse = at.logSumExp();
    loops.store(1, {at.row, at.head}, lse);
    loops.forEach({at.visible}, [&](ValueRange j) {
      Value other = at.keyRow(j[0]);
      Value weight = at.exp(loops.sub(at.score(other), lse));
      loops.forEach({loops.index(at.size)}, [&](ValueRange i) {
        Value v = loops.load(loops.operands[2], {other, at.plus(at.keyColumn, i[0])});
        loops.addTo(0, {at.row, at.plus(at.queryColumn, i[0])}, loops.mul(weight, v));
      });
    });
  });
}

// The formulas are those of attendRowGrad in Attend.cpp.
void AttendGradOp::lower(LoopBuilder &loops) {
  HeadLoops at(*this, loops);
  for (unsigned result = 0; result < 3; ++result)
    loops.clear(result);
  Value q = loops.operands[0], k = loops.operands[1], v = loops.operands[2];
  Value output = loops.operands[3], dOutput = loops.operands[5];
  at.forEachQuery([&] {
    Value lse = loops.load(loops.operands[4], {at.row, at.head});
    Value delta = at.dot(dOutput, output, at.row, at.queryColumn);
    loops.forEach({at.visible}, [&](ValueRange j) {
      Value other = at.keyRow(j[0]), score = at.score(other);
      Value weight = at.exp(loops.sub(score, lse));
      Value change = loops.sub(at.dot(dOutput, v, other, at.keyColumn), delta);
      Value slope = loops.mul(loops.mul(weight, change), at.slope(score));
      loops.forEach({loops.index(at.size)}, [&](ValueRange i) {
        Value column = at.plus(at.queryColumn, i[0]), keyColumn = at.plus(at.keyColumn, i[0]);
        loops.addTo(0, {at.row, column}, loops.mul(slope, loops.load(k, {other, keyColumn})));
        loops.addTo(1, {other, keyColumn}, loops.mul(slope, loops.load(q, {at.row, column})));
        loops.addTo(2, {other, keyColumn},
                    loops.mul(weight, loops.load(dOutput, {at.row, column})));
      });
    });
  });
}
