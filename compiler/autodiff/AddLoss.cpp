// AddLoss: make the entry points that run the model forward, and the one that differentiate
// extends. Relies on stack-params: one function @logits.
#include "compiler/Passes.h"

namespace mlir::lnx {
#define GEN_PASS_DEF_ADDLOSS
#include "compiler/Passes.h.inc"
} // namespace mlir::lnx

using namespace mlir;
using namespace mlir::lnx;

/// A copy of `logits` named `name`, marked as an entry point.
static func::FuncOp copyEntry(func::FuncOp logits, StringRef name) {
  auto entry = cast<func::FuncOp>(logits->clone());
  entry.setSymName(name);
  entry->setAttr("lnx.entry", UnitAttr::get(logits.getContext()));
  OpBuilder(logits).insert(entry);
  return entry;
}

/// Makes the function return `result` instead.
static void setResult(func::FuncOp entry, Value result) {
  entry.getBody().front().getTerminator()->setOperands(result);
  entry.setType(FunctionType::get(entry.getContext(), entry.getBody().front().getArgumentTypes(),
                                  result.getType()));
}

/// @eval and @grad: the mean loss of predicting `targets`.
static void addLossEntry(func::FuncOp logits, StringRef name) {
  func::FuncOp entry = copyEntry(logits, name);
  Block &body = entry.getBody().front();
  Value targets = body.addArgument(body.getArgument(0).getType(), entry.getLoc());
  Operation *end = body.getTerminator();
  OpBuilder builder(end);
  setResult(entry, CrossEntropyOp::create(builder, end->getLoc(), end->getOperand(0), targets));
}

static void addNextEntry(func::FuncOp logits) {
  func::FuncOp entry = copyEntry(logits, "next");
  Operation *end = entry.getBody().front().getTerminator();
  OpBuilder builder(end);
  setResult(entry, LastRowOp::create(builder, end->getLoc(), end->getOperand(0)));
}

/// One row of numbers for each position.
static bool returnsLogits(func::FuncOp function) {
  ArrayRef<Type> results = function.getResultTypes();
  return !function.isExternal() && function.getNumArguments() == 1 && results.size() == 1 &&
         hasRows(results[0]) && getFeatures(results[0]).size() == 1;
}

namespace {
struct AddLoss : mlir::lnx::impl::AddLossBase<AddLoss> {
  void runOnOperation() override {
    auto logits = getOperation().lookupSymbol<func::FuncOp>("logits");
    if (!logits)
      return;
    if (!returnsLogits(logits)) {
      logits.emitError() << "logits are computed from tokens, one row for each, not as "
                         << logits.getFunctionType();
      return signalPassFailure();
    }
    addLossEntry(logits, "eval");
    addLossEntry(logits, "grad");
    addNextEntry(logits);
    logits.erase();
  }
};
} // namespace
