// RowEmitter: nests, reductions and what they write. Values and memory are in RowValues.cpp.
// All values of a nest are read before anything is written: a result may share its memory with an
// input.
#include "compiler/target/cuda/RowEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::cuda;

/// 16 bytes of the narrowest rows.
static int64_t widestLanes(GroupOp group) {
  auto isNarrow = [](Type type) { return getElementTypeOrSelf(type).isBF16(); };
  bool anyNarrow = llvm::any_of(group.getInputs().getTypes(), isNarrow) ||
                   llvm::any_of(group.getResultTypes(), isNarrow);
  return anyNarrow ? 8 : 4;
}

/// Registers of a thread: what it holds, and addresses and a piece's own values beside it, which
/// the kernels of Peri-LN layers need at most. Rows that are read again need fewer addresses.
static int64_t registersOf(const TeamShape &shape, int64_t pieces, const RowPressure &pressure) {
  constexpr int64_t others = 49, othersAgain = 40;
  int64_t sums = shape.sumsInMemory ? 0 : pieces * pressure.sums;
  return shape.rereads ? othersAgain + shape.lanes * (sums + pressure.nest)
                       : others + shape.lanes * (sums + pieces * (pressure.kept - pressure.sums));
}

/// Of a row, in the registers of one thread: in sixteen pieces at most.
static int64_t mostNumbers(const TeamShape &shape) {
  return std::min<int64_t>(16 * shape.lanes, 64);
}

/// Chooses threads so that a row of `size` numbers is of few pieces; false where they do not fit
/// the registers.
static bool fitThreads(TeamShape &shape, int64_t size, const RowPressure &pressure) {
  // ptxas 13.0 gives the threads of a block half of the processor's registers, whatever else it is
  // told (measured with .maxntid 64 to 1024).
  constexpr int64_t blockRegisters = 32768, threadRegisters = 255;
  int64_t one = llvm::alignTo(llvm::divideCeil(size, shape.lanes), warpSize);
  for (int64_t most : {256, 512, 128}) {
    shape.threads = std::min<int64_t>(one, most);
    int64_t pieces = llvm::divideCeil(size, shape.span());
    // Spread over the pieces: 1600 numbers are two pieces of 224 threads, not of 256.
    shape.threads = llvm::alignTo(llvm::divideCeil(size, pieces * shape.lanes), warpSize);
    int64_t limit = std::min(threadRegisters, blockRegisters / shape.threads / 8 * 8);
    if (pieces * shape.lanes <= mostNumbers(shape) && registersOf(shape, pieces, pressure) <= limit)
      return true;
  }
  return false;
}

/// The first way that fits: registers for all, sums in the block's memory, reading again, both.
/// What fits in no way reads again and is spilled a little, which is better than an operation at a
/// time.
static LogicalResult fitRegisters(TeamShape &shape, int64_t size, const RowPressure &pressure,
                                  bool inPlace) {
  constexpr int64_t mostMemory = 40960; // of 48 KiB, with the words of reductions
  bool hasRoom = pressure.sums > 0 && 4 * size * pressure.sums <= mostMemory;
  for (bool rereads : {false, true})
    for (bool inMemory : {false, true}) {
      shape.rereads = rereads;
      shape.sumsInMemory = inMemory;
      if ((!rereads || !inPlace) && (!inMemory || hasRoom) && fitThreads(shape, size, pressure))
        return success();
    }
  shape.sumsInMemory = hasRoom;
  shape.rereads = !inPlace;
  shape.threads = size > 256 * mostNumbers(shape) ? 512 : 256;
  return success(size <= shape.threads * mostNumbers(shape));
}

FailureOr<TeamShape> cuda::shapeOf(GroupOp group, const RowPlan &plan, bool inPlace) {
  TeamShape shape;
  shape.lanes = widestLanes(group);
  int64_t largest = 1;
  for (const Nest &nest : plan.nests) {
    largest = std::max(largest, nest.size);
    while (!nest.dims.empty() && nest.dims.back() % shape.lanes != 0)
      shape.lanes /= 2;
  }
  if (failed(fitRegisters(shape, largest, rowPressure(plan), inPlace)))
    return failure();
  // Four warps a block, each with a row of its own, unless the block's rows are summed. Warps
  // behind the last row read it again, so nobody may overwrite it.
  if (shape.threads == warpSize && !plan.hasSumRows() && !inPlace)
    shape.rows = 4;
  return shape;
}

int64_t RowEmitter::pieceCount(const Nest &nest) const {
  return nest.dims.empty() ? 1 : llvm::divideCeil(nest.size, team.shape.span());
}

//===-- sums over rows ---------------------------------------------------------===//

bool RowEmitter::hasMemorySums(const Nest &nest) const {
  return team.shape.sumsInMemory && !nest.dims.empty();
}

SmallVector<Value> RowEmitter::startSums() {
  SmallVector<Value> sums;
  Value zero = floatOf(b, loc, 0);
  for (const Nest &nest : plan.nests) {
    begin(nest);
    for (const Sink &sink : nest.sinks) {
      if (sink.kind != Sink::sumRows)
        continue;
      bool inMemory = hasMemorySums(nest);
      if (inMemory)
        sumMemory[sink.result] = team.allocate(nest.size);
      for (size_t piece = 0; piece < pieces.size(); ++piece)
        if (inMemory)
          addToMemory(sumMemory[sink.result], piece, Value());
        else
          sums.push_back(nest.dims.empty() ? zero : widened(zero));
    }
  }
  return sums;
}

Value RowEmitter::loadSum(Value memory, size_t piece) {
  return loadAt({memory, false}, flatten(nest->all(), pieces[piece].ivs), isWide(nest->all()));
}

/// Each element belongs to one thread, so nobody waits.
void RowEmitter::addToMemory(Value memory, size_t piece, Value value) {
  guarded({pieces[piece].isValid}, [&] {
    Value sum = widened(floatOf(b, loc, 0));
    if (value)
      sum = arith::AddFOp::create(b, loc, loadSum(memory, piece), value);
    store({memory, false}, piece, Value(), sum);
  });
}

void RowEmitter::emit(Value row, Value isRow, SmallVectorImpl<Value> &sums) {
  this->row = row;
  this->isRow = isRow;
  numbers.clear();
  wholes.clear();
  exchanged.clear();
  size_t sum = 0;
  for (const Nest &nest : plan.nests) {
    begin(nest);
    if (nest.dims.empty())
      emitNumbers(nest, sums, sum);
    else
      emitNest(nest, sums, sum);
    if (team.shape.rereads)
      wholes.clear();
  }
}

void RowEmitter::storeSums(Value chunk, ArrayRef<Value> sums) {
  size_t sum = 0;
  for (const Nest &nest : plan.nests) {
    begin(nest);
    for (const Sink &sink : nest.sinks) {
      if (sink.kind != Sink::sumRows)
        continue;
      for (size_t piece = 0; piece < pieces.size(); ++piece) {
        Value memory = sumMemory.lookup(sink.result);
        Value value = memory ? loadSum(memory, piece) : sums[sum++];
        Value condition = nest.dims.empty() ? isLeader() : pieces[piece].isValid;
        guarded({condition}, [&] { store(buffers.results[sink.result], piece, chunk, value); });
      }
    }
  }
}

//===-- nests --------------------------------------------------------------===//

void RowEmitter::begin(const Nest &current) {
  nest = &current;
  pieces.clear();
  parts.clear();
  if (nest->dims.empty()) {
    pieces.emplace_back();
    return;
  }
  Value first = arith::MulIOp::create(b, loc, team.thread, indexOf(b, loc, team.shape.lanes));
  for (int64_t number = 0; number < pieceCount(*nest); ++number) {
    Piece piece;
    Value element = first;
    if (number > 0)
      element = arith::AddIOp::create(b, loc, first, indexOf(b, loc, number * team.shape.span()));
    Value size = indexOf(b, loc, nest->size);
    if ((number + 1) * team.shape.span() > nest->size) {
      piece.isValid = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, element, size);
      // Threads behind the end read the first element: no branch around a load.
      element = arith::SelectOp::create(b, loc, piece.isValid, element, indexOf(b, loc, 0));
    }
    int64_t inner = nest->size;
    for (auto [dim, dimSize] : llvm::enumerate(nest->dims)) {
      inner /= dimSize;
      Value iv = element;
      if (inner > 1)
        iv = arith::DivUIOp::create(b, loc, iv, indexOf(b, loc, inner));
      if (dim > 0)
        iv = arith::RemUIOp::create(b, loc, iv, indexOf(b, loc, dimSize));
      piece.ivs.push_back(iv);
    }
    pieces.push_back(std::move(piece));
  }
}

/// Single numbers: every thread has them, the first one of the team writes them.
void RowEmitter::emitNumbers(const Nest &nest, SmallVectorImpl<Value> &sums, size_t &sum) {
  SmallVector<Value> values;
  for (const Sink &sink : nest.sinks)
    values.push_back(get(sink.value, 0, 0));
  bool isRead = false;
  for (auto [sink, value] : llvm::zip_equal(nest.sinks, values)) {
    if (sink.kind == Sink::reduce)
      numbers[sink.reduction->getResult(0)] = scaled(sink.reduction, value);
    else if (sink.kind == Sink::sumRows) {
      sums[sum] = arith::AddFOp::create(b, loc, sums[sum], value);
      ++sum;
    } else if (sink.kind == Sink::store) {
      // Others may still read what shares memory with the result.
      if (!std::exchange(isRead, true) && team.shape.threads > warpSize)
        team.barrier();
      writeResult(sink, 0, value);
    }
  }
}

/// All values are computed before anything is written, or a piece after the other where they would
/// not fit.
void RowEmitter::emitNest(const Nest &nest, SmallVectorImpl<Value> &sums, size_t &sum) {
  SmallVector<SmallVector<Value>> values(nest.sinks.size());
  SmallVector<size_t> firstSum;
  for (const Sink &sink : nest.sinks) {
    firstSum.push_back(sum);
    sum += sink.kind == Sink::sumRows && !hasMemorySums(nest) ? pieces.size() : 0;
  }
  auto compute = [&](size_t piece) {
    for (auto [sink, ofSink] : llvm::zip_equal(nest.sinks, values))
      ofSink.push_back(widened(get(sink.value, nest.all(), piece)));
  };
  auto use = [&](size_t piece) {
    for (auto [index, sink] : llvm::enumerate(nest.sinks)) {
      if (sink.kind == Sink::store)
        writeResult(sink, piece, values[index][piece]);
      if (sink.kind != Sink::sumRows)
        continue;
      if (hasMemorySums(nest)) {
        addToMemory(sumMemory[sink.result], piece, values[index][piece]);
        continue;
      }
      Value &total = sums[firstSum[index] + piece];
      total = arith::AddFOp::create(b, loc, total, values[index][piece]);
    }
  };
  for (size_t piece = 0; piece < pieces.size(); ++piece) {
    compute(piece);
    if (!team.shape.rereads)
      continue;
    use(piece);
    // Nothing moves over a barrier: else all pieces are read first, which is what does not fit.
    team.barrier();
  }
  for (size_t piece = 0; piece < pieces.size() && !team.shape.rereads; ++piece)
    use(piece);
  for (auto [sink, ofSink] : llvm::zip_equal(nest.sinks, values))
    if (sink.kind == Sink::reduce)
      sink.reduced == nest.all() ? reduce(sink, ofSink) : reducePart(sink, ofSink);
}

//===-- reductions -----------------------------------------------------------===//

Value RowEmitter::scaled(Operation *reduction, Value value) {
  int64_t count =
      plan.shape(reduction->getOperand(0)).size / plan.shape(reduction->getResult(0)).size;
  double factor = cast<ReductionOpInterface>(reduction).getFactor(count);
  if (factor == 1)
    return value;
  return arith::MulFOp::create(b, loc, value, floatOf(b, loc, factor));
}

Value RowEmitter::selectValid(size_t piece, Value value, double otherwise) {
  if (!pieces[piece].isValid)
    return value;
  Value other = widened(floatOf(b, loc, otherwise));
  return arith::SelectOp::create(b, loc, pieces[piece].isValid, value, other);
}

/// Along the whole row.
void RowEmitter::reduce(const Sink &sink, ArrayRef<Value> values) {
  auto reduction = cast<ReductionOpInterface>(sink.reduction);
  vector::CombiningKind kind = reduction.getCombiningKind();
  Value all;
  for (auto [piece, value] : llvm::enumerate(values)) {
    Value valid = selectValid(piece, value, reduction.getIdentity());
    all = all ? combine(b, loc, kind, all, valid) : valid;
  }
  Value number = combineLanes(b, loc, kind, all);
  numbers[sink.reduction->getResult(0)] = scaled(sink.reduction, team.reduce(kind, number));
}

/// The flat position in the row of an element with `ivs` of the dimensions in `dims`.
Value RowEmitter::flatten(DimSet dims, ArrayRef<Value> ivs) {
  Value flat;
  for (auto [dim, size] : llvm::enumerate(nest->dims)) {
    if (!(dims >> dim & 1))
      continue;
    if (!flat) {
      flat = ivs[dim];
      continue;
    }
    flat = arith::MulIOp::create(b, loc, flat, indexOf(b, loc, size));
    flat = arith::AddIOp::create(b, loc, flat, ivs[dim]);
  }
  return flat ? flat : indexOf(b, loc, 0);
}

/// The positions of element `flat` of the dimensions in `dims`, written to `ivs`.
static void unflatten(OpBuilder &b, Location loc, const Nest &nest, DimSet dims, Value flat,
                      MutableArrayRef<Value> ivs) {
  for (size_t dim = nest.dims.size(); dim-- > 0;) {
    if (!(dims >> dim & 1))
      continue;
    Value size = indexOf(b, loc, nest.dims[dim]);
    ivs[dim] = arith::RemUIOp::create(b, loc, flat, size);
    flat = arith::DivUIOp::create(b, loc, flat, size);
  }
}

/// Along some dimensions of the row, such as the features of one head: through the block's memory,
/// one thread for each result.
void RowEmitter::reducePart(const Sink &sink, ArrayRef<Value> values) {
  auto reduction = cast<ReductionOpInterface>(sink.reduction);
  Value name = sink.reduction->getResult(0);
  int64_t count = plan.shape(name).size, length = nest->size / count;
  DimSet left = nest->all() & ~sink.reduced;
  Value from = team.allocate(nest->size), to = team.allocate(count);
  Value fromStart = team.offset(nest->size), toStart = team.offset(count);
  for (auto [piece, value] : llvm::enumerate(values))
    guarded({pieces[piece].isValid}, [&] {
      Value flat = flatten(nest->all(), pieces[piece].ivs);
      Value at = arith::AddIOp::create(b, loc, fromStart, flat);
      if (isa<VectorType>(value.getType()))
        vector::StoreOp::create(b, loc, value, from, at);
      else
        memref::StoreOp::create(b, loc, value, from, at);
    });
  team.barrier();
  auto results = scf::ForOp::create(b, loc, team.thread, indexOf(b, loc, count),
                                    indexOf(b, loc, team.shape.threads));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(results.getBody());
    SmallVector<Value> ivs(nest->dims.size());
    unflatten(b, loc, *nest, left, results.getInductionVar(), ivs);
    Value start = floatOf(b, loc, reduction.getIdentity());
    auto loop = scf::ForOp::create(b, loc, indexOf(b, loc, 0), indexOf(b, loc, length),
                                   indexOf(b, loc, 1), start);
    {
      OpBuilder::InsertionGuard inner(b);
      b.setInsertionPointToStart(loop.getBody());
      unflatten(b, loc, *nest, sink.reduced, loop.getInductionVar(), ivs);
      Value at = arith::AddIOp::create(b, loc, fromStart, flatten(nest->all(), ivs));
      Value next = combine(b, loc, reduction.getCombiningKind(), loop.getRegionIterArg(0),
                           memref::LoadOp::create(b, loc, from, at));
      scf::YieldOp::create(b, loc, next);
    }
    Value at = arith::AddIOp::create(b, loc, toStart, results.getInductionVar());
    memref::StoreOp::create(b, loc, scaled(sink.reduction, loop.getResult(0)), to, at);
  }
  team.barrier();
  exchanged[name] = {to, false};
}
