// The formatter: its style, and that printing loses nothing and settles at once.

#include "Parsing.h"

#include <filesystem>

using namespace lnx;
using namespace lnx::ast;

/// The printed form, after checking that it is the same tree and prints the same again.
static std::string formatted(const std::string &text) {
  const FilePtr file = tree(text);
  if (!file)
    return "";
  const std::string once = print(*file);
  const FilePtr again = tree(once);
  EXPECT_TRUE(again && equal(*file, *again)) << once;
  EXPECT_TRUE(again && print(*again) == once) << once;
  return once;
}

static std::string printedExpr(const std::string &text) {
  const ExprPtr e = expr(text);
  const std::string once = print(*e);
  EXPECT_TRUE(equal(*e, *expr(once))) << once;
  return once;
}

// As few parentheses as the tree allows.
TEST(Print, MinimalParentheses) {
  EXPECT_EQ(printedExpr("((a) + (b))"), "a + b");
  EXPECT_EQ(printedExpr("(a*b) + (c^d)"), "a*b + c^d");
  EXPECT_EQ(printedExpr("a - (b - c)"), "a - (b - c)");
  EXPECT_EQ(printedExpr("(a - b) - c"), "a - b - c");
  EXPECT_EQ(printedExpr("a/(b*c)"), "a/(b*c)");
  EXPECT_EQ(printedExpr("(a*b)/c"), "a*b/c");
  EXPECT_EQ(printedExpr("(-a)^2"), "(-a)^2");
  EXPECT_EQ(printedExpr("-(a^2)"), "-a^2");
  EXPECT_EQ(printedExpr("-(a*b)"), "-(a*b)");
  EXPECT_EQ(printedExpr("(-a)*b"), "-a*b");
  EXPECT_EQ(printedExpr("a^(b^c)"), "a^b^c");
  EXPECT_EQ(printedExpr("(a^b)^c"), "(a^b)^c");
  EXPECT_EQ(printedExpr("a^(-b)"), "a^-b");
  EXPECT_EQ(printedExpr("(8*depth)^(-1/4)"), "(8*depth)^(-1/4)");
  EXPECT_EQ(printedExpr("(f)(x)"), "f(x)");
  EXPECT_EQ(printedExpr("(a + b)(x)[(i)]"), "(a + b)(x)[i]");
}

// Short plain products are tight, all else has spaces.
TEST(Print, Spaces) {
  EXPECT_EQ(printedExpr("8 * dim(x) / 3"), "8*dim(x)/3");
  EXPECT_EQ(printedExpr("x+dt*norm(attn(norm(x),heads))"), "x + dt * norm(attn(norm(x), heads))");
  EXPECT_EQ(printedExpr("dt*norm(mlp(x))"), "dt * norm(mlp(x))");
  EXPECT_EQ(printedExpr("layernorm(x)@transpose(E)"), "layernorm(x) @ transpose(E)");
  EXPECT_EQ(printedExpr("f( a,b=2 )"), "f(a, b = 2)");
}

// Spellings of numbers are the user's.
TEST(Print, Numbers) { EXPECT_EQ(printedExpr("1.50 + 1E-5 + 007"), "1.50 + 1E-5 + 007"); }

TEST(Print, Statements) {
  EXPECT_EQ(formatted("model m( a=1 , b )\n{\n"
                      "param W:[a,b]~normal( 0.02 )\n"
                      "param s : [ ]~zeros\n"
                      "x=E[tokens]\n"
                      "repeat l in 1 .. b {\n x<-f(x)\n y = 1 }\n"
                      "law size<=3\nlaw degree=1\n"
                      "assume norm.gain<=1.5\nassume adamw(lr=1)\n"
                      "check growth<=linear\ncheck wellposed\n"
                      "return x }\n"
                      "model n=m(b=2)\n"
                      "def f(x)=x\n"),
            "model m(a = 1, b) {\n"
            "  param W : [a, b] ~ normal(0.02)\n"
            "  param s : [] ~ zeros\n"
            "  x = E[tokens]\n"
            "  repeat l in 1..b {\n"
            "    x <- f(x)\n"
            "    y = 1\n"
            "  }\n"
            "  law size <= 3\n"
            "  law degree = 1\n"
            "  assume norm.gain <= 1.5\n"
            "  assume adamw(lr = 1)\n"
            "  check growth <= linear\n"
            "  check wellposed\n"
            "  return x\n"
            "}\n"
            "model n = m(b = 2)\n"
            "def f(x) = x\n");
}

// A body of one statement stays as it was written, on one line or on three.
TEST(Print, OneLineBodies) {
  const std::string text = "def f(x) {\n"
                           "  repeat l in 1..3 { x <- g(x) }\n"
                           "  repeat l in 1..3 {\n"
                           "    x <- g(x)\n"
                           "  }\n"
                           "  if l <= 1 { x <- g(x) } else { x <- h(x) }\n"
                           "  if l <= 1 {\n"
                           "    x <- g(x)\n"
                           "  } else {\n"
                           "    x <- h(x)\n"
                           "  }\n"
                           "  if l <= 1 {\n"
                           "    x <- g(x)\n"
                           "  } else if l == 2 {\n"
                           "    x <- h(x)\n"
                           "  } else {\n"
                           "    x <- i(x)\n"
                           "  }\n"
                           "  if l != 1 {}\n"
                           "}\n"
                           "def g(x) { return x }\n"
                           "def h() {}\n";
  EXPECT_EQ(formatted(text), text);
}

// Comments stay: before, behind, at a brace, at the end; blank lines shrink to one.
TEST(Print, Comments) {
  const std::string text = "# a file\n"
                           "\n"
                           "# about f\n"
                           "def f(x) {  # opening\n"
                           "  # first\n"
                           "  x <- g(x)  # behind\n"
                           "\n"
                           "  # second\n"
                           "  # third\n"
                           "\n"
                           "  return x\n"
                           "  # closing\n"
                           "\n"
                           "  # closing too\n"
                           "}  # end of f\n"
                           "\n"
                           "def g(x) = x  # identity\n"
                           "# the end\n";
  EXPECT_EQ(formatted(text), text);
  EXPECT_EQ(formatted("\n\n# a\n\n\n\ndef f(x) {\n\n\n  y = 1   #b  \n\n\n  return y\n\n}\n\n\n"),
            "# a\n\ndef f(x) {\n  y = 1  #b\n\n  return y\n}\n");
}

// A comment inside a statement moves in front of it.
TEST(Print, CommentsInside) {
  EXPECT_EQ(formatted("def f(x, # input\n"
                      "      l  # layer\n"
                      "      ) {\n"
                      "  y = g(x, # the stream\n"
                      "        l) # both\n"
                      "  if l <= # layer\n"
                      "     3 {\n"
                      "    y = 2\n"
                      "  } # then\n"
                      "  # otherwise\n"
                      "  else { # other\n"
                      "    y = 3 }\n"
                      "  return y }\n"),
            "# input\n"
            "# layer\n"
            "def f(x, l) {\n"
            "  # the stream\n"
            "  y = g(x, l)  # both\n"
            "  # layer\n"
            "  # then\n"
            "  # otherwise\n"
            "  if l <= 3 {\n"
            "    y = 2\n"
            "  } else {  # other\n"
            "    y = 3\n"
            "  }\n"
            "  return y\n"
            "}\n");
}

// Lines over 100 columns break in the outermost brackets, before products, and stay the same tree.
TEST(Print, LongLines) {
  EXPECT_EQ(formatted("def deepnorm(x, l, depth, heads) = post_ln(x, l, depth, heads, a = "
                      "(2*depth)^(1/4), gain = (8*depth)^(-1/4))\n"
                      "def f(x) {\n"
                      "  x <- l2norm((1 - abs(a[0]))*l2norm(x) + abs(a[0])*l2norm(attn(x, heads, "
                      "qk_norm = l2norm, scale = 1)))\n"
                      "  if aaaaaaaaaaaaaaaaaaaaaaaaa <= bbbbbbbbbbbbbbbbbbbbbbbbb { x <- "
                      "ccccccccccccccc } else { x <- dddddddd }\n"
                      "}\n"),
            "def deepnorm(x, l, depth, heads) =\n"
            "    post_ln(x, l, depth, heads, a = (2*depth)^(1/4), gain = (8*depth)^(-1/4))\n"
            "def f(x) {\n"
            "  x <- l2norm((1 - abs(a[0])) * l2norm(x) +\n"
            "      abs(a[0]) * l2norm(attn(x, heads, qk_norm = l2norm, scale = 1)))\n"
            "  if aaaaaaaaaaaaaaaaaaaaaaaaa <= bbbbbbbbbbbbbbbbbbbbbbbbb {\n"
            "    x <- ccccccccccccccc\n"
            "  } else {\n"
            "    x <- dddddddd\n"
            "  }\n"
            "}\n");
}

// Names keep their letters, and the width of a line counts letters.
TEST(Print, Unicode) {
  EXPECT_EQ(formatted("def f(x, Δt = 0.1) = x+Δt*g(x)  # Schrittweite Δt\n"),
            "def f(x, Δt = 0.1) = x + Δt*g(x)  # Schrittweite Δt\n");
}

// Parts can be printed alone, as messages do.
TEST(Print, Parts) {
  const FilePtr file = tree("# c\ndef f(x) {\n  x <- x  # step\n}\n");
  EXPECT_EQ(print(*file->decls[0]), "# c\ndef f(x) {\n  x <- x  # step\n}\n");
  EXPECT_EQ(print(*file->decls[0]->body->stmts[0]), "x <- x  # step\n");
}

// Every architecture of the stability page survives.
TEST(Print, Architectures) {
  Diagnostics diagnostics;
  const SourcePtr source = readSource(LNX_TEST_DIR "/Inputs/architectures.lnx", diagnostics);
  ASSERT_NE(source, nullptr);
  const std::string text(source->text());
  EXPECT_EQ(formatted(text), text);
}

// So does the prelude, whatever its authors' spacing.
TEST(Print, Prelude) {
  size_t files = 0;
  for (const auto &entry :
       std::filesystem::directory_iterator(LNX_SOURCE_DIR "/frontend/prelude")) {
    if (entry.path().extension() != ".lnx")
      continue;
    Diagnostics diagnostics;
    const SourcePtr source = readSource(entry.path(), diagnostics);
    ASSERT_NE(source, nullptr);
    EXPECT_NE(formatted(std::string(source->text())), "") << entry.path();
    ++files;
  }
  EXPECT_GE(files, 4u);
}
