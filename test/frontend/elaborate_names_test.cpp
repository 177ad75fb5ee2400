// Messages of the elaborator: what names and calls can be wrong about; words, place and notes.
#include "Elaborating.h"

#include <gtest/gtest.h>

using namespace lnx;
using namespace lnx::test;

namespace {
TEST(ElaborateErrors, UnknownName) {
  EXPECT_EQ(messagesOf("model m = gpt2(block = peri_nl)\n"),
            "m.lnx:1:24: error: unknown name 'peri_nl'\n"
            "    model m = gpt2(block = peri_nl)\n"
            "                           ^~~~~~~\n"
            "help: did you mean 'peri_ln'?\n");
}

TEST(ElaborateErrors, UnknownModel) {
  EXPECT_EQ(messagesOf("model m = gtp2()\n"), "m.lnx:1:11: error: there is no model 'gtp2'\n"
                                              "    model m = gtp2()\n"
                                              "              ^~~~\n"
                                              "help: did you mean 'gpt2'?\n");
}

TEST(ElaborateErrors, UnknownChosenModel) {
  EXPECT_EQ(messagesOf("model m = gpt2()\n", {"gpt2_lrge", {}}),
            "error: there is no model 'gpt2_lrge'\n"
            "help: did you mean 'gpt2_large'?\n");
}

TEST(ElaborateErrors, NoModel) {
  EXPECT_EQ(messagesOf("def f(x) = x\n"), "error: 'm.lnx' has no model\n");
}

TEST(ElaborateErrors, DefinedTwice) {
  EXPECT_EQ(messagesOf("def f(x) = x\n"
                       "def f(y) = y\n"
                       "model m = gpt2()\n"),
            "m.lnx:2:5: error: 'f' is defined twice\n"
            "    def f(y) = y\n"
            "        ^\n"
            "m.lnx:1:5: note: first defined here\n");
}

TEST(ElaborateErrors, NamedTwice) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  y = x\n"
                       "  y = x + x\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:5:3: error: 'y' has a value already; '=' names a value once\n"
            "      y = x + x\n"
            "      ^\n"
            "m.lnx:4:3: note: 'y' is named here\n"
            "help: to update a stream write 'y <- ...'\n");
}

TEST(ElaborateErrors, BehindReturn) {
  EXPECT_EQ(messagesOf("model m(width = 4) {\n"
                       "  param E : [10, width] ~ ones\n"
                       "  return E[tokens] @ transpose(E)\n"
                       "  check wellposed\n"
                       "}\n"),
            "m.lnx:4:3: error: nothing behind 'return' is ever reached\n"
            "      check wellposed\n"
            "      ^~~~~~~~~~~~~~~\n"
            "m.lnx:3:3: note: 'return' is here\n");
}

TEST(ElaborateErrors, ParamOutsideItsRepeat) {
  EXPECT_EQ(
      messagesOf("model m(depth = 3) {\n"
                 "  param E : [10, 4] ~ ones\n"
                 "  x = E[tokens]\n"
                 "  repeat l in 1..depth {\n"
                 "    param W : [4, 4] ~ ones\n"
                 "    x <- x @ W\n"
                 "  }\n"
                 "  x <- x @ W\n"
                 "  return x @ transpose(E)\n"
                 "}\n"),
      "m.lnx:8:12: error: 'W' is a parameter of each layer and cannot be used outside its repeat\n"
      "      x <- x @ W\n"
      "               ^\n"
      "m.lnx:5:11: note: 'W' is declared here\n");
}

TEST(ElaborateErrors, ValueOutsideItsRepeat) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  repeat l in 1..depth {\n"
                       "    h = x + x\n"
                       "    x <- h\n"
                       "  }\n"
                       "  x <- h\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:8:8: error: 'h' is a value of each layer and cannot be used outside its repeat\n"
            "      x <- h\n"
            "           ^\n"
            "m.lnx:5:5: note: 'h' is declared here\n");
}

TEST(ElaborateErrors, ModelUsedAsAValue) {
  EXPECT_EQ(
      messagesOf("model m(depth = 3) {\n"
                 "  param E : [10, 4] ~ ones\n"
                 "  x = E[tokens]\n"
                 "  y = gpt2()\n"
                 "  return x @ transpose(E)\n"
                 "}\n"),
      "m.lnx:4:7: error: 'gpt2' is a model; a model can only be given back: 'return gpt2(...)'\n"
      "      y = gpt2()\n"
      "          ^~~~\n");
}

TEST(ElaborateErrors, TargetsAreKept) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  y = E[targets]\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:9: error: 'targets' is kept for the loss; a model sees 'tokens', 'positions' "
            "and 'source'\n"
            "      y = E[targets]\n"
            "            ^~~~~~~\n");
}

TEST(ElaborateErrors, CallsItself) {
  EXPECT_EQ(messagesOf("def a(x) = b(x)\n"
                       "def b(x) = a(x)\n"
                       "model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  x <- a(x)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:2:12: error: 'a' calls itself\n"
            "    def b(x) = a(x)\n"
            "               ^~~~\n"
            "m.lnx:1:12: note: 'a' calls 'b' here\n");
}

TEST(ElaborateErrors, DerivesFromItself) {
  EXPECT_EQ(messagesOf("model a = b()\n"
                       "model b = a()\n"),
            "m.lnx:1:11: error: 'b' derives from itself\n"
            "    model a = b()\n"
            "              ^~~\n"
            "m.lnx:2:11: note: 'b' derives from 'a' here\n");
}

TEST(ElaborateErrors, TooManyArguments) {
  EXPECT_EQ(messagesOf("def f(x) = x\n"
                       "model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  x <- f(x, x)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:5:13: error: 'f' takes 1 argument, this is number 2\n"
            "      x <- f(x, x)\n"
            "                ^\n"
            "m.lnx:1:5: note: 'f' is defined here\n");
}

TEST(ElaborateErrors, UnknownArgument) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  x <- mlp(x, hiden = 8)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:15: error: 'mlp' has no argument 'hiden'\n"
            "      x <- mlp(x, hiden = 8)\n"
            "                  ^~~~~\n"
            "help: did you mean 'hidden'?\n"
            "prelude/layers.lnx:*: note: 'mlp' is defined here\n");
}

TEST(ElaborateErrors, MissingArgument) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  x <- linear(x)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:8: error: 'linear' needs an argument for 'n'\n"
            "      x <- linear(x)\n"
            "           ^~~~~~~~~\n"
            "prelude/layers.lnx:*: note: 'linear' is defined here\n");
}

TEST(ElaborateErrors, ArgumentGivenTwice) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  x <- linear(x, 4, n = 4)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:25: error: argument 'n' is given twice\n"
            "      x <- linear(x, 4, n = 4)\n"
            "                            ^\n"
            "prelude/layers.lnx:*: note: 'linear' is defined here\n");
}

TEST(ElaborateErrors, MissingArgumentOfAModel) {
  EXPECT_EQ(messagesOf("model a(width) {\n"
                       "  return width\n"
                       "}\n"
                       "model m = a()\n"),
            "m.lnx:4:11: error: 'a' needs an argument for 'width'\n"
            "    model m = a()\n"
            "              ^~~\n"
            "m.lnx:1:9: note: 'width' is declared here\n");
}

TEST(ElaborateErrors, BuiltinArgument) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  x <- attend(x, x, x, heads = 2, kv_hads = 1)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:35: error: 'attend' has no argument 'kv_hads'\n"
            "      x <- attend(x, x, x, heads = 2, kv_hads = 1)\n"
            "                                      ^~~~~~~\n"
            "help: did you mean 'kv_heads'?\n");
}

TEST(ElaborateErrors, ArgumentNobodyTakes) {
  EXPECT_EQ(messagesOf("model m = gpt2(block = peri_ln, dtt = 0.1)\n"),
            "m.lnx:1:33: error: neither model 'gpt2' nor 'peri_ln' has an argument 'dtt'\n"
            "    model m = gpt2(block = peri_ln, dtt = 0.1)\n"
            "                                    ^~~\n"
            "help: did you mean 'dt'?\n");
}

// The final norm is no block: an argument for it would leave the blocks' norms as they are.
TEST(ElaborateErrors, NormsAreNoBlocks) {
  EXPECT_EQ(messagesOf("model m = gpt2(eps = 1)\n"),
            "m.lnx:1:16: error: neither model 'gpt2' nor 'pre_ln' has an argument 'eps'\n"
            "    model m = gpt2(eps = 1)\n"
            "                   ^~~\n");
}

// A model whose last line calls a definition does not hand its arguments on.
TEST(ElaborateErrors, ArgumentOfAModelThatReturnsACall) {
  EXPECT_EQ(messagesOf("model a(width = 8) {\n  param E : [4, width] ~ ones\n"
                       "  return layernorm(E[tokens])\n}\nmodel m = a(widht = 9)\n"),
            "m.lnx:5:13: error: model 'a' has no argument 'widht'\n"
            "    model m = a(widht = 9)\n"
            "                ^~~~~\n"
            "help: did you mean 'width'?\n");
}

TEST(ElaborateErrors, SettingNobodyTakes) {
  EXPECT_EQ(messagesOf("model m = gpt2()\n", {"", {{"detph", "3"}}}),
            "--set detph:1:1: error: neither model 'gpt2' nor 'pre_ln' has an "
            "argument 'detph'\n"
            "    3\n"
            "    ^\n"
            "help: did you mean 'depth'?\n");
}

// A setting is the user's: it sees the definitions of the user's file, also where a model of the
// prelude takes it.
TEST(ElaborateNames, SettingNamesADefOfTheFile) {
  const std::string text =
      "def wide(x, init = xavier(1)) = mlp(x, hidden = 2*dim(x), init = init)\n"
      "def mine(x, l, depth, heads) = pre_ln(x, l, depth, heads, ff = wide)\n"
      "model m = gpt2(depth = 2)\n";
  EXPECT_EQ(messagesOf(text, {"", {{"ff", "wide"}}}), "");
  EXPECT_EQ(messagesOf(text, {"", {{"block", "mine"}}}), "");
}

TEST(ElaborateErrors, SettingThatIsWrong) {
  EXPECT_EQ(messagesOf("model m = gpt2(block = peri_ln)\n", {"", {{"dt", "1/dpth"}}}),
            "--set dt:1:3: error: unknown name 'dpth'\n"
            "    1/dpth\n"
            "      ^~~~\n"
            "help: did you mean 'depth'?\n");
}

TEST(ElaborateErrors, CallOfATensor) {
  EXPECT_EQ(messagesOf("model m(depth = 3) {\n"
                       "  param E : [10, 4] ~ ones\n"
                       "  x = E[tokens]\n"
                       "  y = x(3)\n"
                       "  return x @ transpose(E)\n"
                       "}\n"),
            "m.lnx:4:7: error: only definitions can be called, 'x' is a tensor [4]\n"
            "      y = x(3)\n"
            "          ^\n");
}

TEST(ElaborateErrors, ModelArgumentThatIsATensor) {
  EXPECT_EQ(messagesOf("model m = gpt2(width = tokens)\n"),
            "m.lnx:1:24: error: an argument of a model is known when compiling, this is token ids\n"
            "    model m = gpt2(width = tokens)\n"
            "                           ^~~~~~\n");
}

// Each call of a def with a stack, in one place or inside another stack, has its own parameters.
TEST(Elaborate, StacksOfADefCalledTwice) {
  const std::string stack = "def stack(x) {\n  repeat k in 1..2 { param w : [] ~ ones\n"
                            "    x <- w*x }\n  return x\n}\n";
  const std::string start =
      "model m(vocab = 9) {\n  param E : [vocab, 9] ~ ones\n  x = E[tokens]\n";
  Elaborated twice(stack + start + "  x <- stack(x)\n  x <- stack(x)\n  return x\n}\n");
  EXPECT_EQ(twice.messages, "");
  std::vector<std::string> scopes;
  for (mlir::lnx::RepeatOp op : twice.all<mlir::lnx::RepeatOp>())
    scopes.push_back(op.getScope().str());
  EXPECT_EQ(scopes, (std::vector<std::string>{"stack", "stack2"}));
  Elaborated nested(stack + start +
                    "  repeat l in 1..3 {\n    x <- stack(x)\n    x <- stack(x)\n  }\n"
                    "  return x\n}\n");
  EXPECT_EQ(nested.paths(),
            (std::vector<std::string>{"E", "stack.1.w", "stack.2.w", "stack2.1.w", "stack2.2.w"}));
}
} // namespace
