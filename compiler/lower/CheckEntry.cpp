// CheckEntry: what an entry function must promise before its values get memory.
// Part of EntryLowering. The frontend keeps these rules; hand-written input may not.
#include "compiler/lower/EntryLowering.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::lnx;

static LogicalResult checkSignature(func::FuncOp entry) {
  auto isIds = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.getRank() == 1 && tensor.isDynamicDim(0) &&
           tensor.getElementType().isInteger(32);
  };
  if (entry.isDeclaration() || !entry.getBody().hasOneBlock())
    return entry.emitError("an entry is one block");
  if (entry.getNumArguments() > 2 || !llvm::all_of(entry.getArgumentTypes(), isIds))
    return entry.emitError("an entry takes at most tokens and targets, tensor<?xi32>");
  for (Type result : entry.getResultTypes().drop_front(entry.getNumResults() ? 1 : 0))
    if (!cast<RankedTensorType>(result).hasStaticShape())
      return entry.emitError("an entry returns ") << result << " behind its first result, which "
                                                  << "must be of a fixed size";
  return success();
}

static LogicalResult checkParameter(Operation *op, FlatSymbolRefAttr name, Type type, bool hasLayer,
                                    ModuleOp module) {
  auto parameter = module.lookupSymbol<ParameterOp>(name.getAttr());
  if (!parameter)
    return op->emitOpError("names no parameter '") << name.getValue() << "'";
  if (parameter.getType() != type)
    return op->emitOpError("has ")
           << type << " where parameter '" << name.getValue() << "' is " << parameter.getType();
  if (!hasLayer && parameter.getLayers() != 1)
    return op->emitOpError("gives no layer of parameter '")
           << name.getValue() << "', which has " << parameter.getLayers();
  return success();
}

static LogicalResult checkSegment(Operation *op, StringRef arena, int64_t segment, Type type,
                                  const StateLayout &layout) {
  if (!llvm::is_contained({"param", "grad", "m", "v"}, arena))
    return op->emitOpError("names no arena '") << arena << "': param, grad, m and v are known";
  if (segment != 0 && segment != 1)
    return op->emitOpError("names segment ") << segment << ", not 0 or 1";
  auto expected = RankedTensorType::get({layout.segmentRows(segment), StateLayout::segmentWidth},
                                        Float32Type::get(op->getContext()));
  if (type != expected)
    return op->emitOpError("has ") << type << " where segment " << segment << " is " << expected;
  return success();
}

// Layers of a stack of rows lie apart, so nothing but the slices of a repeat reads it.
static LogicalResult checkStacks(Operation *op) {
  if (isa<YieldOp>(op) || op->getParentOfType<GroupOp>())
    return success();
  unsigned end = op->getNumOperands();
  if (auto repeat = dyn_cast<RepeatOp>(op))
    end = repeat.getCarries().size();
  for (Value operand : op->getOperands().take_front(end)) {
    auto tensor = dyn_cast<RankedTensorType>(operand.getType());
    if (tensor && !tensor.hasStaticShape() && !tensor.isDynamicDim(0))
      return op->emitOpError("reads the stack ") << tensor << " as a whole";
  }
  return success();
}

LogicalResult EntryLowering::checkEntry() {
  if (failed(checkSignature(source)))
    return failure();
  WalkResult result = source.walk([&](Operation *op) -> WalkResult {
    if (failed(checkStacks(op)))
      return failure();
    return llvm::TypeSwitch<Operation *, LogicalResult>(op)
        .Case([&](GetOp get) {
          return checkParameter(op, get.getParameterAttr(), get.getResult().getType(),
                                get.getLayer() != nullptr, program.module);
        })
        .Case([&](AccumulateOp add) {
          return checkParameter(op, add.getParameterAttr(), add.getValue().getType(),
                                add.getLayer() != nullptr, program.module);
        })
        .Case([&](ReadStateOp read) {
          return checkSegment(op, read.getArena(), read.getSegment(), read.getResult().getType(),
                              program.layout);
        })
        .Case([&](WriteStateOp write) {
          return checkSegment(op, write.getArena(), write.getSegment(), write.getValue().getType(),
                              program.layout);
        })
        .Default([](Operation *) { return success(); });
  });
  return failure(result.wasInterrupted());
}
