// Predictions meet reality: models initialised and run by the runtime against the mean-field
// profile of the same text, layer by layer (S102 to S106).
// Streams and their gradients are read off compiled code through parameters that start at zero.
#include "test/e2e/Harness.h"

#include "compiler/stability/InitModel.h"
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <gtest/gtest.h>

using namespace lnx;
using namespace lnx::e2e;
namespace stable = mlir::lnx::stability;

namespace {

// The smallest width whose tolerances hold for one seed, and the only ones for the cosine (S106).
constexpr int64_t width = 768, depth = 4;
// As in 6.5: averages over fewer tokens depend on which of them attention happens to prefer; with
// 32 the cosine of four cases missed by up to .07.
constexpr int64_t tokens = 128;
// Gradients of different tokens at the logits have cosine -1/V: far more ids than tokens.
constexpr int64_t vocabulary = 2048;
// Predicted over measured, one seed at widths from 768 (S106).
constexpr double lowQ = .90, highQ = 1.12;
constexpr double nearRho = .04;
constexpr double lowG = .70, highG = 1.35; // of mean squares
constexpr double lowWeight = .80, highWeight = 1.28;

struct Case {
  const char *name;
  const char *step;  ///< the next stream, of x and l
  const char *start; ///< deviation of the embedding
  const char *init;  ///< laws of weights
};

/// In the name of a test.
void PrintTo(const Case &one, std::ostream *os) { *os << one.name; }

const char *const gpt2Init =
    "weight_init = normal(0.02), residual_init = normal(0.02/(2*depth)^(1/2))";
const char *const xavierInit = "weight_init = xavier(1), residual_init = xavier(1)";

const Case cases[] = {
    {"pre", "pre_ln(x, l, depth, heads)", "0.0283", gpt2Init},
    {"pre_xavier", "pre_ln(x, l, depth, heads)", "1", xavierInit},
    {"pre_small_step", "pre_ln(x, l, depth, heads, dt = 0.1)", "0.0283", gpt2Init},
    {"peri", "peri_ln(x, l, depth, heads)", "0.0283", gpt2Init},
    {"post", "post_ln(x, l, depth, heads)", "1", xavierInit},
    {"deepnorm", "deepnorm(x, l, depth, heads)", "1", xavierInit},
    {"ln_scaling", "ln_scaling(x, l, depth, heads)", "1", xavierInit},
    {"glu", "pre_ln(x, l, depth, heads, ff = glu)", "1", xavierInit},
    {"peri_glu", "peri_ln(x, l, depth, heads, ff = glu)", "1", xavierInit},
    {"parallel", "parallel(x, l, depth, heads)", "0.5", gpt2Init},
    {"qk_norm", "normed(x, l, depth, heads)", "1", xavierInit},
    // A row of section 7 that differs: docs/decisions/0009.
    {"gemma2", "gemma2(x, l, depth, heads)", "1", xavierInit},
};

/// The plain model, one that returns zeros through a readout of every stream, and one that adds
/// zeros to every stream.
std::string textOf(const Case &one, const std::string &first, const std::string &behind,
                   const std::string &result) {
  return "def readout(x) {\n  param R : [dim(x), " + std::to_string(vocabulary) +
         "] ~ zeros\n  return x @ R\n}\n"
         "def shift(x) {\n  param T : [" +
         std::to_string(tokens) +
         ", dim(x)] ~ zeros\n  return x + T[positions]\n}\n"
         "def normed(x, l, depth, heads) {\n  x <- x + attn(layernorm(x), heads, qk_norm = "
         "rmsnorm)\n"
         "  x <- x + mlp(layernorm(x), act = relu)\n  return x\n}\n"
         "def gemma2(x, l, depth, heads) {\n"
         "  x <- x + rmsnorm(attn(rmsnorm(x, offset = 1), heads, softcap = 50), offset = 1)\n"
         "  x <- x + rmsnorm(glu(rmsnorm(x, offset = 1)), offset = 1)\n  return x\n}\n"
         "model m(context = " +
         std::to_string(tokens) + ", width = " + std::to_string(width) +
         ", heads = 4, depth = " + std::to_string(depth) + ", " + one.init + ") {\n  param E : [" +
         std::to_string(vocabulary) + ", width] ~ normal(" + one.start + ")\n  x = E[tokens]\n  " +
         first + "\n  repeat l in 1..depth {\n    x <- " + one.step + "\n    " + behind +
         "\n  }\n  " + result + "\n}\n";
}
const std::string head = "param U : [width, " + std::to_string(vocabulary) +
                         "] ~ normal(0.02)\n  return layernorm(x) @ U";

/// Distinct tokens, odd ids, and distinct targets, even ones: repeated targets would correlate
/// gradients (S106).
Ids distinctIds() {
  Ids ids{{}, {}, 1, tokens};
  for (int32_t t = 0; t < tokens; ++t) {
    ids.tokens.push_back(2 * t + 1);
    ids.targets.push_back((2 * ((t * 7) % int32_t(tokens))));
  }
  return ids;
}

/// Entry l is the stream after l layers, or layer l + 1 of weights.
struct Measured {
  std::vector<double> q = std::vector<double>(depth + 1), offDiagonal = q, gradient = q;
  std::vector<double> weightIn[2], weightOut[2]; ///< squares: attention, feed-forward
};

/// The parameter of a layer (0: outside) whose name ends like this; absent where there is none.
std::optional<ParameterView> find(Session &session, int64_t layer, const std::string &end) {
  for (ParameterView &view : session.parameters()) {
    bool isInLayer = view.name.rfind(std::to_string(layer) + ".", 0) == 0;
    bool isOutside = !std::isdigit(static_cast<unsigned char>(view.name.front()));
    if ((layer == 0 ? isOutside : isInLayer) && view.name.size() >= end.size() &&
        view.name.compare(view.name.size() - end.size(), end.size(), end) == 0)
      return view;
  }
  return std::nullopt;
}

double squares(std::span<const float> values) {
  double sum = 0;
  for (float v : values)
    sum += double(v) * v;
  return sum;
}

// With logits of zero dL/dR = sum_i x_i (1/V - e_target_i)/n, column by column; a column that is no
// target has the mean alone.
void measureStreams(Session &session, const Ids &ids, Measured &measured) {
  ASSERT_TRUE(session.gradient(ids.view()));
  for (int64_t layer = 0; layer <= depth; ++layer) {
    std::optional<ParameterView> readout = find(session, layer, "R");
    ASSERT_TRUE(readout) << layer;
    double own = 0, all = 0;
    for (int64_t k = 0; k < width; ++k) {
      const float *row = readout->gradient.data() + k * vocabulary;
      double sum = 0;
      for (int64_t i = 0; i < tokens; ++i) {
        double entry = double(tokens) * (double(row[1]) - row[ids.targets[i]]);
        own += entry * entry;
        sum += entry;
      }
      all += sum * sum;
    }
    double n = tokens;
    measured.q[layer] += own / n / width;
    measured.offDiagonal[layer] += (all - own) / (n * (n - 1)) / width;
  }
}

void measureGradients(Session &session, const Ids &ids, Measured &measured) {
  ASSERT_TRUE(session.gradient(ids.view()));
  for (int64_t layer = 0; layer <= depth; ++layer) {
    std::optional<ParameterView> shift = find(session, layer, "T");
    ASSERT_TRUE(shift) << layer;
    measured.gradient[layer] += squares(shift->gradient) / tokens / width;
  }
  for (int kind : {0, 1}) {
    measured.weightIn[kind].resize(depth);
    measured.weightOut[kind].resize(depth);
  }
  for (int64_t layer = 1; layer <= depth; ++layer) {
    auto add = [&](std::vector<double> &sums, std::initializer_list<const char *> names) {
      for (const char *name : names)
        if (std::optional<ParameterView> weight = find(session, layer, name)) {
          sums[layer - 1] += squares(weight->gradient);
          return;
        }
      ADD_FAILURE() << "no " << *names.begin() << " in layer " << layer;
    };
    add(measured.weightIn[0], {"v.W"});
    add(measured.weightOut[0], {"o.W"});
    add(measured.weightIn[1], {"gate.W", "up.W"});
    add(measured.weightOut[1], {"down.W"});
  }
}

Measured measure(const Case &one) {
  Measured measured;
  Ids ids = distinctIds();
  Model streams(textOf(one, "y = readout(x)", "y <- y + readout(x)", "return y"));
  Model gradients(textOf(one, "x <- shift(x)", "x <- shift(x)", head));
  Program forwardProgram = streams.compile(), backwardProgram = gradients.compile();
  SessionOptions options{.batch = 1, .time = tokens, .threads = 1, .seed = 1};
  Session forward = makeSession(forwardProgram, options);
  measureStreams(forward, ids, measured);
  Session backward = makeSession(backwardProgram, options);
  measureGradients(backward, ids, measured);
  return measured;
}

/// What `lnx verify` predicts of the same equations.
stable::MeanFieldProfile predict(const Case &one) {
  Model model(textOf(one, "", "", head));
  mlir::OwningOpRef<mlir::ModuleOp> module = model.at(mlir::lnx::Level::spec);
  stable::InitReading reading = stable::readInit(*module->getOps<mlir::lnx::ModelOp>().begin());
  EXPECT_TRUE(reading.model) << reading.obstacle.text;
  return reading.model ? stable::predictWithin(*reading.model) : stable::MeanFieldProfile();
}

void expectRatio(double predicted, double measured, double low, double high, const char *what,
                 int64_t layer) {
  double ratio = predicted / measured;
  EXPECT_TRUE(ratio >= low && ratio <= high)
      << what << " of layer " << layer << ": predicted " << predicted << ", measured " << measured;
  if (std::getenv("LNX_PRINT_RATIOS"))
    std::printf("  %s %d: %.3f\n", what, int(layer), ratio);
}

class Predictions : public testing::TestWithParam<Case> {};

} // namespace

TEST_P(Predictions, s106_within_the_tolerances) {
  const Case &one = GetParam();
  stable::MeanFieldProfile predicted = predict(one);
  // An attention and a feed-forward step a layer, or both in one.
  size_t steps = predicted.weightOut.size() / depth;
  ASSERT_TRUE(steps == 1 || steps == 2);
  Measured measured = measure(one);
  double last = measured.gradient[depth];
  for (int64_t layer = 0; layer <= depth; ++layer) {
    size_t k = layer * steps;
    expectRatio(predicted.q[k], measured.q[layer], lowQ, highQ, "variance", layer);
    double rho = measured.offDiagonal[layer] / measured.q[layer];
    EXPECT_NEAR(predicted.rho[k], rho, nearRho) << "token cosine after layer " << layer;
    if (std::getenv("LNX_PRINT_RATIOS"))
      std::printf("  cosine %d: %.3f %.3f\n", int(layer), predicted.rho[k], rho);
    expectRatio(std::pow(predicted.gradient[k], 2), measured.gradient[layer] / last, lowG, highG,
                "gradient", layer);
  }
  // The runtime's loss is a mean over tokens.
  double scale = 1.0 / tokens;
  for (int64_t layer = 1; layer <= depth; ++layer)
    for (size_t kind = 0; kind < steps; ++kind) {
      size_t k = (layer - 1) * steps + kind;
      expectRatio(scale * predicted.weightIn[k], std::sqrt(measured.weightIn[kind][layer - 1]),
                  lowWeight, highWeight, "inner weights", layer);
      expectRatio(scale * predicted.weightOut[k], std::sqrt(measured.weightOut[kind][layer - 1]),
                  lowWeight, highWeight, "outer weights", layer);
    }
}

INSTANTIATE_TEST_SUITE_P(Runtime, Predictions, testing::ValuesIn(cases),
                         [](const auto &info) { return std::string(info.param.name); });
