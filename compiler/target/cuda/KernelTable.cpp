// KernelTable: walks the launches of a step and adds up what their arguments amount to.
// Host code is small index arithmetic over batch, time and constants, so its values are known
// numbers here; a loop counts as often as it turns.
#include "compiler/KernelTable.h"
#include "compiler/Passes.h"
#include "compiler/target/cuda/Ptx.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::lnx;

namespace {

/// How often a kernel goes over an argument.
struct Passes {
  int64_t reads = 0, writes = 0;
};

/// Counts the launches of entry functions.
class Counter {
public:
  Counter(gpu::GPUModuleOp kernels, int64_t batch, int64_t time)
      : kernels(kernels), batch(batch), time(time) {}

  void count(func::FuncOp entry);
  std::vector<KernelRow> rows;

private:
  /// `launches` of everything in `block`; `share` of the rows is seen by each launch.
  void walk(Block &block, double launches, double share);
  void walkLoop(scf::ForOp loop, double launches, double share);
  void add(gpu::LaunchFuncOp launch, double launches, double share);
  KernelRow &row(gpu::LaunchFuncOp launch);
  std::optional<int64_t> number(Value value);
  std::optional<int64_t> compute(Operation *op);
  KernelBytes bytes(Value buffer, double share);

  gpu::GPUModuleOp kernels;
  int64_t batch, time;
  DenseMap<Value, int64_t> known;
  DenseMap<Operation *, SmallVector<Passes>> passes;
  llvm::StringMap<size_t> byName;
};

} // namespace

//===-- kernels ------------------------------------------------------------===//

/// Everything that is the memory of `argument` under another type.
static SmallVector<Value> aliases(Value argument) {
  SmallVector<Value> all = {argument};
  for (size_t i = 0; i < all.size(); ++i)
    for (Operation *user : all[i].getUsers())
      if (isa<ViewLikeOpInterface, memref::ReinterpretCastOp>(user) && user->getNumResults() == 1)
        all.push_back(user->getResult(0));
  return all;
}

/// Loops over the columns that touch the argument count one by one; what is outside of them, such
/// as a row's own number, adds nothing. A kernel without loops goes over it once.
static Passes passesOf(Value argument) {
  llvm::SetVector<Operation *> reads, writes;
  for (Value memory : aliases(argument))
    for (Operation *user : memory.getUsers()) {
      Operation *loop = user->getParentOfType<scf::ForOp>();
      if (isa<memref::LoadOp, vector::LoadOp, vector::MaskedLoadOp, vector::TransferReadOp>(user))
        reads.insert(loop);
      if ((isa<memref::StoreOp>(user) && cast<memref::StoreOp>(user).getMemRef() == memory) ||
          (isa<vector::StoreOp>(user) && cast<vector::StoreOp>(user).getBase() == memory))
        writes.insert(loop);
    }
  auto count = [](llvm::SetVector<Operation *> &loops) -> int64_t {
    if (loops.size() > 1)
      loops.remove(nullptr);
    return static_cast<int64_t>(loops.size());
  };
  return {count(reads), count(writes)};
}

//===-- the host's numbers -----------------------------------------------------===//

std::optional<int64_t> Counter::compute(Operation *op) {
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto attribute = dyn_cast<IntegerAttr>(constant.getValue());
    return attribute ? std::optional(attribute.getValue().getSExtValue()) : std::nullopt;
  }
  if (auto cast = dyn_cast<arith::IndexCastOp>(op))
    return number(cast.getIn());
  if (auto select = dyn_cast<arith::SelectOp>(op)) {
    std::optional<int64_t> condition = number(select.getCondition());
    return condition ? number(*condition ? select.getTrueValue() : select.getFalseValue())
                     : std::nullopt;
  }
  if (op->getNumOperands() != 2 || !isa<arith::ArithDialect>(op->getDialect()))
    return std::nullopt;
  std::optional<int64_t> a = number(op->getOperand(0)), b = number(op->getOperand(1));
  if (!a || !b)
    return std::nullopt;
  using Result = std::optional<int64_t>;
  auto quotient = [&](int64_t by) -> Result { return *b ? Result(by) : std::nullopt; };
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case([&](arith::AddIOp) { return *a + *b; })
      .Case([&](arith::SubIOp) { return *a - *b; })
      .Case([&](arith::MulIOp) { return *a * *b; })
      .Case([&](arith::AndIOp) { return *a & *b; })
      .Case([&](arith::MinSIOp) { return std::min(*a, *b); })
      .Case([&](arith::MinUIOp) { return std::min(*a, *b); })
      .Case([&](arith::MaxSIOp) { return std::max(*a, *b); })
      .Case([&](arith::DivUIOp) { return quotient(*b ? *a / *b : 0); })
      .Case([&](arith::DivSIOp) { return quotient(*b ? *a / *b : 0); })
      .Case([&](arith::RemUIOp) { return quotient(*b ? *a % *b : 0); })
      .Case([&](arith::CeilDivSIOp) { return quotient(*b ? (*a + *b - 1) / *b : 0); })
      .Case([&](arith::CeilDivUIOp) { return quotient(*b ? (*a + *b - 1) / *b : 0); })
      .Default([](Operation *) { return Result(); });
}

std::optional<int64_t> Counter::number(Value value) {
  if (auto it = known.find(value); it != known.end())
    return it->second;
  std::optional<int64_t> result;
  if (Operation *op = value.getDefiningOp())
    result = compute(op);
  if (result)
    known[value] = *result;
  return result;
}

/// What a launch touches of one buffer when it goes over it once. Buffers of dynamic size have a
/// row for each row of the batch.
KernelBytes Counter::bytes(Value buffer, double share) {
  auto type = cast<MemRefType>(buffer.getType());
  double size = type.getElementTypeBitWidth() / 8.0;
  bool hasRows = false;
  for (int64_t dim : type.getShape()) {
    hasRows |= ShapedType::isDynamic(dim);
    size *= ShapedType::isDynamic(dim) ? 1 : static_cast<double>(dim);
  }
  if (hasRows)
    return {size * share, 0};
  // In a loop over the rows, a buffer for some of them counts by the rows.
  if (share < 1 && type.getRank() > 1)
    return {size / static_cast<double>(batch * time), 0};
  return {0, size};
}

//===-- launches -------------------------------------------------------------===//

void Counter::count(func::FuncOp entry) {
  constexpr unsigned batchArgument = 4, timeArgument = 5;
  known.clear();
  known[entry.getArgument(batchArgument)] = batch;
  known[entry.getArgument(timeArgument)] = time;
  walk(entry.getBody().front(), 1, 1);
}

void Counter::walk(Block &block, double launches, double share) {
  for (Operation &op : block) {
    if (auto loop = dyn_cast<scf::ForOp>(op))
      walkLoop(loop, launches, share);
    else if (auto launch = dyn_cast<gpu::LaunchFuncOp>(op))
      add(launch, launches, share);
    else
      for (Region &region : op.getRegions())
        for (Block &inner : region)
          walk(inner, launches, share);
  }
}

void Counter::walkLoop(scf::ForOp loop, double launches, double share) {
  std::optional<int64_t> lower = number(loop.getLowerBound()), upper = number(loop.getUpperBound()),
                         step = number(loop.getStep());
  double turns = 1;
  if (lower && upper && step && *step > 0)
    turns = std::ceil(static_cast<double>(*upper - *lower) / static_cast<double>(*step));
  if (lower)
    known[loop.getInductionVar()] = *lower;
  bool isOverRows = !isa_and_nonnull<arith::ConstantOp>(loop.getUpperBound().getDefiningOp());
  walk(*loop.getBody(), launches * turns, isOverRows && turns > 1 ? share / turns : share);
}

KernelRow &Counter::row(gpu::LaunchFuncOp launch) {
  llvm::StringRef name = launch.getKernelName().getValue();
  auto [place, isNew] = byName.try_emplace(name, rows.size());
  if (isNew) {
    KernelRow row;
    row.name = name.str();
    row.threads = number(launch.getBlockSizeX()).value_or(1);
    row.isAttention = name.starts_with("attend");
    rows.push_back(std::move(row));
  }
  return rows[place->second];
}

void Counter::add(gpu::LaunchFuncOp launch, double launches, double share) {
  auto kernel = kernels.lookupSymbol<gpu::GPUFuncOp>(launch.getKernelName());
  SmallVector<Passes> &of = passes[kernel];
  if (of.empty())
    for (BlockArgument argument : kernel.getArguments())
      of.push_back(isa<MemRefType>(argument.getType()) ? passesOf(argument) : Passes());
  KernelRow &row = this->row(launch);
  row.launches += static_cast<int64_t>(launches);
  for (auto [operand, times] : llvm::zip(launch.getKernelOperands(), of)) {
    if (!isa<MemRefType>(operand.getType()))
      continue;
    KernelBytes once = bytes(operand, share);
    auto collect = [&](KernelBytes &into, int64_t passes) {
      into.perRow += once.perRow * launches * static_cast<double>(passes);
      into.fixed += once.fixed * launches * static_cast<double>(passes);
    };
    collect(row.read, times.reads);
    collect(row.written, times.writes);
  }
}

//===-- the table --------------------------------------------------------------===//

FailureOr<KernelTable> lnx::kernelTable(ModuleOp module, const CompileOptions &options,
                                        int64_t rows) {
  if (failed(lowerTo(module, Level::loops, options)))
    return failure();
  PassManager outline(module.getContext(), module.getOperationName());
  outline.addPass(createOutlineKernels());
  if (failed(outline.run(module)))
    return failure();
  KernelTable table;
  auto context = module->getAttrOfType<IntegerAttr>("lnx.context");
  table.time = context && context.getInt() > 0 ? context.getInt() : 1024;
  table.batch = std::max<int64_t>(rows / table.time, 1);
  Counter counter(*module.getOps<gpu::GPUModuleOp>().begin(), table.batch, table.time);
  for (StringRef name : {"grad", "norm", "adamw"})
    if (auto entry = module.lookupSymbol<func::FuncOp>(name))
      counter.count(entry);
  table.rows = std::move(counter.rows);
  PassManager emit(module.getContext(), module.getOperationName());
  emit.addPass(createLowerCalls());
  emit.addPass(cuda::createEmitPtx());
  if (failed(emit.run(module)))
    return failure();
  table.ptx = module->getAttrOfType<StringAttr>("lnx.device_code").str();
  return table;
}
