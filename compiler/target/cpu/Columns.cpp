// Columns: vector loops over a row whose width is known when compiling.
// The last columns run in smaller vectors, so nothing is read or written past the row.
#include "compiler/target/cpu/Columns.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::lnx;

static constexpr int64_t mainLanes = 32; // see widestVector in NestEmitter.cpp

Value lnx::indexConstant(OpBuilder &b, Location loc, int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}

Value lnx::floatConstant(OpBuilder &b, Location loc, double value) {
  return arith::ConstantFloatOp::create(b, loc, b.getF32Type(), APFloat(static_cast<float>(value)));
}

Value lnx::splat(OpBuilder &b, Location loc, VectorType type, double value) {
  return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, static_cast<float>(value)));
}

/// The pieces behind the last multiple of mainLanes.
static void forRest(OpBuilder &b, Location loc, int64_t size, ColumnBody body) {
  int64_t done = size / mainLanes * mainLanes;
  for (int64_t lanes = mainLanes / 2; done < size; lanes /= 2)
    if (size - done >= lanes) {
      body(b, VectorType::get({lanes}, b.getF32Type()), indexConstant(b, loc, done));
      done += lanes;
    }
}

void lnx::forColumns(OpBuilder &b, Location loc, int64_t size, ColumnBody body) {
  if (int64_t main = size / mainLanes * mainLanes) {
    auto loop = scf::ForOp::create(b, loc, indexConstant(b, loc, 0), indexConstant(b, loc, main),
                                   indexConstant(b, loc, mainLanes));
    OpBuilder inside(loop.getBody()->getTerminator());
    body(inside, VectorType::get({mainLanes}, b.getF32Type()), loop.getInductionVar());
  }
  forRest(b, loc, size, body);
}

Value lnx::reduceColumns(OpBuilder &b, Location loc, int64_t size, vector::CombiningKind kind,
                         double identity, ColumnValue body) {
  auto fast = arith::FastMathFlags::reassoc | arith::FastMathFlags::contract;
  auto flags = arith::FastMathFlagsAttr::get(b.getContext(), fast);
  auto wide = VectorType::get({mainLanes}, b.getF32Type());
  Value total = splat(b, loc, wide, identity);
  if (int64_t main = size / mainLanes * mainLanes) {
    auto loop =
        scf::ForOp::create(b, loc, indexConstant(b, loc, 0), indexConstant(b, loc, main),
                           indexConstant(b, loc, mainLanes), total,
                           [&](OpBuilder &b, Location loc, Value column, ValueRange carried) {
                             Value next = vector::makeArithReduction(b, loc, kind, carried[0],
                                                                     body(b, wide, column), flags);
                             scf::YieldOp::create(b, loc, next);
                           });
    total = loop.getResult(0);
  }
  forRest(b, loc, size, [&](OpBuilder &b, VectorType type, Value column) {
    Value padded = vector::InsertStridedSliceOp::create(b, loc, body(b, type, column),
                                                        splat(b, loc, wide, identity),
                                                        ArrayRef<int64_t>{0}, ArrayRef<int64_t>{1});
    total = vector::makeArithReduction(b, loc, kind, total, padded, flags);
  });
  return vector::ReductionOp::create(b, loc, kind, total, fast);
}
