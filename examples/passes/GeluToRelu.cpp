// GeluToRelu: replaces every gelu by relu, wherever it stands.
// Runs at level spec, before anything is differentiated, so that gradients follow by themselves.
#include "Passes.h"

#include "dialect/LnxDialect.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace {
struct Rewrite : mlir::OpRewritePattern<mlir::lnx::GeluOp> {
  using OpRewritePattern::OpRewritePattern;
  mlir::LogicalResult matchAndRewrite(mlir::lnx::GeluOp op,
                                      mlir::PatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<mlir::lnx::ReluOp>(op, op.getType(), op->getOperand(0));
    return mlir::success();
  }
};

struct GeluToRelu : mlir::PassWrapper<GeluToRelu, mlir::OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(GeluToRelu)
  llvm::StringRef getArgument() const override { return "gelu-to-relu"; }
  llvm::StringRef getDescription() const override { return "replace every gelu by relu"; }

  void runOnOperation() override {
    mlir::RewritePatternSet patterns(&getContext());
    patterns.add<Rewrite>(&getContext());
    if (mlir::failed(mlir::applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void examples::registerGeluToRelu() { mlir::PassRegistration<GeluToRelu>(); }
