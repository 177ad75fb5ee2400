// The functions of session.h on a model.so that no compiler made.
// What they compute is tested in C++; here it is names, error texts and codes.
#include "lnx/session.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace {
struct SessionC : testing::Test {
  char error[200] = "";
  lnx_session *session = lnx_session_open(LNX_BIGRAM, 2, 8, 1, 1, error, sizeof error);
  void TearDown() override { lnx_session_close(session); }
  void SetUp() override { ASSERT_TRUE(session) << error; }
};
} // namespace

TEST_F(SessionC, OpensOrSaysWhyNot) {
  EXPECT_EQ(lnx_session_open("none.so", 1, 1, 1, 1, error, sizeof error), nullptr);
  EXPECT_NE(std::string(error).find("none.so"), std::string::npos);
  EXPECT_EQ(lnx_session_open(LNX_BIGRAM, 1, 65, 1, 1, error, sizeof error), nullptr);
  EXPECT_STREQ(error, "time 65 exceeds the model's context 64");
  EXPECT_EQ(lnx_session_open(LNX_BIGRAM, 1, 65, 1, 1, error, 8), nullptr);
  EXPECT_STREQ(error, "time 65"); // cut, with its end
  EXPECT_EQ(lnx_session_open(LNX_BIGRAM, 1, 65, 1, 1, nullptr, 0), nullptr);
  lnx_session_close(nullptr);
}

TEST_F(SessionC, StepsAndEvaluates) {
  const int32_t tokens[16] = {1, 2, 3}, targets[16] = {2, 3, 4};
  double before = 0, loss = 0, after = 0;
  ASSERT_EQ(lnx_session_evaluate(session, tokens, targets, 2, 8, &before, error, sizeof error), 0);
  ASSERT_EQ(lnx_session_step(session, tokens, targets, 2, 8, 0.1f, &loss, error, sizeof error), 0);
  ASSERT_EQ(lnx_session_evaluate(session, tokens, targets, 2, 8, &after, error, sizeof error), 0);
  EXPECT_EQ(loss, before);
  EXPECT_LT(after, before);
  EXPECT_EQ(lnx_session_step(session, tokens, targets, 9, 8, 0.1f, &loss, error, sizeof error), 5);
  EXPECT_STREQ(error, "batch 9 of time 8 exceeds the 16 tokens reserved for this session");
  EXPECT_EQ(lnx_session_step(session, tokens, targets, int64_t(1) << 62, 8, 0.1f, &loss, error,
                             sizeof error),
            5);
  const float *logits = nullptr;
  int64_t vocabulary = 0;
  ASSERT_EQ(lnx_session_next(session, tokens, 3, &logits, &vocabulary, error, sizeof error), 0);
  EXPECT_EQ(vocabulary, 16);
  EXPECT_EQ(lnx_session_next(session, tokens, -1, &logits, &vocabulary, error, sizeof error), 5);
}

// The largest logit after `from` is at from + 5.
TEST_F(SessionC, Samples) {
  const lnx_tensor *table = lnx_session_parameter(session, "table");
  ASSERT_TRUE(table);
  for (int64_t from = 0; from < 16; ++from)
    table->value[from * 16 + (from + 5) % 16] = 1;
  const int32_t prompt[] = {9, 2};
  int32_t sampled[3] = {};
  ASSERT_EQ(lnx_session_sample(session, prompt, 2, 0, 0, 1, sampled, 3, error, sizeof error), 0);
  EXPECT_EQ(sampled[0], 7);
  EXPECT_EQ(sampled[1], 12);
  EXPECT_EQ(sampled[2], 1);
  EXPECT_EQ(lnx_session_sample(session, prompt, 0, 0, 0, 1, sampled, 3, error, sizeof error), 5);
  EXPECT_STREQ(error, "the prompt is empty, a sample starts from at least one token");
}

TEST_F(SessionC, NamesItsParameters) {
  const lnx_tensor *tensors = nullptr;
  ASSERT_EQ(lnx_session_parameters(session, &tensors), 2);
  EXPECT_STREQ(tensors[0].name, "table");
  EXPECT_EQ(tensors[0].rank, 2);
  EXPECT_EQ(tensors[0].shape[1], 16);
  EXPECT_EQ(tensors[0].dtype, LNX_F32);
  EXPECT_EQ(lnx_session_parameter(session, "bias"), tensors + 1);
  EXPECT_EQ(lnx_session_parameter(session, "tabel"), nullptr);
}

TEST_F(SessionC, SavesAndLoads) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("lnx_c_" + std::to_string(::getpid()))).string();
  float &number = lnx_session_parameter(session, "bias")->value[3];
  number = 7;
  ASSERT_EQ(lnx_session_save(session, path.c_str(), error, sizeof error), 0) << error;
  number = 0;
  ASSERT_EQ(lnx_session_load(session, path.c_str(), error, sizeof error), 0) << error;
  EXPECT_EQ(number, 7);
  std::filesystem::remove(path);
  EXPECT_NE(lnx_session_load(session, path.c_str(), error, sizeof error), 0);
  EXPECT_NE(std::string(error).find(path), std::string::npos);
  EXPECT_EQ(lnx_session_save(session, "/none/x", error, sizeof error), 6);
}
