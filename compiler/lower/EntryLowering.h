// EntryLowering: one entry function on its way from tensors to buffers.
// Relied on by the LowerGroups pass; its parts are the .cpp files named below.
#ifndef LNX_COMPILER_LOWER_ENTRYLOWERING_H
#define LNX_COMPILER_LOWER_ENTRYLOWERING_H

#include "compiler/lower/StateLayout.h"
#include "compiler/target/Target.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

namespace mlir::lnx {

/// What all entries of a module share while they are lowered.
struct ProgramLowering {
  ModuleOp module;
  Target *target; ///< null: every group by reference
  StateLayout layout;
  Kernels kernels;
  llvm::DenseMap<Attribute, memref::GlobalOp> tables; ///< by their numbers

  ProgramLowering(ModuleOp module, Target *target)
      : module(module), target(target), layout(StateLayout::of(module)), kernels(module) {}
  memref::GlobalOp table(DenseF64ArrayAttr values);
};

/// Where a group writes one of its results.
struct Place {
  Value buffer;
  bool accumulates = false;
  bool inPlace = false; ///< shares memory with an input of the group
};

/// Values of one type, `slotBytes` apart in `bytes`: the layers of a stack, from slot `first` on.
struct Slots {
  Value bytes; ///< memref of i8
  Value slotBytes;
  int64_t first = 0;
};

/// Where a carry lives. One slot is overwritten in every iteration; two are used in turn where old
/// and new value are needed at once; one more than there are layers where the carry is stacked as
/// well: then its slots are the stack's layers and nothing is copied.
struct Carry {
  enum Kind { Overwritten, Alternating, Stacked };
  Kind kind = Overwritten;
  Value buffer;        ///< the only slot of an overwritten carry
  Slots slots;         ///< of the other kinds
  Value current, next; ///< of the running iteration
};

/// A repeat whose body is being lowered.
struct RunningRepeat {
  RepeatOp op;
  llvm::SmallVector<Carry> carries;
  llvm::SmallVector<Slots> stacks;
  Value iteration, layer;
};

class EntryLowering {
public:
  EntryLowering(ProgramLowering &program, func::FuncOp source);
  /// Writes the lowered function beside the source, which is erased.
  LogicalResult run();

private:
  // CheckEntry.cpp.
  LogicalResult checkEntry();

  // EntryLowering.cpp: the frame.
  func::FuncOp createFunction();
  LogicalResult lowerBlock(Block &block);
  LogicalResult lowerOp(Operation &op);
  LogicalResult lowerGroup(GroupOp group);
  void lowerGet(GetOp get);
  void lowerAccumulate(AccumulateOp accumulate);
  void lowerNumber(Value result, Value number);
  void lowerReadState(ReadStateOp read);
  void lowerWriteState(WriteStateOp write);
  void lowerReturn(func::ReturnOp op);

  // RepeatLowering.cpp.
  LogicalResult lowerRepeat(RepeatOp repeat);
  Carry::Kind chooseKind(RepeatOp repeat, unsigned carry) const;
  Carry startCarry(RepeatOp repeat, OpOperand &use);
  bool canAdopt(RepeatOp repeat, OpOperand &use);
  Slots createSlots(RankedTensorType type, int64_t count);
  void createStacks(RunningRepeat &repeat);
  Slots createStack(RunningRepeat &repeat, unsigned number);
  OpOperand *outerStack(Value stack) const;
  Slots layerOf(const Slots &stack, Value layer, RankedTensorType type);
  void stackLayer(RunningRepeat &repeat, OpOperand &use);
  void turnCarries(RunningRepeat &repeat);
  LogicalResult bindBody(RunningRepeat &repeat);
  void finishStacks(RunningRepeat &repeat);
  void finishCarries(RunningRepeat &repeat);
  void bindResults(RunningRepeat &repeat);

  // Placement.cpp: where results go, and whether what is there may be overwritten.
  enum class Overwrite { No, AfterReads, InPlace };
  Place place(GroupOp group, OpResult result);
  std::optional<Place> placeAtUse(GroupOp group, OpResult result, OpOperand &use);
  std::optional<Place> placeInRepeat(GroupOp group, OpResult result, OpOperand &use);
  Overwrite overwrite(Value old, Operation *producer, Type resultType) const;
  Overwrite overwriteState(WriteStateOp write, GroupOp producer, Type resultType) const;

  // Buffers.cpp.
  Value index(int64_t value);
  Value allocate(RankedTensorType type);
  llvm::SmallVector<Value> zerosFor(Value buffer);
  Value viewBytes(Value bytes, Value offset, RankedTensorType type);
  Value viewAs(Value buffer, RankedTensorType type);
  Value viewSlot(const Slots &slots, Value number, RankedTensorType type);
  Value viewParameter(unsigned arena, ParameterOp parameter, Value layer, RankedTensorType type);
  Value viewSegment(llvm::StringRef arena, int64_t segment, RankedTensorType type);
  Value viewResult(RankedTensorType type);
  void appendResult(Value from, int64_t offset, RankedTensorType type);
  enum class Transfer { Copy, Add };
  void transfer(Value from, Value to, Transfer kind);
  void transferNumber(Value from, Value to, Transfer kind);
  void transferFlat(Value from, Value to, Value count, Transfer kind);

  ProgramLowering &program;
  func::FuncOp source;
  OpBuilder builder;
  Location loc;
  Value state, scratch, batch, time, arguments, results; ///< of the new function
  Value rows, paddedRows;                                ///< batch * time; rounded up to 16
  llvm::DenseMap<Value, Value> buffers;                  ///< tensors, and layer indices
  llvm::DenseMap<Value, Slots> stacks;
  llvm::DenseSet<Value> owned;           ///< tensors with a scratch buffer of their own
  llvm::DenseSet<OpOperand *> satisfied; ///< uses whose data is where it belongs already
  RunningRepeat *running = nullptr;
};

} // namespace mlir::lnx

#endif
