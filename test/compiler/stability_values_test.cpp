// Every value of random programs against what the verifier knows about it: rms, blocks, entries
// from different rows, largest and smallest entry, given the sizes that the stream really has
// (S15..S35). A bound of the last stream can hide a rule that is too small; here each rule stands
// alone.
#include "Adversary.h"

#include "compiler/stability/Analysis.h"

using namespace lnx::test;
using namespace mlir;
using namespace mlir::lnx;
namespace st = mlir::lnx::stability;

namespace {
/// Writes one block; every expression has the 8 features of the stream.
class Writer {
public:
  explicit Writer(unsigned seed) : draw(seed) {}
  Draw draw;

  std::string write() {
    std::string body;
    for (int i = 0, statements = 2 + draw.below(4); i < statements; ++i)
      body += statement();
    return "def own(x) {\n  param g : [dim(x)] ~ ones\n  return (x - mean(x)) * (mean(x^2) - "
           "mean(x)^2 + 0.1)^(-1/2) * g\n}\n"
           "def b(x, l, depth, heads) {\n  param lam : [8] ~ ones\n  param w : [] ~ ones\n"
           "  param A : [2, 2] ~ ones\n  param L : [3, 8] ~ ones\n" +
           body + "  x <- x + " + expr(2) +
           "\n  return x\n}\nmodel m(depth = 2) {\n  param E : [8, 8] ~ normal(1)\n"
           "  x = E[tokens]\n  repeat l in 1..depth { x <- b(x, l, depth, 4) }\n  return x\n}\n";
  }

private:
  std::vector<std::string> names = {"x", "x"};

  std::string statement() {
    if (draw.below(3) == 0)
      return "  x <- " + draw.oneOf({"x + ", "0.5*x - ", "w*x + ", "", "lam*x + ", "x*"}) +
             expr(2) + "\n";
    std::string name = "y" + std::to_string(names.size());
    std::string text = "  " + name + " = " + expr(3) + "\n";
    names.push_back(name);
    return text;
  }

  std::string number() {
    return draw.oneOf({"2", "0.1", "(-1.5)", "l", "l^(-1/2)", "(1/depth)", "w", "lam", "(l - 2)",
                       "L[0]", "L[2]"});
  }

  std::string branch(const std::string &x) {
    std::string bias = draw.oneOf({", bias = 0", ""});
    std::string heads = draw.oneOf({"1", "2", "4", "8"});
    switch (draw.below(7)) {
    case 0:
      return "mlp(" + x + ", hidden = 6, act = " + draw.oneOf({"gelu", "relu", "silu", "tanh"}) +
             bias + ")";
    case 1:
      return "glu(" + x + ", hidden = 5" + bias + ")";
    case 2:
      return "moe(" + x + ", experts = 2, hidden = 3)";
    case 3:
      return "attn(" + x + ", 4, kv_heads = " + draw.oneOf({"1", "2", "4"}) +
             ", qk_norm = " + draw.oneOf({"rmsnorm", "id", "l2norm"}) + bias + ")";
    case 4:
      return "attn(" + x + ", " + heads + ", v_norm = " + draw.oneOf({"rmsnorm", "layernorm"}) +
             bias + ")";
    case 5:
      return "attn_heads(" + x + ", " + heads + ", kv = " + pick() + ", causal = 0" + bias + ")";
    default:
      return "linear(" + x + ", 8" + bias + ")";
    }
  }
  std::string pick() { return names[draw.below(static_cast<int>(names.size()))]; }

  std::string norm(const std::string &x) {
    return draw.oneOf({"layernorm(" + x + ")", "rmsnorm(" + x + ")", "own(" + x + ")",
                       "l2norm(" + x + " + 0.1)", "dyt(" + x + ")",
                       "rmsnorm(" + x + ", offset = 1, eps = 0.5)",
                       "join_heads(rmsnorm(split_heads(" + x + ", 4)))",
                       "join_heads(l2norm(split_heads(" + x + ", 2)))"});
  }

  std::string function(const std::string &x) {
    return draw.oneOf({"tanh(" + x + ")", "sigmoid(" + x + ")", "relu(" + x + ")",
                       "gelu(" + x + ")", "silu(" + x + ")", "abs(" + x + ")",
                       "sqrt(abs(" + x + "))", "exp(tanh(" + x + "))", "exp(-abs(" + x + "))",
                       "rsqrt(1 + abs(" + x + "))", "(" + x + ")^2", "(" + x + ")^3",
                       "abs(" + x + ")^(3/2)", "(1 + (" + x + ")^2)^(-1/2)", "-(" + x + ")"});
  }

  std::string shape(const std::string &x) {
    return draw.oneOf({"(" + x + " - mean(" + x + "))", "mean(" + x + ")*" + pick(),
                       "(sum(" + x + ") + " + pick() + ")",
                       "join_heads(mix(A, split_heads(" + x + ", 2)))",
                       "join_heads(softmaxed(split_heads(" + x + ", 4)))"});
  }

  std::string expr(int depth) {
    if (depth == 0)
      return pick();
    std::string x = expr(depth - 1);
    switch (draw.below(11)) {
    case 0:
    case 1:
      return norm(x);
    case 2:
    case 3:
      return branch(x);
    case 4:
    case 5:
      return function(x);
    case 6:
      return "(" + x + draw.oneOf({" + ", " - ", "*"}) + expr(depth - 1) + ")";
    case 7:
      return number() + "*" + x;
    case 8:
      return draw.oneOf({"min(", "max("}) + x + ", " + draw.oneOf({pick(), "1", "-0.5"}) + ")";
    case 9:
      return "(" + x + "/(" + draw.oneOf({"1 + abs(", "2 + sigmoid(", "max(0.1, "}) + pick() +
             ")))";
    default:
      return shape(x);
    }
  }
};

constexpr const char *softmax = "def softmaxed(x) {\n  e = exp(tanh(x))\n  return e / sum(e)\n}\n";

/// Runs a model op by op and compares each value.
class Interpreter {
public:
  Interpreter(const st::Analysis &analysis, Environment &environment)
      : analysis(analysis), environment(environment) {}
  std::string wrong;
  bool isOver = false; ///< so large that rounding is no longer small
  int compared = 0, known = 0;

  void run(Block &block) {
    for (Operation &op : block) {
      if (op.hasTrait<OpTrait::IsTerminator>() || isOver || !wrong.empty())
        return;
      if (auto repeat = dyn_cast<RepeatOp>(op))
        runRepeat(repeat);
      else if (auto apply = dyn_cast<ApplyOp>(op)) {
        run(apply.getBody().front());
        Operation *yield = apply.getBody().front().getTerminator();
        for (auto [result, value] : llvm::zip_equal(apply.getResults(), yield->getOperands()))
          set(result, arrays[value]);
      } else if (auto step = dyn_cast<StepOp>(op))
        set(step.getResult(), arrays[step.getNext()]);
      else if (auto param = dyn_cast<ParamOp>(op))
        runParam(param);
      else if (auto table = dyn_cast<TableOp>(op))
        set(table.getResult(), Array({}, table.getValues()[table.getLayer() ? layer : 0]));
      else if (isa<PrimitiveOpInterface>(op))
        runPrimitive(op);
      else if (auto input = dyn_cast<InputOp>(op))
        arrays[input.getResult()] = environment.inputs[input.getName()];
    }
  }

private:
  const st::Analysis &analysis;
  Environment &environment;
  DenseMap<Value, Array> arrays;
  DenseMap<int, double> sizes; ///< of the stream, by epoch
  double largest = 0;
  int64_t layer = 0;

  void runRepeat(RepeatOp op) {
    std::vector<Array> carried;
    for (Value carry : op.getCarries())
      carried.push_back(arrays[carry]);
    for (layer = 0; layer < static_cast<int64_t>(op.getCount()) && wrong.empty(); ++layer) {
      sizes.clear();
      largest = 0;
      for (auto [argument, array] : llvm::zip_equal(op.getCarryArguments(), carried))
        set(argument, array);
      run(op.getBody().front());
      if (isOver || !wrong.empty())
        break;
      carried.clear();
      for (Value value : op.getBody().front().getTerminator()->getOperands())
        carried.push_back(arrays[value]);
    }
    layer = 0;
  }
  void runParam(ParamOp op) {
    const Array &all = environment.parameters[op.getPath()];
    Array part(op.getType().getShape());
    std::copy_n(all.data.begin() + layer * part.size(), part.size(), part.data.begin());
    set(op.getResult(), part);
  }
  void runPrimitive(Operation &op) {
    std::vector<Array> operands;
    for (Value operand : op.getOperands())
      operands.push_back(arrays[operand]);
    auto results = evaluateOp(&op, operands, environment.batch);
    if (failed(results)) {
      wrong = "cannot evaluate " + op.getName().getStringRef().str();
      return;
    }
    // Weights of attention are exp(score - lse): large scores leave few digits of them.
    for (const Array &array : llvm::drop_begin(*results))
      isOver |= llvm::any_of(array.data, [](double entry) { return !(std::abs(entry) < 1e5); });
    for (auto [result, array] : llvm::zip(op.getResults(), *results))
      set(result, array);
  }

  static double rmsOf(const double *data, int64_t size) {
    double sum = 0;
    for (int64_t i = 0; i < size; ++i)
      sum += data[i] * data[i];
    return std::sqrt(sum / static_cast<double>(size));
  }
  static double largestBlock(const Array &x, int64_t size) {
    double most = 0;
    for (int64_t at = 0; at + size <= x.size(); at += size)
      most = std::max(most, rmsOf(x.data.data() + at, size));
    return most;
  }

  void compare(Value value, const char *what, double measured, const Bound &bound, double r) {
    if (bound.isTop() || !std::isfinite(measured))
      return;
    ++known;
    double limit = bound.at(layer, r);
    if (measured <= limit * (1 + 1e-7) + 1e-12) // mean(x^2) - mean(x)^2 cancels
      return;
    note(value, what, measured, limit);
  }
  void note(Value value, const char *what, double measured, double limit) {
    llvm::raw_string_ostream text(wrong);
    text << what << " of " << value << " is " << measured << ", beyond " << limit << "\n";
  }

  void set(Value value, Array array) {
    arrays[value] = array;
    isOver |= llvm::any_of(array.data, [](double entry) { return !(std::abs(entry) < 1e4); });
    const Abstract *x = analysis.find(value);
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (isOver || !x || !type || type.getElementType().isInteger() || array.size() == 0)
      return;
    ++compared;
    ArrayRef<int64_t> features = getFeatures(type);
    int64_t count = ShapedType::getNumElements(features);
    if (x->isStream && x->epoch >= 0 && !sizes.count(x->epoch)) {
      sizes[x->epoch] = largestBlock(array, features.back());
      largest = std::max(largest, sizes[x->epoch]);
    }
    double r = x->usesOlder || !sizes.count(x->epoch) ? largest : sizes[x->epoch];
    compare(value, "rms", largestBlock(array, count), x->whole, r);
    if (x->partSize > 0 && count % x->partSize == 0)
      compare(value, "block", largestBlock(array, x->partSize), x->part, r);
    double peak = 0, low = INFINITY;
    for (double entry : array.data) {
      peak = std::max(peak, std::abs(entry));
      low = std::min(low, entry);
    }
    compare(value, "peak", peak, x->peak, r);
    if (std::isfinite(low) && low < x->low[layer] - 1e-9 * std::abs(x->low[layer]) - 1e-12)
      note(value, "an entry", low, x->low[layer]);
    std::vector<double> columns(count);
    for (int64_t i = 0; i < array.size(); ++i)
      columns[i % count] = std::max(columns[i % count], std::abs(array.data[i]));
    compare(value, "rms across rows", rmsOf(columns.data(), count), x->across, r);
  }
};
} // namespace

TEST(StabilityValues, EveryValueIsBelowItsBound) {
  const char *wanted = std::getenv("LNX_SOUNDNESS_CASES");
  int specs = wanted ? std::atoi(wanted) : 800, compared = 0, known = 0, skipped = 0;
  for (int index = 0; index < specs; ++index) {
    Writer writer(77000 + index);
    std::string text = softmax + writer.write();
    Verified source(text);
    OwningOpRef<ModuleOp> elaborated = source.at({});
    if (!elaborated) {
      ++skipped;
      if (wanted)
        std::printf("%s\n", source.diagnostics.render().c_str());
      continue;
    }
    for (int turn = 0; turn < 4; ++turn) {
      OwningOpRef<ModuleOp> module = elaborated->clone();
      ModelOp model = *module->getOps<ModelOp>().begin();
      Environment environment = drawTokens(writer.draw, 6);
      drawWeights(writer.draw, model, environment);
      FailureOr<st::Assumptions> assumptions = st::Assumptions::read(model);
      ASSERT_TRUE(succeeded(assumptions));
      st::Analysis analysis(model, *assumptions, st::Weights::declared);
      Interpreter interpreter(analysis, environment);
      interpreter.run(model.getBody().front());
      ASSERT_EQ(interpreter.wrong, "") << "spec " << index << " turn " << turn << "\n" << text;
      compared += interpreter.compared;
      known += interpreter.known;
    }
  }
  std::printf("%d values, %d bounds, %d specs skipped\n", compared, known, skipped);
  EXPECT_GT(known, compared);
  EXPECT_LT(skipped, specs / 10);
}
