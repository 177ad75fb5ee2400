// NestEmitter: writes one loop nest of a row kernel.
// A value is emitted once for each loop depth it depends on; what does not depend on the innermost
// dimension stays a scalar outside the vector loop. Relied on by RowKernel.
#ifndef LNX_COMPILER_TARGET_CPU_NESTEMITTER_H
#define LNX_COMPILER_TARGET_CPU_NESTEMITTER_H

#include "compiler/target/cpu/RowKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lnx {

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
  void emitLoop(unsigned depth, Value from, Value to, Value step,
                llvm::function_ref<void(scf::ForOp)> emitIteration);
  void emitBody(int64_t width, int64_t valid, Value column);
  void emitSink(const Sink &sink, Value value);
  void emitReduction(const Sink &sink, Value value);
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

} // namespace mlir::lnx

#endif
