// KeepGraph: which forward values the backward pass of a layer should start from.
// Relied on by rematerialize, which rewrites the repeats accordingly.
#ifndef LNX_COMPILER_AUTODIFF_KEEPGRAPH_H
#define LNX_COMPILER_AUTODIFF_KEEPGRAPH_H

#include "compiler/autodiff/MinimumCut.h"
#include "dialect/LnxDialect.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::lnx {

/// Operations that cost nothing wherever they stand: parameters, tables, numbers.
bool isFree(Operation *op);
/// Can be done again in the backward body. Sums over rows cannot: a fused kernel sees one row.
bool isRecomputable(Operation *op);
/// Reads whole values from memory: everything but row-wise work, which sees them in registers.
bool readsMemory(OpOperand &use);

/// The graph of forward values that are needed, or could help to make what is needed. Each value is
/// an edge whose capacity is the cost of keeping it; a cut is a set from which the rest can be
/// made.
class KeepGraph {
public:
  /// `given` values of the body `forward` are there at no cost. A byte that stays allocated for
  /// every layer costs as much as `storagePrice` bytes of traffic.
  KeepGraph(Block &forward, const llvm::SmallDenseSet<Value> &given, int64_t storagePrice)
      : forward(forward), given(given), storagePrice(storagePrice) {}

  /// The backward body needs `value`; `whole` when one of its readers reads it from memory.
  void addNeed(Value value, bool whole);
  /// The cheapest values from which all needs can be made, in the order they were met.
  SetVector<Value> solve();

private:
  struct Nodes {
    int in, out;
  };
  bool isGiven(Value value) const;
  Nodes addValue(Value value);
  void addOperands(Value value);

  Block &forward;
  const llvm::SmallDenseSet<Value> &given;
  const int64_t storagePrice;
  MinimumCut graph;
  llvm::MapVector<Value, Nodes> nodes;
  SmallVector<Value> worklist;
};

} // namespace mlir::lnx

#endif
