// Every message of the parser: its words, place, notes and help; and how it goes on.

#include "Parsing.h"

#include <algorithm>

using namespace lnx;

// Messages of declarations

TEST(DeclErrors, NothingThere) {
  EXPECT_EQ(messages(""), "t.lnx:1:1: error: file is empty\n");
  EXPECT_EQ(messages("\xef\xbb\xbf"), "t.lnx:1:1: error: file is empty\n");
  EXPECT_EQ(messages("# a model will come\n"), "t.lnx:1:1: error: file has no model and no def\n"
                                               "    # a model will come\n"
                                               "    ^\n");
}

TEST(DeclErrors, NoDeclaration) {
  EXPECT_EQ(messages("modle m() {}\n"),
            "t.lnx:1:1: error: expected 'model' or 'def', found 'modle'\n"
            "    modle m() {}\n"
            "    ^~~~~\n"
            "help: did you mean 'model'?\n");
  EXPECT_EQ(messages("x = 1\n"), "t.lnx:1:1: error: expected 'model' or 'def', found 'x'\n"
                                 "    x = 1\n"
                                 "    ^\n"
                                 "help: statements stand in the body of a model or def\n");
  EXPECT_EQ(messages("def f(x) = x\n}\n"),
            "t.lnx:2:1: error: expected 'model' or 'def', found '}'\n"
            "    }\n"
            "    ^\n");
}

TEST(DeclErrors, Heads) {
  EXPECT_EQ(messages("model = gpt2()\n"),
            "t.lnx:1:7: error: expected a name behind 'model', found '='\n"
            "    model = gpt2()\n"
            "          ^\n");
  EXPECT_EQ(messages("def if(x) = x\n"),
            "t.lnx:1:5: error: expected a name behind 'def', found 'if'\n"
            "    def if(x) = x\n"
            "        ^~\n"
            "note: 'if' is a word of the language\n");
  EXPECT_EQ(messages("model m {\n}\n"),
            "t.lnx:1:9: error: expected '(' or '=' behind 'm', found '{'\n"
            "    model m {\n"
            "            ^\n"
            "help: a model with a body has a list of parameters: 'model m()'\n");
  EXPECT_EQ(messages("model m\n"),
            "t.lnx:1:8: error: expected '(' or '=' behind 'm', found end of file\n"
            "    model m\n"
            "           ^\n");
  EXPECT_EQ(messages("model m(a)\nmodel n = m(a = 1)\n"),
            "t.lnx:1:11: error: expected '{' or '=', found end of line\n"
            "    model m(a)\n"
            "              ^\n");
  EXPECT_EQ(messages("model m = gpt2\n"),
            "t.lnx:1:15: error: expected '(' behind 'gpt2', found end of file\n"
            "    model m = gpt2\n"
            "                  ^\n"
            "help: take its defaults: 'gpt2()'\n");
  EXPECT_EQ(messages("model m = 2*x\n"),
            "t.lnx:1:11: error: expected a name of a model behind '=', found '2'\n"
            "    model m = 2*x\n"
            "              ^\n");
  EXPECT_EQ(messages("def f = 2\n"), "t.lnx:1:7: error: expected '(' behind 'f', found '='\n"
                                     "    def f = 2\n"
                                     "          ^\n");
  EXPECT_EQ(messages("def f(x) x\n"), "t.lnx:1:10: error: expected '{' or '=', found 'x'\n"
                                      "    def f(x) x\n"
                                      "             ^\n");
}

TEST(DeclErrors, Parameters) {
  EXPECT_EQ(messages("def f(x, 2) = x\n"),
            "t.lnx:1:10: error: expected a name of a parameter, found '2'\n"
            "    def f(x, 2) = x\n"
            "             ^\n");
  EXPECT_EQ(messages("def f(x y) = x\n"), "t.lnx:1:9: error: expected ',' or ')', found 'y'\n"
                                          "    def f(x y) = x\n"
                                          "            ^\n"
                                          "t.lnx:1:6: note: '(' is opened here\n");
  EXPECT_EQ(messages("def f(x, y, x) = y + x\n"),
            "t.lnx:1:13: error: parameter 'x' is given twice\n"
            "    def f(x, y, x) = y + x\n"
            "                ^\n"
            "t.lnx:1:7: note: first given here\n");
}

TEST(DeclErrors, UnclosedBody) {
  EXPECT_EQ(messages("def f(x) {\n  return x\n\ndef g(x) = x\n"),
            "t.lnx:4:1: error: expected '}', found 'def'\n"
            "    def g(x) = x\n"
            "    ^~~\n"
            "t.lnx:1:10: note: '{' is opened here\n");
  EXPECT_EQ(messages("def f(x) {\n  repeat l in 1..3 {\n    x <- x\n"),
            "t.lnx:4:1: error: expected '}', found end of file\n"
            "t.lnx:2:20: note: '{' is opened here\n");
}

// Messages of statements

/// Messages about one statement in a body, on line 2.
static std::string wrong(const std::string &stmt) {
  return messages("def f(x) {\n  " + stmt + "\n}\n");
}

TEST(StmtErrors, Unknown) {
  EXPECT_EQ(wrong("retrun x"),
            "t.lnx:2:10: error: expected '=' or '<-' behind 'retrun', found 'x'\n"
            "      retrun x\n"
            "             ^\n"
            "help: did you mean 'return'?\n");
  EXPECT_EQ(wrong("f(x)"), "t.lnx:2:4: error: expected '=' or '<-' behind 'f', found '('\n"
                           "      f(x)\n"
                           "       ^\n");
  EXPECT_EQ(wrong("x"), "t.lnx:2:4: error: expected '=' or '<-' behind 'x', found end of line\n"
                        "      x\n"
                        "       ^\n");
  EXPECT_EQ(wrong("else {}"), "t.lnx:2:3: error: expected a statement, found 'else'\n"
                              "      else {}\n"
                              "      ^~~~\n");
  EXPECT_EQ(wrong("x <- x\n    + f(x)"),
            "t.lnx:3:5: error: expected a statement, found '+'\n"
            "        + f(x)\n"
            "        ^\n"
            "help: an operator between two lines stands at the end of the first\n");
}

TEST(StmtErrors, MissingExpression) {
  EXPECT_EQ(wrong("x ="), "t.lnx:2:6: error: expected an expression, found end of line\n"
                          "      x =\n"
                          "         ^\n");
  EXPECT_EQ(wrong("x <-\n  y = 2"), "t.lnx:2:7: error: expected an expression, found end of line\n"
                                    "      x <-\n"
                                    "          ^\n");
  EXPECT_EQ(wrong("x = 2 ** 3"), "t.lnx:2:10: error: expected an expression, found '*'\n"
                                 "      x = 2 ** 3\n"
                                 "             ^\n");
  EXPECT_EQ(wrong("x = model"), "t.lnx:2:7: error: expected an expression, found 'model'\n"
                                "      x = model\n"
                                "          ^~~~~\n"
                                "note: 'model' is a word of the language\n");
}

TEST(StmtErrors, EndOfLine) {
  EXPECT_EQ(wrong("x = 2 y"), "t.lnx:2:9: error: expected end of line, found 'y'\n"
                              "      x = 2 y\n"
                              "            ^\n");
  EXPECT_EQ(wrong("x = y)"), "t.lnx:2:8: error: expected end of line, found ')'\n"
                             "      x = y)\n"
                             "           ^\n");
}

TEST(StmtErrors, Param) {
  EXPECT_EQ(wrong("param : [2] ~ zeros"),
            "t.lnx:2:9: error: expected a name behind 'param', found ':'\n"
            "      param : [2] ~ zeros\n"
            "            ^\n");
  EXPECT_EQ(wrong("param W [2] ~ zeros"), "t.lnx:2:11: error: expected ':' behind 'W', found '['\n"
                                          "      param W [2] ~ zeros\n"
                                          "              ^\n");
  EXPECT_EQ(wrong("param W : 2 ~ zeros"), "t.lnx:2:13: error: expected '[' behind ':', found '2'\n"
                                          "      param W : 2 ~ zeros\n"
                                          "                ^\n");
  EXPECT_EQ(wrong("param W : [2, 3"), "t.lnx:3:1: error: expected ',' or ']', found '}'\n"
                                      "    }\n"
                                      "    ^\n"
                                      "t.lnx:2:13: note: '[' is opened here\n");
  EXPECT_EQ(wrong("param W : [2]"),
            "t.lnx:2:16: error: expected '~' behind the shape of 'W', found end of line\n"
            "      param W : [2]\n"
            "                   ^\n"
            "help: an initialiser follows, as in '~ normal(0.02)'\n");
  EXPECT_EQ(wrong("param W : [2] ~ 0.02"),
            "t.lnx:2:19: error: expected a name of an initialiser behind '~', found '0.02'\n"
            "      param W : [2] ~ 0.02\n"
            "                      ^~~~\n");
}

TEST(StmtErrors, Repeat) {
  EXPECT_EQ(wrong("repeat 3 {}"), "t.lnx:2:10: error: expected a name behind 'repeat', found '3'\n"
                                  "      repeat 3 {}\n"
                                  "             ^\n");
  EXPECT_EQ(wrong("repeat l = 1..3 {}"), "t.lnx:2:12: error: expected 'in' behind 'l', found '='\n"
                                         "      repeat l = 1..3 {}\n"
                                         "               ^\n");
  EXPECT_EQ(wrong("repeat l in depth {}"),
            "t.lnx:2:21: error: expected '..' in the range of 'repeat', found '{'\n"
            "      repeat l in depth {}\n"
            "                        ^\n");
  EXPECT_EQ(wrong("repeat l in 1..3\n  x <- x"),
            "t.lnx:2:19: error: expected '{' behind the range of 'repeat', found end of line\n"
            "      repeat l in 1..3\n"
            "                      ^\n");
}

TEST(StmtErrors, If) {
  EXPECT_EQ(wrong("if l {}"), "t.lnx:2:8: error: expected a comparison, found '{'\n"
                              "      if l {}\n"
                              "           ^\n");
  EXPECT_EQ(wrong("if l = 1 {}"), "t.lnx:2:8: error: expected a comparison, found '='\n"
                                  "      if l = 1 {}\n"
                                  "           ^\n"
                                  "help: equality of numbers is written '=='\n");
  EXPECT_EQ(wrong("if l <= 1 x <- x"),
            "t.lnx:2:13: error: expected '{' behind the condition, found 'x'\n"
            "      if l <= 1 x <- x\n"
            "                ^\n");
  EXPECT_EQ(wrong("if l <= 1 {} else x <- x"),
            "t.lnx:2:21: error: expected '{' behind 'else', found 'x'\n"
            "      if l <= 1 {} else x <- x\n"
            "                        ^\n");
}

TEST(StmtErrors, LawsAssumptionsChecks) {
  EXPECT_EQ(wrong("law <= 3"), "t.lnx:2:7: error: expected a name behind 'law', found '<='\n"
                               "      law <= 3\n"
                               "          ^~\n");
  EXPECT_EQ(wrong("law size >= 3"),
            "t.lnx:2:12: error: expected '=' or '<=' behind 'size', found '>='\n"
            "      law size >= 3\n"
            "               ^~\n");
  EXPECT_EQ(wrong("assume norm. <= 3"),
            "t.lnx:2:16: error: expected a name behind '.', found '<='\n"
            "      assume norm. <= 3\n"
            "                   ^~\n");
  EXPECT_EQ(wrong("check growth = linear"),
            "t.lnx:2:16: error: expected '<=', '>=' or end of line, found '='\n"
            "      check growth = linear\n"
            "                   ^\n");
  EXPECT_EQ(wrong("check"), "t.lnx:2:8: error: expected a name behind 'check', found end of line\n"
                            "      check\n"
                            "           ^\n");
  EXPECT_EQ(wrong("assume spectral(7.attn.q.W) <= 1"),
            "t.lnx:2:19: error: a path begins with a name\n"
            "      assume spectral(7.attn.q.W) <= 1\n"
            "                      ^\n"
            "help: leave the layer out: an assumption holds for every layer\n");
}

TEST(ExprErrors, Brackets) {
  EXPECT_EQ(wrong("x = f(a, b\n  y = 2"), "t.lnx:3:3: error: expected ',' or ')', found 'y'\n"
                                          "      y = 2\n"
                                          "      ^\n"
                                          "t.lnx:2:8: note: '(' is opened here\n");
  EXPECT_EQ(wrong("x = (a + b]"), "t.lnx:2:13: error: expected ')', found ']'\n"
                                  "      x = (a + b]\n"
                                  "                ^\n"
                                  "t.lnx:2:7: note: '(' is opened here\n");
  EXPECT_EQ(wrong("x = f(a,)"), "t.lnx:2:11: error: expected an expression, found ')'\n"
                                "      x = f(a,)\n"
                                "              ^\n");
  EXPECT_EQ(wrong("x = A[0, 1]"), "t.lnx:2:10: error: expected ']', found ','\n"
                                  "      x = A[0, 1]\n"
                                  "             ^\n"
                                  "help: index twice: 'A[...][...]'\n");
  EXPECT_EQ(wrong("x = f(a = 1, b = 2, a = 3)"), "t.lnx:2:23: error: argument 'a' is given twice\n"
                                                 "      x = f(a = 1, b = 2, a = 3)\n"
                                                 "                          ^\n"
                                                 "t.lnx:2:9: note: first given here\n");
}

// Recovery

// One run reports every broken statement, and goes on in the next declaration.
TEST(Recovery, SeveralErrors) {
  EXPECT_EQ(messages("def f(x) {\n"
                     "  a = (1 + \n"
                     "  b = 2\n"
                     "  c = 3 4\n"
                     "  if c < { d = 1 }\n"
                     "  repeat l in 1..2 {\n"
                     "    e 5\n"
                     "    g = ]\n"
                     "  }\n"
                     "  return x\n"
                     "}\n"
                     "def (y) = y\n"
                     "model m = f(\n"),
            "t.lnx:3:5: error: expected ')', found '='\n"
            "      b = 2\n"
            "        ^\n"
            "t.lnx:2:7: note: '(' is opened here\n"
            "t.lnx:4:9: error: expected end of line, found '4'\n"
            "      c = 3 4\n"
            "            ^\n"
            "t.lnx:5:10: error: expected an expression, found '{'\n"
            "      if c < { d = 1 }\n"
            "             ^\n"
            "t.lnx:7:7: error: expected '=' or '<-' behind 'e', found '5'\n"
            "        e 5\n"
            "          ^\n"
            "t.lnx:8:9: error: expected an expression, found ']'\n"
            "        g = ]\n"
            "            ^\n"
            "t.lnx:12:5: error: expected a name behind 'def', found '('\n"
            "    def (y) = y\n"
            "        ^\n"
            "t.lnx:13:13: error: expected an expression, found end of file\n"
            "    model m = f(\n"
            "                ^\n");
}

// The body behind a broken head is skipped, not blamed.
TEST(Recovery, BodyOfABrokenHead) {
  EXPECT_EQ(
      wrong("if l < {\n    y 1\n    repeat l in 1..2 {\n    }\n  }\n  else {\n    z 2\n  }\n  w 3"),
      "t.lnx:2:10: error: expected an expression, found '{'\n"
      "      if l < {\n"
      "             ^\n"
      "t.lnx:10:5: error: expected '=' or '<-' behind 'w', found '3'\n"
      "      w 3\n"
      "        ^\n");
}

TEST(Recovery, TwentyErrors) {
  std::string text = "def f(x) {\n";
  for (int i = 0; i < 50; ++i)
    text += "  x 1\n";
  const std::string all = messages(text + "}\n");
  EXPECT_EQ(std::count(all.begin(), all.end(), '^'), 20);
}
