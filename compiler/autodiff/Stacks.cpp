// Stacks: repeats with other stacks and slices than they were built with.
// Every change builds a new repeat around the old body, so values of the body stay what they are.
#include "compiler/autodiff/Stacks.h"

using namespace mlir;
using namespace mlir::lnx;

/// A repeat like `old` that takes over its body, whose arguments and yield already fit.
static RepeatOp takeOver(RepeatOp old, ValueRange slices) {
  Operation *yield = old.getBody().front().getTerminator();
  OpBuilder builder(old);
  auto repeat =
      RepeatOp::create(builder, old.getLoc(), old.getFirst(), old.getCount(), old.getReverse(),
                       old.getScope(), old.getCarries(), slices,
                       yield->getOperands().drop_front(old.getCarries().size()).getTypes());
  repeat.getBody().takeBody(old.getBody());
  return repeat;
}

RepeatOp mlir::lnx::addStacks(RepeatOp repeat, ArrayRef<Value> values) {
  Operation *yield = repeat.getBody().front().getTerminator();
  yield->insertOperands(yield->getNumOperands(), values);
  RepeatOp stacked = takeOver(repeat, repeat.getSlices());
  repeat->replaceAllUsesWith(stacked->getResults().take_front(repeat->getNumResults()));
  return stacked;
}

RepeatOp mlir::lnx::addSlices(RepeatOp repeat, ArrayRef<Value> stacks) {
  SmallVector<Value> slices(repeat.getSlices());
  llvm::append_range(slices, stacks);
  for (Value stack : stacks)
    repeat.getBody().addArgument(RepeatOp::getLayerType(stack.getType()), stack.getLoc());
  RepeatOp sliced = takeOver(repeat, slices);
  repeat->replaceAllUsesWith(sliced->getResults());
  repeat.erase();
  return sliced;
}

RepeatOp mlir::lnx::dropUnused(RepeatOp repeat) {
  Block &body = repeat.getBody().front();
  Operation *yield = body.getTerminator();
  SmallVector<Value> slices;
  llvm::BitVector unusedArguments(body.getNumArguments());
  for (auto [slice, argument] : llvm::zip(repeat.getSlices(), repeat.getSliceArguments())) {
    if (argument.use_empty())
      unusedArguments.set(argument.getArgNumber());
    else
      slices.push_back(slice);
  }
  llvm::BitVector unusedResults(repeat->getNumResults());
  for (OpResult result : repeat.getStackResults())
    if (result.use_empty())
      unusedResults.set(result.getResultNumber());
  if (unusedArguments.none() && unusedResults.none())
    return repeat;
  body.eraseArguments(unusedArguments);
  yield->eraseOperands(unusedResults);
  RepeatOp smaller = takeOver(repeat, slices);
  for (unsigned next = 0; OpResult result : repeat->getResults())
    if (!unusedResults.test(result.getResultNumber()))
      result.replaceAllUsesWith(smaller->getResult(next++));
  repeat.erase();
  return smaller;
}
