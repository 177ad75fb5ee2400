// Compiler: runs the stages in order and measures them.
// The order of passes is here and nowhere else.
#include "compiler/Compiler.h"
#include "compiler/Passes.h"
#include "compiler/target/cpu/Codegen.h"
#include "compiler/target/cpu/Link.h"
#include "compiler/target/cuda/Epilogues.h"
#include "compiler/target/cuda/Ptx.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

#include "lnx/abi.h"
#include <chrono>

using namespace mlir;
using namespace mlir::lnx;

namespace {

/// Adds the seconds of its lifetime to a stage.
class Stopwatch {
public:
  Stopwatch(const CompileOptions &options, double CompileTimes::*stage)
      : target(options.times ? &(options.times->*stage) : nullptr),
        start(std::chrono::steady_clock::now()) {}
  ~Stopwatch() {
    if (target)
      *target += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

private:
  double *target;
  std::chrono::steady_clock::time_point start;
};

} // namespace

void lnx::registerAll(DialectRegistry &registry) {
  registry.insert<LnxDialect>();
  registerCodegen(registry);
  cuda::registerPtx(registry);
}

Level lnx::levelOf(ModuleOp module) {
  Level level = Level::loops;
  if (!module.getOps<LLVM::LLVMFuncOp>().empty())
    return Level::llvm;
  module.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa<ModelOp>(op)) {
      level = Level::spec;
      return WalkResult::interrupt();
    }
    if (isa<GroupOp>(op)) {
      level = Level::fused;
      return WalkResult::interrupt();
    }
    if (isa_and_nonnull<LnxDialect>(op->getDialect()))
      level = Level::grad;
    return WalkResult::advance();
  });
  return level;
}

FailureOr<Precision> lnx::findPrecision(StringRef name, StringRef target) {
  if (name.empty())
    return target == "cuda" ? Precision::bf16 : Precision::f32;
  if (name == "f32")
    return Precision::f32;
  if (name == "bf16")
    return Precision::bf16;
  return failure();
}

//===-- stages -----------------------------------------------------------===//

/// Bytes of traffic that a byte kept for every layer is worth. On a CPU memory is what ends a run;
/// a GPU has tens of GiB and waits for them (decision 16).
static int64_t storagePriceOf(llvm::StringRef target) { return target == "cuda" ? 1 : 16; }

static void addGradPasses(OpPassManager &passes, const CompileOptions &options) {
  passes.addPass(createInlineDefs());
  passes.addPass(createStackParams());
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
  passes.addPass(createAddLoss());
  passes.addPass(createCanonicalizerPass());
  if (options.observe)
    passes.addPass(createObserveStreams());
  passes.addPass(createDifferentiate());
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
  if (options.rematerialize)
    passes.addPass(createRematerialize({storagePriceOf(options.target)}));
  passes.addPass(createAddOptimizer());
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
}

static void addLoopsPasses(OpPassManager &passes, const CompileOptions &options) {
  passes.addPass(createLowerGroups({options.reference ? "reference" : options.target}));
  passes.addPass(createPlanArena());
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
}

/// Launches are numbered by the kernels before those become text.
static void addDevicePasses(OpPassManager &passes) {
  passes.addPass(createOutlineKernels());
  passes.addPass(createLowerCalls());
  passes.addPass(cuda::createEmitPtx());
}

static LogicalResult addConvertPasses(ModuleOp module, OpPassManager &passes,
                                      const CompileOptions &options) {
  llvm::Expected<Machine> machine = Machine::find(options.cpu);
  if (!machine)
    return module.emitError(llvm::toString(machine.takeError()));
  if (options.target == "cuda" && !options.reference)
    addDevicePasses(passes);
  else
    passes.addPass(createLowerCalls());
  passes.addPass(createExportProgram({machine->text}));
  addConversionPasses(passes);
  return success();
}

static LogicalResult lowerOnce(ModuleOp module, Level next, const CompileOptions &options) {
  static constexpr double CompileTimes::*stages[] = {nullptr,
                                                     &CompileTimes::grad,
                                                     &CompileTimes::fused,
                                                     &CompileTimes::loops,
                                                     &CompileTimes::convert,
                                                     &CompileTimes::emit,
                                                     &CompileTimes::emit};
  Stopwatch watch(options, stages[static_cast<int>(next)]);
  PassManager passes(module.getContext(), module.getOperationName());
#ifdef NDEBUG
  passes.enableVerifier(false);
#endif
  switch (next) {
  case Level::grad:
    addGradPasses(passes, options);
    break;
  case Level::fused:
    if (options.target == "cuda" && options.fuse && !options.reference)
      passes.addPass(cuda::createJoinEpilogues());
    passes.addPass(createFormGroups({options.fuse}));
    if (options.precision == Precision::bf16)
      passes.addPass(createSetPrecision());
    break;
  case Level::loops:
    addLoopsPasses(passes, options);
    break;
  case Level::llvm:
    if (!options.spec.empty())
      module->setAttr("lnx.spec", StringAttr::get(module.getContext(), options.spec));
    if (failed(addConvertPasses(module, passes, options)))
      return failure();
    break;
  case Level::ptx:
    addDevicePasses(passes);
    break;
  case Level::spec:
  case Level::assembly:
    break;
  }
  return passes.run(module);
}

LogicalResult lnx::lowerTo(ModuleOp module, Level level, const CompileOptions &options) {
  Level last = level == Level::ptx ? Level::loops : std::min(level, Level::llvm);
  for (Level at = levelOf(module); at < last;) {
    at = static_cast<Level>(static_cast<int>(at) + 1);
    if (failed(lowerOnce(module, at, options)))
      return failure();
  }
  return level == Level::ptx ? lowerOnce(module, Level::ptx, options) : success();
}

//===-- code -------------------------------------------------------------===//

/// LLVM IR or machine code of a module in the LLVM dialect.
static LogicalResult emitCode(ModuleOp module, Level level, const CompileOptions &options,
                              llvm::SmallVectorImpl<char> &output, llvm::CodeGenFileType type) {
  llvm::Expected<Machine> machine = Machine::find(options.cpu);
  if (!machine)
    return module.emitError(llvm::toString(machine.takeError()));
  std::unique_ptr<llvm::TargetMachine> target = machine->create(options.optLevel);
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code;
  {
    Stopwatch watch(options, &CompileTimes::translate);
    code = translate(module, *machine, *target, context);
  }
  if (!code)
    return failure();
  {
    Stopwatch watch(options, &CompileTimes::optimize);
    optimize(*code, *target, options.optLevel, options.reference ? Loops::scalar : Loops::vector);
  }
  if (level == Level::llvm) {
    llvm::raw_svector_ostream os(output);
    code->print(os, nullptr);
    return success();
  }
  Stopwatch watch(options, &CompileTimes::emit);
  emit(*code, *target, type, output);
  return success();
}

LogicalResult lnx::printLevel(ModuleOp module, Level level, const CompileOptions &options,
                              llvm::raw_ostream &os) {
  if (level == Level::ptx) {
    os << module->getAttrOfType<StringAttr>("lnx.device_code").getValue();
    return success();
  }
  if (level < Level::llvm) {
    module.print(os);
    os << '\n';
    return success();
  }
  llvm::SmallVector<char, 0> text;
  if (failed(emitCode(module, level, options, text, llvm::CodeGenFileType::AssemblyFile)))
    return failure();
  os << llvm::StringRef(text.data(), text.size());
  return success();
}

/// Lowers to object code.
static LogicalResult compile(ModuleOp module, const CompileOptions &options,
                             llvm::SmallVectorImpl<char> &object) {
  if (failed(lowerTo(module, Level::llvm, options)))
    return failure();
  return emitCode(module, Level::assembly, options, object, llvm::CodeGenFileType::ObjectFile);
}

LogicalResult lnx::compileToFile(ModuleOp module, StringRef path, const CompileOptions &options) {
  llvm::SmallVector<char, 0> object;
  if (failed(compile(module, options, object)))
    return failure();
  Stopwatch watch(options, &CompileTimes::link);
  if (llvm::Error error = linkShared({StringRef(object.data(), object.size())}, path))
    return emitError(UnknownLoc::get(module.getContext()), llvm::toString(std::move(error)));
  return success();
}

FailureOr<MemoryProgram> lnx::compileToMemory(ModuleOp module, const CompileOptions &options) {
  llvm::SmallVector<char, 0> object;
  if (failed(compile(module, options, object)))
    return failure();
  Stopwatch watch(options, &CompileTimes::link);
  auto code = loadObjects({StringRef(object.data(), object.size())}, LNX_PROGRAM_SYMBOL);
  if (!code) {
    emitError(UnknownLoc::get(module.getContext()), llvm::toString(code.takeError()));
    return failure();
  }
  return MemoryProgram{static_cast<const lnx_program *>(code->symbol), std::move(code->owner)};
}
