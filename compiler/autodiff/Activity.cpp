// Activity: which values of a function carry a gradient.
// Forward from the parameters, backward from the result; a repeat is walked until nothing changes.
#include "compiler/autodiff/Activity.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::lnx;

Activity::Activity(func::FuncOp function) {
  Block &body = function.getBody().front();
  vary(body);
  if (body.getTerminator()->getNumOperands() > 0)
    useful.insert(body.getTerminator()->getOperand(0)); // the loss; other results are observed
  use(body);
}

/// True when something new varies.
bool Activity::vary(Block &block) {
  bool changed = false;
  for (Operation &op : block) {
    if (auto repeat = dyn_cast<RepeatOp>(op)) {
      changed |= varyRepeat(repeat);
      continue;
    }
    bool varies = isa<GetOp>(op) || llvm::any_of(op.getOperands(), [&](Value operand) {
                    return varied.contains(operand);
                  });
    if (!varies)
      continue;
    for (Value result : op.getResults())
      if (isa<FloatType>(getElementTypeOrSelf(result)))
        changed |= varied.insert(result).second;
  }
  return changed;
}

bool Activity::varyRepeat(RepeatOp repeat) {
  bool changed = false;
  auto pass = [&](Value from, Value to) {
    bool isNew = varied.contains(from) && varied.insert(to).second;
    changed |= isNew;
    return isNew;
  };
  for (auto [slice, argument] : llvm::zip(repeat.getSlices(), repeat.getSliceArguments()))
    pass(slice, argument);
  for (auto [init, argument] : llvm::zip(repeat.getCarries(), repeat.getCarryArguments()))
    pass(init, argument);
  Operation *yield = repeat.getBody().front().getTerminator();
  for (bool again = true; again;) {
    changed |= vary(repeat.getBody().front());
    again = false;
    for (auto [yielded, argument] : llvm::zip(yield->getOperands(), repeat.getCarryArguments()))
      again |= pass(yielded, argument);
  }
  for (auto [argument, result] : llvm::zip(repeat.getCarryArguments(), repeat.getCarryResults()))
    pass(argument, result);
  for (auto [yielded, result] : llvm::zip(yield->getOperands(), repeat.getResults()))
    pass(yielded, result);
  return changed;
}

/// True when something new is useful.
bool Activity::use(Block &block) {
  bool changed = false;
  for (Operation &op : llvm::reverse(block)) {
    if (auto repeat = dyn_cast<RepeatOp>(op)) {
      changed |= useRepeat(repeat);
      continue;
    }
    if (llvm::none_of(op.getResults(), [&](Value result) { return useful.contains(result); }))
      continue;
    for (Value operand : op.getOperands())
      changed |= useful.insert(operand).second;
  }
  return changed;
}

bool Activity::useRepeat(RepeatOp repeat) {
  bool changed = false;
  auto pass = [&](Value from, Value to) {
    bool isNew = useful.contains(from) && useful.insert(to).second;
    changed |= isNew;
    return isNew;
  };
  Operation *yield = repeat.getBody().front().getTerminator();
  for (auto [result, yielded] : llvm::zip(repeat.getResults(), yield->getOperands()))
    pass(result, yielded);
  for (bool again = true; again;) {
    changed |= use(repeat.getBody().front());
    again = false;
    for (auto [argument, yielded] : llvm::zip(repeat.getCarryArguments(), yield->getOperands()))
      again |= pass(argument, yielded);
  }
  for (auto [argument, result, init] :
       llvm::zip(repeat.getCarryArguments(), repeat.getCarryResults(), repeat.getCarries())) {
    pass(argument, result);
    pass(argument, init);
  }
  for (auto [argument, slice] : llvm::zip(repeat.getSliceArguments(), repeat.getSlices()))
    pass(argument, slice);
  return changed;
}
