// DeviceMath: functions of numbers as single instructions of the device and arithmetic around them.
// The toolkit's math library is not needed: what is left is what NVPTX selects (cuda-target 2.4).
#include "compiler/target/cuda/Ptx.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::lnx;

namespace {

/// Scalar code at one place; fma is allowed, nothing else is reordered.
class Scalar {
public:
  Scalar(OpBuilder &b, Location loc) : b(b), loc(loc) {}

  Value call(StringRef intrinsic, ValueRange operands) {
    return LLVM::CallIntrinsicOp::create(b, loc, b.getF32Type(), b.getStringAttr(intrinsic),
                                         operands)
        .getResult(0);
  }
  Value number(double value) {
    return arith::ConstantFloatOp::create(b, loc, b.getF32Type(),
                                          APFloat(static_cast<float>(value)));
  }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y, contract()); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y, contract()); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y, contract()); }
  Value mul(Value x, double y) { return mul(x, number(y)); }
  Value less(Value x, double y) {
    return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, x, number(y));
  }
  Value select(Value condition, Value x, Value y) {
    return arith::SelectOp::create(b, loc, condition, x, y);
  }
  Value abs(Value x) { return call("llvm.fabs.f32", x); }
  /// 2^(x log2 e): relative error about 2^-22 + 2^-24 |x|.
  Value exp(Value x) { return call("llvm.nvvm.ex2.approx.ftz.f", mul(x, 1.4426950408889634)); }
  Value log(Value x) { return mul(call("llvm.nvvm.lg2.approx.ftz.f", x), 0.69314718055994531); }
  Value reciprocal(Value x) { return call("llvm.nvvm.rcp.approx.ftz.f", x); }
  Value tanh(Value x);
  Value compute(Operation *op, ValueRange x);

private:
  arith::FastMathFlags contract() { return arith::FastMathFlags::contract; }

  OpBuilder &b;
  Location loc;
};

} // namespace

/// 1 - 2/(e^2|x| + 1), and its series to x^9 below 0.3, where that would cancel: the next term is
/// 1382/155925 x^10 of x, 5e-8 there.
Value Scalar::tanh(Value x) {
  Value size = abs(x);
  Value grown = exp(mul(size, 2));
  Value large = sub(number(1), mul(reciprocal(add(grown, number(1))), 2));
  Value square = mul(x, x);
  Value series = number(62.0 / 2835);
  for (double coefficient : {-17.0 / 315, 2.0 / 15, -1.0 / 3, 1.0})
    series = add(mul(series, square), number(coefficient));
  Value sign = call("llvm.copysign.f32", {large, x});
  return select(less(size, 0.3), mul(series, x), sign);
}

/// Null for what has no instruction sequence here.
Value Scalar::compute(Operation *op, ValueRange x) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](math::ExpOp) { return exp(x[0]); })
      .Case([&](math::LogOp) { return log(x[0]); })
      .Case([&](math::TanhOp) { return tanh(x[0]); })
      .Case([&](math::SqrtOp) { return call("llvm.nvvm.sqrt.rn.f", x[0]); })
      .Case([&](math::RsqrtOp) { return call("llvm.nvvm.rsqrt.approx.ftz.f", x[0]); })
      .Case([&](math::AbsFOp) { return abs(x[0]); })
      .Case([&](math::FmaOp) { return call("llvm.fma.f32", x); })
      .Case([&](math::FloorOp) { return call("llvm.floor.f32", x[0]); })
      .Case([&](math::CeilOp) { return call("llvm.ceil.f32", x[0]); })
      .Case([&](math::CopySignOp) { return call("llvm.copysign.f32", x); })
      .Case([&](arith::MaxNumFOp) { return call("llvm.maxnum.f32", x); })
      .Case([&](arith::MinNumFOp) { return call("llvm.minnum.f32", x); })
      .Default([](Operation *) { return Value(); });
}

namespace {

struct DeviceMath : PassWrapper<DeviceMath, OperationPass<gpu::GPUModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(DeviceMath)

  StringRef getArgument() const final { return "lnx-device-math"; }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry
        .insert<arith::ArithDialect, LLVM::LLVMDialect, math::MathDialect, vector::VectorDialect>();
  }
  void runOnOperation() final;

private:
  LogicalResult expand(Operation *op);
};

} // namespace

/// One lane after another.
LogicalResult DeviceMath::expand(Operation *op) {
  OpBuilder b(op);
  Location loc = op->getLoc();
  Scalar scalar(b, loc);
  Type type = op->getResult(0).getType();
  auto vectorType = dyn_cast<VectorType>(type);
  if (!getElementTypeOrSelf(type).isF32())
    return op->emitOpError("is not on f32 numbers");
  Value result;
  if (vectorType)
    result = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(vectorType, 0.0f));
  for (int64_t lane = 0, lanes = vectorType ? vectorType.getNumElements() : 1; lane < lanes;
       ++lane) {
    SmallVector<Value> operands(op->getOperands());
    if (vectorType)
      for (Value &operand : operands)
        operand = vector::ExtractOp::create(b, loc, operand, lane);
    Value value = scalar.compute(op, operands);
    if (!value)
      return op->emitOpError("has no instructions on this device");
    result = vectorType ? vector::InsertOp::create(b, loc, value, result, lane).getResult() : value;
  }
  op->getResult(0).replaceAllUsesWith(result);
  op->erase();
  return success();
}

void DeviceMath::runOnOperation() {
  // Powers as exponentials of logarithms, with their signs.
  RewritePatternSet patterns(&getContext());
  math::populateExpansionPatterns(patterns, {"powf", "fpowi", "sinh", "cosh"});
  SmallVector<Operation *> ops;
  auto collect = [&] {
    ops.clear();
    getOperation().walk([&](Operation *op) {
      if (isa_and_nonnull<math::MathDialect>(op->getDialect()) ||
          isa<arith::MaxNumFOp, arith::MinNumFOp>(op))
        ops.push_back(op);
    });
  };
  collect();
  (void)applyOpPatternsGreedily(ops, std::move(patterns));
  collect();
  for (Operation *op : ops)
    if (failed(expand(op)))
      return signalPassFailure();
  // A product and the sum it goes to become one fma; quotients of two approximate steps are within
  // 2 units in the last place.
  getOperation().walk([](Operation *op) {
    if (auto flags = dyn_cast<arith::ArithFastMathInterface>(op)) {
      if (isa<arith::AddFOp, arith::SubFOp, arith::MulFOp>(op))
        op->setAttr(
            flags.getFastMathAttrName(),
            arith::FastMathFlagsAttr::get(op->getContext(), arith::FastMathFlags::contract));
      if (isa<arith::DivFOp>(op))
        op->setAttr(flags.getFastMathAttrName(),
                    arith::FastMathFlagsAttr::get(op->getContext(), arith::FastMathFlags::afn));
    }
  });
}

std::unique_ptr<Pass> cuda::createDeviceMath() { return std::make_unique<DeviceMath>(); }
