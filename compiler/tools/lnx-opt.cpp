// lnx-opt: runs any pass of ours, or of MLIR's, on a .mlir file.
// For tests and for pass research; it understands every level, so `loops` can be played with too.
#include "compiler/Passes.h"
#include "compiler/target/cuda/Epilogues.h"
#include "compiler/target/cuda/Ptx.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;

// MLIR's parser recurses; it overflows a stack of 8 MiB at about 3000 regions.
static constexpr int deepestNesting = 512;
static constexpr size_t largestFile = 16 << 20;

/// Where brackets outside of strings and comments are nested too deep, or null.
static const char *findDeepNesting(StringRef text) {
  int depth = 0, angles = 0;
  for (const char *at = text.begin(); at != text.end(); ++at) {
    bool hasNext = at + 1 != text.end();
    if (*at == '/' && hasNext && at[1] == '/') {
      at = std::find(at, text.end(), '\n');
    } else if (*at == '"') {
      for (++at; at != text.end() && *at != '"'; ++at)
        if (*at == '\\' && at + 1 != text.end())
          ++at;
    } else if (*at == '(' || *at == '[' || *at == '{') {
      ++depth;
    } else if (*at == ')' || *at == ']' || *at == '}') {
      --depth;
    } else if (*at == '<') {
      ++angles;
    } else if (*at == '>' && (at == text.begin() || at[-1] != '-')) {
      --angles;
    }
    if (at == text.end())
      break;
    if (depth > deepestNesting || angles > deepestNesting)
      return at;
  }
  return nullptr;
}

/// Refuses what the parser could not survive, with a diagnostic.
static LogicalResult checkInput(StringRef text, StringRef name) {
  if (text.size() > largestFile) {
    llvm::errs() << name << ": error: the file has " << text.size() << " bytes, the limit is "
                 << largestFile << "\n";
    return failure();
  }
  const char *place = findDeepNesting(text);
  if (!place)
    return success();
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBuffer(text, name), llvm::SMLoc());
  sources.PrintMessage(llvm::errs(), llvm::SMLoc::getFromPointer(place), llvm::SourceMgr::DK_Error,
                       "nested more than " + llvm::Twine(deepestNesting) + " deep");
  return failure();
}

static LogicalResult run(StringRef inputName, StringRef outputName, DialectRegistry &registry,
                         const MlirOptMainConfig &config) {
  std::string error;
  std::unique_ptr<llvm::MemoryBuffer> input = openInputFile(inputName, &error);
  std::unique_ptr<llvm::ToolOutputFile> output;
  if (input)
    output = openOutputFile(outputName, &error);
  if (!output) {
    llvm::errs() << "error: " << error << "\n";
    return failure();
  }
  if (failed(checkInput(input->getBuffer(), inputName)) ||
      failed(MlirOptMain(output->os(), std::move(input), registry, config)))
    return failure();
  output->keep();
  return success();
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registry.insert<lnx::LnxDialect>();
  registerAllPasses();
  lnx::registerLnxPasses();
  registerPass(lnx::cuda::createDeviceMath);
  registerPass(lnx::cuda::createEmitPtx);
  registerPass(lnx::cuda::createJoinEpilogues);
  llvm::cl::SetVersionPrinter(
      [](llvm::raw_ostream &stream) { stream << "lnx-opt " LNX_VERSIONS "\n"; });
  auto [input, output] =
      registerAndParseCLIOptions(argc, argv, "lnx-opt: passes of lnx and MLIR\n", registry);
  MlirOptMainConfig config = MlirOptMainConfig::createFromCLOptions();
  if (config.shouldShowDialects() || config.shouldListPasses())
    return asMainReturnCode(MlirOptMain(argc, argv, input, output, registry));
  return asMainReturnCode(run(input, output, registry, config));
}
