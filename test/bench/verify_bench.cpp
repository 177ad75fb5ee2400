// verify_bench: processor time to verify gpt2 of several architectures with 12, 1,000 and 100,000
// layers, from the elaborated module to the report.
//   verify_bench [--witnesses] [NAME...] [LAYERS...]
// With --witnesses, their evaluation is a column of its own. Names and numbers choose rows.
#include "compiler/Compiler.h"
#include "compiler/stability/Verify.h"
#include "dialect/LnxDialect.h"
#include "frontend/Depths.h"
#include "frontend/Elaborate.h"
#include "frontend/Parser.h"
#include "mlir/IR/MLIRContext.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <ctime>
#include <span>
#include <string>
#include <vector>

using namespace lnx;
namespace stable = mlir::lnx::stability;

namespace {
/// Of the processor: the machine may be shared.
double seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

struct Row {
  const char *name, *arguments;
};

const Row rows[] = {
    {"peri_ln", "block = peri_ln"},
    {"pre_ln", "block = pre_ln"},
    {"post_ln", "block = post_ln"},
    {"deepnorm", "block = deepnorm"},
    {"ln_scaling", "block = ln_scaling"},
    {"mix_ln", "block = mix_ln"},
    {"rezero", "block = rezero"},
    {"layerscale", "block = layerscale"},
    {"dt=1/depth", "block = pre_ln, dt = 1/depth"},
    {"no_ln", "block = no_ln"},
};

/// Best of at least three calls and about a second.
double verifySeconds(mlir::ModuleOp module, const stable::VerifyOptions &options) {
  double best = 1e30;
  const double end = seconds() + 1;
  for (int call = 0; call < 3 || seconds() < end; ++call) {
    const double start = seconds();
    if (mlir::failed(stable::verify(module, options)))
      return -1;
    best = std::min(best, seconds() - start);
  }
  return best;
}

/// Without a model: what is wrong with it was printed.
mlir::OwningOpRef<mlir::ModuleOp> elaborated(const ast::FilePtr &file,
                                             const ElaborateOptions &options,
                                             mlir::MLIRContext &context, Diagnostics &diagnostics) {
  mlir::OwningOpRef<mlir::ModuleOp> module =
      file ? elaborate(*file, options, context, diagnostics) : nullptr;
  if (!module)
    std::fprintf(stderr, "%s\n", diagnostics.render().c_str());
  return module;
}

bool measure(const Row &row, const std::string &depth, bool withWitnesses,
             mlir::MLIRContext &context) {
  Diagnostics diagnostics;
  const std::string text = std::string("model m(depth = 12) {\n  assume norm.gain <= 1.5\n"
                                       "  return gpt2(") +
                           row.arguments + ", depth = depth)\n}\n";
  ast::FilePtr file = parse(std::make_shared<const Source>("bench.lnx", text), diagnostics);
  const ElaborateOptions options{"", {{"depth", depth}}};
  const double start = seconds();
  mlir::OwningOpRef<mlir::ModuleOp> module = elaborated(file, options, context, diagnostics);
  const double elaborateSeconds = seconds() - start;
  if (!module)
    return false;
  const auto atDepth = atOtherDepths(*module, *file, options);
  const double own = verifySeconds(*module, {.atDepth = atDepth});
  std::printf("%-12s %8s %14.2f %14.2f", row.name, depth.c_str(), elaborateSeconds * 1e3,
              own * 1e3);
  std::fflush(stdout);
  if (withWitnesses) {
    const double all = verifySeconds(*module, {.atDepth = atDepth, .witnesses = true});
    std::printf(" %14.2f", (all - own) * 1e3);
  }
  std::printf("\n");
  return true;
}
} // namespace

int main(int argc, char **argv) {
  std::vector<std::string> names, depths;
  bool withWitnesses = false;
  for (const std::string word : std::span(argv + 1, argv + argc)) {
    if (word == "--witnesses")
      withWitnesses = true;
    else
      (std::isdigit(static_cast<unsigned char>(word[0])) ? depths : names).push_back(word);
  }
  if (depths.empty())
    depths = {"12", "1000", "100000"};
  mlir::DialectRegistry registry;
  mlir::lnx::registerAll(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  std::printf("%-12s %8s %14s %14s%s\n", "model", "layers", "elaborate ms", "verify ms",
              withWitnesses ? "   witnesses ms" : "");
  for (const Row &row : rows)
    if (names.empty() || std::ranges::find(names, row.name) != names.end())
      for (const std::string &depth : depths)
        if (!measure(row, depth, withWitnesses, context))
          return 1;
}
