// LossLoops.cpp: the reference lowering of the losses: one row at a time, logits computed as
// needed. Targets replace the two with a head by matrix products over row chunks.
#include "dialect/ops/Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::lnx;

namespace {
/// Softmax statistics of rows whose logits a function gives.
class RowLoss {
public:
  using Logit = function_ref<Value(Value row, Value id)>;
  RowLoss(LoopBuilder &loops, Value targets, Value vocabulary)
      : loops(loops), targets(targets), vocabulary(vocabulary), rows(loops.size(targets, 0)) {}

  Value exp(Value x) { return math::ExpOp::create(loops.builder, loops.loc, x); }
  /// log of the sum of exp of one row.
  Value logSumExp(Value row, Logit logit) {
    Value largest =
        loops.reduce(vocabulary, loops.number(-3.0e38), [&](Value id, Value carried) -> Value {
          return arith::MaximumFOp::create(loops.builder, loops.loc, carried, logit(row, id));
        });
    Value sum = loops.reduce(vocabulary, loops.number(0), [&](Value id, Value carried) {
      return loops.add(carried, exp(loops.sub(logit(row, id), largest)));
    });
    return loops.add(largest, math::LogOp::create(loops.builder, loops.loc, sum));
  }
  /// The mean loss of all rows.
  Value mean(Logit logit) {
    Value sum = loops.reduce(rows, loops.number(0), [&](Value row, Value carried) {
      Value chosen = logit(row, loops.loadIndex(targets, row));
      return loops.add(carried, loops.sub(logSumExp(row, logit), chosen));
    });
    return arith::DivFOp::create(loops.builder, loops.loc, sum, rowCount());
  }
  Value rowCount() {
    OpBuilder &b = loops.builder;
    Value whole = arith::IndexCastOp::create(b, loops.loc, b.getI64Type(), rows);
    return arith::SIToFPOp::create(b, loops.loc, b.getF32Type(), whole);
  }
  /// Calls `body(row, id, slope)` with factor * (softmax - onehot) of every element.
  void forEachSlope(Logit logit, Value factor, function_ref<void(Value, Value, Value)> body) {
    OpBuilder &b = loops.builder;
    loops.forEach({rows}, [&](ValueRange row) {
      Value target = loops.loadIndex(targets, row[0]), lse = logSumExp(row[0], logit);
      loops.forEach({vocabulary}, [&](ValueRange id) {
        Value share = exp(loops.sub(logit(row[0], id[0]), lse));
        Value isTarget =
            arith::CmpIOp::create(b, loops.loc, arith::CmpIPredicate::eq, id[0], target);
        Value onehot =
            arith::SelectOp::create(b, loops.loc, isTarget, loops.number(1), loops.number(0));
        body(row[0], id[0], loops.mul(factor, loops.sub(share, onehot)));
      });
    });
  }
  /// d_loss / rows.
  Value factor(Value dLoss) {
    return arith::DivFOp::create(loops.builder, loops.loc, loops.load(dLoss, {}), rowCount());
  }

private:
  LoopBuilder &loops;
  Value targets, vocabulary, rows;
};

/// Places in op(weight).
struct Head {
  LoopBuilder &loops;
  bool transposeWeight;

  Value vocabulary() { return loops.size(loops.operands[1], transposeWeight ? 0 : 1); }
  SmallVector<Value> place(Value feature, Value id) {
    return transposeWeight ? SmallVector<Value>{id, feature} : SmallVector<Value>{feature, id};
  }
  Value logit(Value row, Value id) {
    Value x = loops.operands[0], weight = loops.operands[1];
    return loops.reduce(loops.size(x, 1), loops.number(0), [&](Value i, Value sum) {
      Value product = loops.mul(loops.load(x, {row, i}), loops.load(weight, place(i, id)));
      return loops.add(sum, product);
    });
  }
};
} // namespace

void CrossEntropyOp::lower(LoopBuilder &loops) {
  Value logits = loops.operands[0];
  RowLoss rows(loops, loops.operands[1], loops.size(logits, 1));
  loops.store(0, {}, rows.mean([&](Value row, Value id) { return loops.load(logits, {row, id}); }));
}

void CrossEntropyGradOp::lower(LoopBuilder &loops) {
  Value logits = loops.operands[0];
  RowLoss rows(loops, loops.operands[1], loops.size(logits, 1));
  Value factor = rows.factor(loops.operands[2]);
  auto logit = [&](Value row, Value id) { return loops.load(logits, {row, id}); };
  rows.forEachSlope(logit, factor,
                    [&](Value row, Value id, Value slope) { loops.store(0, {row, id}, slope); });
}

void LinearCrossEntropyOp::lower(LoopBuilder &loops) {
  Head head{loops, getTransposeWeight()};
  RowLoss rows(loops, loops.operands[2], head.vocabulary());
  loops.store(0, {}, rows.mean([&](Value row, Value id) { return head.logit(row, id); }));
}

void LinearCrossEntropyGradOp::lower(LoopBuilder &loops) {
  Head head{loops, getTransposeWeight()};
  RowLoss rows(loops, loops.operands[2], head.vocabulary());
  auto logit = [&](Value row, Value id) { return head.logit(row, id); };
  loops.store(0, {}, rows.mean(logit));
  loops.clear(1);
  loops.clear(2);
  Value x = loops.operands[0], weight = loops.operands[1];
  Value factor = rows.factor(loops.operands[3]), width = loops.size(x, 1);
  rows.forEachSlope(logit, factor, [&](Value row, Value id, Value slope) {
    loops.forEach({width}, [&](ValueRange i) {
      SmallVector<Value> place = head.place(i[0], id);
      loops.addTo(1, {row, i[0]}, loops.mul(slope, loops.load(weight, place)));
      loops.addTo(2, place, loops.mul(slope, loops.load(x, {row, i[0]})));
    });
  });
}
