// What a good file becomes: parameters by path, initial laws, runs of layers, tables, settings.
#include "Elaborating.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace lnx;
using namespace lnx::test;
namespace ir = mlir::lnx;

namespace {
const char *const tiny = "vocab = 11, context = 8, width = 8, heads = 2, ";

/// A tiny gpt2 with these further arguments.
std::string gpt2(const std::string &arguments) {
  return "model m = gpt2(" + std::string(tiny) + arguments + ")\n";
}

/// `body` is a block's; l, depth and heads are in sight.
std::string block(const std::string &body, const std::string &arguments = "depth = 4") {
  return "def b(x, l, depth, heads) {\n" + body + "\n  return x\n}\n" +
         gpt2("block = b, " + arguments);
}

std::vector<double> numbers(mlir::DenseF64ArrayAttr attr) {
  return std::vector<double>(attr.asArrayRef().begin(), attr.asArrayRef().end());
}

int64_t parameters(Elaborated &model) {
  int64_t count = 0;
  for (ir::ParamOp param : model.all<ir::ParamOp>()) {
    auto repeat = param->getParentOfType<ir::RepeatOp>();
    count += mlir::cast<mlir::RankedTensorType>(param.getResult().getType()).getNumElements() *
             (repeat ? int64_t(repeat.getCount()) : 1);
  }
  return count;
}

// The published sizes of GPT-2.
TEST(Elaborate, Gpt2HasItsParameters) {
  Elaborated small("model m = gpt2()"), large("model m = gpt2_large()"), xl("model m = gpt2_xl()");
  EXPECT_EQ(small.messages, "");
  EXPECT_EQ(parameters(small), 124439808);
  EXPECT_EQ(parameters(large), 774030080);
  EXPECT_EQ(parameters(xl), 1557611200);
}

TEST(Elaborate, Gpt2Paths) {
  Elaborated model(gpt2("depth = 2"));
  const std::vector<std::string> expected = {
      "E",        "P",        "norm.g",    "norm.b",    "attn.q.W",     "attn.q.b",    "attn.k.W",
      "attn.k.b", "attn.v.W", "attn.v.b",  "attn.o.W",  "attn.o.b",     "norm2.g",     "norm2.b",
      "ff.up.W",  "ff.up.b",  "ff.down.W", "ff.down.b", "final_norm.g", "final_norm.b"};
  EXPECT_EQ(model.paths(), expected);
}

// The initial law of what ends a branch depends on the depth; everything else is 0.02.
TEST(Elaborate, PresetLawsReachTheLayers) {
  Elaborated model(gpt2("depth = 8"));
  EXPECT_EQ(numbers(model.param("attn.q.W").getInit().getA()), std::vector<double>{0.02});
  EXPECT_EQ(numbers(model.param("ff.up.W").getInit().getA()), std::vector<double>{0.02});
  for (const char *path : {"attn.o.W", "ff.down.W"}) {
    EXPECT_EQ(model.param(path).getInit().getKind(), "normal");
    EXPECT_DOUBLE_EQ(model.param(path).getInit().getA()[0], 0.02 / 4);
  }
}

// A block that fixes its own laws keeps them under any preset.
TEST(Elaborate, DeepNormKeepsItsLaws) {
  Elaborated model(gpt2("depth = 2, block = deepnorm"));
  const double xavier = std::sqrt(2.0 / 16), beta = 0.5; // (8*2)^(-1/4)
  EXPECT_DOUBLE_EQ(model.param("attn.q.W").getInit().getA()[0], xavier);
  EXPECT_DOUBLE_EQ(model.param("attn.v.W").getInit().getA()[0], beta * xavier);
  EXPECT_DOUBLE_EQ(model.param("attn.o.W").getInit().getA()[0], beta * xavier);
  const double wide = beta * std::sqrt(2.0 / 40);
  EXPECT_DOUBLE_EQ(model.param("mlp.up.W").getInit().getA()[0], wide);
  EXPECT_DOUBLE_EQ(model.param("mlp.down.W").getInit().getA()[0], wide);
}

// Outside any preset the prelude's own laws hold.
TEST(Elaborate, LawsFallBackToXavier) {
  Elaborated model("model m() {\n  param E : [4, 8] ~ ones\n  x = E[tokens]\n"
                   "  return linear(x, 4)\n}\n");
  EXPECT_DOUBLE_EQ(model.param("W").getInit().getA()[0], std::sqrt(2.0 / 12));
}

TEST(Elaborate, InitialisersAreResolved) {
  Elaborated model(block("  param u : [2] ~ uniform(-1, 1/2)\n  param c : [] ~ const(l/depth)\n"
                         "  param i : [2, 3, 3] ~ identity\n  param z : [3] ~ zeros"));
  EXPECT_EQ(model.param("u").getInit().getKind(), "uniform");
  EXPECT_EQ(numbers(model.param("u").getInit().getB()), std::vector<double>{0.5});
  EXPECT_EQ(numbers(model.param("c").getInit().getA()), (std::vector<double>{0.25, 0.5, 0.75, 1}));
  EXPECT_EQ(model.param("i").getInit().getKind(), "identity");
  EXPECT_EQ(model.param("z").getInit().getKind(), "const");
}

// Numbers of the layer index are tables; what does not depend on it is a constant.
TEST(Elaborate, LayerNumbersBecomeTables) {
  Elaborated model(block("  x <- x + 1/(2*l) * x\n  x <- x * (l - l + 3)"));
  auto tables = model.all<ir::TableOp>();
  ASSERT_EQ(tables.size(), 1u);
  EXPECT_EQ(numbers(tables[0].getValuesAttr()), (std::vector<double>{0.5, 0.25, 1.0 / 6, 0.125}));
  bool hasThree = false;
  for (ir::ConstantOp op : model.all<ir::ConstantOp>())
    hasThree |= op.getValue().convertToDouble() == 3;
  EXPECT_TRUE(hasThree);
}

std::vector<std::pair<int64_t, int64_t>> runs(Elaborated &model) {
  std::vector<std::pair<int64_t, int64_t>> result;
  for (ir::RepeatOp op : model.all<ir::RepeatOp>())
    result.emplace_back(op.getFirst(), op.getCount());
  return result;
}

// Mix-LN at depth 12: layers 1..3 and 4..12, found by the condition alone.
TEST(Elaborate, ConditionsCutTheStack) {
  Elaborated model(gpt2("depth = 12, block = mix_ln"));
  EXPECT_EQ(model.messages, "");
  EXPECT_EQ(runs(model), (std::vector<std::pair<int64_t, int64_t>>{{1, 3}, {4, 9}}));
}

// The third of a third is decided in fractions: in doubles 3 * (1/3) * 3 <= 3 may go either way.
TEST(Elaborate, ConditionsAreExact) {
  Elaborated model(block(
      "  if l/3 + l/3 + l/3 <= 7*depth/49*7 { x <- x + x } else { x <- 2*x + x }", "depth = 49"));
  EXPECT_EQ(runs(model), (std::vector<std::pair<int64_t, int64_t>>{{1, 49}}));
}

TEST(Elaborate, AlternatingLayersAreRunsOfOne) {
  Elaborated model(
      block("  if 2*floor(l/2) == l { x <- x + x } else { x <- x + 2*x }", "depth = 4"));
  EXPECT_EQ(runs(model).size(), 4u);
}

TEST(Elaborate, NoLayersNoRepeat) {
  Elaborated model("model m() {\n  param E : [8, 8] ~ ones\n  x = E[tokens]\n"
                   "  repeat l in 1..0 { x <- linear(x, 3) }\n  return x\n}\n");
  EXPECT_EQ(model.messages, "");
  EXPECT_TRUE(runs(model).empty());
}

// Depth changes numbers, never the size of the IR.
TEST(Elaborate, TextDoesNotGrowWithDepth) {
  Elaborated shallow(gpt2("depth = 2, block = ln_scaling")),
      deep(gpt2("depth = 2000, block = ln_scaling"));
  const auto count = [](Elaborated &model) {
    size_t operations = 0;
    model.module->walk([&](mlir::Operation *) { ++operations; });
    return operations;
  };
  EXPECT_EQ(count(shallow), count(deep));
}

// Two stacks are told apart by their streams; a single one has no scope.
TEST(Elaborate, StacksHaveScopes) {
  Elaborated model("model m = encdec(vocab = 11, width = 8, heads = 2, N = 2, M = 3)\n");
  EXPECT_EQ(model.messages, "");
  auto stacks = model.all<ir::RepeatOp>();
  ASSERT_EQ(stacks.size(), 2u);
  EXPECT_EQ(stacks[0].getScope(), "x");
  EXPECT_EQ(stacks[1].getScope(), "y");
  Elaborated single(gpt2("depth = 2"));
  EXPECT_EQ(single.all<ir::RepeatOp>()[0].getScope(), "");
}

// A repeat inside a layer is written out; its parameters carry its number.
TEST(Elaborate, InnerRepeatsAreWrittenOut) {
  Elaborated model(block("  repeat k in 1..2 { x <- x + linear(x, dim(x)) / k }", "depth = 3"));
  EXPECT_EQ(model.messages, "");
  EXPECT_TRUE(model.param("1.linear.W"));
  EXPECT_TRUE(model.param("2.linear.W"));
  EXPECT_EQ(runs(model).size(), 1u);
}

// A value's name names its parameters; the same scope again gets a number.
TEST(Elaborate, ScopesOfCalls) {
  Elaborated model(block("  gate = linear(x, 8)\n  x <- linear(x, 8) + linear(gate, 8)\n"
                         "  x <- layernorm(x)"));
  for (const char *path : {"gate.W", "linear.W", "linear2.W", "layernorm.g", "layernorm.b"})
    EXPECT_TRUE(model.param(path)) << path;
}

// Arguments a model does not declare go to its block, and --set wins over both.
TEST(Elaborate, BlocksTakeTheRest) {
  const std::string text = gpt2("depth = 2, block = peri_ln, dt = 0.25, norm = rmsnorm");
  const auto steps = [](Elaborated &model) {
    std::vector<double> factors;
    for (ir::ConstantOp op : model.all<ir::ConstantOp>())
      if (!op->getParentOfType<ir::ApplyOp>()->getParentOfType<ir::ApplyOp>())
        factors.push_back(op.getValue().convertToDouble());
    return factors;
  };
  Elaborated model(text), set(text, {"", {{"dt", "1/(2*depth + 4)"}, {"depth", "3"}}});
  EXPECT_EQ(model.messages + set.messages, "");
  EXPECT_EQ(steps(model)[0], 0.25);
  EXPECT_EQ(numbers(set.all<ir::TableOp>()[0].getValuesAttr()), std::vector<double>{0.1});
  EXPECT_EQ(set.all<ir::RepeatOp>()[0].getCount(), 3u);
  EXPECT_FALSE(model.param("norm.b"));
}

TEST(Elaborate, PresetsHandOnTheirParameters) {
  const std::string text = "model a(depth = 3, width = 16) = gpt2(block = peri_ln, heads = 2)\n"
                           "model b(width = 8) = a(vocab = 11)\n";
  Elaborated model(text);
  EXPECT_EQ(model.messages, "");
  EXPECT_EQ(model.all<ir::RepeatOp>()[0].getCount(), 3u);
  EXPECT_EQ(model.param("E").getResult().getType().getDimSize(1), 8);
  Elaborated chosen(text, {"a", {}});
  EXPECT_EQ(chosen.param("E").getResult().getType().getDimSize(1), 16);
}

TEST(Elaborate, AModelMayReturnAnother) {
  Elaborated model("model m(depth = 2) {\n  check growth <= linear\n  assume norm.gain <= 3/2\n"
                   "  return gpt2(" +
                       std::string(tiny) + "depth = depth, block = peri_ln)\n}\n",
                   {"", {{"dt", "0.5"}}});
  EXPECT_EQ(model.messages, "");
  ASSERT_EQ(model.all<ir::CheckOp>().size(), 1u);
  EXPECT_EQ(model.all<ir::CheckOp>()[0].getPath(), "forward.growth");
  EXPECT_EQ(mlir::cast<mlir::StringAttr>(*model.all<ir::CheckOp>()[0].getBound()).getValue(),
            "linear");
  EXPECT_EQ(model.all<ir::AssumeOp>()[0].getRelation(), "<=");
}

// The prelude means its own layernorm, whatever the user's file calls the same.
TEST(Elaborate, NamesOfThePreludeStay) {
  Elaborated model("def layernorm(x) = x\n" + gpt2("depth = 1"));
  EXPECT_TRUE(model.param("norm.g"));
  Elaborated own("def layernorm(x) = x\n" + gpt2("depth = 1, norm = layernorm"));
  EXPECT_FALSE(own.param("norm.g"));
}

// Everything an `assume` may say, kept with its arguments.
TEST(Elaborate, AssumptionsAreKept) {
  Elaborated model("model m() {\n  assume spectral(W_O) <= 1\n  assume spectral(attn.q.W) <= 2\n"
                   "  assume std(attn) >= 0.1\n  assume adamw(lr = 6e-4, steps = 600000)\n"
                   "  assume l2(0.1)\n  assume x0.std >= 1/2\n  return gpt2(" +
                   std::string(tiny) + "depth = 1)\n}\n");
  EXPECT_EQ(model.messages, "");
  auto assumptions = model.all<ir::AssumeOp>();
  ASSERT_EQ(assumptions.size(), 6u);
  EXPECT_EQ(mlir::cast<mlir::StringAttr>(assumptions[1].getArguments()->get("path")).getValue(),
            "attn.q.W");
  EXPECT_DOUBLE_EQ(
      mlir::cast<mlir::FloatAttr>(assumptions[3].getArguments()->get("lr")).getValueAsDouble(),
      6e-4);
  EXPECT_TRUE(assumptions[4].getArguments()->get("decay"));
}

// stability.md writes thirty architectures; each of them elaborates.
TEST(Elaborate, EveryArchitecture) {
  Diagnostics diagnostics;
  for (const char *path :
       {LNX_TEST_DIR "/Inputs/architectures.lnx", LNX_SOURCE_DIR "/examples/architectures.lnx"}) {
    const SourcePtr source = readSource(path, diagnostics);
    const ast::FilePtr file = parse(source, diagnostics);
    ASSERT_TRUE(file) << diagnostics.render();
    const std::string text(source->text());
    for (const ast::DeclPtr &decl : file->decls) {
      const bool isBlock = !decl->isModel() && decl->sig->formals.size() >= 4 &&
                           decl->sig->formals[3].name.text == "heads" &&
                           decl->sig->formals[0].name.text == "x";
      if (decl->isModel())
        EXPECT_EQ(messagesOf(text, {decl->name.text, {}}), "") << decl->name.text;
      if (isBlock)
        EXPECT_EQ(messagesOf(text + gpt2("depth = 4, block = " + decl->name.text)), "")
            << decl->name.text;
    }
  }
}

TEST(Elaborate, EveryPreludeBlockAndNorm) {
  for (const char *name : {"pre_ln", "post_ln", "peri_ln", "no_ln", "sandwich", "deepnorm",
                           "rezero", "layerscale", "parallel", "mix_ln", "ln_scaling"})
    EXPECT_EQ(messagesOf(gpt2("depth = 4, block = " + std::string(name))), "") << name;
  for (const char *name : {"layernorm", "rmsnorm", "l2norm", "dyt", "id"})
    EXPECT_EQ(messagesOf(gpt2("depth = 4, norm = " + std::string(name))), "") << name;
  for (const char *name : {"mlp", "glu", "moe"})
    EXPECT_EQ(messagesOf(gpt2("depth = 4, ff = " + std::string(name))), "") << name;
}

TEST(Elaborate, StreamsMix) {
  Elaborated model(block("  X = outer(s, x)\n  X <- mix(A, X)\n  x <- mix(s, X)", "depth = 1"));
  EXPECT_NE(model.messages.find("unknown name 's'"), std::string::npos);
  Elaborated good(block("  param s : [3] ~ ones\n  param A : [3, 3] ~ identity\n"
                        "  X = outer(s, x)\n  X <- mix(A, X)\n  x <- mix(s, X)",
                        "depth = 1"));
  EXPECT_EQ(good.messages, "");
}

// Grouped queries and a scale that is a number at run time, or one per layer.
TEST(Elaborate, AttentionArguments) {
  Elaborated model(block("  param t : [] ~ ones\n"
                         "  x <- x + attn(x, heads, kv_heads = 1, scale = t)\n"
                         "  x <- x + attn(x, heads, scale = 1/l, causal = 0, softcap = 30)"));
  EXPECT_EQ(model.messages, "");
  auto attends = model.all<ir::AttendOp>();
  ASSERT_EQ(attends.size(), 2u);
  EXPECT_EQ(attends[0].getKvHeads(), 1u);
  EXPECT_EQ(attends[0].getScale().convertToDouble(), 1);
  EXPECT_EQ(attends[1].getSoftcap().convertToDouble(), 30);
  EXPECT_FALSE(attends[1].getCausal());
}
} // namespace
