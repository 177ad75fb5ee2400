// Activity: which values of a function carry a gradient.
// Relied on by differentiate, which computes no gradient of any other value.
#ifndef LNX_COMPILER_AUTODIFF_ACTIVITY_H
#define LNX_COMPILER_AUTODIFF_ACTIVITY_H

#include "dialect/LnxDialect.h"
#include "llvm/ADT/DenseSet.h"

namespace mlir::lnx {

/// A value is wanted when it depends on a parameter and the function's result depends on it. A
/// carry of a repeat is one thing: initial value, argument, yielded value and result agree, as far
/// as they are not wanted or unwanted by themselves.
class Activity {
public:
  explicit Activity(func::FuncOp function);
  bool isWanted(Value value) const { return varied.contains(value) && useful.contains(value); }

private:
  bool vary(Block &block);
  bool varyRepeat(RepeatOp repeat);
  bool use(Block &block);
  bool useRepeat(RepeatOp repeat);

  llvm::DenseSet<Value> varied, useful;
};

} // namespace mlir::lnx

#endif
