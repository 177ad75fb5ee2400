// RowKernel: writes the kernel of a RowPlan with explicit vectors.
// A value is emitted once for each loop depth it depends on; what does not depend on the innermost
// dimension stays a scalar outside the vector loop.
#include "compiler/target/cpu/RowKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::lnx;

// 32 lanes are two AVX-512 or four AVX2 registers: two to four independent chains for a reduction,
// and a polynomial still fits the register file (64 lanes spill in exp, 16 are 10 % slower).
static constexpr int64_t widestVector = 32;

namespace {

/// Shared by all nests of a kernel.
struct RowScope {
  RowScope(const RowPlan &plan, const RowArguments &arguments, Block *entry)
      : plan(plan), arguments(arguments), entry(entry) {}

  const RowPlan &plan;
  const RowArguments &arguments;
  Block *entry; ///< of the kernel, for stack buffers
  Value row;
  llvm::DenseMap<Value, Value> rowNumbers; ///< single numbers of this row
  llvm::DenseMap<Value, Value> stack;      ///< row buffers of kept values and reduction results
};

/// Emits one nest.
class NestEmitter {
public:
  NestEmitter(OpBuilder &builder, Location loc, RowScope &scope, const Nest &nest)
      : b(builder), loc(loc), scope(scope), plan(scope.plan), nest(nest),
        depths(static_cast<unsigned>(nest.dims.size())), points(depths + 1), ivs(depths) {}

  void emit();

private:
  // Loops.
  void emitLevel(unsigned depth);
  void emitInnermost();
  void emitBody(int64_t width, int64_t valid, Value column);
  void emitSink(const Sink &sink, Value value);
  void finishReductions(unsigned depth);
  unsigned resultDepth(const Sink &sink) const;
  bool inRegister(const Sink &sink) const;
  // Values.
  Value get(Value value, DimSet dims);
  Value compute(Value value, DimSet dims);
  Value emitElementwise(Operation *op, Value value, DimSet dims);
  Value asVector(Value value);
  unsigned depthOf(DimSet dims) const { return dims ? llvm::Log2_32(dims) + 1 : 0; }
  // Memory.
  SmallVector<Value> address(const RowBuffer &buffer, DimSet dims);
  Value loadLeaf(Value value, DimSet dims);
  Value load(const RowBuffer &buffer, DimSet dims);
  void store(const RowBuffer &buffer, DimSet dims, Value value);
  RowBuffer stackBuffer(Value value, int64_t size);
  void clearStack(const RowBuffer &buffer, int64_t size, double value);
  // Small constants.
  Value index(int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); }
  Value number(double value) {
    return arith::ConstantFloatOp::create(b, loc, b.getF32Type(),
                                          APFloat(static_cast<float>(value)));
  }
  VectorType vectorType(int64_t width) { return VectorType::get({width}, b.getF32Type()); }
  Value splat(int64_t width, double value) {
    return arith::ConstantOp::create(
        b, loc, DenseElementsAttr::get(vectorType(width), static_cast<float>(value)));
  }
  Value combine(Operation *reduction, Value a, Value c) {
    auto flags = arith::FastMathFlagsAttr::get(b.getContext(), arith::FastMathFlags::reassoc |
                                                                   arith::FastMathFlags::contract);
    return vector::makeArithReduction(
        b, loc, cast<ReductionOpInterface>(reduction).getCombiningKind(), a, c, flags);
  }
  Value across(Operation *reduction, Value vector);
  Value scaled(Operation *reduction, Value value);

  OpBuilder &b;
  Location loc;
  RowScope &scope;
  const RowPlan &plan;
  const Nest &nest;
  unsigned depths;
  SmallVector<OpBuilder::InsertPoint> points; ///< where values of each depth are emitted
  SmallVector<Value> ivs;
  int64_t lanes = 1; ///< of the main loop
  int64_t width = 1; ///< of the body being emitted
  Value mask;        ///< of the body being emitted; null when all lanes are valid
  llvm::DenseMap<std::pair<Value, DimSet>, Value> outer, inner;
  llvm::DenseMap<const Sink *, Value> accumulators;
};

} // namespace

//===-- memory -----------------------------------------------------------===//

RowBuffer lnx::flattenRows(OpBuilder &b, Location loc, Value memref, const RowShape &shape) {
  auto type = cast<MemRefType>(memref.getType());
  if (type.getRank() == 0)
    return {memref, false};
  SmallVector<OpFoldResult> sizes, strides;
  SmallVector<int64_t> shapeOut;
  if (shape.hasRows) {
    shapeOut.push_back(type.getDimSize(0));
    sizes.push_back(type.isDynamicDim(0)
                        ? OpFoldResult(memref::DimOp::create(b, loc, memref, 0).getResult())
                        : OpFoldResult(b.getIndexAttr(type.getDimSize(0))));
    strides.push_back(b.getIndexAttr(shape.size));
  }
  shapeOut.push_back(shape.size);
  sizes.push_back(b.getIndexAttr(shape.size));
  strides.push_back(b.getIndexAttr(1));
  auto flat = MemRefType::get(shapeOut, type.getElementType());
  if (flat == type)
    return {memref, shape.hasRows};
  return {
      memref::ReinterpretCastOp::create(b, loc, flat, memref, b.getIndexAttr(0), sizes, strides),
      shape.hasRows};
}

/// The indices of the element that the loops stand at, emitted at the depth of `dims`.
SmallVector<Value> NestEmitter::address(const RowBuffer &buffer, DimSet dims) {
  SmallVector<Value> indices;
  if (cast<MemRefType>(buffer.memref.getType()).getRank() == 0)
    return indices;
  if (buffer.hasRows)
    indices.push_back(scope.row);
  Value flat;
  for (unsigned dim = 0; dim < depths; ++dim) {
    if (!(dims >> dim & 1))
      continue;
    flat = flat ? arith::MulIOp::create(b, loc, flat, index(nest.dims[dim])).getResult() : Value();
    flat = flat ? arith::AddIOp::create(b, loc, flat, ivs[dim]).getResult() : ivs[dim];
  }
  indices.push_back(flat ? flat : index(0));
  return indices;
}

Value NestEmitter::load(const RowBuffer &buffer, DimSet dims) {
  SmallVector<Value> indices = address(buffer, dims);
  if (depths == 0 || depthOf(dims) < depths)
    return memref::LoadOp::create(b, loc, buffer.memref, indices);
  if (mask)
    return vector::MaskedLoadOp::create(b, loc, vectorType(width), buffer.memref, indices, mask,
                                        splat(width, 0));
  return vector::LoadOp::create(b, loc, vectorType(width), buffer.memref, indices);
}

void NestEmitter::store(const RowBuffer &buffer, DimSet dims, Value value) {
  SmallVector<Value> indices = address(buffer, dims);
  if (depths == 0 || depthOf(dims) < depths)
    memref::StoreOp::create(b, loc, value, buffer.memref, indices);
  else if (mask)
    vector::MaskedStoreOp::create(b, loc, buffer.memref, indices, mask, asVector(value));
  else
    vector::StoreOp::create(b, loc, asVector(value), buffer.memref, indices);
}

RowBuffer NestEmitter::stackBuffer(Value value, int64_t size) {
  Value &buffer = scope.stack[value];
  if (!buffer) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(scope.entry);
    buffer = memref::AllocaOp::create(b, loc, MemRefType::get({size}, b.getF32Type()),
                                      b.getI64IntegerAttr(64));
  }
  return {buffer, false};
}

void NestEmitter::clearStack(const RowBuffer &buffer, int64_t size, double value) {
  auto loop = scf::ForOp::create(b, loc, index(0), index(size), index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  memref::StoreOp::create(b, loc, number(value), buffer.memref, loop.getInductionVar());
}

/// An input, a reduction's result or a kept value.
Value NestEmitter::loadLeaf(Value value, DimSet dims) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return load(scope.arguments.inputs[argument.getArgNumber()], dims);
  if (int result = plan.keptIn(value); result >= 0)
    return load(scope.arguments.results[result], dims);
  return load(stackBuffer(value, plan.shape(value).size), dims);
}

//===-- values -----------------------------------------------------------===//

Value NestEmitter::asVector(Value value) {
  if (isa<VectorType>(value.getType()))
    return value;
  return vector::BroadcastOp::create(b, loc, vectorType(width), value);
}

Value NestEmitter::get(Value value, DimSet dims) {
  unsigned depth = depthOf(dims);
  bool isInner = depths > 0 && depth == depths;
  auto find = [&]() -> Value & {
    if (depth == 0)
      return scope.rowNumbers[value];
    return (isInner ? inner : outer)[{value, dims}];
  };
  if (Value known = find())
    return known;
  Value result = compute(value, dims);
  return find() = result;
}

Value NestEmitter::compute(Value value, DimSet dims) {
  Operation *op = value.getDefiningOp();
  int index = static_cast<int>(&nest - plan.nests.begin());
  bool isReduction = op && isa<ReductionOpInterface>(op) && !plan.isView(op);
  bool isKept = plan.keptBy(value) >= 0 && plan.keptBy(value) < index;
  if (op && !isReduction && !isKept && plan.isView(op))
    return get(op->getOperand(0), plan.operandDims(nest, value, op->getOperand(0), dims));
  if (op && !isReduction && !isKept)
    return emitElementwise(op, value, dims);
  OpBuilder::InsertionGuard guard(b);
  b.restoreInsertionPoint(points[depthOf(dims)]);
  return loadLeaf(value, dims);
}

Value NestEmitter::emitElementwise(Operation *op, Value value, DimSet dims) {
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(get(operand, plan.operandDims(nest, value, operand, dims)));
  OpBuilder::InsertionGuard guard(b);
  unsigned depth = depthOf(dims);
  b.restoreInsertionPoint(points[depth]);
  if (depths > 0 && depth == depths)
    for (Value &operand : operands)
      operand = asVector(operand);
  return cast<ElementwiseOpInterface>(op).emit(b, loc, operands);
}

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
    break;
  }
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

void NestEmitter::emitInnermost() {
  int64_t size = nest.dims.back();
  int64_t main = size / lanes * lanes;
  auto anchor = arith::ConstantIndexOp::create(b, loc, 0);
  points[depths - 1] = OpBuilder::InsertPoint(anchor->getBlock(), Block::iterator(anchor));
  if (main == lanes) {
    emitBody(lanes, lanes, anchor);
  } else if (main > 0) {
    SmallVector<const Sink *> carried;
    SmallVector<Value> inits;
    for (const Sink &sink : nest.sinks)
      if (inRegister(sink)) {
        carried.push_back(&sink);
        inits.push_back(accumulators[&sink]);
      }
    auto loop = scf::ForOp::create(b, loc, anchor, index(main), index(lanes), inits);
    {
      OpBuilder::InsertionGuard guard(b);
      Block *body = loop.getBody();
      if (body->mightHaveTerminator())
        body->getTerminator()->erase();
      b.setInsertionPointToEnd(body);
      for (auto [sink, argument] : llvm::zip_equal(carried, loop.getRegionIterArgs()))
        accumulators[sink] = argument;
      emitBody(lanes, lanes, loop.getInductionVar());
      SmallVector<Value> next;
      for (const Sink *sink : carried)
        next.push_back(accumulators[sink]);
      scf::YieldOp::create(b, loc, next);
    }
    for (auto [sink, result] : llvm::zip_equal(carried, loop.getResults()))
      accumulators[sink] = result;
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
  SmallVector<const Sink *> carried;
  SmallVector<Value> inits;
  for (const Sink &sink : nest.sinks)
    if (inRegister(sink) && resultDepth(sink) <= depth) {
      carried.push_back(&sink);
      inits.push_back(accumulators[&sink]);
    }
  auto loop = scf::ForOp::create(b, loc, index(0), index(nest.dims[depth]), index(1), inits);
  points[depth] = OpBuilder::InsertPoint(loop->getBlock(), Block::iterator(loop));
  ivs[depth] = loop.getInductionVar();
  {
    OpBuilder::InsertionGuard guard(b);
    Block *body = loop.getBody();
    if (body->mightHaveTerminator())
      body->getTerminator()->erase();
    b.setInsertionPointToEnd(body);
    for (auto [sink, argument] : llvm::zip_equal(carried, loop.getRegionIterArgs()))
      accumulators[sink] = argument;
    emitLevel(depth + 1);
    SmallVector<Value> next;
    for (const Sink *sink : carried)
      next.push_back(accumulators[sink]);
    scf::YieldOp::create(b, loc, next);
  }
  for (auto [sink, result] : llvm::zip_equal(carried, loop.getResults()))
    accumulators[sink] = result;
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

void lnx::emitRowKernel(OpBuilder &b, Location loc, GroupOp group, const RowPlan &plan,
                        const RowArguments &arguments) {
  RowScope scope(plan, arguments, b.getInsertionBlock());
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  auto loop = scf::ForOp::create(b, loc, arguments.lo, arguments.hi, one);
  scope.row = loop.getInductionVar();
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(loop.getBody()->getTerminator());
  for (const Nest &nest : plan.nests)
    NestEmitter(b, loc, scope, nest).emit();
}
