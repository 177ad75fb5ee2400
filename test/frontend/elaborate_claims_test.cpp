// Messages of the elaborator: what statements and claims can be wrong about; words, place and
// notes.
#include "Elaborating.h"

#include <gtest/gtest.h>

using namespace lnx;
using namespace lnx::test;

namespace {
/// Twenty definitions, each calling the one before it twice.
std::string doubled() {
  std::string text = "def d0(x) = x + x\n";
  for (int i = 1; i < 20; ++i) {
    const std::string before = "d" + std::to_string(i - 1);
    text += "def d" + std::to_string(i) + "(x) = " + before + "(" + before + "(x))\n";
  }
  return text;
}

TEST(ElaborateErrors, ReturnInsideARepeat) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  repeat l in 1..2 { return x }\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:29: error: 'return' stands behind a repeat, not inside one\n"
            "      repeat l in 1..2 { return x }\n"
            "                                ^\n");
}

TEST(ElaborateErrors, NothingReturned) {
  EXPECT_EQ(messagesOf("def f(x) {\n"
                       "  y = x\n"
                       "}\n"
                       "model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  x <- f(x)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:1:5: error: 'f' returns nothing\n"
            "    def f(x) {\n"
            "        ^\n"
            "m.lnx:7:8: note: 'f' is called here\n"
            "help: end it with 'return ...'\n");
}

TEST(ElaborateErrors, ModelReturnsNothing) {
  EXPECT_EQ(messagesOf("model m() {\n"
                       "  param E : [2, 2] ~ ones\n"
                       "}\n"),
            "m.lnx:1:7: error: 'm' returns nothing\n"
            "    model m() {\n"
            "          ^\n"
            "help: end it with 'return ...'\n");
}

TEST(ElaborateErrors, ConditionOnATensor) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  if x < 3 { x <- x + x }\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:6: error: a condition compares numbers, this is a tensor [4]\n"
            "      if x < 3 { x <- x + x }\n"
            "         ^\n");
}

TEST(ElaborateErrors, ConditionOnOrderOfLaws) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  if zeros < ones { x <- x + x }\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:6: error: a condition compares numbers, this is an initialiser\n"
            "      if zeros < ones { x <- x + x }\n"
            "         ^~~~~\n");
}

TEST(ElaborateErrors, CheckOfNothing) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  check grwth <= linear\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:9: error: 'grwth' is not a property that can be checked\n"
            "      check grwth <= linear\n"
            "            ^~~~~\n"
            "help: did you mean 'growth'?\n");
}

TEST(ElaborateErrors, AssumptionOfNothing) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  assume nrm.gain <= 1\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:10: error: 'nrm.gain' is not something that can be assumed\n"
            "      assume nrm.gain <= 1\n"
            "             ^~~~~~~~\n"
            "help: did you mean 'norm.gain'?\n");
}

TEST(ElaborateErrors, AssumptionWithoutArguments) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  assume spectral <= 1\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:10: error: 'spectral' takes the path of a parameter\n"
            "      assume spectral <= 1\n"
            "             ^~~~~~~~\n");
}

TEST(ElaborateErrors, AssumptionWithArguments) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  assume gain(x) <= 1\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:10: error: 'gain' takes no arguments\n"
            "      assume gain(x) <= 1\n"
            "             ^~~~\n");
}

TEST(ElaborateErrors, AssumptionArgument) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  assume adamw(lr = 6e-4, stps = 600000)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:27: error: 'adamw' has no argument 'stps'\n"
            "      assume adamw(lr = 6e-4, stps = 600000)\n"
            "                              ^~~~\n"
            "help: did you mean 'steps'?\n");
}

TEST(ElaborateErrors, AssumptionAboutNothing) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  assume spectral(linaer.W) <= 1\n"
                       "  x <- x + linear(x, 4)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:19: error: no parameter of the model is called 'linaer.W'\n"
            "      assume spectral(linaer.W) <= 1\n"
            "                      ^~~~~~~~\n"
            "help: did you mean 'linear.W'?\n");
}

/// What `statement` says in a model.
std::string claim(const std::string &statement) {
  const std::string text = messagesOf("model m(depth = 3) {\n  param E : [10, 4] ~ ones\n"
                                      "  x = E[tokens]\n  " +
                                      statement + "\n  return x @ transpose(E)\n}\n");
  return text.substr(0, text.find('\n'));
}

TEST(ElaborateErrors, ClaimsWithAndWithoutBounds) {
  EXPECT_EQ(claim("assume norm.gain"), "m.lnx:4:10: error: 'norm.gain' needs a bound: '<= ...'");
  EXPECT_EQ(claim("assume x0.std"), "m.lnx:4:10: error: 'x0.std' needs a bound: '>= ...'");
  EXPECT_EQ(claim("assume max(E)"), "m.lnx:4:10: error: 'max' needs a bound: '<= ...'");
  EXPECT_EQ(claim("assume adamw(lr = 1) <= 1"), "m.lnx:4:10: error: 'adamw' takes no bound");
  EXPECT_EQ(claim("assume doubly_stochastic(E) <= 1"),
            "m.lnx:4:10: error: 'doubly_stochastic' takes no bound");
  EXPECT_EQ(
      claim("check wellposed <= 3"),
      "m.lnx:4:22: error: 'wellposed' holds or does not; there is nothing to compare it with");
  EXPECT_EQ(claim("check growth <= 5").substr(0, 53),
            "m.lnx:4:19: error: growth is compared with a class: b");
  for (const char *p : {"power(-1)", "stretched(0)", "power()", "power(1, 2)"})
    EXPECT_EQ(claim("check growth <= " + std::string(p)).substr(0, 40),
              "m.lnx:4:19: error: the exponent of '" + std::string(p).substr(0, 4));
  EXPECT_EQ(claim("check growth <= power(0/0)"), "m.lnx:4:25: error: '0/0' is not a real number");
  EXPECT_EQ(claim("law size <= 1"),
            "m.lnx:4:7: error: a law says what a 'def' computes; this is a model");
  EXPECT_EQ(claim("check growth <= power(3/2)"), "");
}

TEST(ElaborateErrors, LawOfNothing) {
  EXPECT_EQ(messagesOf("def f(x) {\n"
                       "  law sizes <= 1\n"
                       "  return x\n"
                       "}\n"
                       "model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  x <- f(x)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:2:7: error: unknown law 'sizes'; laws are size, peak, slope and degree\n"
            "      law sizes <= 1\n"
            "          ^~~~~\n"
            "m.lnx:8:8: note: 'f' is called here\n"
            "help: did you mean 'size'?\n");
}

TEST(ElaborateErrors, BoundThatIsATensor) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  check bound <= x\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:18: error: a bound is a number, this is a tensor [4]\n"
            "      check bound <= x\n"
            "                     ^\n");
}

// Definitions may call each other in a row of any length that fits the smallest stack we run on.
TEST(ElaborateErrors, NestedTooDeeply) {
  std::string text = "def d0(x) = x + x\n";
  for (int i = 1; i < 2000; ++i)
    text += "def d" + std::to_string(i) + "(x) = d" + std::to_string(i - 1) + "(x)\n";
  text += "model m() {\n  param E : [4, 4] ~ ones\n  return d1999(E[tokens])\n}\n";
  EXPECT_EQ(messagesOf(text), "m.lnx:502:15: error: definitions are nested too deeply here\n"
                              "    def d501(x) = d500(x)\n"
                              "                  ^~~~\n"
                              "m.lnx:503:15: note: 'd501' is called here\n");
}

// A sum as long as the parser takes it is no problem in a block.
TEST(ElaborateErrors, LongSums) {
  std::string sum = "x";
  for (int i = 0; i < 1000; ++i)
    sum += " + x";
  EXPECT_EQ(messagesOf("def b(x, l, depth, heads) {\n  x <- " + sum +
                       "\n  return x\n}\nmodel m = gpt2(block = b, depth = 2)\n"),
            "");
}

TEST(ElaborateErrors, ExpandsForever) {
  EXPECT_EQ(messagesOf(doubled() + "model m(depth = 3) {\n"
                                   "  param E : [10, 4] ~ ones\n"
                                   "  x = E[tokens]\n"
                                   "  x <- d19(x)\n"
                                   "  return x @ transpose(E)\n"
                                   "}\n"),
            "m.lnx:3:13: error: the model expands to more than 100000 calls of definitions\n"
            "    def d2(x) = d1(d1(x))\n"
            "                ^~~~~~~~~\n"
            "m.lnx:4:16: note: 'd2' is called here\n");
}

TEST(ElaborateErrors, ConditionsCutTooOften) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  repeat l in 1..2000 {\n"
                       "    if 2*floor(l/2) == l { x <- x + x }\n"
                       "  }\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:10: error: the conditions on 'l' cut this repeat into more than 512 different "
            "stacks\n"
            "      repeat l in 1..2000 {\n"
            "             ^\n");
}
} // namespace
