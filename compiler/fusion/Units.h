// Units: the operations of one block as units that run one after another, and which depend on
// which. Relied on by FormGroups: merging units must leave an order in which all can run.
#ifndef LNX_COMPILER_FUSION_UNITS_H
#define LNX_COMPILER_FUSION_UNITS_H

#include "compiler/fusion/RowSpace.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include <vector>

namespace mlir::lnx {

/// One operation, or the operations of one group, in program order.
struct Unit {
  llvm::SmallVector<Operation *, 4> ops;
  llvm::SmallVector<Operation *> copies; ///< of other units, computed again here
  std::optional<RowSpace> space;         ///< of a rows group that others may join
  llvm::SmallVector<unsigned> before, after;
  unsigned position = 0; ///< of the last operation
  bool hasSums = false;  ///< some operation sums over rows
};

/// The units of a block, added in program order.
class Units {
public:
  /// Adds an operation as a unit of its own; it runs after the definitions of `needs`.
  unsigned add(Operation *op, std::optional<RowSpace> space, ValueRange needs);
  /// Says that unit `after` runs after unit `before`.
  void order(unsigned before, unsigned after);
  /// The unit of an operation, or nothing when it has none.
  std::optional<unsigned> find(Operation *op) const;
  /// The unit that `id` is part of by now.
  unsigned resolve(unsigned id) const;
  Unit &operator[](unsigned id) { return units[resolve(id)]; }
  const Unit &operator[](unsigned id) const { return units[resolve(id)]; }
  /// What an operation reads, as given to `add`.
  llvm::ArrayRef<Value> needsOf(Operation *op) const { return needs[unitOf.lookup(op)]; }
  /// Operations and copies of a unit in program order.
  llvm::SmallVector<Operation *> members(unsigned id) const;

  /// Joins two rows units when they share a space and the joined unit can still run: no path
  /// between them leads through a third one, and neither needs a sum over rows of the other.
  bool tryMerge(unsigned a, unsigned b);
  /// Every unit once, each after those it needs, otherwise in program order.
  llvm::SmallVector<unsigned> sorted();

private:
  bool reachesThroughOthers(unsigned from, unsigned to) const;
  bool needsSumOf(const Unit &user, unsigned producer) const;

  std::vector<Unit> units;
  std::vector<unsigned> parent; ///< a forest; a root stands for itself
  std::vector<llvm::SmallVector<Value>> needs;
  llvm::DenseMap<Operation *, unsigned> unitOf;
};

} // namespace mlir::lnx

#endif
