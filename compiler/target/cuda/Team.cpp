// Team: shuffles, barriers and the memory of a block.
// Every reduction has scratch of its own, so it needs one barrier (cuda-target: block mapping).
#include "compiler/target/cuda/Team.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::cuda;

func::FuncOp cuda::kernelOf(OpBuilder &b) {
  return cast<func::FuncOp>(b.getInsertionBlock()->getParentOp());
}

Value cuda::indexOf(OpBuilder &b, Location loc, int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}

Value cuda::floatOf(OpBuilder &b, Location loc, double value) {
  return arith::ConstantFloatOp::create(b, loc, b.getF32Type(), APFloat(static_cast<float>(value)));
}

llvm::Align cuda::alignmentOf(Type element, int64_t count) {
  constexpr int64_t widestAccess = 16;
  return llvm::Align(std::min(count * element.getIntOrFloatBitWidth() / 8, widestAccess));
}

int64_t cuda::lanesFor(ArrayRef<Value> buffers, int64_t distance) {
  constexpr unsigned widestAccess = 128;
  unsigned widest = 1;
  for (Value buffer : buffers)
    widest = std::max(widest, getElementTypeOrSelf(buffer.getType()).getIntOrFloatBitWidth());
  int64_t lanes = widestAccess / widest;
  while (distance % lanes != 0)
    lanes /= 2;
  return lanes;
}

Value cuda::loadNumbers(OpBuilder &b, Location loc, Value buffer, ValueRange at, int64_t lanes) {
  Type stored = getElementTypeOrSelf(buffer.getType()), computed = b.getF32Type();
  Value numbers;
  if (lanes == 1) {
    numbers = memref::LoadOp::create(b, loc, buffer, at);
  } else {
    auto type = VectorType::get({lanes}, stored);
    numbers = vector::LoadOp::create(b, loc, type, buffer, at, /*nontemporal=*/false,
                                     alignmentOf(stored, lanes));
    computed = VectorType::get({lanes}, computed);
  }
  if (numbers.getType() == computed)
    return numbers;
  return arith::ExtFOp::create(b, loc, computed, numbers);
}

void cuda::storeNumbers(OpBuilder &b, Location loc, Value numbers, Value buffer, ValueRange at) {
  Type stored = getElementTypeOrSelf(buffer.getType());
  auto vector = dyn_cast<VectorType>(numbers.getType());
  if (stored != getElementTypeOrSelf(numbers.getType()))
    numbers =
        arith::TruncFOp::create(b, loc, vector ? Type(vector.clone(stored)) : stored, numbers);
  if (vector)
    vector::StoreOp::create(b, loc, numbers, buffer, at, /*nontemporal=*/false,
                            alignmentOf(stored, vector.getNumElements()));
  else
    memref::StoreOp::create(b, loc, numbers, buffer, at);
}

// No reassociation: sums keep the order that is written here.
Value cuda::combine(OpBuilder &b, Location loc, vector::CombiningKind kind, Value x, Value y) {
  auto flags = arith::FastMathFlagsAttr::get(b.getContext(), arith::FastMathFlags::contract);
  return vector::makeArithReduction(b, loc, kind, x, y, flags);
}

Value cuda::combineLanes(OpBuilder &b, Location loc, vector::CombiningKind kind, Value all) {
  auto type = dyn_cast<VectorType>(all.getType());
  if (!type)
    return all;
  SmallVector<Value> lanes;
  for (int64_t lane = 0; lane < type.getNumElements(); ++lane)
    lanes.push_back(vector::ExtractOp::create(b, loc, all, lane));
  for (; lanes.size() > 1; lanes.truncate(lanes.size() / 2))
    for (size_t lane = 0; lane < lanes.size() / 2; ++lane)
      lanes[lane] = combine(b, loc, kind, lanes[lane], lanes[lane + lanes.size() / 2]);
  return lanes.front();
}

Team::Team(OpBuilder &builder, Location loc, func::FuncOp kernel, TeamShape shape)
    : shape(shape), b(builder), loc(loc), kernel(kernel) {
  kernel->setAttr(threadsAttribute, b.getI64IntegerAttr(shape.blockThreads()));
  thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  if (shape.rows > 1) {
    number = arith::DivUIOp::create(b, loc, thread, indexOf(b, loc, shape.threads));
    thread = arith::RemUIOp::create(b, loc, thread, indexOf(b, loc, shape.threads));
  }
  if (shape.threads > warpSize) {
    lane = arith::RemUIOp::create(b, loc, thread, indexOf(b, loc, warpSize));
    warp = arith::DivUIOp::create(b, loc, thread, indexOf(b, loc, warpSize));
  }
}

Value Team::allocate(int64_t floats) {
  hasMemory = true;
  auto space = gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  // Padded: LLVM reads neighbours in fours.
  int64_t padded = (floats * shape.rows + 3) / 4 * 4;
  auto type = MemRefType::get({padded}, b.getF32Type(), MemRefLayoutAttrInterface(), space);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&kernel.getBody().front());
  return memref::AllocaOp::create(b, loc, type);
}

Value Team::offset(int64_t floats) {
  return number ? arith::MulIOp::create(b, loc, number, indexOf(b, loc, floats)).getResult()
                : indexOf(b, loc, 0);
}

void Team::barrier() { gpu::BarrierOp::create(b, loc); }

Value Team::reduceWarp(vector::CombiningKind kind, Value value) {
  for (int32_t distance = warpSize / 2; distance > 0; distance /= 2) {
    auto shuffle = gpu::ShuffleOp::create(b, loc, value, distance, warpSize, gpu::ShuffleMode::XOR);
    value = combine(b, loc, kind, value, shuffle.getShuffleResult());
  }
  return value;
}

Value Team::reduce(vector::CombiningKind kind, Value value) {
  value = reduceWarp(kind, value);
  if (shape.threads == warpSize)
    return value;
  Value words = allocate(shape.threads / warpSize);
  Value isFirst = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, lane, indexOf(b, loc, 0));
  scf::IfOp::create(b, loc, isFirst, [&](OpBuilder &inner, Location loc) {
    memref::StoreOp::create(inner, loc, value, words, warp);
    scf::YieldOp::create(inner, loc);
  });
  barrier();
  // As many warps as a warp has lanes: one read each, where 32 at once would take 32 registers.
  if (shape.threads == warpSize * warpSize)
    return reduceWarp(kind, memref::LoadOp::create(b, loc, words, lane));
  Value sum = memref::LoadOp::create(b, loc, words, indexOf(b, loc, 0));
  for (int64_t i = 1; i < shape.threads / warpSize; ++i)
    sum = combine(b, loc, kind, sum, memref::LoadOp::create(b, loc, words, indexOf(b, loc, i)));
  return sum;
}

Value Team::gather(Value count, Value start, function_ref<Value(OpBuilder &, Value, Value)> body) {
  return gather(count, ValueRange(start),
                [&](OpBuilder &b, Value i, ValueRange soFar) {
                  return SmallVector<Value>{body(b, i, soFar[0])};
                })
      .front();
}

SmallVector<Value>
Team::gather(Value count, ValueRange start,
             function_ref<SmallVector<Value>(OpBuilder &, Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(b, loc, thread, count, indexOf(b, loc, shape.threads), start,
                                 [&](OpBuilder &b, Location loc, Value i, ValueRange carried) {
                                   scf::YieldOp::create(b, loc, body(b, i, carried));
                                 });
  return SmallVector<Value>(loop.getResults());
}

void Team::forEach(Value count, function_ref<void(OpBuilder &, Value)> body) {
  scf::ForOp::create(b, loc, thread, count, indexOf(b, loc, shape.threads), ValueRange(),
                     [&](OpBuilder &b, Location loc, Value i, ValueRange) {
                       body(b, i);
                       scf::YieldOp::create(b, loc);
                     });
}

void Team::forItem(Value lo, Value hi, function_ref<void(OpBuilder &, Value)> body) {
  Value item = arith::AddIOp::create(b, loc, lo, thread);
  Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, item, hi);
  scf::IfOp::create(b, loc, exists, [&](OpBuilder &b, Location loc) {
    body(b, item);
    scf::YieldOp::create(b, loc);
  });
}

void Team::once(function_ref<void(OpBuilder &)> body) {
  Value isFirst =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, thread, indexOf(b, loc, 0));
  scf::IfOp::create(b, loc, isFirst, [&](OpBuilder &b, Location loc) {
    body(b);
    scf::YieldOp::create(b, loc);
  });
}
