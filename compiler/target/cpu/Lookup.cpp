// Lookup: rows of tables, and positions.
// Everything is cut by rows, except the sum by id, which is cut by columns: each task sees the rows
// in order, so no two tasks meet and the bits do not depend on the number of threads.
#include "compiler/target/cpu/Columns.h"
#include "compiler/target/cpu/Cpu.h"
#include "compiler/target/cpu/RowKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::lnx;

// Floats of one task; see taskFloats in Rows.cpp.
static constexpr int64_t taskFloats = 1 << 16;

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

static void forRows(OpBuilder &b, Location loc, Value lo, Value hi,
                    llvm::function_ref<void(OpBuilder &, Value)> body) {
  auto loop = scf::ForOp::create(b, loc, lo, hi, indexConstant(b, loc, 1));
  OpBuilder inside(loop.getBody()->getTerminator());
  body(inside, loop.getInductionVar());
}

static Value loadId(OpBuilder &b, Location loc, Value ids, Value row) {
  Value id = memref::LoadOp::create(b, loc, ids, row);
  return arith::IndexCastOp::create(b, loc, b.getIndexType(), id);
}

LogicalResult lnx::lowerPositions(PositionsOp positions, GroupBuffers &buffers) {
  SmallVector<Value> arguments = {buffers.results[0], buffers.time};
  auto kernel =
      buffers.kernel("positions", "positions", ValueRange(arguments).getTypes(),
                     [&](OpBuilder &b, ValueRange values, Value lo, Value hi) {
                       forRows(b, buffers.loc, lo, hi, [&](OpBuilder &b, Value row) {
                         Value position = arith::RemUIOp::create(b, buffers.loc, row, values[1]);
                         Value id =
                             arith::IndexCastOp::create(b, buffers.loc, b.getI32Type(), position);
                         memref::StoreOp::create(b, buffers.loc, id, values[0], row);
                       });
                     });
  buffers.parallel(kernel, arguments, buffers.rows, buffers.index(taskFloats));
  return success();
}

/// Copies a row, adding where the result accumulates.
static void copyRow(OpBuilder &b, Location loc, Value from, Value fromRow, Value to, Value toRow,
                    bool accumulate) {
  forColumns(b, loc, rowWidth(to), [&](OpBuilder &b, VectorType type, Value column) {
    Value value = vector::LoadOp::create(b, loc, type, from, ValueRange{fromRow, column});
    if (accumulate) {
      Value old = vector::LoadOp::create(b, loc, type, to, ValueRange{toRow, column});
      value = arith::AddFOp::create(b, loc, old, value);
    }
    vector::StoreOp::create(b, loc, value, to, ValueRange{toRow, column});
  });
}

LogicalResult lnx::lowerGather(GatherOp gather, GroupBuffers &buffers) {
  Location loc = buffers.loc;
  SmallVector<Value> arguments = {inputBuffer(buffers, gather.getTable()),
                                  inputBuffer(buffers, gather.getIds()), buffers.results[0]};
  auto kernel = buffers.kernel(
      buffers.key(gather->getParentOfType<GroupOp>()), "gather", ValueRange(arguments).getTypes(),
      [&](OpBuilder &b, ValueRange values, Value lo, Value hi) {
        Value table = asRows(b, loc, values[0]), result = asRows(b, loc, values[2]);
        forRows(b, loc, lo, hi, [&](OpBuilder &b, Value row) {
          copyRow(b, loc, table, loadId(b, loc, values[1], row), result, row,
                  buffers.accumulate[0]);
        });
      });
  int64_t grain = std::max<int64_t>(1, taskFloats / rowWidth(buffers.results[0]));
  buffers.parallel(kernel, arguments, buffers.rows, buffers.index(grain));
  return success();
}

LogicalResult lnx::lowerLastRow(LastRowOp last, GroupBuffers &buffers) {
  Location loc = buffers.loc;
  SmallVector<Value> arguments = {inputBuffer(buffers, last.getX()), buffers.results[0],
                                  buffers.rows};
  auto kernel = buffers.kernel(
      buffers.key(last->getParentOfType<GroupOp>()), "last_row", ValueRange(arguments).getTypes(),
      [&](OpBuilder &b, ValueRange values, Value, Value) {
        Value row = arith::SubIOp::create(b, loc, values[2], indexConstant(b, loc, 1));
        copyRow(b, loc, asRows(b, loc, values[0]), row, asRows(b, loc, values[1]),
                indexConstant(b, loc, 0), buffers.accumulate[0]);
      });
  buffers.parallel(kernel, arguments, buffers.index(1), buffers.index(1));
  return success();
}

/// Columns of one task: the largest divisor of the width up to 128, so that all tasks are alike. A
/// width without one (a large prime) is one task.
static int64_t blockWidth(int64_t width) {
  for (int64_t block = std::min<int64_t>(width, 128); block >= 16; --block)
    if (width % block == 0)
      return block;
  return width;
}

/// A [rows x width] buffer as [rows x block] from column `first` on.
static Value columnBlock(OpBuilder &b, Location loc, Value buffer, Value first, int64_t block) {
  auto type = cast<MemRefType>(buffer.getType());
  int64_t width = type.getDimSize(1);
  auto viewType =
      MemRefType::get({type.getDimSize(0), block}, b.getF32Type(),
                      StridedLayoutAttr::get(b.getContext(), ShapedType::kDynamic, {width, 1}));
  OpFoldResult rows = b.getIndexAttr(type.getDimSize(0));
  if (type.isDynamicDim(0))
    rows = memref::DimOp::create(b, loc, buffer, 0).getResult();
  return memref::ReinterpretCastOp::create(
      b, loc, viewType, buffer, OpFoldResult(first),
      ArrayRef<OpFoldResult>{rows, b.getIndexAttr(block)},
      ArrayRef<OpFoldResult>{b.getIndexAttr(width), b.getIndexAttr(1)});
}

LogicalResult lnx::lowerScatterRows(ScatterRowsOp scatter, GroupBuffers &buffers) {
  Location loc = buffers.loc;
  SmallVector<Value> arguments = {inputBuffer(buffers, scatter.getX()),
                                  inputBuffer(buffers, scatter.getIds()), buffers.results[0],
                                  buffers.rows};
  int64_t width = rowWidth(buffers.results[0]), block = blockWidth(width);
  auto count = cast<MemRefType>(buffers.results[0].getType()).getDimSize(0);
  auto kernel = buffers.kernel(
      buffers.key(scatter->getParentOfType<GroupOp>()), "scatter_rows",
      ValueRange(arguments).getTypes(), [&](OpBuilder &b, ValueRange values, Value lo, Value hi) {
        Value x = asRows(b, loc, values[0]), result = asRows(b, loc, values[2]);
        forRows(b, loc, lo, hi, [&](OpBuilder &b, Value task) {
          Value first = arith::MulIOp::create(b, loc, task, indexConstant(b, loc, block));
          Value from = columnBlock(b, loc, x, first, block);
          Value to = columnBlock(b, loc, result, first, block);
          Value zero = indexConstant(b, loc, 0);
          if (!buffers.accumulate[0])
            forRows(b, loc, zero, indexConstant(b, loc, count), [&](OpBuilder &b, Value row) {
              forColumns(b, loc, block, [&](OpBuilder &b, VectorType type, Value column) {
                vector::StoreOp::create(b, loc, splat(b, loc, type, 0), to,
                                        ValueRange{row, column});
              });
            });
          forRows(b, loc, zero, values[3], [&](OpBuilder &b, Value row) {
            copyRow(b, loc, from, row, to, loadId(b, loc, values[1], row), /*accumulate=*/true);
          });
        });
      });
  buffers.parallel(kernel, arguments, buffers.index(width / block), buffers.index(1));
  return success();
}
