// Recompute: what a group computes again instead of reading it from another group.
// Relied on by FormGroups, after its units are formed.
#include "compiler/fusion/Recompute.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::lnx;

namespace {
/// How a value follows from what a unit reads.
struct Cone {
  llvm::SetVector<Operation *> ops;
  llvm::SetVector<Value> leaves; ///< whole rows that the unit does not read yet
};

/// The choices for one unit.
class UnitRecompute {
public:
  UnitRecompute(Units &units, unsigned id)
      : units(units), id(id), unit(units[id]), own(unit.ops.begin(), unit.ops.end()) {}
  void run();

private:
  bool isMember(Operation *op) const { return own.contains(op) || copies.contains(op); }
  bool isWhole(Value value) const { return RowSpace::of(value.getType()) == unit.space; }
  void collectReads();
  bool isForThisUnit(Value value) const;
  std::optional<Cone> coneOf(Value value) const;
  bool addCopies(const Cone &cone);
  bool takeFree();
  bool takeWithOneMore();
  bool takeNumbers();

  Units &units;
  unsigned id;
  Unit &unit;
  llvm::DenseSet<Operation *> own;
  llvm::SetVector<Operation *> copies;
  llvm::SetVector<Value> reads; ///< values of other units and from outside
};
} // namespace

void UnitRecompute::collectReads() {
  reads.clear();
  auto collect = [&](Operation *op) {
    for (Value value : units.needsOf(op))
      if (!value.getDefiningOp() || !isMember(value.getDefiningOp()))
        reads.insert(value);
  };
  llvm::for_each(unit.ops, collect);
  llvm::for_each(copies, collect);
}

// True when no one but its own unit and this one reads the value: then it is not stored at all.
bool UnitRecompute::isForThisUnit(Value value) const {
  std::optional<unsigned> producer = units.find(value.getDefiningOp());
  return llvm::all_of(value.getUsers(), [&](Operation *user) {
    std::optional<unsigned> reader = units.find(user);
    return reader && (*reader == *producer || *reader == id);
  });
}

// The operations of the value's own unit that lead to it from reads of this unit and from outside.
std::optional<Cone> UnitRecompute::coneOf(Value value) const {
  Operation *root = value.getDefiningOp();
  std::optional<unsigned> producer = root ? units.find(root) : std::nullopt;
  if (!producer || *producer == id || !units[*producer].space ||
      !join(*units[*producer].space, *unit.space))
    return std::nullopt;
  const Unit &other = units[*producer];
  Cone cone;
  SmallVector<Operation *> pending = {root};
  while (!pending.empty()) {
    Operation *op = pending.pop_back_val();
    if (sumsOverRows(op))
      return std::nullopt;
    if (isMember(op) || !cone.ops.insert(op))
      continue;
    for (Value operand : units.needsOf(op)) {
      Operation *definition = operand.getDefiningOp();
      bool isInside = definition && (units.find(definition) == producer ||
                                     llvm::is_contained(other.copies, definition));
      if (isInside)
        pending.push_back(definition);
      else if (isWhole(operand) && !reads.contains(operand))
        cone.leaves.insert(operand);
    }
  }
  return cone;
}

bool UnitRecompute::addCopies(const Cone &cone) {
  copies.insert(cone.ops.begin(), cone.ops.end());
  collectReads();
  return true;
}

// Values that follow from rows this unit reads anyway.
bool UnitRecompute::takeFree() {
  for (Value value : reads)
    if (isWhole(value) && value.getDefiningOp())
      if (std::optional<Cone> cone = coneOf(value))
        if (cone->leaves.empty() && isForThisUnit(value))
          return addCopies(*cone);
  return false;
}

// Several values that follow from the rows read anyway and one tensor more.
bool UnitRecompute::takeWithOneMore() {
  llvm::MapVector<Value, SmallVector<Cone>> byLeaf;
  for (Value value : reads)
    if (isWhole(value) && value.getDefiningOp())
      if (std::optional<Cone> cone = coneOf(value))
        if (cone->leaves.size() == 1 && isForThisUnit(value))
          byLeaf[cone->leaves.front()].push_back(std::move(*cone));
  for (auto &[leaf, cones] : byLeaf) {
    if (cones.size() < 2)
      continue;
    for (const Cone &cone : cones)
      addCopies(cone);
    return true;
  }
  return false;
}

// Numbers for each row come along where the work behind them has been copied already.
bool UnitRecompute::takeNumbers() {
  auto isSmall = [&](Operation *op) {
    std::optional<RowSpace> space = RowSpace::of(op);
    return space && space->width == 1;
  };
  for (Value value : reads)
    if (!copies.empty() && value.getDefiningOp() && !isWhole(value))
      if (std::optional<Cone> cone = coneOf(value))
        if (cone->leaves.empty() && llvm::all_of(cone->ops, isSmall))
          return addCopies(*cone);
  return false;
}

void UnitRecompute::run() {
  if (unit.space->width == 1)
    return;
  collectReads();
  while (takeFree() || takeWithOneMore())
    continue;
  while (takeNumbers())
    continue;
  unit.copies.assign(copies.begin(), copies.end());
}

void lnx::recomputeRows(Units &units) {
  for (unsigned id : units.sorted())
    if (units[id].space)
      UnitRecompute(units, id).run();
}
