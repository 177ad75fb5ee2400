// Lookup: rows of tables, positions, and copies.
// The sum by id gives each (id, column) to one thread, which sees the rows in order: no atomics,
// and the bits depend on the data alone.
#include "compiler/target/RowBuffer.h"
#include "compiler/target/cuda/Cuda.h"
#include "compiler/target/cuda/Team.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::cuda;

static constexpr int64_t threads = 256;

/// Floats behind the first dimension.
static int64_t rowWidth(Value buffer) {
  int64_t width = 1;
  for (int64_t size : cast<MemRefType>(buffer.getType()).getShape().drop_front())
    width *= size;
  return width;
}

/// A buffer as [first dimension x rest].
static Value asRows(OpBuilder &b, Location loc, Value buffer) {
  int64_t width = rowWidth(buffer);
  return flattenRows(b, loc, buffer, RowShape{true, {width}, width}).memref;
}

static Value loadId(OpBuilder &b, Location loc, Value ids, Value row) {
  Value id = memref::LoadOp::create(b, loc, ids, row);
  return arith::IndexCastOp::create(b, loc, b.getIndexType(), id);
}

/// to[at] (+)= value
static void write(OpBuilder &b, Location loc, Value value, Value to, ValueRange at, bool adds) {
  auto vector = dyn_cast<VectorType>(value.getType());
  int64_t lanes = vector ? vector.getNumElements() : 1;
  if (adds)
    value = arith::AddFOp::create(b, loc, loadNumbers(b, loc, to, at, lanes), value);
  storeNumbers(b, loc, value, to, at);
}

LogicalResult cuda::lowerPositions(PositionsOp, GroupBuffers &buffers) {
  Location loc = buffers.loc;
  SmallVector<Value> arguments = {buffers.results[0], buffers.time};
  auto kernel = buffers.kernel("cuda positions", "positions", ValueRange(arguments).getTypes(),
                               [&](OpBuilder &b, ValueRange values, Value lo, Value hi) {
                                 Team team(b, loc, kernelOf(b), {threads, 1, 1});
                                 team.forItem(lo, hi, [&](OpBuilder &b, Value row) {
                                   Value position = arith::RemUIOp::create(b, loc, row, values[1]);
                                   Value id =
                                       arith::IndexCastOp::create(b, loc, b.getI32Type(), position);
                                   memref::StoreOp::create(b, loc, id, values[0], row);
                                 });
                               });
  buffers.parallel(kernel, arguments, buffers.rows, buffers.index(threads));
  return success();
}

LogicalResult cuda::lowerGather(GatherOp gather, GroupBuffers &buffers) {
  Location loc = buffers.loc;
  SmallVector<Value> arguments = {inputBuffer(buffers, gather.getTable()),
                                  inputBuffer(buffers, gather.getIds()), buffers.results[0]};
  auto kernel = buffers.kernel(
      "cuda " + buffers.key(gather->getParentOfType<GroupOp>()), "gather",
      ValueRange(arguments).getTypes(), [&](OpBuilder &b, ValueRange values, Value row, Value) {
        Team team(b, loc, kernelOf(b), {threads, 1, 1});
        Value table = asRows(b, loc, values[0]), result = asRows(b, loc, values[2]);
        Value id = loadId(b, loc, values[1], row);
        int64_t width = rowWidth(values[2]), lanes = lanesFor({table, result}, width);
        team.forEach(indexOf(b, loc, width / lanes), [&](OpBuilder &b, Value piece) {
          Value column = arith::MulIOp::create(b, loc, piece, indexOf(b, loc, lanes));
          Value value = loadNumbers(b, loc, table, ValueRange{id, column}, lanes);
          write(b, loc, value, result, {row, column}, buffers.accumulate[0]);
        });
      });
  buffers.parallel(kernel, arguments, buffers.rows, buffers.index(1));
  return success();
}

LogicalResult cuda::lowerLastRow(LastRowOp last, GroupBuffers &buffers) {
  Location loc = buffers.loc;
  SmallVector<Value> arguments = {inputBuffer(buffers, last.getX()), buffers.results[0],
                                  buffers.rows};
  auto kernel = buffers.kernel(
      "cuda " + buffers.key(last->getParentOfType<GroupOp>()), "last_row",
      ValueRange(arguments).getTypes(), [&](OpBuilder &b, ValueRange values, Value, Value) {
        Team team(b, loc, kernelOf(b), {threads, 1, 1});
        Value row = arith::SubIOp::create(b, loc, values[2], indexOf(b, loc, 1));
        Value from = asRows(b, loc, values[0]), to = asRows(b, loc, values[1]);
        team.forEach(indexOf(b, loc, rowWidth(values[1])), [&](OpBuilder &b, Value column) {
          Value value = loadNumbers(b, loc, from, ValueRange{row, column});
          write(b, loc, value, to, {indexOf(b, loc, 0), column}, buffers.accumulate[0]);
        });
      });
  buffers.parallel(kernel, arguments, buffers.index(1), buffers.index(1));
  return success();
}

LogicalResult cuda::lowerScatterRows(ScatterRowsOp scatter, GroupBuffers &buffers) {
  // Ids are dealt to so many blocks for each 256 columns; all of them read all ids.
  constexpr int64_t shares = 64;
  Location loc = buffers.loc;
  SmallVector<Value> arguments = {inputBuffer(buffers, scatter.getX()),
                                  inputBuffer(buffers, scatter.getIds()), buffers.results[0],
                                  buffers.rows};
  int64_t width = rowWidth(buffers.results[0]);
  int64_t count = cast<MemRefType>(buffers.results[0].getType()).getDimSize(0);
  bool adds = buffers.accumulate[0];
  auto kernel = buffers.kernel(
      "cuda " + buffers.key(scatter->getParentOfType<GroupOp>()), "scatter_rows",
      ValueRange(arguments).getTypes(), [&](OpBuilder &b, ValueRange values, Value lo, Value) {
        Team team(b, loc, kernelOf(b), {threads, 1, 1});
        Value x = asRows(b, loc, values[0]), result = asRows(b, loc, values[2]);
        Value number = indexOf(b, loc, shares), one = indexOf(b, loc, 1);
        Value share = arith::RemUIOp::create(b, loc, lo, number);
        Value block = arith::DivUIOp::create(b, loc, lo, number);
        Value first = arith::MulIOp::create(b, loc, block, indexOf(b, loc, threads));
        team.forItem(first, indexOf(b, loc, width), [&](OpBuilder &b, Value column) {
          if (!adds)
            scf::ForOp::create(b, loc, share, indexOf(b, loc, count), number, ValueRange(),
                               [&](OpBuilder &b, Location loc, Value id, ValueRange) {
                                 memref::StoreOp::create(b, loc, floatOf(b, loc, 0), result,
                                                         ValueRange{id, column});
                                 scf::YieldOp::create(b, loc);
                               });
          scf::ForOp::create(b, loc, indexOf(b, loc, 0), values[3], one, ValueRange(),
                             [&](OpBuilder &b, Location loc, Value row, ValueRange) {
                               Value id = loadId(b, loc, values[1], row);
                               Value owner = arith::RemUIOp::create(b, loc, id, number);
                               Value isMine = arith::CmpIOp::create(
                                   b, loc, arith::CmpIPredicate::eq, owner, share);
                               scf::IfOp::create(b, loc, isMine, [&](OpBuilder &b, Location loc) {
                                 Value value = loadNumbers(b, loc, x, ValueRange{row, column});
                                 write(b, loc, value, result, {id, column}, /*adds=*/true);
                                 scf::YieldOp::create(b, loc);
                               });
                               scf::YieldOp::create(b, loc);
                             });
        });
      });
  int64_t blocks = (width + threads - 1) / threads;
  buffers.parallel(kernel, arguments, buffers.index(blocks * shares), buffers.index(1));
  return success();
}

void cuda::transfer(GroupBuffers &buffers, Value from, Value to, Value count, bool adds) {
  Location loc = buffers.loc;
  SmallVector<Value> arguments = {from, to};
  std::string key = llvm::formatv("cuda {0} {1}", adds, from.getType());
  auto kernel = buffers.kernel(key, adds ? "add" : "copy", ValueRange(arguments).getTypes(),
                               [&](OpBuilder &b, ValueRange values, Value lo, Value hi) {
                                 Team team(b, loc, kernelOf(b), {threads, 1, 1});
                                 team.forItem(lo, hi, [&](OpBuilder &b, Value at) {
                                   Value value = loadNumbers(b, loc, values[0], at);
                                   write(b, loc, value, values[1], at, adds);
                                 });
                               });
  buffers.parallel(kernel, arguments, count, buffers.index(threads));
}
