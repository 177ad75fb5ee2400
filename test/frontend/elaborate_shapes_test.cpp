// Messages of the elaborator: what shapes of tensors can be wrong about; words, place and notes.
#include "Elaborating.h"

#include <gtest/gtest.h>

using namespace lnx;
using namespace lnx::test;

namespace {
TEST(ElaborateErrors, ShapesInAResidual) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  x <- x + linear(x, 5)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:10: error: shapes [4] and [5] do not fit in '+'\n"
            "      x <- x + linear(x, 5)\n"
            "             ^\n"
            "m.lnx:4:8: note: this is [4]\n"
            "m.lnx:4:12: note: this is [5]\n");
}

TEST(ElaborateErrors, ShapeOfAStream) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  x <- linear(x, 5)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:8: error: stream 'x' is [4], its new value is a tensor [5]\n"
            "      x <- linear(x, 5)\n"
            "           ^~~~~~~~~~~~\n"
            "m.lnx:3:3: note: 'x' is named here\n");
}

TEST(ElaborateErrors, StreamForEachPosition) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  param s : [4] ~ ones\n"
                       "  y = s + 0\n"
                       "  y <- x\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:6:8: error: stream 'y' is [4], its new value is a tensor [4] for each position\n"
            "      y <- x\n"
            "           ^\n"
            "m.lnx:5:3: note: 'y' is named here\n");
}

TEST(ElaborateErrors, SeveralErrors) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  x <- x + linear(x, 5)\n"
                       "  y = lin(x)\n"
                       "  z <- x\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:10: error: shapes [4] and [5] do not fit in '+'\n"
            "      x <- x + linear(x, 5)\n"
            "             ^\n"
            "m.lnx:4:8: note: this is [4]\n"
            "m.lnx:4:12: note: this is [5]\n"
            "m.lnx:5:7: error: unknown name 'lin'\n"
            "      y = lin(x)\n"
            "          ^~~\n"
            "help: did you mean 'min'?\n"
            "m.lnx:6:3: error: unknown stream 'z': '<-' updates a value named before\n"
            "      z <- x\n"
            "      ^\n");
}

TEST(ElaborateErrors, StreamThatIsANumber) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  a = 3\n"
                       "  a <- 4\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:5:3: error: 'a' is a number; '<-' updates a stream, a tensor named with '='\n"
            "      a <- 4\n"
            "      ^\n"
            "m.lnx:4:3: note: 'a' is named here\n");
}

TEST(ElaborateErrors, StreamThatIsAParameter) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  E <- E\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:3: error: 'E' is a parameter; '<-' updates a stream, a tensor named with '='\n"
            "      E <- E\n"
            "      ^\n"
            "m.lnx:2:9: note: 'E' is named here\n");
}

TEST(ElaborateErrors, MatrixShapes) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  param W : [5, 4] ~ ones\n"
                       "  x <- x @ W\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:5:10: error: shapes [4] and [5, 4] do not fit in '@'\n"
            "      x <- x @ W\n"
            "             ^\n"
            "m.lnx:5:8: note: this is [4]\n"
            "m.lnx:5:12: note: this is [5, 4]\n");
}

TEST(ElaborateErrors, RightSideOfAProduct) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  y = x @ x\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:11: error: the right side of '@' is a matrix of parameters, this is a tensor "
            "[4] for each position\n"
            "      y = x @ x\n"
            "              ^\n");
}

TEST(ElaborateErrors, LeftSideOfAProduct) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  y = split_heads(x, 2) @ E\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:7: error: the left side of '@' has one row for each position, this is a "
            "tensor [2, 2] for each position\n"
            "      y = split_heads(x, 2) @ E\n"
            "          ^~~~~~~~~~~~~~~~~\n");
}

TEST(ElaborateErrors, NumberInAProduct) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  y = x @ 3\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:11: error: '@' takes tensors, this is a number\n"
            "      y = x @ 3\n"
            "              ^\n");
}

TEST(ElaborateErrors, IndexOutside) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  param a : [2] ~ ones\n"
                       "  x <- a[depth] * x\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:5:10: error: index 3 is outside 0..1, the parts of 'a'\n"
            "      x <- a[depth] * x\n"
            "             ^~~~~\n"
            "m.lnx:1:17: note: 'depth' is 3 here\n");
}

TEST(ElaborateErrors, IndexOfAStream) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  y = x[0]\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:7: error: only parameters with a first dimension can be indexed, this is a "
            "tensor [4] for each position\n"
            "      y = x[0]\n"
            "          ^\n");
}

TEST(ElaborateErrors, IndexThatIsATensor) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  y = E[x]\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:9: error: an index is a number or token ids, this is a tensor [4]\n"
            "      y = E[x]\n"
            "            ^\n");
}

TEST(ElaborateErrors, ExtremumOfShapes) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  param a : [3] ~ ones\n"
                       "  y = max(x, a)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:5:7: error: shapes [4] and [3] do not fit in 'max'\n"
            "      y = max(x, a)\n"
            "          ^~~~~~~~~\n");
}

TEST(ElaborateErrors, SplitOfHeads) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  y = split_heads(x, 3)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:19: error: width 4 cannot be split into 3 heads\n"
            "      y = split_heads(x, 3)\n"
            "                      ^\n");
}

TEST(ElaborateErrors, SplitOfASplit) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  y = split_heads(split_heads(x, 2), 2)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:19: error: 'split_heads' takes [width], this is [2, 2]\n"
            "      y = split_heads(split_heads(x, 2), 2)\n"
            "                      ^~~~~~~~~~~~~~~~~\n");
}

TEST(ElaborateErrors, JoinOfAVector) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  y = join_heads(x)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:18: error: 'join_heads' takes [heads, size], this is [4]\n"
            "      y = join_heads(x)\n"
            "                     ^\n");
}

TEST(ElaborateErrors, TransposeOfAStream) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  y = transpose(x)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:17: error: 'transpose' takes a matrix of parameters, this is a tensor [4] for "
            "each position\n"
            "      y = transpose(x)\n"
            "                    ^\n");
}

TEST(ElaborateErrors, DimOfANumber) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  y = dim(3)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:11: error: 'dim' takes a tensor, this is a number\n"
            "      y = dim(3)\n"
            "              ^\n");
}

TEST(ElaborateErrors, AttendToAMatrix) {
  EXPECT_EQ(
      messagesOf("model m(depth = 3) {\n"
                 "  param E : [10, 4] ~ ones\n"
                 "  x = E[tokens]\n"
                 "  y = attend(E, x, x, 2)\n"
                 "  return x @ transpose(E)\n"
                 "}\n"),
      "m.lnx:4:14: error: 'attend' takes [width] for each position, this is a tensor [10, 4]\n"
      "      y = attend(E, x, x, 2)\n"
      "                 ^\n");
}

TEST(ElaborateErrors, KeyHeads) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  x <- attn(x, 4, kv_heads = 3)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:8: error: 4 heads cannot share 3 key heads\n"
            "      x <- attn(x, 4, kv_heads = 3)\n"
            "           ^~~~~~~~~~~~~~~~~~~~~~~~\n"
            "prelude/layers.lnx:*: note: in 'attn' of the prelude\n"
            "m.lnx:4:30: note: 'kv_heads' is set here\n");
}

TEST(ElaborateErrors, KeysOfOtherWidth) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  y = attend(x, linear(x, 8), x, 2)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:17: error: keys and values of 2 heads are 4 wide, this is 8\n"
            "      y = attend(x, linear(x, 8), x, 2)\n"
            "                    ^~~~~~~~~~~~\n");
}

TEST(ElaborateErrors, ScaleThatIsAVector) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  y = attend(x, x, x, 2, scale = x)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:34: error: 'scale' is a number, this is a tensor [4]\n"
            "      y = attend(x, x, x, 2, scale = x)\n"
            "                                     ^\n");
}

TEST(ElaborateErrors, MixOfAVector) {
  EXPECT_EQ(
      messagesOf("model m(depth = 3) {\n"
                 "  param E : [10, 4] ~ ones\n"
                 "  x = E[tokens]\n"
                 "  param A : [4, 4] ~ identity\n"
                 "  y = mix(A, x)\n"
                 "  return x @ transpose(E)\n"
                 "}\n"),
      "m.lnx:5:7: error: 'mix' takes weights [.., s] and streams [s, d], these are [4, 4] and [4]\n"
      "      y = mix(A, x)\n"
      "          ^~~~~~~~~\n");
}

TEST(ElaborateErrors, OuterOfAMatrix) {
  EXPECT_EQ(
      messagesOf("model m(depth = 3) {\n"
                 "  param E : [10, 4] ~ ones\n"
                 "  x = E[tokens]\n"
                 "  y = outer(E, x)\n"
                 "  return x @ transpose(E)\n"
                 "}\n"),
      "m.lnx:4:7: error: 'outer' takes weights [s] and a value [d], these are [10, 4] and [4]\n"
      "      y = outer(E, x)\n"
      "          ^~~~~~~~~~~\n");
}

TEST(ElaborateErrors, ModelReturnsANumber) {
  EXPECT_EQ(messagesOf("model m() {\n"
                       "  return 3\n"
                       "}\n"),
            "m.lnx:1:7: error: a model returns logits, one row of the vocabulary's size for each "
            "position; 'm' returns a number\n"
            "    model m() {\n"
            "          ^\n");
}

TEST(ElaborateErrors, UnicodeAndTabs) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "\t# größe\n"
                       "\tñ = x + linear(x, 5) # größer\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:5:8: error: shapes [4] and [5] do not fit in '+'\n"
            "    \tñ = x + linear(x, 5) # größer\n"
            "    \t      ^\n"
            "m.lnx:5:6: note: this is [4]\n"
            "m.lnx:5:10: note: this is [5]\n");
}
} // namespace
