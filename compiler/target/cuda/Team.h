// Team: the threads that compute one row together, and what they can do as one.
// Relied on by the kernels of the CUDA target. A block holds one team of several warps, or several
// teams of one warp each.
#ifndef LNX_COMPILER_TARGET_CUDA_TEAM_H
#define LNX_COMPILER_TARGET_CUDA_TEAM_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Builders.h"

namespace mlir::lnx::cuda {

inline constexpr int64_t warpSize = 32;

/// How threads share rows.
struct TeamShape {
  int64_t threads = warpSize; ///< of one row, a multiple of 32
  int64_t rows = 1;           ///< teams in a block; 1 where a team has several warps
  int64_t lanes = 4;          ///< neighbouring numbers that a thread reads at once: 1, 2, 4 or 8
  /// Each nest reads its inputs and computes its values again, piece by piece: what a row needs at
  /// once does not fit the registers.
  bool rereads = false;
  bool sumsInMemory = false; ///< sums over rows of whole rows are in the block's memory

  int64_t blockThreads() const { return threads * rows; }
  /// Floats that the team takes in one go.
  int64_t span() const { return threads * lanes; }
};

/// The attribute of a kernel with the number of its block's threads; without it one thread runs
/// the body.
inline constexpr llvm::StringLiteral threadsAttribute = "lnx.threads";

/// Code that all threads of a block run.
class Team {
public:
  /// `builder` stands in `kernel`, whose block has shape.blockThreads() threads.
  Team(OpBuilder &builder, Location loc, func::FuncOp kernel, TeamShape shape);

  const TeamShape shape;
  Value thread; ///< index in the team
  Value number; ///< of the team in its block; null where there is only one

  /// `value` of all threads combined, f32: by shuffles in each warp, then over the warps in an
  /// order that depends on their number alone, so that every thread gets the same bits.
  Value reduce(vector::CombiningKind kind, Value value);
  /// Memory of the block, `floats` for each team; the kernel's for its whole run.
  Value allocate(int64_t floats);
  /// Where this team's part of such memory starts.
  Value offset(int64_t floats);
  /// Combines body(i, so far) over i = thread, thread + threads, ... < count; a thread's part.
  Value gather(Value count, Value start,
               llvm::function_ref<Value(OpBuilder &, Value i, Value soFar)> body);
  /// The same with several values carried.
  llvm::SmallVector<Value>
  gather(Value count, ValueRange start,
         llvm::function_ref<llvm::SmallVector<Value>(OpBuilder &, Value i, ValueRange soFar)> body);
  /// Runs `body` for i = thread, thread + threads, ... < count.
  void forEach(Value count, llvm::function_ref<void(OpBuilder &, Value i)> body);
  /// Runs `body` for i = lo + thread where that is below hi: an item each.
  void forItem(Value lo, Value hi, llvm::function_ref<void(OpBuilder &, Value i)> body);
  /// Runs `body` in one thread of the team.
  void once(llvm::function_ref<void(OpBuilder &)> body);
  /// Waits for all threads; what they wrote to the block's memory is visible.
  void barrier();
  bool usesMemory() const { return hasMemory; }

private:
  /// `value` of a warp's threads combined by shuffles.
  Value reduceWarp(vector::CombiningKind kind, Value value);

  OpBuilder &b;
  Location loc;
  func::FuncOp kernel;
  Value lane, warp; ///< in the team
  bool hasMemory = false;
};

/// The kernel that `builder` writes.
func::FuncOp kernelOf(OpBuilder &builder);
Value combine(OpBuilder &builder, Location loc, vector::CombiningKind kind, Value a, Value b);
Value indexOf(OpBuilder &builder, Location loc, int64_t value);
Value floatOf(OpBuilder &builder, Location loc, double value);
/// Of `count` neighbours that start at a multiple of their size: at most one access of 16 bytes.
llvm::Align alignmentOf(Type element, int64_t count);
/// Neighbours that one access takes in each of the buffers, whose rows are `distance` long: 1 to 8.
int64_t lanesFor(llvm::ArrayRef<Value> buffers, int64_t distance);
/// A number of a buffer of f32 or bf16 as f32, or `lanes` neighbours as a vector.
Value loadNumbers(OpBuilder &builder, Location loc, Value buffer, ValueRange at, int64_t lanes = 1);
/// Writes an f32 number or a vector to a buffer of f32 or bf16, rounded to nearest even.
void storeNumbers(OpBuilder &builder, Location loc, Value numbers, Value buffer, ValueRange at);
/// The elements of a vector combined, halves first; a number as it is.
Value combineLanes(OpBuilder &builder, Location loc, vector::CombiningKind kind, Value lanes);

} // namespace mlir::lnx::cuda

#endif
