// Codegen: from level loops, with calls lowered, to object code.
// Kernels come as explicit vectors, so LLVM's unroller and SLP vectorizer are off: they cost half
// of the time and gain nothing (mlir-recipes 3.4).
#include "compiler/target/cpu/Codegen.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/Intrinsics.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"

#include "lnx/abi.h"

// Declared here: the umbrella header of all conversions costs 20 s to parse.
namespace mlir {
std::unique_ptr<Pass> createSCFToControlFlowPass();
std::unique_ptr<Pass> createConvertVectorToLLVMPass();
std::unique_ptr<Pass> createConvertToLLVMPass();
std::unique_ptr<Pass> createReconcileUnrealizedCastsPass();
} // namespace mlir

using namespace mlir;
using namespace mlir::lnx;

void lnx::registerCodegen(DialectRegistry &registry) {
  registry.insert<arith::ArithDialect, func::FuncDialect, LLVM::LLVMDialect, math::MathDialect,
                  memref::MemRefDialect, scf::SCFDialect, vector::VectorDialect>();
  arith::registerConvertArithToLLVMInterface(registry);
  cf::registerConvertControlFlowToLLVMInterface(registry);
  registerConvertFuncToLLVMInterface(registry);
  index::registerConvertIndexToLLVMInterface(registry);
  registerConvertMathToLLVMInterface(registry);
  registerConvertMemRefToLLVMInterface(registry);
  ub::registerConvertUBToLLVMInterface(registry);
  vector::registerConvertVectorToLLVMInterface(registry);
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

namespace {

/// exp, log, tanh and friends as polynomials, and bf16 as integers, on vectors and scalars alike:
/// nothing is left that would call a library.
struct ApproximateMath : PassWrapper<ApproximateMath, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ApproximateMath)

  StringRef getArgument() const final { return "lnx-approximate-math"; }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<arith::ArithDialect, math::MathDialect, vector::VectorDialect>();
  }
  void runOnOperation() final {
    RewritePatternSet patterns(&getContext());
    math::populateExpansionPatterns(patterns, {"powf", "fpowi", "sinh", "cosh"});
    populateMathPolynomialApproximationPatterns(patterns);
    arith::populateExpandBFloat16Patterns(patterns);
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (isa_and_nonnull<math::MathDialect>(op->getDialect()) ||
          isa<arith::ExtFOp, arith::TruncFOp>(op))
        ops.push_back(op);
    });
    (void)applyOpPatternsGreedily(ops, std::move(patterns));
  }
};

} // namespace

void lnx::addConversionPasses(OpPassManager &passes) {
  passes.addPass(std::make_unique<ApproximateMath>());
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(createConvertVectorToLLVMPass());
  passes.addPass(createConvertToLLVMPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
}

/// Without the instruction, fma would be a call of the math library: round twice instead.
static void splitFma(llvm::Module &module) {
  llvm::SmallVector<llvm::Function *> exact;
  for (llvm::Function &function : module)
    if (function.getIntrinsicID() == llvm::Intrinsic::fma)
      exact.push_back(&function);
  for (llvm::Function *function : exact) {
    function->replaceAllUsesWith(llvm::Intrinsic::getOrInsertDeclaration(
        &module, llvm::Intrinsic::fmuladd, {function->getReturnType()}));
    function->eraseFromParent();
  }
}

std::unique_ptr<llvm::Module> lnx::translate(ModuleOp module, const Machine &machine,
                                             llvm::TargetMachine &target,
                                             llvm::LLVMContext &context) {
  std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(module, context, "lnx");
  if (!code)
    return nullptr;
  code->setTargetTriple(target.getTargetTriple());
  code->setDataLayout(target.createDataLayout());
  code->setPICLevel(llvm::PICLevel::BigPIC);
  if (!target.getMCSubtargetInfo()->checkFeatures("+fma"))
    splitFma(*code);
  for (llvm::Function &function : *code) {
    if (function.isDeclaration())
      continue;
    function.setLinkage(llvm::GlobalValue::InternalLinkage);
    function.addFnAttr(llvm::Attribute::NoUnwind);
    function.addFnAttr("target-cpu", machine.cpu);
    if (!machine.features.empty())
      function.addFnAttr("target-features", machine.features);
    function.addFnAttr("tune-cpu", machine.tune);
    function.addFnAttr("prefer-vector-width", machine.wide ? "512" : "256");
    function.addFnAttr("no-trapping-math", "true");
  }
  return code;
}

/// Kernels are explicit vectors already: enough is inlining them into their tasks, tidying up and
/// moving what does not change out of the loops. All of GPT-2 takes 60 ms instead of 300 ms for O2,
/// and runs as fast.
static constexpr char vectorPipeline[] = "cgscc(inline),function(early-cse,simplifycfg,instcombine,"
                                         "loop-mssa(loop-rotate,licm)),globaldce";

void lnx::optimize(llvm::Module &module, llvm::TargetMachine &target, int optLevel, Loops loops) {
  if (optLevel == 0)
    return;
  llvm::PipelineTuningOptions tuning;
  tuning.LoopUnrolling = false;
  tuning.LoopInterleaving = false;
  tuning.SLPVectorization = false;
  tuning.LoopVectorization = loops == Loops::scalar;
  llvm::PassBuilder builder(&target, tuning);
  llvm::LoopAnalysisManager loopAnalyses;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  // No library function exists here: a loop must not become memset.
  llvm::TargetLibraryInfoImpl library(module.getTargetTriple());
  library.disableAllFunctions();
  functions.registerPass([&] { return llvm::TargetLibraryAnalysis(library); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loopAnalyses);
  builder.crossRegisterProxies(loopAnalyses, functions, components, modules);
  llvm::ModulePassManager passes;
  if (loops == Loops::vector && optLevel <= 2) {
    [[maybe_unused]] llvm::Error error = builder.parsePassPipeline(passes, vectorPipeline);
    assert(!error && "the pipeline names passes of LLVM 22");
    llvm::consumeError(std::move(error));
  } else {
    auto level = optLevel == 1   ? llvm::OptimizationLevel::O1
                 : optLevel == 2 ? llvm::OptimizationLevel::O2
                                 : llvm::OptimizationLevel::O3;
    passes = builder.buildPerModuleDefaultPipeline(level);
  }
  passes.run(module, modules);
}

void lnx::emit(llvm::Module &module, llvm::TargetMachine &target, llvm::CodeGenFileType type,
               llvm::SmallVectorImpl<char> &output) {
  llvm::raw_svector_ostream os(output);
  llvm::legacy::PassManager passes;
  [[maybe_unused]] bool cannot = target.addPassesToEmitFile(passes, os, nullptr, type);
  assert(!cannot && "X86 emits objects and assembly");
  passes.run(module);
}
