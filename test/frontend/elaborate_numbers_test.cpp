// Messages of the elaborator: what numbers and sizes can be wrong about; words, place and notes.
#include "Elaborating.h"

#include <gtest/gtest.h>

using namespace lnx;
using namespace lnx::test;

namespace {
TEST(ElaborateErrors, WidthThatOverflows) {
  EXPECT_EQ(messagesOf("model m = gpt2(width = 99999999999, heads = 1)\n"),
            "m.lnx:1:11: error: parameter 'E' has 50257 * 99999999999 = 5.0257e+15 elements, more "
            "than 1.1259e+15\n"
            "    model m = gpt2(width = 99999999999, heads = 1)\n"
            "              ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n"
            "prelude/models.lnx:*: note: in 'gpt2' of the prelude\n"
            "prelude/models.lnx:*: note: 'vocab' is 50257 here\n"
            "m.lnx:1:24: note: 'width' is 99999999999 here\n");
}

TEST(ElaborateErrors, LayersThatOverflow) {
  EXPECT_EQ(messagesOf("model m = gpt2(width = 8000000, heads = 1, depth = 200)\n"),
            "m.lnx:1:11: error: parameter 'W' has 8000000 * 8000000 * 200 layers = 1.28e+16 "
            "elements, more than 1.1259e+15\n"
            "    model m = gpt2(width = 8000000, heads = 1, depth = 200)\n"
            "              ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n"
            "prelude/layers.lnx:*: note: in 'linear' of the prelude\n"
            "prelude/layers.lnx:*: note: 'dim(x)' is 8000000 here\n"
            "prelude/layers.lnx:*: note: 'n' is 8000000 here\n"
            "m.lnx:1:11: error: parameter 'W' has 8000000 * 32000000 * 200 layers = 5.12e+16 "
            "elements, more than 1.1259e+15\n"
            "    model m = gpt2(width = 8000000, heads = 1, depth = 200)\n"
            "              ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n"
            "prelude/layers.lnx:*: note: in 'linear' of the prelude\n"
            "prelude/layers.lnx:*: note: 'dim(x)' is 8000000 here\n"
            "prelude/layers.lnx:*: note: 'n' is 32000000 here\n");
}

TEST(ElaborateErrors, DepthThatIsTooLong) {
  EXPECT_EQ(messagesOf("model m = gpt2(depth = 99999999999)\n"),
            "m.lnx:1:11: error: a repeat of 99999999999 layers is longer than the limit of 262144\n"
            "    model m = gpt2(depth = 99999999999)\n"
            "              ^~~~~~~~~~~~~~~~~~~~~~~~~\n"
            "prelude/models.lnx:*: note: in 'gpt2' of the prelude\n"
            "m.lnx:1:24: note: 'depth' is 99999999999 here\n");
}

TEST(ElaborateErrors, SizeThatIsTooLarge) {
  EXPECT_EQ(messagesOf("model m = gpt2(width = 1e30)\n"),
            "m.lnx:1:11: error: size 'width' is 1e+30, too large\n"
            "    model m = gpt2(width = 1e30)\n"
            "              ^~~~~~~~~~~~~~~~~~\n"
            "prelude/models.lnx:*: note: in 'gpt2' of the prelude\n"
            "m.lnx:1:24: note: 'width' is 1e+30 here\n");
}

TEST(ElaborateErrors, SizeThatIsNotPositive) {
  EXPECT_EQ(messagesOf("model m = gpt2(vocab = 3 - 3)\n"),
            "m.lnx:1:11: error: size 'vocab' is 0, it has to be positive\n"
            "    model m = gpt2(vocab = 3 - 3)\n"
            "              ^~~~~~~~~~~~~~~~~~~\n"
            "prelude/models.lnx:*: note: in 'gpt2' of the prelude\n"
            "m.lnx:1:24: note: 'vocab' is 0 here\n");
}

TEST(ElaborateErrors, SizeThatDiffers) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  repeat l in 1..depth { x <- x + linear(x, l) }\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:35: error: size 'n' differs between layers: 1 and then 3\n"
            "      repeat l in 1..depth { x <- x + linear(x, l) }\n"
            "                                      ^~~~~~~~~~~~\n"
            "prelude/layers.lnx:*: note: in 'linear' of the prelude\n");
}

TEST(ElaborateErrors, SizeThatIsATensor) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  param W : [x] ~ ones\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:14: error: size 'x' is a tensor [4], not a number\n"
            "      param W : [x] ~ ones\n"
            "                 ^\n");
}

TEST(ElaborateErrors, RepeatBackwards) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  repeat l in 5..depth { x <- x + x }\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:18: error: a repeat cannot run from 5 to 3\n"
            "      repeat l in 5..depth { x <- x + x }\n"
            "                     ^~~~~\n"
            "m.lnx:1:17: note: 'depth' is 3 here\n");
}

TEST(ElaborateErrors, RepeatInsideIsLong) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  repeat l in 1..2 {\n"
                       "    repeat k in 1..999 { x <- x + x }\n"
                       "  }\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:5:20: error: a repeat inside another one has at most 256 layers, this has 999\n"
            "        repeat k in 1..999 { x <- x + x }\n"
            "                       ^~~\n");
}

TEST(ElaborateErrors, ExponentThatIsATensor) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  y = 2 ^ x\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:11: error: an exponent is a number, this is a tensor [4]\n"
            "      y = 2 ^ x\n"
            "              ^\n");
}

TEST(ElaborateErrors, ExponentOfALayer) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  repeat l in 1..depth { x <- x ^ l }\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:35: error: an exponent of a tensor is the same in every layer, this is 1 and "
            "then 3\n"
            "      repeat l in 1..depth { x <- x ^ l }\n"
            "                                      ^\n");
}

TEST(ElaborateErrors, DivisionByZero) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  repeat l in 1..depth { x <- x / (1/(l - 2)) }\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:35: error: '1 / (l - 2)' is infinite in layer 2\n"
            "      repeat l in 1..depth { x <- x / (1/(l - 2)) }\n"
            "                                      ^~~~~~~~~~~\n");
}

TEST(ElaborateErrors, RootOfANegative) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  y = (2 - depth)^(1/2)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:7: error: '(2 - depth)^(1/2)' is not a real number\n"
            "      y = (2 - depth)^(1/2)\n"
            "          ^~~~~~~~~~~~~~~~~\n"
            "m.lnx:1:17: note: 'depth' is 3 here\n");
}

TEST(ElaborateErrors, LogOfZero) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  y = log(depth - 3)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:11: error: 'log' of 0 is not a finite number\n"
            "      y = log(depth - 3)\n"
            "              ^~~~~~~~~\n");
}

TEST(ElaborateErrors, RoundingATensor) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  y = ceil(x)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:12: error: 'ceil' is for numbers known when compiling, this is a tensor [4]\n"
            "      y = ceil(x)\n"
            "               ^\n");
}

TEST(ElaborateErrors, SoftcapThatIsNegative) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  y = attend(x, x, x, 2, softcap = 0 - 1)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:36: error: 'softcap' is not negative, this is -1\n"
            "      y = attend(x, x, x, 2, softcap = 0 - 1)\n"
            "                                       ^~~~~\n");
}

TEST(ElaborateErrors, CausalOfALayer) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  repeat l in 1..depth { x <- x + attend(x, x, x, 2, causal = l - 1) }\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:63: error: 'causal' is the same in every layer, this is 0 and then 2\n"
            "      repeat l in 1..depth { x <- x + attend(x, x, x, 2, causal = l - 1) }\n"
            "                                                                  ^~~~~\n");
}

TEST(ElaborateErrors, OperatorOnAnInitialiser) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  y = x + zeros\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:11: error: '+' takes numbers and tensors, this is an initialiser\n"
            "      y = x + zeros\n"
            "              ^~~~~\n");
}

TEST(ElaborateErrors, NotAnInitialiser) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  param a : [3] ~ mlp\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:19: error: this is a definition, not an initialiser\n"
            "      param a : [3] ~ mlp\n"
            "                      ^~~\n"
            "help: initialisers are normal(std), xavier(gain), uniform(a, b), zeros, ones, "
            "const(v) and identity\n");
}

TEST(ElaborateErrors, XavierOfAVector) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  param a : [3] ~ xavier(1)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:19: error: xavier needs a matrix, the parameter is [3]\n"
            "      param a : [3] ~ xavier(1)\n"
            "                      ^~~~~~~~~\n");
}

TEST(ElaborateErrors, IdentityThatIsNotSquare) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  param a : [3, 4] ~ identity\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:22: error: identity needs a square matrix, the parameter is [3, 4]\n"
            "      param a : [3, 4] ~ identity\n"
            "                         ^~~~~~~~\n");
}

TEST(ElaborateErrors, NegativeDeviation) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  param a : [3] ~ normal(0 - 1)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:26: error: a standard deviation is not negative, this is -1\n"
            "      param a : [3] ~ normal(0 - 1)\n"
            "                             ^~~~~\n");
}

TEST(ElaborateErrors, UniformBackwards) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  param a : [3] ~ uniform(1, 0)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:19: error: uniform goes from the smaller to the larger, this is 1 to 0\n"
            "      param a : [3] ~ uniform(1, 0)\n"
            "                      ^~~~~~~~~~~~~\n");
}
} // namespace
