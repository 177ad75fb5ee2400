// Stacks: repeats with other stacks and slices than they were built with.
// Relied on by differentiate and rematerialize, which move values between repeats.
#ifndef LNX_COMPILER_AUTODIFF_STACKS_H
#define LNX_COMPILER_AUTODIFF_STACKS_H

#include "dialect/LnxDialect.h"

namespace mlir::lnx {

/// The same repeat with one more stack, and result, for each of `values` of its body. What used
/// `repeat` uses the new one; `repeat` itself stays, empty, until the caller erases it.
RepeatOp addStacks(RepeatOp repeat, ArrayRef<Value> values);

/// The same repeat with one more slice, and body argument, for each of `stacks`; `repeat` is
/// erased.
RepeatOp addSlices(RepeatOp repeat, ArrayRef<Value> stacks);

/// The same repeat without slices its body does not use and stacks nobody reads; `repeat` is erased
/// when the result is another.
RepeatOp dropUnused(RepeatOp repeat);

} // namespace mlir::lnx

#endif
