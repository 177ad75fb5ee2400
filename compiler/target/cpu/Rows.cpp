// Rows: a rows group becomes one kernel over row ranges.
// Sums over rows go through partial sums of a fixed number of chunks, added in order by a second
// kernel, so their bits depend on the data alone.
#include "compiler/target/cpu/Columns.h"
#include "compiler/target/cpu/Cpu.h"
#include "compiler/target/cpu/RowKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::lnx;

// Chunks of a sum over rows: the number of threads that can share it.
static constexpr int64_t sumChunks = 16;
// Floats that one task reads and writes: 256 KiB, some 5 us beside the 0.2 us of claiming a task.
static constexpr int64_t taskFloats = 1 << 16;

static Value ceilDiv(GroupBuffers &buffers, Value n, int64_t by) {
  OpBuilder &b = buffers.builder;
  Value rounded = arith::AddIOp::create(b, buffers.loc, n, buffers.index(by - 1));
  return arith::DivUIOp::create(b, buffers.loc, rounded, buffers.index(by));
}

/// A view of row `row` of a [chunks x size] buffer.
static Value chunkRow(OpBuilder &b, Location loc, Value partial, Value row, int64_t size) {
  auto type = MemRefType::get({size}, b.getF32Type(),
                              StridedLayoutAttr::get(b.getContext(), ShapedType::kDynamic, {1}));
  Value offset = arith::MulIOp::create(b, loc, row, indexConstant(b, loc, size));
  return memref::ReinterpretCastOp::create(b, loc, type, partial, OpFoldResult(offset),
                                           ArrayRef<OpFoldResult>{b.getIndexAttr(size)},
                                           ArrayRef<OpFoldResult>{b.getIndexAttr(1)});
}

/// result[c] (+)= partial[0][c] + partial[1][c] + ... in this order.
static void addPartials(GroupBuffers &buffers, Value partial, Value result, Value chunks,
                        int64_t size, bool accumulate) {
  std::string key = llvm::formatv("add_partials {0} {1} {2}", size, accumulate, result.getType());
  SmallVector<Value> arguments = {partial, result, chunks};
  auto kernel = buffers.kernel(
      key, "add_partials", ValueRange(arguments).getTypes(),
      [&](OpBuilder &b, ValueRange arguments, Value, Value) {
        Location loc = buffers.loc;
        Value from = flattenRows(b, loc, arguments[0], {true, {size}, size}).memref;
        RowShape shape;
        shape.size = size;
        Value to = flattenRows(b, loc, arguments[1], shape).memref;
        if (cast<MemRefType>(to.getType()).getRank() == 0)
          to = memref::ReinterpretCastOp::create(
              b, loc, MemRefType::get({1}, b.getF32Type()), to, b.getIndexAttr(0),
              ArrayRef<OpFoldResult>{b.getIndexAttr(1)}, ArrayRef<OpFoldResult>{b.getIndexAttr(1)});
        forColumns(b, loc, size, [&](OpBuilder &b, VectorType type, Value column) {
          Value start = accumulate ? vector::LoadOp::create(b, loc, type, to, column).getResult()
                                   : splat(b, loc, type, 0);
          Value zero = indexConstant(b, loc, 0), one = indexConstant(b, loc, 1);
          auto loop = scf::ForOp::create(
              b, loc, zero, arguments[2], one, start,
              [&](OpBuilder &b, Location loc, Value chunk, ValueRange carried) {
                Value part = vector::LoadOp::create(b, loc, type, from, ValueRange{chunk, column});
                Value sum = arith::AddFOp::create(b, loc, carried[0], part);
                scf::YieldOp::create(b, loc, sum);
              });
          vector::StoreOp::create(b, loc, loop.getResult(0), to, column);
        });
      });
  buffers.parallel(kernel, arguments, buffers.index(1), buffers.index(1));
}

/// The kernel's body: casts, cleared partial sums, rows.
static void emitKernel(OpBuilder &b, Location loc, GroupOp group, const RowPlan &plan,
                       ArrayRef<bool> accumulate, ValueRange values, Value lo, Value hi) {
  RowArguments arguments;
  arguments.lo = lo;
  arguments.hi = hi;
  arguments.accumulate.assign(accumulate.begin(), accumulate.end());
  Block &body = group.getBody().front();
  if (plan.hasSumRows())
    arguments.chunk = arith::DivUIOp::create(b, loc, lo, values.back());
  unsigned next = 0;
  for (BlockArgument argument : body.getArguments())
    arguments.inputs.push_back(flattenRows(b, loc, values[next++], plan.shape(argument)));
  for (Value result : body.getTerminator()->getOperands()) {
    if (!result.getDefiningOp<SumRowsOp>()) {
      arguments.results.push_back(flattenRows(b, loc, values[next++], plan.shape(result)));
      continue;
    }
    int64_t size = plan.shape(result).size;
    Value row = chunkRow(b, loc, values[next++], arguments.chunk, size);
    forColumns(b, loc, size, [&](OpBuilder &b, VectorType type, Value column) {
      vector::StoreOp::create(b, loc, splat(b, loc, type, 0), row, column);
    });
    arguments.results.push_back({row, false});
  }
  emitRowKernel(b, loc, group, plan, arguments);
}

LogicalResult lnx::lowerRows(GroupOp group, GroupBuffers &buffers) {
  FailureOr<RowPlan> plan = RowPlan::of(group, buffers.accumulate, buffers.inPlace);
  if (failed(plan))
    return failure();
  Block &body = group.getBody().front();
  Type f32 = buffers.builder.getF32Type();
  SmallVector<Value> arguments(buffers.inputs), partials;
  for (auto [index, value] : llvm::enumerate(body.getTerminator()->getOperands())) {
    Value buffer = buffers.results[index];
    if (value.getDefiningOp<SumRowsOp>())
      partials.push_back(
          buffer = buffers.allocate(MemRefType::get({sumChunks, plan->shape(value).size}, f32)));
    arguments.push_back(buffer);
  }
  Value rows = plan->fixedRows ? buffers.index(plan->fixedRows) : buffers.rows;
  Value grain =
      buffers.index(std::max<int64_t>(1, taskFloats / std::max<int64_t>(1, plan->rowFloats())));
  if (plan->hasSumRows()) {
    grain = ceilDiv(buffers, rows, sumChunks);
    arguments.push_back(grain);
  }
  auto kernel =
      buffers.kernel(buffers.key(group), "rows", ValueRange(arguments).getTypes(),
                     [&](OpBuilder &b, ValueRange values, Value lo, Value hi) {
                       emitKernel(b, buffers.loc, group, *plan, buffers.accumulate, values, lo, hi);
                     });
  buffers.parallel(kernel, arguments, rows, grain);
  if (!plan->hasSumRows())
    return success();
  // ceil(rows / ceil(rows / 16)) chunks were filled.
  OpBuilder &b = buffers.builder;
  Value last = arith::SubIOp::create(b, buffers.loc, rows, buffers.index(1));
  Value chunks = arith::AddIOp::create(
      b, buffers.loc, arith::DivUIOp::create(b, buffers.loc, last, grain), buffers.index(1));
  unsigned next = 0;
  for (auto [index, value] : llvm::enumerate(body.getTerminator()->getOperands()))
    if (value.getDefiningOp<SumRowsOp>())
      addPartials(buffers, partials[next++], buffers.results[index], chunks,
                  plan->shape(value).size, buffers.accumulate[index]);
  return success();
}
