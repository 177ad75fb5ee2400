// AddOptimizer: the entry points that read the gradient arena: its norm and the parameter updates.
// Every update is one element-wise chain for each segment, so that it becomes one fused group.
#include "compiler/Passes.h"
#include "compiler/lower/StateLayout.h"
#include "lnx/abi.h"

namespace mlir::lnx {
#define GEN_PASS_DEF_ADDOPTIMIZER
#include "compiler/Passes.h.inc"
} // namespace mlir::lnx

using namespace mlir;
using namespace mlir::lnx;

namespace {
/// One segment of the state inside one entry point.
class Segment {
public:
  Segment(OpBuilder &builder, Location loc, int64_t index, int64_t rows)
      : builder(builder), loc(loc), index(index),
        type(RankedTensorType::get({rows, StateLayout::segmentWidth}, builder.getF32Type())) {}

  bool isDecayed() const { return index == 0; }
  Term read(StringRef arena) { return term(ReadStateOp::create(builder, loc, type, arena, index)); }
  void write(StringRef arena, Term value) {
    WriteStateOp::create(builder, loc, arena, index, value);
  }
  Term argument(int64_t number) {
    return term(
        ArgumentOp::create(builder, loc, RankedTensorType::get({}, builder.getF32Type()), number));
  }
  Term squareRoot(Term x) { return term(SqrtOp::create(builder, loc, x.value)); }
  /// The sum of squares, tensor<f32>.
  Term squaredNorm(Term x) {
    Value rows = SumOp::create(builder, loc, (x * x).value);
    Value total = SumRowsOp::create(builder, loc, rows);
    return term(
        ReshapeOp::create(builder, loc, RankedTensorType::get({}, builder.getF32Type()), total));
  }
  /// Zeroes the gradient this update has used.
  void clearGradient(Term like) {
    Value zero = ConstantOp::create(builder, loc, builder.getF64FloatAttr(0));
    write("grad", term(BroadcastOp::create(builder, loc, zero, like.value)));
  }

private:
  Term term(Value value) { return {&builder, loc, value}; }

  OpBuilder &builder;
  Location loc;
  int64_t index;
  RankedTensorType type;
};
} // namespace

/// The gradient scaled by the clip factor, with the decay of `p` added where it applies.
static Term clippedGradient(Segment &segment, Term p, bool addDecay) {
  Term g = segment.argument(LNX_ARGUMENT_CLIP) * segment.read("grad");
  if (addDecay && segment.isDecayed())
    g = g + segment.argument(LNX_ARGUMENT_DECAY) * p;
  return g;
}

/// One step of Adam (Kingma & Ba 2015, algorithm 1) from gradient g: the direction, without the
/// rate.
static Term adamDirection(Segment &segment, Term g) {
  Term beta1 = segment.argument(LNX_ARGUMENT_BETA1), beta2 = segment.argument(LNX_ARGUMENT_BETA2);
  Term m = beta1 * segment.read("m") + (1.0 - beta1) * g;
  Term v = beta2 * segment.read("v") + (1.0 - beta2) * (g * g);
  segment.write("m", m);
  segment.write("v", v);
  Term mHat = segment.argument(LNX_ARGUMENT_CORRECTION1) * m;
  Term vHat = segment.argument(LNX_ARGUMENT_CORRECTION2) * v;
  return mHat / (segment.squareRoot(vHat) + segment.argument(LNX_ARGUMENT_EPSILON));
}

/// Loshchilov & Hutter 2019, algorithm 2: the decay does not pass through the moments.
static void adamw(Segment &segment) {
  Term p = segment.read("param");
  Term direction = adamDirection(segment, clippedGradient(segment, p, /*addDecay=*/false));
  if (segment.isDecayed())
    direction = direction + segment.argument(LNX_ARGUMENT_DECAY) * p;
  segment.write("param", p - segment.argument(LNX_ARGUMENT_RATE) * direction);
  segment.clearGradient(p);
}

static void adam(Segment &segment) {
  Term p = segment.read("param");
  Term direction = adamDirection(segment, clippedGradient(segment, p, /*addDecay=*/true));
  segment.write("param", p - segment.argument(LNX_ARGUMENT_RATE) * direction);
  segment.clearGradient(p);
}

static void sgd(Segment &segment) {
  Term p = segment.read("param");
  Term g = clippedGradient(segment, p, /*addDecay=*/true);
  Term m = segment.argument(LNX_ARGUMENT_BETA1) * segment.read("m") + g;
  segment.write("m", m);
  segment.write("param", p - segment.argument(LNX_ARGUMENT_RATE) * m);
  segment.clearGradient(p);
}

/// A new entry point at the end of the module; the builder is left in its body.
static func::FuncOp addEntry(OpBuilder &builder, ModuleOp module, StringRef name,
                             TypeRange results) {
  builder.setInsertionPointToEnd(module.getBody());
  auto entry =
      func::FuncOp::create(builder, module.getLoc(), name, builder.getFunctionType({}, results));
  entry->setAttr("lnx.entry", builder.getUnitAttr());
  builder.setInsertionPointToStart(entry.addEntryBlock());
  return entry;
}

static void forEachSegment(OpBuilder &builder, Location loc, const StateLayout &layout,
                           llvm::function_ref<void(Segment &)> body) {
  for (int64_t index : {0, 1}) {
    if (layout.segmentRows(index) == 0)
      continue;
    Segment segment(builder, loc, index, layout.segmentRows(index));
    body(segment);
  }
}

static void addNorm(OpBuilder &builder, ModuleOp module, const StateLayout &layout) {
  Location loc = module.getLoc();
  addEntry(builder, module, "norm", RankedTensorType::get({}, builder.getF32Type()));
  std::optional<Term> sum;
  forEachSegment(builder, loc, layout, [&](Segment &segment) {
    Term part = segment.squaredNorm(segment.read("grad"));
    sum = sum ? *sum + part : part;
  });
  Value result = sum ? sum->value : ConstantOp::create(builder, loc, builder.getF64FloatAttr(0));
  func::ReturnOp::create(builder, loc, result);
}

static void addUpdate(OpBuilder &builder, ModuleOp module, const StateLayout &layout,
                      StringRef name, llvm::function_ref<void(Segment &)> update) {
  addEntry(builder, module, name, {});
  forEachSegment(builder, module.getLoc(), layout, update);
  func::ReturnOp::create(builder, module.getLoc());
}

namespace {
struct AddOptimizer : mlir::lnx::impl::AddOptimizerBase<AddOptimizer> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    OpBuilder builder(module.getContext());
    StateLayout layout = StateLayout::of(module);
    addNorm(builder, module, layout);
    addUpdate(builder, module, layout, "adamw", adamw);
    addUpdate(builder, module, layout, "adam", adam);
    addUpdate(builder, module, layout, "sgd", sgd);
  }
};
} // namespace
