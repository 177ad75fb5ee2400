// RowEmitter: the code of one row, computed by a team of threads that keep it in registers.
// Follows a RowPlan: every input is read once, every value computed once, every result written
// once. Relied on by Rows.
#ifndef LNX_COMPILER_TARGET_CUDA_ROWEMITTER_H
#define LNX_COMPILER_TARGET_CUDA_ROWEMITTER_H

#include "compiler/target/RowBuffer.h"
#include "compiler/target/cuda/Team.h"

namespace mlir::lnx::cuda {

/// The buffers of a row kernel: inputs and results of the group, partial sums [chunks x size] in
/// place of a sum over rows.
struct RowBuffers {
  llvm::SmallVector<RowBuffer> inputs, results;
  llvm::SmallVector<bool> accumulate;
};

/// The team for a plan; failure where a row does not fit the registers of its threads.
FailureOr<TeamShape> shapeOf(GroupOp group, const RowPlan &plan, bool inPlace);

/// Values that a thread holds of each of its elements.
struct RowPressure {
  int64_t kept = 0; ///< at most at once, sums included
  int64_t sums = 0; ///< over rows, all the time
  int64_t nest = 0; ///< of one nest alone
};
RowPressure rowPressure(const RowPlan &plan);

class RowEmitter {
public:
  RowEmitter(OpBuilder &builder, Location loc, const RowPlan &plan, const RowBuffers &buffers,
             Team &team)
      : b(builder), loc(loc), plan(plan), buffers(buffers), team(team) {}

  /// Sums over rows before the first one, in the order of the plan.
  llvm::SmallVector<Value> startSums();
  /// Everything of row `row`; nothing is written where `isRow` is false (null: it is true). `sums`
  /// are replaced by those with this row.
  void emit(Value row, Value isRow, llvm::SmallVectorImpl<Value> &sums);
  /// Writes the sums over rows as row `chunk` of their buffers.
  void storeSums(Value chunk, llvm::ArrayRef<Value> sums);
  /// After a reduction or an exchange: the next row must wait before it uses the same memory.
  bool usesMemory() const { return team.usesMemory(); }

private:
  /// A piece of a nest: `lanes` neighbouring elements of each thread.
  struct Piece {
    Value isValid;                ///< null where all threads have elements here
    llvm::SmallVector<Value> ivs; ///< one for each dimension of the nest
  };
  void begin(const Nest &nest);
  void emitNumbers(const Nest &nest, llvm::SmallVectorImpl<Value> &sums, size_t &sum);
  void emitNest(const Nest &nest, llvm::SmallVectorImpl<Value> &sums, size_t &sum);
  int64_t pieceCount(const Nest &nest) const;
  bool hasMemorySums(const Nest &nest) const;
  /// Adds to, or with null clears, what the block's memory holds of a sum's piece.
  void addToMemory(Value memory, size_t piece, Value value);
  Value loadSum(Value memory, size_t piece);
  // Values.
  Value get(Value value, DimSet dims, size_t piece);
  Value compute(Value value, DimSet dims, size_t piece);
  Value emitElementwise(Operation *op, Value value, DimSet dims, size_t piece);
  bool isWide(DimSet dims) const;
  Value widened(Value value);
  // Reductions.
  void reduce(const Sink &sink, llvm::ArrayRef<Value> values);
  void reducePart(const Sink &sink, llvm::ArrayRef<Value> values);
  Value flatten(DimSet dims, llvm::ArrayRef<Value> ivs);
  Value scaled(Operation *reduction, Value value);
  Value selectValid(size_t piece, Value value, double otherwise);
  // Memory.
  llvm::SmallVector<Value> address(const RowBuffer &buffer, DimSet dims, size_t piece, Value row);
  Value load(const RowBuffer &buffer, DimSet dims, size_t piece);
  Value loadAt(const RowBuffer &buffer, llvm::ArrayRef<Value> indices, bool wide);
  void store(const RowBuffer &buffer, size_t piece, Value row, Value value);
  void writeResult(const Sink &sink, size_t piece, Value value);
  void guarded(llvm::ArrayRef<Value> conditions, llvm::function_ref<void()> body);
  Value isLeader();

  OpBuilder &b;
  Location loc;
  const RowPlan &plan;
  const RowBuffers &buffers;
  Team &team;
  Value row, isRow;
  const Nest *nest = nullptr;
  llvm::SmallVector<Piece> pieces;           ///< of the current nest
  llvm::DenseMap<unsigned, Value> sumMemory; ///< by the group's result
  llvm::DenseMap<Value, Value> numbers;
  /// Values of whole rows by the size of their nest: all nests of a size cut rows alike.
  llvm::DenseMap<std::pair<Value, int64_t>, llvm::SmallVector<Value>> wholes;
  /// Values of some dimensions of the current nest.
  llvm::DenseMap<std::pair<Value, DimSet>, llvm::SmallVector<Value>> parts;
  llvm::DenseMap<Value, RowBuffer> exchanged; ///< reductions along a part of a row
};

} // namespace mlir::lnx::cuda

#endif
