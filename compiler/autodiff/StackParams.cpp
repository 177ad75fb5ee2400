// StackParams: turn a model into a parameter table and the function of its logits.
// Relies on inline-defs: a parameter sits directly in the model or in a repeat.
#include "compiler/Passes.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::lnx {
#define GEN_PASS_DEF_STACKPARAMS
#include "compiler/Passes.h.inc"
} // namespace mlir::lnx

using namespace mlir;
using namespace mlir::lnx;

namespace {
/// The parameter table while it grows; rows come in the order of the model.
class ParameterTable {
public:
  explicit ParameterTable(ModuleOp module, Operation *before) : symbols(module), builder(before) {}

  /// The row of a new parameter, or failure with a diagnostic when its name is taken.
  FailureOr<ParameterOp> add(ParamOp param, RepeatOp repeat);

private:
  LogicalResult checkName(ParamOp param, ParameterOp row);

  SymbolTable symbols;
  OpBuilder builder;
  llvm::StringMap<SmallVector<ParameterOp, 1>> rowsOfPath;
};
} // namespace

static std::string joinScope(StringRef scope, StringRef path) {
  return scope.empty() ? path.str() : (scope + "." + path).str();
}

/// Numbered rows are named "3.path", bare ones "path".
static bool isNumbered(ParameterOp row) { return row.getFirstLayer() != 0 || row.getLayers() > 1; }

static bool shareName(ParameterOp a, ParameterOp b) {
  if (!isNumbered(a) || !isNumbered(b))
    return isNumbered(a) == isNumbered(b);
  int64_t aFirst = a.getFirstLayer(), bFirst = b.getFirstLayer();
  return aFirst < bFirst + static_cast<int64_t>(b.getLayers()) &&
         bFirst < aFirst + static_cast<int64_t>(a.getLayers());
}

LogicalResult ParameterTable::checkName(ParamOp param, ParameterOp row) {
  for (ParameterOp other : rowsOfPath[row.getPath()]) {
    if (!shareName(row, other))
      continue;
    InFlightDiagnostic error = param.emitError() << "parameter '" << row.getPath() << "'";
    if (isNumbered(row))
      error << " of layer " << std::max(row.getFirstLayer(), other.getFirstLayer());
    error << " is declared twice";
    error.attachNote(other.getLoc()) << "the first is here";
    return failure();
  }
  return success();
}

/// Names of the functions this pass and later ones add to the module.
static bool isEntryName(StringRef name) {
  return llvm::is_contained({"logits", "eval", "grad", "next", "norm", "adamw", "adam", "sgd"},
                            name);
}

FailureOr<ParameterOp> ParameterTable::add(ParamOp param, RepeatOp repeat) {
  std::string path = joinScope(repeat ? repeat.getScope() : StringRef(), param.getPath());
  int64_t first = repeat ? repeat.getFirst() : 0;
  int64_t layers = repeat ? repeat.getCount() : 1;
  auto row = ParameterOp::create(builder, param.getLoc(), path, path, param.getResult().getType(),
                                 first, layers, param.getInit());
  if (failed(checkName(param, row)))
    return failure();
  rowsOfPath[path].push_back(row);
  std::string symbol = path;
  while (symbols.lookup(symbol) || isEntryName(symbol))
    symbol += "." + std::to_string(first);
  row.setSymName(symbol);
  symbols.insert(row, row->getIterator());
  return row;
}

/// Replaces one lnx.param by the value of its row at the layer around it.
static LogicalResult stackParam(ParamOp param, ParameterTable &table) {
  auto repeat = param->getParentOfType<RepeatOp>();
  if (repeat && repeat->getParentOfType<RepeatOp>())
    return param.emitError() << "parameter '" << param.getPath()
                             << "' is inside a repeat inside a repeat, one is the limit";
  FailureOr<ParameterOp> row = table.add(param, repeat);
  if (failed(row))
    return failure();
  OpBuilder builder(param);
  Value layer = repeat ? repeat.getLayer() : Value();
  auto get =
      GetOp::create(builder, param.getLoc(), param.getResult().getType(), row->getSymName(), layer);
  param.replaceAllUsesWith(get.getResult());
  param.erase();
  return success();
}

/// Iterations of all repeats under `op` together.
static int64_t depthOf(Operation *op) {
  int64_t depth = 0;
  op->walk([&](RepeatOp repeat) {
    int64_t layers = repeat.getCount();
    for (auto outer = repeat->getParentOfType<RepeatOp>(); outer;
         outer = outer->getParentOfType<RepeatOp>())
      layers *= outer.getCount();
    depth += layers;
  });
  return depth;
}

static LogicalResult describeModule(ModuleOp module, ModelOp model) {
  Builder builder(module.getContext());
  Operation *end = model.getBody().front().getTerminator();
  Type logits = cast<lnx::ReturnOp>(end).getLogits().getType();
  if (!hasRows(logits) || getFeatures(logits).size() != 1)
    return end->emitError() << "a model returns a row of logits for each token, not " << logits;
  module->setAttr("lnx.name", builder.getStringAttr(model.getSymName()));
  module->setAttr("lnx.context", builder.getI64IntegerAttr(model.getContext()));
  module->setAttr("lnx.depth", builder.getI64IntegerAttr(depthOf(model)));
  module->setAttr("lnx.vocabulary", builder.getI64IntegerAttr(getFeatures(logits).back()));
  return success();
}

/// Moves the model's body into `func @logits(%tokens)`.
static LogicalResult makeFunction(ModelOp model) {
  OpBuilder builder(model);
  Block &body = model.getBody().front();
  auto logits = cast<lnx::ReturnOp>(body.getTerminator());
  auto ids = RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type());
  auto function =
      func::FuncOp::create(builder, model.getLoc(), "logits",
                           builder.getFunctionType({ids}, {logits.getLogits().getType()}));
  function.getBody().takeBody(model.getBody());
  Value tokens = body.addArgument(ids, model.getLoc());
  builder.setInsertionPoint(logits);
  func::ReturnOp::create(builder, logits.getLoc(), logits.getLogits());
  logits.erase();
  WalkResult walk = function.walk([&](InputOp input) -> WalkResult {
    if (input.getName() != "tokens")
      return input.emitError() << "a program has no input '" << input.getName()
                               << "', its logits depend on 'tokens' alone";
    input.replaceAllUsesWith(tokens);
    input.erase();
    return WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}

namespace {
struct StackParams : mlir::lnx::impl::StackParamsBase<StackParams> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto models = llvm::to_vector(module.getOps<ModelOp>());
    if (models.empty())
      return;
    if (models.size() > 1) {
      InFlightDiagnostic error = models[1].emitError()
                                 << "a program holds one model, this module has " << models.size();
      error.attachNote(models[0].getLoc()) << "the first is here";
      return signalPassFailure();
    }
    ModelOp model = models.front();
    if (failed(describeModule(module, model)))
      return signalPassFailure();
    ParameterTable table(module, model);
    WalkResult walk =
        model.walk([&](ParamOp param) -> WalkResult { return stackParam(param, table); });
    if (walk.wasInterrupted() || failed(makeFunction(model)))
      return signalPassFailure();
    model.erase();
  }
};
} // namespace
