// NestEmitter: the loops of a nest, its reductions and what it writes.
// Values and memory are in NestValues.cpp.
#include "compiler/target/cpu/NestEmitter.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::lnx;

// 32 lanes are two AVX-512 or four AVX2 registers: two to four independent chains for a reduction,
// and a polynomial still fits the register file (64 lanes spill in exp, 16 are 10 % slower).
static constexpr int64_t widestVector = 32;

//===-- reductions -------------------------------------------------------===//

/// The depth at which a reduction's result is complete: the loops below it are all reduced.
unsigned NestEmitter::resultDepth(const Sink &sink) const {
  return depthOf(nest.all() & ~sink.reduced);
}

/// Loops from resultDepth inwards are exactly the reduced ones: the accumulator is a register.
bool NestEmitter::inRegister(const Sink &sink) const {
  DimSet inside = nest.all() & ~((DimSet(1) << resultDepth(sink)) - 1);
  return sink.kind == Sink::reduce && depths > 0 && sink.reduced == inside;
}

Value NestEmitter::across(Operation *reduction, Value vector) {
  auto kind = cast<ReductionOpInterface>(reduction).getCombiningKind();
  return vector::ReductionOp::create(
      b, loc, kind, vector, arith::FastMathFlags::reassoc | arith::FastMathFlags::contract);
}

Value NestEmitter::scaled(Operation *reduction, Value value) {
  int64_t count =
      plan.shape(reduction->getOperand(0)).size / plan.shape(reduction->getResult(0)).size;
  double factor = cast<ReductionOpInterface>(reduction).getFactor(count);
  if (factor == 1)
    return value;
  Value by = number(factor);
  if (auto type = dyn_cast<VectorType>(value.getType()))
    by = vector::BroadcastOp::create(b, loc, type, by);
  return arith::MulFOp::create(b, loc, value, by);
}

void NestEmitter::finishReductions(unsigned depth) {
  for (const Sink &sink : nest.sinks) {
    if (!inRegister(sink) || resultDepth(sink) != depth)
      continue;
    Value result = scaled(sink.reduction, across(sink.reduction, accumulators[&sink]));
    Value name = sink.reduction->getResult(0);
    if (depth == 0) {
      scope.rowNumbers[name] = result;
      continue;
    }
    RowBuffer buffer = stackBuffer(name, plan.shape(name).size);
    memref::StoreOp::create(b, loc, result, buffer.memref,
                            address(buffer, (DimSet(1) << depth) - 1));
  }
}

//===-- loops ------------------------------------------------------------===//

void NestEmitter::emitSink(const Sink &sink, Value value) {
  switch (sink.kind) {
  case Sink::keep:
    return store(stackBuffer(sink.value, nest.size), nest.all(), value);
  case Sink::store:
  case Sink::sumRows: {
    const RowBuffer &buffer = scope.arguments.results[sink.result];
    if (sink.kind == Sink::sumRows || scope.arguments.accumulate[sink.result]) {
      Value old = load(buffer, nest.all());
      if (isa<VectorType>(old.getType()))
        value = asVector(value);
      value = arith::AddFOp::create(b, loc, old, value);
    }
    return store(buffer, nest.all(), value);
  }
  case Sink::reduce:
    return emitReduction(sink, value);
  }
}

void NestEmitter::emitReduction(const Sink &sink, Value value) {
  Value name = sink.reduction->getResult(0);
  if (depths == 0) {
    scope.rowNumbers[name] = scaled(sink.reduction, value);
    return;
  }
  value = asVector(value);
  double identity = cast<ReductionOpInterface>(sink.reduction).getIdentity();
  if (!inRegister(sink)) {
    RowBuffer buffer = stackBuffer(name, plan.shape(name).size);
    DimSet left = nest.all() & ~sink.reduced;
    value = scaled(sink.reduction, value);
    if (depthOf(left) < depths) {
      if (mask)
        value = arith::SelectOp::create(b, loc, mask, value, splat(width, identity));
      value = across(sink.reduction, value);
    }
    return store(buffer, left, combine(sink.reduction, load(buffer, left), value));
  }
  if (mask)
    value = arith::SelectOp::create(b, loc, mask, value, splat(width, identity));
  if (width < lanes)
    value = vector::InsertStridedSliceOp::create(b, loc, value, splat(lanes, identity),
                                                 ArrayRef<int64_t>{0}, ArrayRef<int64_t>{1});
  Value &accumulator = accumulators[&sink];
  accumulator = combine(sink.reduction, accumulator, value);
}

/// Everything for `width` columns from `column`, of which `valid` exist. All values are read before
/// anything is written: a result may share its memory with an input.
void NestEmitter::emitBody(int64_t bodyWidth, int64_t valid, Value column) {
  width = bodyWidth;
  mask = nullptr;
  inner.clear();
  if (depths > 0)
    ivs[depths - 1] = column;
  if (valid < width)
    mask = vector::ConstantMaskOp::create(b, loc, VectorType::get({width}, b.getI1Type()),
                                          ArrayRef<int64_t>{valid});
  points[depths] = b.saveInsertionPoint();
  SmallVector<Value> values;
  for (const Sink &sink : nest.sinks)
    values.push_back(get(sink.value, nest.all()));
  for (auto [sink, value] : llvm::zip_equal(nest.sinks, values))
    emitSink(sink, value);
  mask = nullptr;
}

/// A loop of dimension `depth`; accumulators of results complete at this depth or outside it are
/// handed from one iteration to the next.
void NestEmitter::emitLoop(unsigned depth, Value from, Value to, Value step,
                           llvm::function_ref<void(scf::ForOp)> emitIteration) {
  SmallVector<const Sink *> carried;
  SmallVector<Value> inits;
  for (const Sink &sink : nest.sinks)
    if (inRegister(sink) && resultDepth(sink) <= depth) {
      carried.push_back(&sink);
      inits.push_back(accumulators[&sink]);
    }
  auto loop = scf::ForOp::create(b, loc, from, to, step, inits);
  {
    OpBuilder::InsertionGuard guard(b);
    Block *body = loop.getBody();
    if (body->mightHaveTerminator())
      body->getTerminator()->erase();
    b.setInsertionPointToEnd(body);
    for (auto [sink, argument] : llvm::zip_equal(carried, loop.getRegionIterArgs()))
      accumulators[sink] = argument;
    emitIteration(loop);
    SmallVector<Value> next;
    for (const Sink *sink : carried)
      next.push_back(accumulators[sink]);
    scf::YieldOp::create(b, loc, next);
  }
  for (auto [sink, result] : llvm::zip_equal(carried, loop.getResults()))
    accumulators[sink] = result;
}

void NestEmitter::emitInnermost() {
  int64_t size = nest.dims.back();
  int64_t main = size / lanes * lanes;
  auto anchor = arith::ConstantIndexOp::create(b, loc, 0);
  points[depths - 1] = OpBuilder::InsertPoint(anchor->getBlock(), Block::iterator(anchor));
  if (main == lanes) {
    emitBody(lanes, lanes, anchor);
  } else if (main > 0) {
    emitLoop(depths - 1, anchor, index(main), index(lanes),
             [&](scf::ForOp loop) { emitBody(lanes, lanes, loop.getInductionVar()); });
  }
  if (int64_t valid = size - main)
    emitBody(static_cast<int64_t>(llvm::PowerOf2Ceil(valid)), valid, index(main));
}

/// The loops from `depth` inwards; accumulators of results complete at this depth start here.
void NestEmitter::emitLevel(unsigned depth) {
  for (const Sink &sink : nest.sinks)
    if (inRegister(sink) && resultDepth(sink) == depth)
      accumulators[&sink] = splat(lanes, cast<ReductionOpInterface>(sink.reduction).getIdentity());
  if (depth + 1 == depths) {
    emitInnermost();
    return finishReductions(depth);
  }
  emitLoop(depth, index(0), index(nest.dims[depth]), index(1), [&](scf::ForOp loop) {
    points[depth] = OpBuilder::InsertPoint(loop->getBlock(), Block::iterator(loop));
    ivs[depth] = loop.getInductionVar();
    emitLevel(depth + 1);
  });
  finishReductions(depth);
}

void NestEmitter::emit() {
  if (depths == 0) {
    points[0] = b.saveInsertionPoint();
    return emitBody(1, 1, {});
  }
  lanes = std::min<int64_t>(
      widestVector, static_cast<int64_t>(llvm::bit_floor(static_cast<uint64_t>(nest.dims.back()))));
  for (const Sink &sink : nest.sinks)
    if (sink.kind == Sink::reduce && !inRegister(sink)) {
      Value name = sink.reduction->getResult(0);
      RowBuffer buffer = stackBuffer(name, plan.shape(name).size);
      clearStack(buffer, plan.shape(name).size,
                 cast<ReductionOpInterface>(sink.reduction).getIdentity());
    }
  emitLevel(0);
}
