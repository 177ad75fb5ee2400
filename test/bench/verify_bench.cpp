// verify_bench: time to verify gpt2 of four architectures with 12, 1,000 and 100,000 layers, from
// the elaborated module to the report. The evaluation of witnesses is the column beside it.
#include "compiler/Compiler.h"
#include "compiler/stability/Verify.h"
#include "dialect/LnxDialect.h"
#include "frontend/Depths.h"
#include "frontend/Elaborate.h"
#include "frontend/Parser.h"
#include "mlir/IR/MLIRContext.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

using namespace lnx;
namespace stable = mlir::lnx::stability;

namespace {
double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

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
} // namespace

int main() {
  mlir::DialectRegistry registry;
  mlir::lnx::registerAll(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  std::printf("%-12s %8s %14s %14s %14s\n", "block", "layers", "elaborate ms", "verify ms",
              "witnesses ms");
  for (const char *block : {"peri_ln", "pre_ln", "deepnorm", "ln_scaling"})
    for (const char *depth : {"12", "1000", "100000"}) {
      Diagnostics diagnostics;
      const std::string text = std::string("model m(depth = 12) {\n  assume norm.gain <= 1.5\n"
                                           "  return gpt2(block = ") +
                               block + ", depth = depth)\n}\n";
      ast::FilePtr file = parse(std::make_shared<const Source>("bench.lnx", text), diagnostics);
      const ElaborateOptions options{"", {{"depth", depth}}};
      const double start = seconds();
      mlir::OwningOpRef<mlir::ModuleOp> module =
          file ? elaborate(*file, options, context, diagnostics) : nullptr;
      const double elaborated = seconds() - start;
      if (!module)
        return std::fprintf(stderr, "%s\n", diagnostics.render().c_str()), 1;
      const auto atDepth = atOtherDepths(*module, *file, options);
      const double own = verifySeconds(*module, {.atDepth = atDepth});
      std::printf("%-12s %8s %14.2f %14.2f", block, depth, elaborated * 1e3, own * 1e3);
      std::fflush(stdout);
      const double all = verifySeconds(*module, {.atDepth = atDepth, .witnesses = true});
      std::printf(" %14.2f\n", (all - own) * 1e3);
    }
}
