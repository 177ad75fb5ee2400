// Training on a GPU: the compiled step as PTX, run by the emulator in place of the driver, against
// the oracle: in f32, and with rows in bf16 against the oracle that rounds the same rows.
#include "test/e2e/Harness.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace lnx;
using namespace lnx::e2e;
using mlir::lnx::Precision;

namespace {

struct Size {
  friend void PrintTo(const Size &size, std::ostream *os) { *os << size.settings; }

  std::string settings;
  int64_t batch, time;
  int steps;
};

const Size small = {"width = 32, heads = 4, depth = 2, vocab = 61, context = 16", 3, 16, 3};
// More than one warp a row, rows that are no multiple of a block's, keys beyond one warp.
const Size wide = {"width = 128, heads = 2, depth = 2, vocab = 61, context = 128", 1, 128, 2};

// In f32, losses and updates stay within 1e-4 of the double evaluator: approximate exponentials and
// quotients are off by 2^-22, and AdamW turns the sign of a gradient near zero into a whole step
// of 1e-2 times its share of the norm. With rows in bf16 the oracle rounds the same rows. Left are
// numbers so nearly tied that they go the other way, and the logits, which the head's kernels round
// by up to 2^-8 of themselves and the oracle does not: 4e-3 of a logit near 1, averaged over rows.
// Updates in proportion to the gradient do not make more of it.
double toleranceOf(Precision precision, int64_t rows) {
  double averaged = std::sqrt(static_cast<double>(std::min<int64_t>(rows, 16)));
  return precision == Precision::f32 ? 1e-4 : 4e-3 / averaged;
}

void compareTraining(const std::string &text, int64_t vocabulary, const Size &size,
                     Optimizer optimizer, Precision precision = Precision::f32) {
  Model model(text);
  Session session = makeSession(
      model.compile({.target = "cuda", .precision = precision}),
      {.device = "cuda", .batch = size.batch, .time = size.time, .threads = 2, .seed = 7});
  Oracle oracle(model, session, precision);
  UpdateOptions update{.optimizer = optimizer, .rate = optimizer == Optimizer::sgd ? 1e-1f : 1e-2f};
  for (int step = 0; step < size.steps; ++step) {
    Ids ids = makeIds(size.batch, size.time, vocabulary, 100 + step);
    Result<double> loss = session.gradient(ids.view());
    ASSERT_TRUE(loss) << loss.error().message;
    // A loss of a hundred comes from logits of that size, which are rounded in proportion.
    const double expected = oracle.gradient(ids, 1);
    EXPECT_NEAR(*loss, expected,
                toleranceOf(precision, size.batch * size.time) * std::max(1.0, expected / 10))
        << text << " step " << step;
    Result<UpdateReport> report = session.update(update);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_TRUE(report->finite);
    oracle.update(update);
  }
}

void compareTraining(const std::string &block, const Size &size, Optimizer optimizer,
                     Precision precision = Precision::f32) {
  compareTraining(gpt2(block, size.settings), 61, size, optimizer, precision);
}

class Cuda : public testing::TestWithParam<const char *> {};

/// Widths that no vector, warp or block divides, rows that leave most of a block without work.
class OddShapes : public testing::TestWithParam<Size> {};

} // namespace

TEST_P(Cuda, LossesAgreeWithTheOracle) { compareTraining(GetParam(), small, Optimizer::adamw); }
TEST_P(Cuda, RoundedLossesAgreeWithTheRoundingOracle) {
  compareTraining(GetParam(), small, Optimizer::sgd, Precision::bf16);
}

INSTANTIATE_TEST_SUITE_P(Prelude, Cuda,
                         testing::Values("pre_ln", "post_ln", "peri_ln", "no_ln", "sandwich",
                                         "deepnorm", "rezero", "layerscale", "parallel", "mix_ln",
                                         "ln_scaling"),
                         [](const auto &info) { return std::string(info.param); });

TEST_P(OddShapes, LossesAgreeWithTheOracle) {
  compareTraining("peri_ln", GetParam(), Optimizer::adamw);
}
TEST_P(OddShapes, RoundedLossesAgreeWithTheRoundingOracle) {
  compareTraining("peri_ln", GetParam(), Optimizer::sgd, Precision::bf16);
}

INSTANTIATE_TEST_SUITE_P(
    Widths, OddShapes,
    testing::Values(Size{"width = 1, heads = 1, depth = 2, vocab = 61, context = 16", 3, 5, 2},
                    Size{"width = 33, heads = 3, depth = 2, vocab = 61, context = 16", 3, 7, 2},
                    Size{"width = 36, heads = 3, depth = 1, vocab = 61, context = 16", 1, 13, 2},
                    Size{"width = 20, heads = 2, depth = 2, vocab = 61, context = 16", 3, 1, 2},
                    Size{"width = 130, heads = 1, depth = 1, vocab = 61, context = 16", 1, 1, 2}));

// Numbers that are read one by one: rows of 3501 do not fit the registers of a team, which reads
// them again for each reduction; rows of 8195 are more than the pieces of any team.
TEST(CudaTraining, RowsWiderThanATeam) {
  for (int width : {3501, 8195})
    compareTraining("model m(vocab = 11, context = 4, width = " + std::to_string(width) +
                        ") {\n"
                        "  param E : [vocab, width] ~ normal(0.02)\n"
                        "  x = E[tokens]\n"
                        "  repeat l in 1..2 { x <- x + 0.5 * layernorm(x) }\n"
                        "  return layernorm(x) @ transpose(E)\n"
                        "}\n",
                    11, Size{"", 1, 3, 1}, Optimizer::sgd);
}

// The same for rows that vectors fit, in whole layers: 1600 numbers are two pieces.
TEST(CudaTraining, RowsReadAgain) {
  compareTraining("peri_ln",
                  Size{"width = 1600, heads = 25, depth = 1, vocab = 61, context = 16", 1, 3, 1},
                  Optimizer::sgd);
}

TEST(CudaTraining, WidePeri) { compareTraining("peri_ln", wide, Optimizer::adamw); }
TEST(CudaTraining, WidePre) { compareTraining("pre_ln", wide, Optimizer::adamw); }
TEST(CudaTraining, WideRounded) {
  compareTraining("peri_ln", wide, Optimizer::sgd, Precision::bf16);
}
TEST(CudaTraining, Adam) { compareTraining("peri_ln", small, Optimizer::adam); }
TEST(CudaTraining, SgdWithMomentum) { compareTraining("peri_ln", small, Optimizer::sgd); }

namespace {
double rms(const std::vector<double> &values) {
  double squares = 0;
  for (double value : values)
    squares += value * value;
  return std::sqrt(squares / static_cast<double>(values.size()));
}

/// Of the difference.
double rmsError(std::span<const float> actual, std::vector<double> expected) {
  for (size_t i = 0; i < expected.size(); ++i)
    expected[i] -= actual[i];
  return rms(expected);
}
} // namespace

// Every gradient, not only the loss. A number rounded to bf16 is off by 2^-9.2 of itself in the
// root mean square. The gradient of the logits, which the oracle does not round, is off by that,
// and then every rounding on the way back goes a way of its own: twenty of them, here and in the
// oracle, are 1.1 %. Gradients of key biases are zero but for that.
TEST(CudaTraining, GradientsAgreeWithTheOracle) {
  for (Precision precision : {Precision::f32, Precision::bf16}) {
    Model model(gpt2("peri_ln", small.settings));
    Session session = makeSession(model.compile({.target = "cuda", .precision = precision}),
                                  {.device = "cuda", .batch = 3, .time = 16, .seed = 7});
    Oracle oracle(model, session, precision);
    Ids ids = makeIds(3, 16, 61, 5);
    ASSERT_TRUE(session.gradient(ids.view()));
    oracle.gradient(ids, 1);
    for (const ParameterView &parameter : session.parameters()) {
      std::vector<double> expected = oracle.gradientOf(parameter.name);
      ASSERT_EQ(expected.size(), parameter.gradient.size());
      if (precision == Precision::bf16) {
        EXPECT_LT(rmsError(parameter.gradient, expected), 2e-2 * rms(expected) + 1e-5)
            << parameter.name;
        continue;
      }
      double largest = 0;
      for (double value : expected)
        largest = std::max(largest, std::abs(value));
      for (size_t i = 0; i < expected.size(); ++i)
        ASSERT_NEAR(parameter.gradient[i], expected[i], 1e-4 * largest + 1e-7) << parameter.name;
    }
  }
}

// Each logit's gradient by itself, that of the last column too: with one row and weights of their
// own it is the gradient of the weights but for a factor. In f32 rows of up to 7168, 14336 and
// 28672 stay in the registers of 256, 512 and 1024 threads, in bf16 twice as many; the largest are
// read again. In bf16 logits of up to 4 are rounded by 2^-9 of themselves and so is their gradient.
TEST(CudaTraining, LargeVocabularies) {
  struct Case {
    int vocabulary;
    Precision precision;
  };
  for (auto [vocabulary, precision] :
       {Case{5003, Precision::f32}, Case{8192, Precision::f32}, Case{12289, Precision::f32},
        Case{20001, Precision::f32}, Case{40003, Precision::f32}, Case{9001, Precision::bf16},
        Case{50257, Precision::bf16}, Case{70001, Precision::bf16}}) {
    SCOPED_TRACE(vocabulary);
    Model model("model m(vocab = " + std::to_string(vocabulary) +
                ", context = 4, width = 8) {\n"
                "  param E : [vocab, width] ~ normal(0.5)\n"
                "  param F : [vocab, width] ~ normal(0.5)\n"
                "  return E[tokens] @ transpose(F)\n"
                "}\n");
    Session session = makeSession(model.compile({.target = "cuda", .precision = precision}),
                                  {.device = "cuda", .batch = 1, .time = 1, .seed = 7});
    Oracle oracle(model, session, precision);
    Ids ids = makeIds(1, 1, vocabulary, 5);
    Result<double> loss = session.gradient(ids.view());
    ASSERT_TRUE(loss) << loss.error().message;
    EXPECT_NEAR(*loss, oracle.gradient(ids, 1), toleranceOf(precision, 1));
    std::vector<double> expected = oracle.gradientOf("F");
    Result<ParameterView> actual = session.parameter("F");
    ASSERT_TRUE(actual);
    ASSERT_EQ(expected.size(), actual->gradient.size());
    for (size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(actual->gradient[i], expected[i],
                  (precision == Precision::f32 ? 1e-4 : 2e-2) * std::abs(expected[i]))
          << i;
  }
}

// Rounding rows to 8 significant bits costs little of the loss: 2^-8 of each activation, in both
// directions.
TEST(CudaTraining, RoundedRowsAreCloseToFullOnes) {
  Model model(gpt2("peri_ln", small.settings));
  Session session = makeSession(model.compile({.target = "cuda", .precision = Precision::bf16}),
                                {.device = "cuda", .batch = 3, .time = 16, .seed = 7});
  Oracle oracle(model, session);
  Ids ids = makeIds(3, 16, 61, 5);
  Result<double> loss = session.gradient(ids.view());
  ASSERT_TRUE(loss) << loss.error().message;
  EXPECT_NEAR(*loss, oracle.gradient(ids, 1), 1e-2);
}

// Evaluation and the head without a loss with rows in bf16. A number that goes the other way moves
// all that follow by 2^-8 of itself, and more of them go other ways: a few such moves are left in a
// logit, 2^-6 of the largest.
TEST(CudaTraining, RoundedEvaluationAndNextAgree) {
  Model model(gpt2("peri_ln", small.settings));
  Session session = makeSession(model.compile({.target = "cuda", .precision = Precision::bf16}),
                                {.device = "cuda", .batch = 3, .time = 16, .seed = 7});
  Oracle oracle(model, session, Precision::bf16);
  Ids ids = makeIds(3, 16, 61, 5);
  Result<double> loss = session.evaluate(ids.view());
  ASSERT_TRUE(loss) << loss.error().message;
  EXPECT_NEAR(*loss, oracle.evaluate(ids), toleranceOf(Precision::bf16, 48));
  std::vector<int32_t> prompt = {1, 5, 7};
  Result<std::span<const float>> logits = session.next(prompt);
  ASSERT_TRUE(logits) << logits.error().message;
  std::vector<double> expected = oracle.next(prompt);
  double largest = 0;
  for (double logit : expected)
    largest = std::max(largest, std::abs(logit));
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR((*logits)[i], expected[i], 0x1p-6 * largest) << i;
}

// What the kernels observe of the stream, and the head without a loss.
TEST(CudaTraining, StatisticsEvaluationAndNextAgree) {
  Model model(gpt2("peri_ln", small.settings));
  Session session = makeSession(model.compile({.target = "cuda"}),
                                {.device = "cuda", .batch = 3, .time = 16, .seed = 7});
  Oracle oracle(model, session);
  Ids ids = makeIds(3, 16, 61, 5);
  Result<double> loss = session.evaluate(ids.view());
  ASSERT_TRUE(loss) << loss.error().message;
  EXPECT_NEAR(*loss, oracle.evaluate(ids), 1e-4);
  ASSERT_TRUE(session.gradient(ids.view()));
  EXPECT_EQ(session.hiddenStatistics().size(), 2u);
  for (const StreamSize &size : session.hiddenStatistics())
    EXPECT_GT(size.meanAbs, 0) << size.layer;
  std::vector<int32_t> prompt = {1, 5, 7};
  Result<std::span<const float>> logits = session.next(prompt);
  ASSERT_TRUE(logits) << logits.error().message;
  std::vector<double> expected = oracle.next(prompt);
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR((*logits)[i], expected[i], 1e-4) << i;
}
