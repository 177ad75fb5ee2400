// What a number, a lookup or the logits must stay within, so that a program reads and writes only
// its own memory and starts from finite values.
#include "Elaborating.h"

#include <gtest/gtest.h>

using namespace lnx;
using namespace lnx::test;

namespace {
/// A model over `body`, which stands behind the embedding `x`.
std::string modelOf(const std::string &body) {
  return "model m(vocab = 20, width = 8) {\n  param E : [vocab, width] ~ ones\n  x = E[tokens]\n" +
         body + "}\n";
}

TEST(ElaborateBounds, EveryTokenHasARow) {
  EXPECT_EQ(messagesOf("model m(vocab = 20) {\n"
                       "  param E : [12, 8] ~ ones\n"
                       "  param U : [8, vocab] ~ ones\n"
                       "  return E[tokens] @ U\n}\n"),
            "m.lnx:4:12: error: 'E' has 12 rows, a vocabulary of 20 tokens needs one for each\n"
            "      return E[tokens] @ U\n"
            "               ^~~~~~\n"
            "m.lnx:4:10: note: the logits are [20]\n");
}

TEST(ElaborateBounds, EveryPositionHasARow) {
  EXPECT_EQ(messagesOf("model m(vocab = 20, context = 64) {\n"
                       "  param E : [vocab, 8] ~ ones\n"
                       "  param P : [10, 8] ~ ones\n"
                       "  return (E[tokens] + P[positions]) @ transpose(E)\n}\n"),
            "m.lnx:4:25: error: 'P' has 10 rows, a context of 64 positions needs one for each\n"
            "      return (E[tokens] + P[positions]) @ transpose(E)\n"
            "                            ^~~~~~~~~\n"
            "m.lnx:1:31: note: 'context' is 64 here\n");
}

TEST(ElaborateBounds, ContextOfTheShortestTable) {
  Elaborated m("model m(vocab = 20) {\n"
               "  param E : [vocab, 8] ~ ones\n"
               "  param P : [30, 8] ~ ones\n"
               "  param Q : [10, 8] ~ ones\n"
               "  return (E[tokens] + P[positions] + Q[positions]) @ transpose(E)\n}\n");
  EXPECT_EQ(m.messages, "");
  ASSERT_EQ(m.all<mlir::lnx::ModelOp>().size(), 1u);
  EXPECT_EQ(m.all<mlir::lnx::ModelOp>()[0].getContext(), 10u);
}

TEST(ElaborateBounds, ContextIsPositiveAndWhole) {
  const std::string text = "model m(vocab = 20, context = 64) {\n  param E : [vocab, 8] ~ ones\n"
                           "  return E[tokens] @ transpose(E)\n}\n";
  EXPECT_EQ(messagesOf(text, {"", {{"context", "0"}}}),
            "--set context:1:1: error: 'context' is 0, it has to be positive\n    0\n    ^\n");
  EXPECT_EQ(messagesOf(text, {"", {{"context", "3/2"}}}),
            "--set context:1:1: error: 'context' is 1.5, not a whole number\n    3/2\n    ^~~\n");
}

TEST(ElaborateBounds, LogitsForTheWholeVocabulary) {
  EXPECT_EQ(messagesOf(modelOf("  return x\n")),
            "m.lnx:3:7: error: logits are [8], fewer than 'vocab', which is 20\n"
            "      x = E[tokens]\n"
            "          ^~~~~~~~~\n");
}

TEST(ElaborateBounds, PaddedLogits) {
  EXPECT_EQ(messagesOf("model m(vocab = 20) {\n  param E : [32, 8] ~ ones\n"
                       "  return E[tokens] @ transpose(E)\n}\n"),
            "");
}

TEST(ElaborateBounds, DivisionOfATensorByZero) {
  EXPECT_EQ(messagesOf(modelOf("  return x / (width - 8) @ transpose(E)\n")),
            "m.lnx:4:10: error: 'x / (width - 8)' divides by 0\n"
            "      return x / (width - 8) @ transpose(E)\n"
            "             ^~~~~~~~~~~~~~~\n"
            "m.lnx:1:29: note: 'width' is 8 here\n");
  EXPECT_EQ(messagesOf(modelOf("  repeat l in -1..2 { x <- x / l }\n"
                               "  return x @ transpose(E)\n")),
            "m.lnx:4:28: error: 'x/l' divides by 0 in layer 0\n"
            "      repeat l in -1..2 { x <- x / l }\n"
            "                               ^~~~~\n");
}

TEST(ElaborateBounds, NumbersFitFloats) {
  EXPECT_EQ(messagesOf(modelOf("  return x * 1e39 @ transpose(E)\n")),
            "m.lnx:4:14: error: number 1e+39 is beyond 3.40282e+38, the largest 32-bit float\n"
            "      return x * 1e39 @ transpose(E)\n"
            "                 ^~~~\n");
  EXPECT_EQ(messagesOf(modelOf("  param g : [width] ~ normal(1e39)\n"
                               "  return g * x @ transpose(E)\n")),
            "m.lnx:4:23: error: number 1e+39 is beyond 3.40282e+38, the largest 32-bit float\n"
            "      param g : [width] ~ normal(1e39)\n"
            "                          ^~~~~~~~~~~~\n");
}

TEST(ElaborateBounds, CausalIsAChoice) {
  EXPECT_EQ(messagesOf(modelOf("  x <- attend(x, x, x, 2, causal = 2)\n"
                               "  return x @ transpose(E)\n")),
            "m.lnx:4:36: error: 'causal' is 0 or 1, this is 2\n"
            "      x <- attend(x, x, x, 2, causal = 2)\n"
            "                                       ^\n");
}
} // namespace
