// RowPlan: how one row of a rows group is computed: which loops run in which order.
// Relied on by the row kernels of every target.
#ifndef LNX_COMPILER_TARGET_ROWPLAN_H
#define LNX_COMPILER_TARGET_ROWPLAN_H

#include "dialect/LnxDialect.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SmallVector.h"

namespace mlir::lnx {

/// A value as seen from one row: `features` of it, which change from row to row when `hasRows`.
struct RowShape {
  bool hasRows = false;
  llvm::SmallVector<int64_t, 4> features;
  int64_t size = 1;
};

/// Which dimensions of a nest a value spans, bit i for dimension i (0 is the outermost). The flat
/// position of its element is row major over exactly these dimensions.
using DimSet = uint32_t;

/// What a nest computes a value for.
struct Sink {
  enum Kind {
    store,   ///< write it to group result `result`
    reduce,  ///< combine it along an axis into the result of `reduction`
    sumRows, ///< add it to this chunk's partial sum of group result `result`
    keep     ///< write it to a row buffer for a later nest
  };
  Kind kind;
  Value value;
  unsigned result = 0;
  Operation *reduction = nullptr;
  DimSet reduced = 0; ///< dimensions a reduction runs over
};

/// One loop nest over the features of a row. Every sink's value spans all its dimensions.
struct Nest {
  int level = 0;
  int64_t size = 1;
  llvm::SmallVector<int64_t, 4> dims; ///< outermost first, none of size 1; empty for single numbers
  llvm::SmallVector<Sink, 4> sinks;

  DimSet all() const { return (DimSet(1) << dims.size()) - 1; }
};

/// The plan of a group. A row is computed by nests in order: all reductions of values that are
/// known at level n give values of level n + 1. A value that a later nest needs again is computed
/// again when that is cheap, else read back from the result or the row buffer it was written to.
class RowPlan {
public:
  /// Failure when the group's shapes do not fit one loop nest for each level.
  static FailureOr<RowPlan> of(GroupOp group, llvm::ArrayRef<bool> accumulate, bool inPlace);

  llvm::SmallVector<Nest> nests;
  /// Rows of a group without row tensors; 0 when rows are dynamic.
  int64_t fixedRows = 0;

  const RowShape &shape(Value value) const { return shapes.find(value)->second; }
  /// The first nest that writes `value` to memory, where later nests read it back; -1 for none.
  int keptBy(Value value) const;
  /// The group result that holds a kept value, or -1 when a row buffer does.
  int keptIn(Value value) const;
  /// Dimensions of an operand of an op whose result spans `dims`; failure when a dimension of the
  /// nest has to be split first, which was then done.
  enum class Fit { yes, split, no };
  Fit operandDims(Nest &nest, Value result, Value operand, DimSet dims, DimSet &operandSpan) const;
  DimSet operandDims(const Nest &nest, Value result, Value operand, DimSet dims) const;

  /// True when the op only renames or broadcasts its first operand.
  bool isView(Operation *op) const;
  /// The operands that are read to compute a value of this op.
  static OperandRange readOperands(Operation *op);
  bool hasSumRows() const;
  /// Floats read and written for each row.
  int64_t rowFloats() const { return traffic; }

private:
  /// The size of the axis a reduction runs over, in the features of its operand.
  static int64_t axisOf(Operation *reduction, const RowShape &operand);
  bool findShapes(GroupOp group);
  bool setShapes(GroupOp group, int64_t rows, int64_t rank);
  bool addSinks(GroupOp group, llvm::ArrayRef<bool> accumulate);
  bool addSink(Sink sink, int level);
  Fit fitSink(Nest &nest, Sink &sink) const;
  Fit fitValue(Nest &nest, Value value, DimSet dims,
               llvm::DenseSet<std::pair<Value, DimSet>> &seen) const;
  bool fitNest(Nest &nest) const;
  Fit axisDims(Nest &nest, llvm::ArrayRef<int64_t> features, DimSet dims,
               llvm::SmallVectorImpl<DimSet> &perAxis) const;
  bool isLeaf(Value value) const;
  int cost(Value value, int index, const llvm::DenseMap<Value, int> &firstNest,
           llvm::DenseMap<Value, int> &memo) const;
  void chooseKeptFor(int index, llvm::DenseMap<Value, int> &firstNest);
  void chooseKept(llvm::ArrayRef<bool> accumulate);

  llvm::DenseMap<Value, RowShape> shapes;
  llvm::DenseMap<Value, int> levels;
  struct Kept {
    int nest;
    int result;
  };
  llvm::DenseMap<Value, Kept> kept;
  int64_t traffic = 0;
};

} // namespace mlir::lnx

#endif
