// LowerCalls: parallel loops and runtime functions become calls through the runtime's table.
// Runs when only upstream dialects are left; afterwards nothing refers to a symbol outside.
#include "compiler/Passes.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"

#include "lnx/abi.h"

namespace mlir::lnx {
#define GEN_PASS_DEF_LOWERCALLS
#include "compiler/Passes.h.inc"
} // namespace mlir::lnx

using namespace mlir;
using namespace mlir::lnx;

/// The functions of abi.def in table order.
static constexpr llvm::StringLiteral runtimeFunctions[] = {
#define LNX_CALL(name, parameters) #name,
#include "lnx/abi.def"
#undef LNX_CALL
};

static int findRuntimeFunction(StringRef symbol) {
  if (symbol.consume_front("lnx_"))
    for (auto [index, name] : llvm::enumerate(runtimeFunctions))
      if (name == symbol)
        return static_cast<int>(index);
  return -1;
}

namespace {

/// One value that crosses into a parallel loop: how many slots it takes and how it is rebuilt.
class Slots {
public:
  Slots(ModuleOp module, Value pointer) : converter(module.getContext()), pointer(pointer) {}

  /// Stores `value` into the next slots; failure for types that have no slot form.
  LogicalResult write(OpBuilder &b, Location loc, Value value);
  /// The same for a parameter of a kernel: a memref is its whole descriptor.
  LogicalResult writeParameter(OpBuilder &b, Location loc, Value value);
  /// Loads what write stored, in the same order.
  Value read(OpBuilder &b, Location loc, Type type);
  unsigned count() const { return next; }

private:
  void writeWord(OpBuilder &b, Location loc, Value word) {
    LLVM::StoreOp::create(b, loc, word, slot(b, loc));
  }
  Value readWord(OpBuilder &b, Location loc, Type type) {
    return LLVM::LoadOp::create(b, loc, type, slot(b, loc));
  }
  Value slot(OpBuilder &b, Location loc) {
    auto pointerType = LLVM::LLVMPointerType::get(b.getContext());
    return LLVM::GEPOp::create(b, loc, pointerType, b.getI64Type(), pointer,
                               ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(next++)});
  }
  Value readMemref(OpBuilder &b, Location loc, MemRefType type);

  LLVMTypeConverter converter;
  Value pointer;
  unsigned next = 0;
};

/// Task functions by their text: loops that run one kernel with buffers of the same types share
/// one.
using Tasks = llvm::StringMap<LLVM::LLVMFuncOp>;

/// Lowers the calls of one entry function.
class EntryCalls {
public:
  EntryCalls(ModuleOp module, SymbolTable &symbols, Tasks &tasks, func::FuncOp entry)
      : module(module), symbols(symbols), tasks(tasks), entry(entry) {}
  LogicalResult run();

private:
  LogicalResult lowerParallel(scf::ParallelOp loop);
  LogicalResult lowerLaunch(gpu::LaunchFuncOp launch);
  Value createArea(Location loc, Value &capacity);
  void inlineOnce(scf::ParallelOp loop);
  LLVM::LLVMFuncOp outline(scf::ParallelOp loop, ValueRange captured);
  void lowerCall(func::CallOp call, int function);
  void callRuntime(OpBuilder &b, Location loc, int function, ValueRange arguments);

  ModuleOp module;
  SymbolTable &symbols;
  Tasks &tasks;
  func::FuncOp entry;
  Value runtime;
};

struct LowerCalls : lnx::impl::LowerCallsBase<LowerCalls> {
  void runOnOperation() override;
};

} // namespace

//===-- slots ------------------------------------------------------------===//

LogicalResult Slots::write(OpBuilder &b, Location loc, Value value) {
  Type type = value.getType();
  if (auto memref = dyn_cast<MemRefType>(type)) {
    if (!memref.getLayout().isIdentity())
      return failure();
    Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, value);
    writeWord(b, loc, arith::IndexCastOp::create(b, loc, b.getI64Type(), address));
    for (int64_t dim = 0; dim < memref.getRank(); ++dim)
      if (memref.isDynamicDim(dim)) {
        Value size = memref::DimOp::create(b, loc, value, dim);
        writeWord(b, loc, arith::IndexCastOp::create(b, loc, b.getI64Type(), size));
      }
    return success();
  }
  if (type.isIndex())
    value = arith::IndexCastOp::create(b, loc, b.getI64Type(), value);
  else if (!type.isF32() && !type.isInteger(64) && !type.isInteger(32))
    return failure();
  writeWord(b, loc, value);
  return success();
}

LogicalResult Slots::writeParameter(OpBuilder &b, Location loc, Value value) {
  auto memref = dyn_cast<MemRefType>(value.getType());
  if (!memref)
    return write(b, loc, value);
  if (!memref.getLayout().isIdentity())
    return failure();
  auto word = [&](Value index) {
    writeWord(b, loc, arith::IndexCastOp::create(b, loc, b.getI64Type(), index));
  };
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, value);
  word(address);
  word(address);
  word(arith::ConstantIndexOp::create(b, loc, 0));
  SmallVector<Value> sizes, strides(memref.getRank());
  for (int64_t dim = 0; dim < memref.getRank(); ++dim)
    sizes.push_back(memref::DimOp::create(b, loc, value, dim));
  Value stride = arith::ConstantIndexOp::create(b, loc, 1);
  for (int64_t dim = memref.getRank() - 1; dim >= 0; --dim) {
    strides[dim] = stride;
    stride = arith::MulIOp::create(b, loc, stride, sizes[dim]);
  }
  llvm::for_each(sizes, word);
  llvm::for_each(strides, word);
  return success();
}

Value Slots::readMemref(OpBuilder &b, Location loc, MemRefType type) {
  Type descriptorType = converter.convertType(type);
  Value descriptor = LLVM::PoisonOp::create(b, loc, descriptorType);
  auto set = [&](Value value, ArrayRef<int64_t> position) {
    descriptor = LLVM::InsertValueOp::create(b, loc, descriptor, value, position);
  };
  auto constant = [&](int64_t value) -> Value {
    return LLVM::ConstantOp::create(b, loc, b.getI64Type(), b.getI64IntegerAttr(value));
  };
  Value address = readWord(b, loc, LLVM::LLVMPointerType::get(b.getContext()));
  set(address, {0});
  set(address, {1});
  set(constant(0), {2});
  SmallVector<Value> sizes;
  for (int64_t size : type.getShape())
    sizes.push_back(ShapedType::isDynamic(size) ? readWord(b, loc, b.getI64Type())
                                                : constant(size));
  Value stride = constant(1);
  for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
    set(sizes[dim], {3, dim});
    set(stride, {4, dim});
    if (dim > 0)
      stride = LLVM::MulOp::create(b, loc, stride, sizes[dim]);
  }
  return UnrealizedConversionCastOp::create(b, loc, type, descriptor).getResult(0);
}

Value Slots::read(OpBuilder &b, Location loc, Type type) {
  if (auto memref = dyn_cast<MemRefType>(type))
    return readMemref(b, loc, memref);
  if (type.isIndex())
    return arith::IndexCastOp::create(b, loc, type, readWord(b, loc, b.getI64Type()));
  return readWord(b, loc, type);
}

//===-- parallel loops ---------------------------------------------------===//

static bool isOneIteration(scf::ParallelOp loop) {
  auto lower = getConstantIntValue(loop.getLowerBound()[0]);
  auto upper = getConstantIntValue(loop.getUpperBound()[0]);
  auto step = getConstantIntValue(loop.getStep()[0]);
  return lower && upper && step && *lower < *upper && *lower + *step >= *upper;
}

void EntryCalls::inlineOnce(scf::ParallelOp loop) {
  Block &body = *loop.getBody();
  body.getTerminator()->erase();
  loop->getBlock()->getOperations().splice(loop->getIterator(), body.getOperations());
  body.getArgument(0).replaceAllUsesWith(loop.getLowerBound()[0]);
  loop.erase();
}

/// void thunk(slots, lo, hi): items lo..hi of the loop, one after another.
LLVM::LLVMFuncOp EntryCalls::outline(scf::ParallelOp loop, ValueRange captured) {
  MLIRContext *context = module.getContext();
  Location loc = loop.getLoc();
  OpBuilder b(context);
  auto pointer = LLVM::LLVMPointerType::get(context);
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context),
                                          {pointer, b.getI64Type(), b.getI64Type()});
  auto thunk = LLVM::LLVMFuncOp::create(b, loc, "task", type);
  thunk.setLinkage(LLVM::Linkage::Internal);
  Block *block = thunk.addEntryBlock(b);
  b.setInsertionPointToEnd(block);
  IRMapping mapping;
  Slots slots(module, block->getArgument(0));
  for (Value value : captured) {
    Operation *definition = value.getDefiningOp();
    mapping.map(value, definition && definition->hasTrait<OpTrait::ConstantLike>()
                           ? b.clone(*definition)->getResult(0)
                           : slots.read(b, loc, value.getType()));
  }
  auto toIndex = [&](Value value) -> Value {
    return arith::IndexCastOp::create(b, loc, b.getIndexType(), value);
  };
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  auto items = scf::ForOp::create(b, loc, toIndex(block->getArgument(1)),
                                  toIndex(block->getArgument(2)), one);
  LLVM::ReturnOp::create(b, loc, ValueRange());
  b.setInsertionPoint(items.getBody()->getTerminator());
  Value step = mapping.lookup(loop.getStep()[0]);
  Value offset = arith::MulIOp::create(b, loc, items.getInductionVar(), step);
  mapping.map(loop.getInductionVars()[0],
              arith::AddIOp::create(b, loc, mapping.lookup(loop.getLowerBound()[0]), offset));
  for (Operation &op : loop.getBody()->without_terminator())
    b.clone(op, mapping);
  std::string text;
  llvm::raw_string_ostream os(text);
  thunk.print(os, OpPrintingFlags().printGenericOpForm().useLocalScope());
  auto [known, isNew] = tasks.try_emplace(text, thunk);
  if (isNew)
    symbols.insert(thunk, module.getBody()->end());
  else
    thunk.erase();
  return known->second;
}

/// Slots on the stack of the entry; `capacity` is a constant to be set.
Value EntryCalls::createArea(Location loc, Value &capacity) {
  auto pointer = LLVM::LLVMPointerType::get(module.getContext());
  OpBuilder b = OpBuilder::atBlockBegin(&entry.getBody().front());
  capacity = LLVM::ConstantOp::create(b, loc, b.getI64Type(), b.getI64IntegerAttr(0));
  return LLVM::AllocaOp::create(b, loc, pointer, b.getI64Type(), capacity, 8);
}

static void setCapacity(Value capacity, const Slots &slots) {
  Builder b(capacity.getContext());
  cast<LLVM::ConstantOp>(capacity.getDefiningOp())
      .setValueAttr(b.getI64IntegerAttr(std::max(1u, slots.count())));
}

LogicalResult EntryCalls::lowerParallel(scf::ParallelOp loop) {
  if (loop.getNumLoops() != 1 || loop.getNumReductions() != 0)
    return loop.emitOpError("has more than one dimension or a reduction");
  if (isOneIteration(loop)) {
    inlineOnce(loop);
    return success();
  }
  llvm::SetVector<Value> captured;
  getUsedValuesDefinedAbove(loop.getRegion(), captured);
  captured.insert(loop.getLowerBound()[0]);
  captured.insert(loop.getStep()[0]);
  Location loc = loop.getLoc();
  auto pointer = LLVM::LLVMPointerType::get(loop.getContext());
  Value capacity, area = createArea(loc, capacity);
  OpBuilder b(loop);
  Slots slots(module, area);
  for (Value value : captured) {
    Operation *definition = value.getDefiningOp();
    if (definition && definition->hasTrait<OpTrait::ConstantLike>())
      continue;
    if (failed(slots.write(b, loc, value)))
      return loop.emitOpError("captures a value of type ") << value.getType();
  }
  setCapacity(capacity, slots);
  LLVM::LLVMFuncOp thunk = outline(loop, captured.getArrayRef());
  Value span = arith::SubIOp::create(b, loc, loop.getUpperBound()[0], loop.getLowerBound()[0]);
  Value items = arith::CeilDivSIOp::create(b, loc, span, loop.getStep()[0]);
  Value address = LLVM::AddressOfOp::create(b, loc, pointer, thunk.getName());
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  callRuntime(b, loc, findRuntimeFunction("lnx_parallel"), {address, area, items, one});
  loop.erase();
  return success();
}

/// runtime->launch(number, slots, count, blocks)
LogicalResult EntryCalls::lowerLaunch(gpu::LaunchFuncOp launch) {
  Location loc = launch.getLoc();
  auto kernels = symbols.lookup<gpu::GPUModuleOp>(launch.getKernelModuleName());
  int64_t number = 0;
  for (auto kernel : kernels.getOps<gpu::GPUFuncOp>()) {
    if (kernel.getNameAttr() == launch.getKernelName())
      break;
    ++number;
  }
  Value capacity, area = createArea(loc, capacity);
  OpBuilder b(launch);
  Slots slots(module, area);
  for (Value operand : launch.getKernelOperands())
    if (failed(slots.writeParameter(b, loc, operand)))
      return launch.emitOpError("passes a value of type ") << operand.getType();
  setCapacity(capacity, slots);
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, loc, value);
  };
  callRuntime(b, loc, findRuntimeFunction("lnx_launch"),
              {index(number), area, index(slots.count()), launch.getGridSizeX()});
  launch.erase();
  return success();
}

//===-- calls ------------------------------------------------------------===//

/// runtime->function(runtime->context, arguments...); index arguments are int64_t or pointers.
void EntryCalls::callRuntime(OpBuilder &b, Location loc, int function, ValueRange arguments) {
  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  SmallVector<Value> operands;
  Value slot = LLVM::GEPOp::create(b, loc, pointer, pointer, runtime,
                                   ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(function + 1)});
  operands.push_back(LLVM::LoadOp::create(b, loc, pointer, slot));    // the callee
  operands.push_back(LLVM::LoadOp::create(b, loc, pointer, runtime)); // lnx_runtime.context
  for (Value argument : arguments)
    operands.push_back(
        argument.getType().isIndex()
            ? arith::IndexCastOp::create(b, loc, b.getI64Type(), argument).getResult()
            : argument);
  SmallVector<Type> types;
  for (Value operand : ArrayRef<Value>(operands).drop_front())
    types.push_back(operand.getType());
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), types);
  LLVM::CallOp::create(b, loc, type, operands);
}

void EntryCalls::lowerCall(func::CallOp call, int function) {
  OpBuilder b(call);
  callRuntime(b, call.getLoc(), function, call.getOperands());
  call.erase();
}

LogicalResult EntryCalls::run() {
  if (failed(entry.insertArgument(0, LLVM::LLVMPointerType::get(module.getContext()), {},
                                  entry.getLoc())))
    return failure();
  runtime = entry.getArgument(0);
  SmallVector<scf::ParallelOp> loops;
  entry.walk<WalkOrder::PreOrder>([&](scf::ParallelOp loop) {
    loops.push_back(loop);
    return WalkResult::skip();
  });
  for (scf::ParallelOp loop : loops)
    if (failed(lowerParallel(loop)))
      return failure();
  SmallVector<gpu::LaunchFuncOp> launches;
  entry.walk([&](gpu::LaunchFuncOp launch) { launches.push_back(launch); });
  for (gpu::LaunchFuncOp launch : launches)
    if (failed(lowerLaunch(launch)))
      return failure();
  SmallVector<std::pair<func::CallOp, int>> calls;
  entry.walk([&](func::CallOp call) {
    if (int function = findRuntimeFunction(call.getCallee()); function >= 0)
      calls.emplace_back(call, function);
  });
  for (auto [call, function] : calls)
    lowerCall(call, function);
  return success();
}

void LowerCalls::runOnOperation() {
  ModuleOp module = getOperation();
  SymbolTable symbols(module);
  Tasks tasks;
  for (auto entry : llvm::to_vector(module.getOps<func::FuncOp>()))
    if (entry->hasAttr("lnx.entry") && failed(EntryCalls(module, symbols, tasks, entry).run()))
      return signalPassFailure();
  for (auto function : llvm::to_vector(module.getOps<func::FuncOp>()))
    if (function.isDeclaration() && findRuntimeFunction(function.getName()) >= 0)
      symbols.erase(function);
}
