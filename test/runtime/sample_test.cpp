// Which tokens a session writes: one draw, and one draw after another.
// Frequencies of many draws are held against the softmax.
#include "BigramProgram.h"
#include "runtime/Draw.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

using namespace lnx;

static const float logits[] = {0, 1, 3, 1, -INFINITY, NAN};

TEST(DrawToken, takesTheLargestWithoutTemperature) {
  EXPECT_EQ(drawToken(logits, 0, 0, 0.99), 2);
  EXPECT_EQ(drawToken(std::vector<float>{1, 1}, 0, 0, 0.99), 0);
}

TEST(DrawToken, followsTheSoftmax) {
  int counts[6] = {};
  for (int i = 0; i < 10000; ++i)
    ++counts[*drawToken(logits, 2, 0, i / 10000.0)];
  double sum = 1 + 2 * std::exp(0.5) + std::exp(1.5);
  EXPECT_NEAR(counts[2] / 10000.0, std::exp(1.5) / sum, 2e-4);
  EXPECT_NEAR(counts[1] / 10000.0, std::exp(0.5) / sum, 2e-4);
  EXPECT_NEAR(counts[0] / 10000.0, 1 / sum, 2e-4);
  EXPECT_EQ(counts[4] + counts[5], 0);
}

TEST(DrawToken, keepsTheTopK) {
  for (int i = 0; i < 1000; ++i) {
    int32_t id = *drawToken(logits, 1, 2, i / 1000.0);
    EXPECT_TRUE(id == 2 || id == 1) << id;
  }
}

TEST(DrawToken, survivesLogitsWithoutANumber) {
  EXPECT_EQ(drawToken(std::vector<float>{NAN, NAN}, 1, 0, 0.5), std::nullopt);
  EXPECT_EQ(drawToken(std::vector<float>{NAN, 2}, 1, 0, 0.5), 1);
}

namespace {
Session bigram() {
  Result<Session> session =
      Session::create(bigramProgram(), {.batch = 1, .time = 8, .threads = 1, .seed = 1});
  EXPECT_TRUE(session);
  return std::move(*session);
}

std::string messageOf(const Result<std::vector<int32_t>> &result) {
  return result ? "" : result.error().message;
}
} // namespace

// One seed writes one text, whatever is drawn in one call; another seed writes another.
TEST(Sample, DependsOnItsSeed) {
  Session session = bigram();
  const std::vector<int32_t> prompt = {1};
  const auto text = [&](uint64_t seed) {
    return *session.sample(prompt, 40, {.seed = seed, .vocabulary = 14});
  };
  EXPECT_EQ(text(1).size(), 40u);
  EXPECT_EQ(text(1), text(1));
  EXPECT_NE(text(1), text(2));
  EXPECT_LT(std::ranges::max(text(1)), 14);

  std::vector<int32_t> pieces = prompt;
  for (int64_t i = 0; i < 40; i += 8) {
    const auto piece = session.sample(pieces, 8, {.seed = 1, .drawn = i, .vocabulary = 14});
    ASSERT_TRUE(piece);
    pieces.insert(pieces.end(), piece->begin(), piece->end());
  }
  EXPECT_EQ(std::vector(pieces.begin() + 1, pieces.end()), text(1));
}

// Of a long text the model sees the last tokens: as many as the session was created for, or fewer.
TEST(Sample, TheWindowSlides) {
  Session session = bigram();
  const std::vector<int32_t> prompt(20, 3);
  EXPECT_TRUE(session.sample(prompt, 20));
  EXPECT_TRUE(session.sample(prompt, 20, {.window = 1}));
  EXPECT_EQ(messageOf(session.sample(prompt, 1, {.window = 9})),
            "a prompt of 9 exceeds the tokens reserved for this session: 8");
}

// Temperature 0 follows the largest logit; no tokens are wanted, none are given.
TEST(Sample, Greedy) {
  Session session = bigram();
  const Result<ParameterView> table = session.parameter("table");
  ASSERT_TRUE(table);
  for (int64_t from = 0; from < 16; ++from)
    table->value[size_t(from * 16 + (from + 5) % 16)] = 1;
  const std::vector<int32_t> prompt = {2};
  EXPECT_EQ(*session.sample(prompt, 4, {.temperature = 0}), (std::vector<int32_t>{7, 12, 1, 6}));
  EXPECT_TRUE(session.sample(prompt, 0)->empty());
}

TEST(Sample, SaysWhatIsWrong) {
  Session session = bigram();
  const std::vector<int32_t> prompt = {2}, outside = {16};
  EXPECT_EQ(messageOf(session.sample({}, 1)),
            "the prompt is empty, a sample starts from at least one token");
  EXPECT_EQ(messageOf(session.sample(prompt, -1)), "count is -1, it must be at least 0");
  EXPECT_EQ(messageOf(session.sample(prompt, 1, {.topK = -2})),
            "topK is -2, it must be at least 0");
  EXPECT_EQ(messageOf(session.sample(prompt, 1, {.temperature = -0.5})),
            "temperature is -0.5, it must be a finite number of at least 0");
  EXPECT_EQ(messageOf(session.sample(prompt, 1, {.temperature = NAN})),
            "temperature is nan, it must be a finite number of at least 0");
  EXPECT_EQ(messageOf(session.sample(outside, 1)),
            "token 16 at position 0 is outside the vocabulary of 16");
  std::ranges::fill(session.parameter("bias")->value, NAN);
  const auto lost = session.sample(prompt, 1);
  EXPECT_EQ(messageOf(lost), "no logit behind 1 tokens is finite");
  EXPECT_EQ(lost.error().exit, Exit::unstable);
}

// One parameter by its name, with what its numbers are.
TEST(Parameter, ByName) {
  Session session = bigram();
  const Result<ParameterView> table = session.parameter("table");
  ASSERT_TRUE(table);
  EXPECT_EQ(table->shape, (std::vector<int64_t>{16, 16}));
  EXPECT_EQ(nameOf(table->dtype), "F32");
  EXPECT_EQ(table->value.size_bytes(), 256 * bytesOf(table->dtype));
  EXPECT_EQ(session.parameter("tabel").error().message, "the model has no parameter 'tabel'");
}

// A type has one name, which is read back.
TEST(Dtype, Names) {
  for (int i = 0; i <= int(Dtype::boolean); ++i)
    EXPECT_EQ(dtypeNamed(nameOf(Dtype(i))), Dtype(i));
  EXPECT_EQ(dtypeNamed("F33"), std::nullopt);
  EXPECT_EQ(bytesOf(Dtype::f64), 8u);
  EXPECT_EQ(bytesOf(Dtype::bf16), 2u);
  EXPECT_EQ(bytesOf(Dtype::boolean), 1u);
}
