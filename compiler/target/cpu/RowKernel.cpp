// RowKernel: writes the kernel of a RowPlan with explicit vectors.
// Rows one after another, and for each row the plan's nests in order.
#include "compiler/target/cpu/NestEmitter.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::lnx;

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
