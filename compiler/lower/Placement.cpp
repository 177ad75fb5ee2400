// Placement: where a group writes its results, so that little is ever copied.
// Part of EntryLowering. A result goes straight into the gradient it adds to, the layer of the
// stack, the carry, the state or the entry's result it becomes, when nothing else is disturbed.
#include "compiler/fusion/RowSpace.h"
#include "compiler/lower/EntryLowering.h"

using namespace mlir;
using namespace mlir::lnx;

// Every element of a result depends on the same element of the inputs alone.
static bool isElementwise(GroupOp group) {
  return llvm::all_of(group.getBody().front().without_terminator(), [](Operation &op) {
    return RowSpace::of(&op) && !isa<ReductionOpInterface>(op) && !sumsOverRows(&op);
  });
}

EntryLowering::Overwrite EntryLowering::overwrite(Value old, Operation *producer,
                                                  Type resultType) const {
  Overwrite verdict = Overwrite::AfterReads;
  SmallVector<Value> aliases = {old};
  while (!aliases.empty()) {
    Value alias = aliases.pop_back_val();
    for (OpOperand &use : alias.getUses()) {
      Operation *user = producer->getBlock()->findAncestorOpInBlock(*use.getOwner());
      if (satisfied.contains(&use))
        continue;
      if (!user)
        return Overwrite::No;
      if (isa<ReshapeOp>(use.getOwner())) {
        aliases.push_back(use.getOwner()->getResult(0));
      } else if (user == producer) {
        auto group = dyn_cast<GroupOp>(producer);
        if (!group || alias.getType() != resultType || !isElementwise(group))
          return Overwrite::No;
        verdict = Overwrite::InPlace;
      } else if (!user->isBeforeInBlock(producer)) {
        return Overwrite::No;
      }
    }
  }
  return verdict;
}

EntryLowering::Overwrite EntryLowering::overwriteState(WriteStateOp write, GroupOp producer,
                                                       Type resultType) const {
  Overwrite verdict = Overwrite::AfterReads;
  for (auto read : write->getBlock()->getOps<ReadStateOp>()) {
    if (read.getArena() != write.getArena() || read.getSegment() != write.getSegment() ||
        !read->isBeforeInBlock(write))
      continue;
    Overwrite one = overwrite(read.getResult(), producer, resultType);
    if (one == Overwrite::No)
      return one;
    if (one == Overwrite::InPlace)
      verdict = one;
  }
  return verdict;
}

std::optional<Place> EntryLowering::placeInRepeat(GroupOp group, OpResult result, OpOperand &use) {
  auto type = cast<RankedTensorType>(result.getType());
  unsigned position = use.getOperandNumber(), carries = running->carries.size();
  if (position >= carries)
    return Place{viewSlot(running->stacks[position - carries], running->layer, type)};
  const Carry &carry = running->carries[position];
  if (carry.kind != Carry::Overwritten)
    return Place{viewAs(carry.next, type)};
  Overwrite verdict = overwrite(running->op.getCarryArguments()[position], group, type);
  if (verdict == Overwrite::No)
    return std::nullopt;
  return Place{viewAs(carry.buffer, type), false, verdict == Overwrite::InPlace};
}

std::optional<Place> EntryLowering::placeAtUse(GroupOp group, OpResult result, OpOperand &use) {
  Operation *user = use.getOwner();
  auto type = cast<RankedTensorType>(result.getType());
  if (user->getBlock() != group->getBlock())
    return std::nullopt;
  if (auto accumulate = dyn_cast<AccumulateOp>(user)) {
    if (!use.get().hasOneUse())
      return std::nullopt;
    auto parameter = program.module.lookupSymbol<ParameterOp>(accumulate.getParameter());
    return Place{viewParameter(/*arena=*/1, parameter, accumulate.getLayer(), type), true};
  }
  if (auto write = dyn_cast<WriteStateOp>(user)) {
    Overwrite verdict = overwriteState(write, group, type);
    if (verdict == Overwrite::No)
      return std::nullopt;
    return Place{viewSegment(write.getArena(), write.getSegment(), type), false,
                 verdict == Overwrite::InPlace};
  }
  if (isa<func::ReturnOp>(user) && use.getOperandNumber() == 0)
    return Place{viewResult(type)};
  if (isa<YieldOp>(user) && running)
    return placeInRepeat(group, result, use);
  return std::nullopt;
}

// Stacks are taken before carries: a carry can be copied from its layer, not the other way round.
static bool goesFirst(OpOperand *use, RunningRepeat *running) {
  return isa<YieldOp>(use->getOwner()) && running &&
         use->getOperandNumber() >= running->carries.size();
}

Place EntryLowering::place(GroupOp group, OpResult result) {
  Value value = result;
  while (value.hasOneUse() && isa<ReshapeOp>(*value.user_begin()))
    value = value.user_begin()->getResult(0);
  SmallVector<OpOperand *> uses, others;
  for (OpOperand &use : value.getUses())
    (goesFirst(&use, running) ? uses : others).push_back(&use);
  uses.append(others);
  for (OpOperand *use : uses) {
    if (satisfied.contains(use))
      continue;
    if (std::optional<Place> found = placeAtUse(group, result, *use)) {
      satisfied.insert(use);
      return *found;
    }
  }
  owned.insert(result);
  return Place{allocate(cast<RankedTensorType>(result.getType()))};
}
