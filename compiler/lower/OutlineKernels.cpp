// OutlineKernels: everything that touches the device's memory becomes a kernel and a launch.
// Runs on level loops, planned, when kernels are the target's own; afterwards the entries only
// compute addresses, launch kernels and call the runtime.
#include "compiler/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"

namespace mlir::lnx {
#define GEN_PASS_DEF_OUTLINEKERNELS
#include "compiler/Passes.h.inc"
} // namespace mlir::lnx

using namespace mlir;
using namespace mlir::lnx;

namespace {

/// The kernels of a module; equal bodies share one.
class KernelModule {
public:
  explicit KernelModule(ModuleOp module) : module(module), functions(module) {
    module->setAttr(gpu::GPUDialect::getContainerModuleAttrName(),
                    UnitAttr::get(module.getContext()));
    OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
    kernels = gpu::GPUModuleOp::create(b, module.getLoc(), "kernels");
    symbols = std::make_unique<SymbolTable>(kernels);
  }

  /// The function of ours that this op calls; null for runtime functions and other ops.
  func::FuncOp callee(Operation &op) {
    auto call = dyn_cast<func::CallOp>(op);
    auto function = call ? functions.lookup<func::FuncOp>(call.getCallee()) : func::FuncOp();
    return function && !function.isDeclaration() ? function : func::FuncOp();
  }

  /// Adds `kernel`, or takes one with the same text.
  gpu::GPUFuncOp insert(gpu::GPUFuncOp kernel);
  /// The table that a kernel reads, copied to the device once.
  void copyTable(memref::GetGlobalOp get);
  void eraseCallees();

  ModuleOp module;

private:
  SymbolTable functions;
  gpu::GPUModuleOp kernels;
  std::unique_ptr<SymbolTable> symbols;
  llvm::StringMap<gpu::GPUFuncOp> byText;
};

/// Builds one kernel from operations of an entry function.
class KernelBuilder {
public:
  KernelBuilder(KernelModule &kernels, Location loc, StringRef hint)
      : kernels(kernels), loc(loc), hint(hint), b(kernels.module.getContext()) {}

  /// What the kernel takes: values from outside `ops`, as far as it cannot make them itself.
  void capture(ArrayRef<Operation *> ops, ValueRange others = {});
  /// Starts the body, run by `threads` threads a block.
  void begin(int64_t threads);
  void clone(Operation &op);
  /// Ends the kernel and launches `blocks` of it at `at`.
  void launch(OpBuilder &at, Value blocks);

  OpBuilder &builder() { return b; }
  IRMapping mapping;

private:
  void inlineCall(func::CallOp call, func::FuncOp callee);

  KernelModule &kernels;
  Location loc;
  StringRef hint;
  OpBuilder b;
  gpu::GPUFuncOp kernel;
  llvm::SetVector<Value> captured;
  SmallVector<Operation *> remade; ///< constants and tables, made again inside
  int64_t threads = 1;
};

/// One entry function.
class EntryKernels {
public:
  explicit EntryKernels(KernelModule &kernels) : kernels(kernels) {}
  LogicalResult run(Block &block);

private:
  enum class Work { host, device, launch, mixed };
  Work classify(Operation &op);
  LogicalResult flush();
  void launchParallel(scf::ParallelOp loop);
  void launchCall(func::CallOp call, func::FuncOp callee);
  int64_t threadsOf(Operation &op);

  KernelModule &kernels;
  SmallVector<Operation *> pending; ///< neighbouring device work, one thread's
};

struct OutlineKernels : lnx::impl::OutlineKernelsBase<OutlineKernels> {
  void runOnOperation() override {
    KernelModule kernels(getOperation());
    for (auto entry : llvm::to_vector(getOperation().getOps<func::FuncOp>()))
      if (entry->hasAttr("lnx.entry") && failed(EntryKernels(kernels).run(entry.getBody().front())))
        return signalPassFailure();
    kernels.eraseCallees();
  }
};

} // namespace

//===-- the module of kernels --------------------------------------------------===//

gpu::GPUFuncOp KernelModule::insert(gpu::GPUFuncOp kernel) {
  std::string text;
  llvm::raw_string_ostream os(text);
  kernel->print(os, OpPrintingFlags().printGenericOpForm().useLocalScope());
  auto [known, isNew] = byText.try_emplace(text, kernel);
  if (isNew)
    symbols->insert(kernel);
  else
    kernel->erase();
  return known->second;
}

void KernelModule::copyTable(memref::GetGlobalOp get) {
  if (symbols->lookup(get.getName()))
    return;
  auto table = functions.lookup<memref::GlobalOp>(get.getName());
  symbols->insert(table->clone());
}

void KernelModule::eraseCallees() {
  for (auto function : llvm::to_vector(module.getOps<func::FuncOp>()))
    if (!function->hasAttr("lnx.entry") && !function.isDeclaration())
      function->erase();
  for (auto table : llvm::to_vector(module.getOps<memref::GlobalOp>()))
    if (SymbolTable::symbolKnownUseEmpty(table, module.getBodyRegion().getParentOp()))
      table->erase();
}

//===-- one kernel ---------------------------------------------------------===//

void KernelBuilder::capture(ArrayRef<Operation *> ops, ValueRange others) {
  llvm::SmallPtrSet<Operation *, 16> inside(ops.begin(), ops.end());
  auto add = [&](Value value) {
    Operation *definition = value.getDefiningOp();
    if (definition && inside.contains(definition))
      return;
    if (definition &&
        (definition->hasTrait<OpTrait::ConstantLike>() || isa<memref::GetGlobalOp>(definition))) {
      if (!llvm::is_contained(remade, definition))
        remade.push_back(definition);
      return;
    }
    captured.insert(value);
  };
  for (Operation *op : ops) {
    llvm::for_each(op->getOperands(), add);
    llvm::SetVector<Value> above;
    getUsedValuesDefinedAbove(op->getRegions(), above);
    llvm::for_each(above, add);
  }
  llvm::for_each(others, add);
}

void KernelBuilder::begin(int64_t count) {
  threads = count;
  SmallVector<Type> types(ValueRange(captured.getArrayRef()).getTypes());
  kernel = gpu::GPUFuncOp::create(b, loc, hint, b.getFunctionType(types, {}));
  kernel->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), b.getUnitAttr());
  kernel.setKnownBlockSizeAttr(b.getDenseI32ArrayAttr({static_cast<int32_t>(threads), 1, 1}));
  b.setInsertionPointToEnd(&kernel.getBody().front());
  for (auto [value, argument] :
       llvm::zip(captured, kernel.getBody().front().getArguments().take_front(types.size())))
    mapping.map(value, argument);
  for (Operation *definition : remade) {
    b.clone(*definition, mapping);
    if (auto get = dyn_cast<memref::GetGlobalOp>(definition))
      kernels.copyTable(get);
  }
}

void KernelBuilder::clone(Operation &op) {
  if (func::FuncOp callee = kernels.callee(op))
    return inlineCall(cast<func::CallOp>(op), callee);
  auto space = gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  if (auto memory = dyn_cast<memref::AllocaOp>(op);
      memory && memory.getType().getMemorySpace() == space) {
    mapping.map(memory.getResult(), kernel.addWorkgroupAttribution(memory.getType(), loc));
    return;
  }
  if (auto get = dyn_cast<memref::GetGlobalOp>(op))
    kernels.copyTable(get);
  b.clone(op, mapping);
}

void KernelBuilder::inlineCall(func::CallOp call, func::FuncOp callee) {
  for (auto [argument, operand] :
       llvm::zip_equal(callee.getBody().getArguments(), call.getOperands()))
    mapping.map(argument, mapping.lookup(operand));
  for (Operation &op : callee.getBody().front().without_terminator())
    clone(op);
}

void KernelBuilder::launch(OpBuilder &at, Value blocks) {
  gpu::ReturnOp::create(b, loc);
  gpu::GPUFuncOp known = kernels.insert(kernel);
  Value one = arith::ConstantIndexOp::create(at, loc, 1);
  Value size = arith::ConstantIndexOp::create(at, loc, threads);
  gpu::LaunchFuncOp::create(at, loc, known, gpu::KernelDim3{blocks, one, one},
                            gpu::KernelDim3{size, one, one}, Value(), captured.getArrayRef());
}

//===-- one entry ------------------------------------------------------------===//

EntryKernels::Work EntryKernels::classify(Operation &op) {
  if (isa<scf::ParallelOp>(op) || kernels.callee(op))
    return Work::launch;
  if (isa<func::CallOp>(op))
    return Work::mixed; // of the runtime: what was before it has to be launched before it
  bool hasCalls = false, hasEffects = false;
  op.walk([&](Operation *inner) {
    hasCalls |= isa<scf::ParallelOp, func::CallOp>(inner);
    hasEffects |=
        isa<memref::LoadOp, memref::StoreOp>(inner) ||
        (!isMemoryEffectFree(inner) && !inner->hasTrait<OpTrait::HasRecursiveMemoryEffects>() &&
         !inner->hasTrait<OpTrait::IsTerminator>());
  });
  if (hasCalls)
    return Work::mixed;
  bool follows = llvm::any_of(op.getOperands(), [&](Value operand) {
    return llvm::is_contained(pending, operand.getDefiningOp());
  });
  return hasEffects || follows ? Work::device : Work::host;
}

LogicalResult EntryKernels::run(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(block.without_terminator())) {
    Work work = classify(op);
    if (work == Work::device)
      pending.push_back(&op);
    if (work == Work::device || work == Work::host)
      continue;
    if (failed(flush()))
      return failure();
    if (auto loop = dyn_cast<scf::ParallelOp>(op))
      launchParallel(loop);
    else if (func::FuncOp callee = kernels.callee(op))
      launchCall(cast<func::CallOp>(op), callee);
    else
      for (Region &region : op.getRegions())
        for (Block &inner : region)
          if (failed(run(inner)))
            return failure();
  }
  return flush();
}

LogicalResult EntryKernels::flush() {
  if (pending.empty())
    return success();
  SmallVector<Operation *> ops = std::exchange(pending, {});
  for (Operation *op : ops)
    for (Operation *user : op->getUsers())
      if (!llvm::is_contained(ops, op->getBlock()->findAncestorOpInBlock(*user)))
        return op->emitOpError("reads on the host what a kernel computes");
  OpBuilder at(ops.back()->getContext());
  at.setInsertionPointAfter(ops.back());
  KernelBuilder kernel(kernels, ops.front()->getLoc(), "serial");
  kernel.capture(ops);
  kernel.begin(/*threads=*/1);
  for (Operation *op : ops)
    kernel.clone(*op);
  kernel.launch(at, arith::ConstantIndexOp::create(at, ops.front()->getLoc(), 1));
  for (Operation *op : llvm::reverse(ops))
    op->erase();
  return success();
}

int64_t EntryKernels::threadsOf(Operation &op) {
  int64_t threads = 1;
  op.walk([&](func::CallOp call) {
    if (func::FuncOp callee = kernels.callee(*call))
      if (auto count = callee->getAttrOfType<IntegerAttr>("lnx.threads"))
        threads = std::max(threads, count.getInt());
  });
  return threads;
}

void EntryKernels::launchParallel(scf::ParallelOp loop) {
  assert(loop.getNumLoops() == 1 && loop.getNumReductions() == 0 && "targets write no other loops");
  Location loc = loop.getLoc();
  Value lower = loop.getLowerBound()[0], step = loop.getStep()[0];
  SmallVector<Operation *> ops;
  for (Operation &op : loop.getBody()->without_terminator())
    ops.push_back(&op);
  OpBuilder at(loop);
  Value span = arith::SubIOp::create(at, loc, loop.getUpperBound()[0], lower);
  Value blocks = arith::CeilDivSIOp::create(at, loc, span, step);
  StringRef hint = "task";
  for (auto call : loop.getBody()->getOps<func::CallOp>())
    hint = call.getCallee();
  KernelBuilder kernel(kernels, loc, hint);
  kernel.capture({loop.getOperation()});
  kernel.begin(threadsOf(*loop));
  OpBuilder &b = kernel.builder();
  Value block = gpu::BlockIdOp::create(b, loc, gpu::Dimension::x);
  Value offset = arith::MulIOp::create(b, loc, block, kernel.mapping.lookup(step));
  kernel.mapping.map(loop.getInductionVars()[0],
                     arith::AddIOp::create(b, loc, kernel.mapping.lookup(lower), offset));
  for (Operation *op : ops)
    kernel.clone(*op);
  kernel.launch(at, blocks);
  loop->erase();
}

/// A loop of one iteration that was folded away.
void EntryKernels::launchCall(func::CallOp call, func::FuncOp callee) {
  OpBuilder at(call);
  KernelBuilder kernel(kernels, call.getLoc(), callee.getName());
  kernel.capture({call.getOperation()});
  kernel.begin(threadsOf(*call));
  kernel.clone(*call);
  kernel.launch(at, arith::ConstantIndexOp::create(at, call.getLoc(), 1));
  call->erase();
}
