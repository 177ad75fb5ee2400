// Soundness by sampling: random equations and weights through the double evaluator, never above the
// bound that the verifier proves from the weights' norms (8.1).
// LNX_SOUNDNESS_CASES sets the number of specs; each is tried with several draws of its weights.
#include "StabilityFixture.h"

#include <random>

using namespace lnx::test;
using namespace mlir;
using namespace mlir::lnx;
namespace st = mlir::lnx::stability;

namespace {
class Draw {
public:
  explicit Draw(unsigned seed) : random(seed) {}
  double uniform(double a, double b) {
    return std::uniform_real_distribution<double>(a, b)(random);
  }
  double normal() { return std::normal_distribution<double>()(random); }
  int below(int n) { return static_cast<int>(random() % n); }
  std::string oneOf(std::vector<std::string> list) { return list[below(list.size())]; }
  std::mt19937 random;
};

std::string norm(Draw &draw, const std::string &x) {
  return draw.oneOf({"layernorm(" + x + ")", "rmsnorm(" + x + ")",
                     "layernorm(" + x + ", eps = 0.1)", "own(" + x + ")",
                     "rmsnorm(" + x + ", offset = 1)", "l2norm(" + x + ")", "dyt(" + x + ")"});
}

std::string branch(Draw &draw, const std::string &x) {
  std::string act = draw.oneOf({"gelu", "relu", "silu", "tanh"});
  std::string bias = draw.oneOf({", bias = 0", ""});
  switch (draw.below(8)) {
  case 0:
    return "mlp(" + x + ", hidden = 6, act = " + act + bias + ")";
  case 1:
    return "glu(" + x + ", hidden = 5, act = " + act + bias + ")";
  case 2:
    return "moe(" + x + ", experts = 2, hidden = 3)";
  case 3:
    return "attn_heads(" + x + ", 4, causal = 0" + bias + ")";
  case 4:
    return "attn(" + x + ", 4, kv_heads = 2, qk_norm = rmsnorm, causal = 0" + bias + ")";
  case 5:
    return "attn(" + x + ", 4, kv_heads = " + draw.oneOf({"1", "2", "4"}) + ", softcap = 3" + bias +
           ")";
  case 6:
    return "attn(" + x + ", " + draw.oneOf({"1", "2", "4"}) +
           ", v_norm = " + draw.oneOf({"rmsnorm", "layernorm", "id"}) + bias + ")";
  default:
    return "attn(" + x + ", " + draw.oneOf({"1", "2", "8"}) + bias + ")";
  }
}

/// One residual step of a random form.
std::string step(Draw &draw, int number) {
  std::string dt = draw.oneOf({"", "0.1*", "l^(-1/2)*", "(1/depth)*", "lam*", "-1.5*"});
  std::string a = draw.oneOf({"x", "x", "x", "0.9*x", "2*x", "w*x", "(1 - 1/(2*l))*x"});
  std::string inner = draw.oneOf({"x", norm(draw, "x"), norm(draw, "x"), "l^(-1/2)*layernorm(x)"});
  std::string f = branch(draw, inner);
  switch (draw.below(5)) {
  case 0:
    return "x <- " + a + " + " + dt + f;
  case 1:
    return "x <- " + a + " + " + dt + norm(draw, f);
  case 2:
    return "x <- " + norm(draw, a + " + " + dt + f);
  case 3:
    return "x <- " + a + " + " + dt + f + " + " + branch(draw, norm(draw, "x"));
  default: // an older size of the stream, used again
    std::string y = "y" + std::to_string(number);
    return y + " = " + f + "\n  x <- " + a + " + " + dt + y + "\n  x <- x - " + y;
  }
}

std::string spec(Draw &draw) {
  std::string body;
  for (int steps = 1 + draw.below(3); steps > 0; --steps)
    body += "  " + step(draw, steps) + "\n";
  return "def own(x) {\n  param g : [dim(x)] ~ ones\n  return (x - mean(x)) * (mean(x^2) - "
         "mean(x)^2 + "
         "1e-5)^(-1/2) * g\n}\n"
         "def b(x, l, depth, heads) {\n  param lam : [dim(x)] ~ ones\n  param w : [] ~ ones\n" +
         body + "  return x\n}\nmodel m(depth = " + std::to_string(1 + draw.below(4)) +
         ") {\n  param E : [8, 8] ~ normal(1)\n  x = E[tokens]\n"
         "  repeat l in 1..depth { x <- b(x, l, depth, 4) }\n  return x\n}\n";
}

/// Largest singular value of a matrix, by Jacobi rotations of W W^T.
double spectral(const double *w, int64_t m, int64_t n) {
  std::vector<double> g(m * m);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < m; ++j)
      for (int64_t k = 0; k < n; ++k)
        g[i * m + j] += w[i * n + k] * w[j * n + k];
  for (int sweep = 0; sweep < 30; ++sweep)
    for (int64_t p = 0; p < m; ++p)
      for (int64_t q = p + 1; q < m; ++q) {
        if (std::abs(g[p * m + q]) < 1e-300)
          continue;
        double angle = 0.5 * std::atan2(2 * g[p * m + q], g[q * m + q] - g[p * m + p]);
        double c = std::cos(angle), s = std::sin(angle);
        for (int64_t k = 0; k < m; ++k) {
          double x = g[p * m + k], y = g[q * m + k];
          g[p * m + k] = c * x - s * y;
          g[q * m + k] = s * x + c * y;
        }
        for (int64_t k = 0; k < m; ++k) {
          double x = g[k * m + p], y = g[k * m + q];
          g[k * m + p] = c * x - s * y;
          g[k * m + q] = s * x + c * y;
        }
      }
  double largest = 0;
  for (int64_t i = 0; i < m; ++i)
    largest = std::max(largest, g[i * m + i]);
  return std::sqrt(largest) * (1 + 1e-9);
}

/// Gaussian, rank-one, sparse or signed identity, at a scale of 10^-1.5 to 10^0.7.
void drawMatrix(Draw &draw, double *w, int64_t m, int64_t n) {
  double scale = std::pow(10, draw.uniform(-1.5, 0.7));
  int kind = draw.below(4);
  std::vector<double> left(m), right(n);
  for (double &v : left)
    v = draw.normal();
  for (double &v : right)
    v = draw.normal();
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sign = draw.below(2) ? 1 : -1;
      double value = kind == 0   ? draw.normal()
                     : kind == 1 ? left[i] * right[j]
                     : kind == 2 ? (draw.below(5) == 0) * draw.normal() * 3
                                 : (i % n == j % m) * sign;
      w[i * n + j] = scale * value;
    }
}

struct Case {
  OwningOpRef<ModuleOp> module;
  Environment environment;
};

void declare(OpBuilder &builder, Location at, StringRef form, StringRef path, double bound) {
  DictionaryAttr arguments;
  if (!path.empty())
    arguments =
        builder.getDictionaryAttr(builder.getNamedAttr("path", builder.getStringAttr(path)));
  AssumeOp::create(builder, at, builder.getStringAttr(form), arguments, builder.getStringAttr("<="),
                   builder.getF64FloatAttr(bound));
}

/// Draws every parameter and declares norms that it really has.
void drawWeights(Draw &draw, ModelOp model, Environment &environment) {
  OpBuilder builder = OpBuilder::atBlockBegin(&model.getBody().front());
  SmallVector<ParamOp> params;
  model.walk([&](ParamOp op) { params.push_back(op); });
  for (ParamOp op : params) {
    auto repeat = op->getParentOfType<RepeatOp>();
    int64_t layers = repeat ? repeat.getCount() : 1;
    SmallVector<int64_t> shape = {layers};
    llvm::append_range(shape, op.getType().getShape());
    Array array(shape);
    int64_t size = op.getType().getNumElements();
    double peak = 0, norm = 0, frobenius = 0, rows = 0;
    for (int64_t layer = 0; layer < layers; ++layer) {
      double *w = array.data.data() + layer * size;
      if (op.getType().getRank() == 2) {
        int64_t m = op.getType().getDimSize(0), n = op.getType().getDimSize(1);
        drawMatrix(draw, w, m, n);
        if (op.getPath() == "E")
          for (int64_t i = 0; i < m; ++i) {
            double scale = std::pow(10, draw.uniform(-2, 2)), sum = 0;
            for (int64_t j = 0; j < n; ++j) {
              w[i * n + j] = scale * (draw.below(6) ? draw.normal() : 0);
              sum += w[i * n + j] * w[i * n + j];
            }
            rows = std::max(rows, std::sqrt(sum / n));
          }
        norm = std::max(norm, spectral(w, m, n));
      } else {
        for (int64_t i = 0; i < size; ++i)
          w[i] = draw.uniform(-2, 2);
      }
      double sum = 0;
      for (int64_t i = 0; i < size; ++i) {
        peak = std::max(peak, std::abs(w[i]));
        sum += w[i] * w[i];
      }
      frobenius = std::max(frobenius, std::sqrt(sum));
    }
    environment.parameters[op.getPath()] = array;
    if (op.getPath() == "E")
      declare(builder, op.getLoc(), "x0.rms", "", rows);
    else if (op.getType().getRank() == 2 && draw.below(3))
      declare(builder, op.getLoc(), "spectral", op.getPath(), norm);
    else if (op.getType().getRank() == 2)
      declare(builder, op.getLoc(), "frobenius", op.getPath(), frobenius);
    else
      declare(builder, op.getLoc(), "max", op.getPath(), peak);
  }
}

/// Largest rms and |entry| of the rows of [rows x width].
std::pair<double, double> measure(const Array &x) {
  int64_t width = x.shape.back();
  double rms = 0, peak = 0;
  for (int64_t row = 0; row < x.size() / width; ++row) {
    double sum = 0;
    for (int64_t i = 0; i < width; ++i) {
      double value = x.data[row * width + i];
      sum += value * value;
      peak = std::max(peak, std::abs(value));
    }
    rms = std::max(rms, std::sqrt(sum / width));
  }
  return {rms, peak};
}
} // namespace

// Every bound that is proved holds for weights inside the declared set.
TEST(StabilitySoundness, MeasuredStaysBelowTheBound) {
  const char *wanted = std::getenv("LNX_SOUNDNESS_CASES");
  int specs = wanted ? std::atoi(wanted) : 1250, checked = 0, finite = 0;
  double tightest = 0;
  for (int index = 0; index < specs; ++index) {
    Draw draw(1000 + index);
    std::string text = spec(draw);
    Verified source(text);
    OwningOpRef<ModuleOp> elaborated = source.at({});
    ASSERT_TRUE(elaborated) << source.diagnostics.render() << text;
    for (int turn = 0; turn < 8; ++turn) {
      OwningOpRef<ModuleOp> module = elaborated->clone();
      ModelOp model = *module->getOps<ModelOp>().begin();
      Environment environment;
      environment.batch = {1, 6};
      Array tokens(ArrayRef<int64_t>{6});
      for (double &token : tokens.data)
        token = draw.below(8);
      environment.inputs["tokens"] = tokens;
      drawWeights(draw, model, environment);
      FailureOr<st::Report> report = st::verify(*module, {});
      ASSERT_TRUE(succeeded(report));
      FailureOr<Array> output = evaluateModel(model, environment);
      ASSERT_TRUE(succeeded(output));
      const st::Verdict *bound = find(*report, "forward.bound");
      ++checked;
      ASSERT_TRUE(bound);
      ASSERT_NE(bound->word, st::Word::refuted) << text << print(*report);
      if (!bound->number)
        continue;
      ++finite;
      auto [rms, peak] = measure(*output);
      ASSERT_TRUE(!(rms > *bound->number * (1 + 1e-9)))
          << rms << " > " << *bound->number << "\nspec " << index << " turn " << turn << "\n"
          << text << print(*report);
      tightest = std::max(tightest, rms / *bound->number);
      if (const st::Verdict *largest = find(*report, "precision.overflow"); largest->number)
        ASSERT_TRUE(!(peak > *largest->number * (1 + 1e-9)))
            << peak << " > " << *largest->number << "\n"
            << text << print(*report);
    }
  }
  RecordProperty("cases", checked);
  std::printf("%d cases, %d with a finite bound, tightest %.4f\n", checked, finite, tightest);
  EXPECT_GT(finite, checked / 3);
  EXPECT_GT(tightest, 0.9); // a bound far above everything would pass as well
}
