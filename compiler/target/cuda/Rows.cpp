// Rows: a rows group becomes one kernel, a team of threads for each row.
// Sums over rows go through partial sums of a fixed number of blocks, added in order by a second
// kernel, so their bits depend on the data alone.
#include "compiler/target/cuda/Cuda.h"
#include "compiler/target/cuda/RowEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::cuda;

// Blocks that share a sum over rows: two for each of the 132 processors of an H100, whatever the
// device, because their number decides the bits.
static constexpr int64_t sumBlocks = 264;

/// Columns c of result[c] (+)= partial[0][c] + partial[1][c] + ... in this order, a thread each.
static void addPartials(GroupBuffers &buffers, Value partial, Value result, Value chunks,
                        const RowShape &shape, bool accumulate) {
  constexpr int64_t threads = 128;
  std::string key =
      llvm::formatv("cuda add_partials {0} {1} {2}", shape.size, accumulate, result.getType());
  SmallVector<Value> arguments = {partial, result, chunks};
  auto kernel = buffers.kernel(
      key, "add_partials", ValueRange(arguments).getTypes(),
      [&](OpBuilder &b, ValueRange arguments, Value lo, Value hi) {
        Location loc = buffers.loc;
        Team team(b, loc, kernelOf(b), {threads, 1, 1});
        RowShape flat;
        flat.size = shape.size;
        Value from = flattenRows(b, loc, arguments[0], {true, {shape.size}, shape.size}).memref;
        Value to = flattenRows(b, loc, arguments[1], flat).memref;
        team.forItem(lo, hi, [&](OpBuilder &b, Value column) {
          SmallVector<Value> place;
          if (cast<MemRefType>(to.getType()).getRank() > 0)
            place.push_back(column);
          Value start = accumulate ? memref::LoadOp::create(b, loc, to, place).getResult()
                                   : floatOf(b, loc, 0);
          auto loop = scf::ForOp::create(
              b, loc, indexOf(b, loc, 0), arguments[2], indexOf(b, loc, 1), start,
              [&](OpBuilder &b, Location loc, Value chunk, ValueRange carried) {
                Value part = memref::LoadOp::create(b, loc, from, ValueRange{chunk, column});
                Value sum = arith::AddFOp::create(b, loc, carried[0], part);
                scf::YieldOp::create(b, loc, sum);
              });
          memref::StoreOp::create(b, loc, loop.getResult(0), to, place);
        });
      });
  buffers.parallel(kernel, arguments, buffers.index(shape.size), buffers.index(threads));
}

namespace {

/// The body of one kernel.
class RowKernelBody {
public:
  RowKernelBody(OpBuilder &b, Location loc, GroupOp group, const RowPlan &plan, TeamShape shape,
                ArrayRef<bool> accumulate, ValueRange values)
      : b(b), loc(loc), plan(plan), team(b, loc, kernelOf(b), shape) {
    Block &body = group.getBody().front();
    unsigned next = 0;
    for (BlockArgument argument : body.getArguments())
      buffers.inputs.push_back(flattenRows(b, loc, values[next++], plan.shape(argument)));
    for (Value result : body.getTerminator()->getOperands()) {
      RowShape shape = plan.shape(result);
      if (result.getDefiningOp<SumRowsOp>()) // partial sums, a row for each block
        shape = {true, {shape.size}, shape.size};
      buffers.results.push_back(flattenRows(b, loc, values[next++], shape));
    }
    buffers.accumulate.assign(accumulate.begin(), accumulate.end());
    for (auto [result, value] : llvm::enumerate(body.getTerminator()->getOperands()))
      if (value.getDefiningOp<SumRowsOp>())
        buffers.accumulate[result] = false;
  }

  /// One row for each team, from `lo`.
  void emitRow(Value lo, Value hi) {
    Value row = lo, isRow;
    if (team.number) {
      row = arith::AddIOp::create(b, loc, lo, team.number);
      isRow = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, row, hi);
      // Teams behind the last row compute it as well and write nothing.
      Value last = arith::SubIOp::create(b, loc, hi, indexOf(b, loc, 1));
      row = arith::MinSIOp::create(b, loc, row, last);
    }
    SmallVector<Value> none;
    RowEmitter(b, loc, plan, buffers, team).emit(row, isRow, none);
  }

  /// All rows [lo, hi) one after another, and their sums as the partial sums of this block. Its
  /// number is lo / grain, but a division of 64 bits is a call, which spills.
  void emitRows(Value lo, Value hi) {
    RowEmitter emitter(b, loc, plan, buffers, team);
    SmallVector<Value> sums = emitter.startSums();
    auto loop = scf::ForOp::create(b, loc, lo, hi, indexOf(b, loc, 1), sums);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      SmallVector<Value> next(loop.getRegionIterArgs());
      emitter.emit(loop.getInductionVar(), Value(), next);
      if (emitter.usesMemory())
        team.barrier();
      if (!next.empty()) // without carried values the loop has its end already
        scf::YieldOp::create(b, loc, next);
    }
    Value chunk = gpu::BlockIdOp::create(b, loc, gpu::Dimension::x);
    emitter.storeSums(chunk, SmallVector<Value>(loop.getResults()));
  }

private:
  OpBuilder &b;
  Location loc;
  const RowPlan &plan;
  Team team;
  RowBuffers buffers;
};

} // namespace

static Value ceilDiv(GroupBuffers &buffers, Value n, int64_t by) {
  OpBuilder &b = buffers.builder;
  Value raised = arith::AddIOp::create(b, buffers.loc, n, buffers.index(by - 1));
  return arith::DivUIOp::create(b, buffers.loc, raised, buffers.index(by));
}

LogicalResult cuda::lowerRows(GroupOp group, GroupBuffers &buffers) {
  FailureOr<RowPlan> plan = RowPlan::of(group, buffers.accumulate, buffers.inPlace);
  if (failed(plan))
    return failure();
  FailureOr<TeamShape> shape = shapeOf(group, *plan, buffers.inPlace);
  if (failed(shape))
    return failure();
  Operation *yield = group.getBody().front().getTerminator();
  Type f32 = buffers.builder.getF32Type();
  bool sums = plan->hasSumRows();
  SmallVector<Value> arguments(buffers.inputs), partials;
  for (auto [value, buffer] : llvm::zip_equal(yield->getOperands(), buffers.results)) {
    if (value.getDefiningOp<SumRowsOp>())
      partials.push_back(
          buffers.allocate(MemRefType::get({sumBlocks, plan->shape(value).size}, f32)));
    arguments.push_back(value.getDefiningOp<SumRowsOp>() ? partials.back() : buffer);
  }
  Value rows = plan->fixedRows ? buffers.index(plan->fixedRows) : buffers.rows;
  Value grain = sums ? ceilDiv(buffers, rows, sumBlocks) : buffers.index(shape->rows);
  auto kernel = buffers.kernel(
      "cuda " + buffers.key(group), "rows", ValueRange(arguments).getTypes(),
      [&](OpBuilder &b, ValueRange values, Value lo, Value hi) {
        RowKernelBody body(b, buffers.loc, group, *plan, *shape, buffers.accumulate, values);
        sums ? body.emitRows(lo, hi) : body.emitRow(lo, hi);
      });
  buffers.parallel(kernel, arguments, rows, grain);
  if (!sums)
    return success();
  // ceil(rows / grain) blocks have filled their partial sums.
  OpBuilder &b = buffers.builder;
  Value last = arith::SubIOp::create(b, buffers.loc, rows, buffers.index(1));
  Value full = arith::DivUIOp::create(b, buffers.loc, last, grain);
  Value chunks = arith::AddIOp::create(b, buffers.loc, full, buffers.index(1));
  unsigned next = 0;
  for (auto [index, value] : llvm::enumerate(yield->getOperands()))
    if (value.getDefiningOp<SumRowsOp>())
      addPartials(buffers, partials[next++], buffers.results[index], chunks, plan->shape(value),
                  buffers.accumulate[index]);
  return success();
}
