// FormGroups: put every primitive into exactly one group.
// Runs on level grad; LowerGroups relies on groups holding every primitive that is not a view.
#include "compiler/Passes.h"
#include "compiler/fusion/Recompute.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::lnx {
#define GEN_PASS_DEF_FORMGROUPS
#include "compiler/Passes.h.inc"
} // namespace mlir::lnx

using namespace mlir;
using namespace mlir::lnx;

namespace {
/// Groups of one block, and the block rewritten with them.
class BlockGroups {
public:
  BlockGroups(Block &block, bool fuse) : block(block), fuse(fuse) {}
  void run();

private:
  bool isPrimitive(Operation *op) const {
    return isa<PrimitiveOpInterface>(op) && !isa<ReshapeOp>(op);
  }
  /// A number is copied into the rows groups that use it.
  bool isCopied(Operation *op) const {
    return fuse ? isNumber(op) : op->hasTrait<OpTrait::ConstantLike>();
  }
  bool takesCopies(Operation *op) const;
  bool isStored(Operation *number) const;
  SmallVector<Value> getNeeds(Operation *op) const;
  void addUnits();
  void mergeUnit(Operation *op, unsigned id);
  void orderState(Operation *op, unsigned id);
  Value inside(Value value, Operation *user, Block &body, SmallVectorImpl<Value> &inputs,
               IRMapping &mapping);
  void collectStored();
  void build(unsigned id, OpBuilder &builder);

  Block &block;
  bool fuse;
  Units units;
  llvm::DenseMap<Value, SmallVector<unsigned, 2>> readers; ///< rows units that read a whole value
  llvm::StringMap<SmallVector<Operation *>> stateOps;      ///< by arena and segment
  llvm::DenseSet<Value> stored; ///< values that some unit reads from another one
  IRMapping replacements;       ///< values of the block to group results
  SmallVector<Operation *> grouped;
};
} // namespace

static GroupKind getKind(Operation *op) {
  switch (cast<PrimitiveOpInterface>(op).getOpClass()) {
  case OpClass::Rowwise:
    return GroupKind::rows;
  case OpClass::Contraction:
    return GroupKind::gemm;
  case OpClass::Mixing:
    return GroupKind::attend;
  case OpClass::Library:
    return GroupKind::library;
  }
  llvm_unreachable("unknown class");
}

// Numbers are copied only where a kernel computes them on the fly.
bool BlockGroups::takesCopies(Operation *op) const {
  return isPrimitive(op) && RowSpace::of(op).has_value();
}

// A number is stored when something other than a rows group reads it.
bool BlockGroups::isStored(Operation *number) const {
  return llvm::any_of(number->getUsers(), [&](Operation *user) { return !takesCopies(user); });
}

// What must exist before `op` runs, seen through the numbers it copies.
SmallVector<Value> BlockGroups::getNeeds(Operation *op) const {
  llvm::SetVector<Value> needs;
  SmallVector<Value> pending(op->getOperands());
  if (op->getNumRegions() != 0) {
    llvm::SetVector<Value> captured;
    getUsedValuesDefinedAbove(op->getRegions(), captured);
    pending.append(captured.begin(), captured.end());
  }
  bool copies = takesCopies(op);
  while (!pending.empty()) {
    Value value = pending.pop_back_val();
    Operation *definition = value.getDefiningOp();
    if (copies && definition && isCopied(definition))
      pending.append(definition->operand_begin(), definition->operand_end());
    else
      needs.insert(value);
  }
  return needs.takeVector();
}

// Reads and writes of one segment keep their order, and a write waits for the readers of what it
// overwrites.
void BlockGroups::orderState(Operation *op, unsigned id) {
  if (!isa<ReadStateOp, WriteStateOp>(op))
    return;
  std::string key = (cast<StringAttr>(op->getAttr("arena")).getValue() +
                     Twine(cast<IntegerAttr>(op->getAttr("segment")).getInt()))
                        .str();
  for (Operation *earlier : stateOps[key]) {
    units.order(*units.find(earlier), id);
    if (isa<WriteStateOp>(op))
      for (Operation *user : earlier->getUsers())
        if (std::optional<unsigned> reader = units.find(user))
          units.order(*reader, id);
  }
  stateOps[key].push_back(op);
}

// Joins the groups that compute the operands of `op`, then those that read the same rows anyway.
void BlockGroups::mergeUnit(Operation *op, unsigned id) {
  std::optional<RowSpace> space = RowSpace::of(op);
  SmallVector<Value> needs = getNeeds(op);
  for (Value value : needs)
    if (Operation *definition = value.getDefiningOp())
      if (std::optional<unsigned> producer = units.find(definition))
        units.tryMerge(*producer, id);
  for (Value value : needs) {
    if (RowSpace::of(value.getType()) != space)
      continue;
    for (unsigned reader : llvm::reverse(readers[value]))
      units.tryMerge(reader, id);
    readers[value].push_back(id);
  }
}

void BlockGroups::addUnits() {
  for (Operation &op : block.without_terminator()) {
    bool primitive = isPrimitive(&op);
    if (primitive && isCopied(&op) && !isStored(&op))
      continue;
    std::optional<RowSpace> space;
    if (primitive && fuse && !(isCopied(&op) && isStored(&op)))
      space = RowSpace::of(&op);
    unsigned id = units.add(&op, space, getNeeds(&op));
    orderState(&op, id);
    if (space)
      mergeUnit(&op, id);
  }
}

// The value that `user` reads inside its group: a result of another member, a copy of a number, or
// a new argument.
Value BlockGroups::inside(Value value, Operation *user, Block &body, SmallVectorImpl<Value> &inputs,
                          IRMapping &mapping) {
  if (Value known = mapping.lookupOrNull(value))
    return known;
  Operation *definition = value.getDefiningOp();
  if (definition && isCopied(definition) && takesCopies(user)) {
    for (Value operand : definition->getOperands())
      inside(operand, user, body, inputs, mapping);
    OpBuilder builder = OpBuilder::atBlockEnd(&body);
    return builder.clone(*definition, mapping)->getResult(0);
  }
  inputs.push_back(replacements.lookupOrDefault(value));
  Value argument = body.addArgument(value.getType(), value.getLoc());
  mapping.map(value, argument);
  return argument;
}

void BlockGroups::collectStored() {
  for (unsigned id : units.sorted()) {
    SmallVector<Operation *> members = units.members(id);
    llvm::SmallPtrSet<Operation *, 8> inside(members.begin(), members.end());
    for (Operation *op : members)
      for (Value value : units.needsOf(op))
        if (!inside.contains(value.getDefiningOp()))
          stored.insert(value);
  }
  for (Value value : block.getTerminator()->getOperands())
    stored.insert(value);
}

void BlockGroups::build(unsigned id, OpBuilder &builder) {
  const Unit &unit = units[id];
  SmallVector<Value> inputs, outputs;
  for (Operation *op : unit.ops)
    llvm::copy_if(op->getResults(), std::back_inserter(outputs),
                  [&](Value result) { return stored.contains(result); });
  Location loc = unit.ops.back()->getLoc();
  auto kind = GroupKindAttr::get(builder.getContext(), getKind(unit.ops.front()));
  auto group =
      GroupOp::create(builder, loc, ValueRange(outputs).getTypes(), kind, /*inputs=*/ValueRange());
  Block &body = group.getBody().emplaceBlock();
  IRMapping mapping;
  for (Operation *op : units.members(id)) {
    for (Value operand : op->getOperands())
      inside(operand, op, body, inputs, mapping);
    OpBuilder::atBlockEnd(&body).clone(*op, mapping);
  }
  group->setOperands(inputs);
  SmallVector<Value> yielded;
  for (Value output : outputs)
    yielded.push_back(mapping.lookup(output));
  OpBuilder inner = OpBuilder::atBlockEnd(&body);
  YieldOp::create(inner, loc, yielded);
  replacements.map(outputs, group.getResults());
  grouped.append(unit.ops.begin(), unit.ops.end());
}

void BlockGroups::run() {
  addUnits();
  if (fuse)
    recomputeRows(units);
  collectStored();
  Operation *terminator = block.getTerminator();
  OpBuilder builder(terminator);
  for (Operation &op : block.without_terminator())
    if (isPrimitive(&op) && !units.find(&op))
      grouped.push_back(&op); // a number that every user has copied
  for (unsigned id : units.sorted()) {
    Operation *first = units[id].ops.front();
    if (isPrimitive(first))
      build(id, builder);
    else
      first->moveBefore(terminator);
  }
  for (Operation *op : grouped)
    for (Value result : op->getResults())
      if (Value replacement = replacements.lookupOrNull(result))
        result.replaceAllUsesWith(replacement);
  for (Operation *op : llvm::reverse(grouped))
    op->dropAllReferences();
  for (Operation *op : grouped)
    op->erase();
}

static void formGroups(Region &region, bool fuse) {
  for (Block &block : region) {
    for (Operation &op : block)
      if (!isa<GroupOp>(op)) // what a target has joined stays as it is
        for (Region &inner : op.getRegions())
          formGroups(inner, fuse);
    BlockGroups(block, fuse).run();
  }
}

namespace {
struct FormGroups : lnx::impl::FormGroupsBase<FormGroups> {
  using FormGroupsBase::FormGroupsBase;
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      formGroups(function.getBody(), fuse);
  }
};
} // namespace
