// Ptx: from kernels of the gpu dialect to PTX text, in this process and without a toolkit.
// ISA 8.3 is enough for everything here, and older 12.x drivers take it (cuda-target 1).
#include "compiler/target/cuda/Ptx.h"
#include "mlir/Conversion/GPUToNVVM/GPUToNVVMPass.h"
#include "mlir/Conversion/NVVMToLLVM/NVVMToLLVM.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

namespace mlir {
std::unique_ptr<Pass> createSCFToControlFlowPass();
std::unique_ptr<Pass> createReconcileUnrealizedCastsPass();
} // namespace mlir

extern "C" {
void LLVMInitializeNVPTXTargetInfo();
void LLVMInitializeNVPTXTarget();
void LLVMInitializeNVPTXTargetMC();
void LLVMInitializeNVPTXAsmPrinter();
}

using namespace mlir;
using namespace mlir::lnx;

void cuda::registerPtx(DialectRegistry &registry) {
  registry.insert<gpu::GPUDialect>();
  registerConvertNVVMToLLVMInterface(registry);
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerGPUDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}

static std::unique_ptr<llvm::TargetMachine> createMachine(std::string &error) {
  static const bool initialised = [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    return true;
  }();
  (void)initialised;
  llvm::Triple triple("nvptx64-nvidia-cuda");
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return nullptr;
  return std::unique_ptr<llvm::TargetMachine>(
      target->createTargetMachine(triple, "sm_90a", "+ptx83", llvm::TargetOptions(), std::nullopt,
                                  std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::PassBuilder builder(&machine);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3).run(module, modules);
}

/// Whether the device has `function`: one of its intrinsics that NVPTX selects. Any other ends the
/// process while code is generated, as llvm.exp and llvm.log2 do.
static bool isOfDevice(const llvm::Function &function) {
  static const llvm::StringSet<> general = {
      "abs",     "assume", "copysign", "ctlz", "ctpop", "cttz",   "fabs",   "floor",
      "ceil",    "fma",    "fmuladd",  "fshl", "fshr",  "maxnum", "minnum", "maximum",
      "minimum", "smax",   "smin",     "umax", "umin",  "trunc",  "rint",   "bswap"};
  llvm::StringRef name = function.getName();
  if (!function.isIntrinsic() || !name.consume_front("llvm."))
    return false;
  if (name.starts_with("nvvm.") || name.starts_with("lifetime.") || name.starts_with("dbg.") ||
      name.starts_with("experimental.noalias.scope"))
    return true;
  return general.contains(name.split('.').first);
}

/// The kernels in NVVM dialect as PTX.
static FailureOr<std::string> translate(gpu::GPUModuleOp kernels) {
  std::string error;
  std::unique_ptr<llvm::TargetMachine> machine = createMachine(error);
  if (!machine)
    return kernels.emitError("no code generator for NVPTX: ") << error;
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module = translateModuleToLLVMIR(kernels, context);
  if (!module)
    return failure();
  module->setTargetTriple(machine->getTargetTriple());
  module->setDataLayout(machine->createDataLayout());
  // The block's memory is read and written in fours.
  constexpr unsigned sharedSpace = 3;
  for (llvm::GlobalVariable &global : module->globals())
    if (global.getAddressSpace() == sharedSpace)
      global.setAlignment(llvm::Align(16));
  optimize(*module, *machine);
  for (const llvm::Function &function : *module)
    if (function.isDeclaration() && !isOfDevice(function))
      return kernels.emitError("the kernels call '")
             << function.getName() << "', which the device does not have";
  std::string text;
  llvm::SmallVector<char, 0> output;
  llvm::raw_svector_ostream os(output);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, os, nullptr, llvm::CodeGenFileType::AssemblyFile))
    return kernels.emitError("NVPTX emits no assembly");
  passes.run(*module);
  return std::string(output.data(), output.size());
}

/// From the gpu dialect to NVVM.
static OpPassManager convertPasses() {
  OpPassManager passes(gpu::GPUModuleOp::getOperationName());
  passes.addPass(cuda::createDeviceMath());
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(createConvertGpuOpsToNVVMOps());
  passes.addPass(createReconcileUnrealizedCastsPass());
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
  return passes;
}

namespace {

struct EmitPtx : PassWrapper<EmitPtx, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(EmitPtx)

  StringRef getArgument() const final { return "lnx-emit-ptx"; }
  void getDependentDialects(DialectRegistry &registry) const final {
    cuda::registerPtx(registry);
    convertPasses().getDependentDialects(registry);
  }
  void runOnOperation() final;
};

} // namespace

void EmitPtx::runOnOperation() {
  auto modules = getOperation().getOps<gpu::GPUModuleOp>();
  if (modules.empty())
    return;
  gpu::GPUModuleOp kernels = *modules.begin();
  Builder builder(&getContext());
  SmallVector<Attribute> table;
  for (auto kernel : kernels.getOps<gpu::GPUFuncOp>()) {
    int64_t threads = kernel.getKnownBlockSize().value_or(ArrayRef<int32_t>(1)).front();
    // Sums over rows run two blocks for each processor (Rows.cpp). Unless told, ptxas 13.0 saves
    // registers for more of them and spills: 12 columns a thread of GELU's gradient, f32.
    // Twice more than 512 threads would have 32 registers each.
    kernel->setAttr("nvvm.minctasm", builder.getI32IntegerAttr(threads > 512 ? 1 : 2));
    table.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr("name", builder.getStringAttr(kernel.getName())),
         builder.getNamedAttr("threads", builder.getI64IntegerAttr(threads))}));
  }
  OpPassManager passes = convertPasses();
  if (failed(runPipeline(passes, kernels)))
    return signalPassFailure();
  FailureOr<std::string> text = translate(kernels);
  if (failed(text))
    return signalPassFailure();
  getOperation()->setAttr("lnx.device_code", builder.getStringAttr(*text));
  getOperation()->setAttr("lnx.kernels", builder.getArrayAttr(table));
  kernels.erase();
}

std::unique_ptr<Pass> cuda::createEmitPtx() { return std::make_unique<EmitPtx>(); }
