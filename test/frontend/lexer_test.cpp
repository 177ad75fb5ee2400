// Tokens, numbers, names, comments, and what is refused before any of them.

#include "Parsing.h"
#include "frontend/Lexer.h"

using namespace lnx;

/// The tokens of a text, a space between two, "|" before one that starts a line.
static std::string tokens(const std::string &text) {
  Diagnostics diagnostics;
  const Source source("t.lnx", text);
  EXPECT_TRUE(checkText(source, diagnostics)) << diagnostics.render();
  Lexer lexer(source, diagnostics);
  std::string out;
  for (Token token = lexer.next(); !token.is(TokenKind::End); token = lexer.next()) {
    out += out.empty() ? "" : token.startsLine ? " | " : " ";
    out += source.text().substr(token.begin, token.end - token.begin);
  }
  EXPECT_EQ(diagnostics.render(), "");
  return out;
}

static ast::Number number(const std::string &text) {
  const ast::ExprPtr e = expr(text);
  return e ? *e->as<ast::Number>() : ast::Number();
}

// The longest sign wins, and blanks are needed only where it would win wrongly.
TEST(Lexer, Signs) {
  EXPECT_EQ(tokens("x<-x+dt*f(x)"), "x <- x + dt * f ( x )");
  EXPECT_EQ(tokens("a<=b>=c==d!=e<f>g"), "a <= b >= c == d != e < f > g");
  EXPECT_EQ(tokens("param W:[d,4*d]~normal(0.02)"), "param W : [ d , 4 * d ] ~ normal ( 0.02 )");
  EXPECT_EQ(tokens("W@transpose(E)^2/3"), "W @ transpose ( E ) ^ 2 / 3");
}

// The point of a range is no decimal point.
TEST(Lexer, Ranges) {
  EXPECT_EQ(tokens("1..depth"), "1 .. depth");
  EXPECT_EQ(tokens("1..12"), "1 .. 12");
  EXPECT_EQ(tokens("0.5..1.5"), "0.5 .. 1.5");
  EXPECT_EQ(tokens("norm.bias.rms"), "norm . bias . rms");
}

// Names may use any letters, Greek ones above all.
TEST(Lexer, Names) {
  EXPECT_EQ(tokens("α Δt β_1 x̂ _y größe 宽度 x₁"), "α Δt β_1 x̂ _y größe 宽度 x₁");
  EXPECT_EQ(tokens("models definition ifx"), "models definition ifx");
}

// Line ends, carriage returns and comments separate and are no tokens.
TEST(Lexer, Lines) {
  EXPECT_EQ(tokens("a # one\r\n\r\n# two\r\nb\n"), "a | b");
  EXPECT_EQ(tokens("\xef\xbb\xbfmodel"), "model");
  EXPECT_EQ(tokens("# only"), "");
  EXPECT_EQ(tokens(""), "");
}

// A number keeps its spelling and its exact decimal value.
TEST(Lexer, Numbers) {
  EXPECT_EQ(number("50257").value, 50257.0);
  EXPECT_EQ(number("50257").exact, (ast::Decimal{50257, 0}));
  EXPECT_EQ(number("0.02").exact, (ast::Decimal{2, -2}));
  EXPECT_EQ(number("1.50").spelling, "1.50");
  EXPECT_EQ(number("1.50").exact, (ast::Decimal{150, -2}));
  EXPECT_EQ(number("1e-5").value, 1e-5);
  EXPECT_EQ(number("1e-5").exact, (ast::Decimal{1, -5}));
  EXPECT_EQ(number("6.02E+23").value, 6.02e23);
  EXPECT_EQ(number("6.02E+23").exact, (ast::Decimal{602, 21}));
  EXPECT_EQ(number("18446744073709551615").exact, (ast::Decimal{UINT64_MAX, 0}));
  EXPECT_EQ(number("18446744073709551616").exact, std::nullopt);
  EXPECT_EQ(number("18446744073709551616").value, 18446744073709551616.0);
  EXPECT_EQ(number("0").value, 0.0);
  EXPECT_EQ(number("0.0e-999").value, 0.0);
}

TEST(Lexer, NumberErrors) {
  EXPECT_EQ(messages("def f(x) = 12ab + x\n"),
            "t.lnx:1:12: error: '12ab' is neither a number nor a name\n"
            "    def f(x) = 12ab + x\n"
            "               ^~~~\n");
  EXPECT_EQ(messages("def f(x) = .5*x\n"),
            "t.lnx:1:12: error: number '.5' has no digit before its point\n"
            "    def f(x) = .5*x\n"
            "               ^~\n"
            "help: write '0.5'\n");
  EXPECT_EQ(messages("def f(x) = 1e999*x\n"),
            "t.lnx:1:12: error: number '1e999' is too large for a double\n"
            "    def f(x) = 1e999*x\n"
            "               ^~~~~\n");
  EXPECT_EQ(messages("def f(x) = 1e-999*x\n"),
            "t.lnx:1:12: error: number '1e-999' is too small for a double\n"
            "    def f(x) = 1e-999*x\n"
            "               ^~~~~~\n");
  EXPECT_EQ(messages("def f(x) = 1.\n"), "t.lnx:1:13: error: expected end of line, found '.'\n"
                                         "    def f(x) = 1.\n"
                                         "                ^\n");
}

// A sign of another language or a typesetter names its replacement.
TEST(Lexer, UnknownCharacters) {
  EXPECT_EQ(messages("def f(x) = x $$ 2\n"), "t.lnx:1:14: error: '$' means nothing here\n"
                                             "    def f(x) = x $$ 2\n"
                                             "                 ^~\n");
  EXPECT_EQ(messages("def f(x) = 2 × x\n"), "t.lnx:1:14: error: '×' (U+00D7) means nothing here\n"
                                            "    def f(x) = 2 × x\n"
                                            "                 ^\n"
                                            "help: write '*'\n");
  EXPECT_EQ(messages("def f(x) {\n  x ← x\n  y = 1;\n  return x − y\n}\n"),
            "t.lnx:2:5: error: '←' (U+2190) means nothing here\n"
            "      x ← x\n"
            "        ^\n"
            "help: write '<-'\n"
            "t.lnx:3:8: error: ';' means nothing here\n"
            "      y = 1;\n"
            "           ^\n"
            "help: a new line ends a statement\n"
            "t.lnx:4:12: error: '−' (U+2212) means nothing here\n"
            "      return x − y\n"
            "               ^\n"
            "help: write '-'\n");
}

TEST(CheckText, InvalidUtf8) {
  EXPECT_EQ(messages("def f(x) = \xff\xfe\n"), "t.lnx:1:12: error: byte 0xff is not valid UTF-8\n"
                                               "    def f(x) = \ufffd\ufffd\n"
                                               "               ^\n"
                                               "help: save the file as UTF-8\n");
  // Overlong, a surrogate, above U+10FFFF, cut off.
  for (const char *bytes : {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"})
    EXPECT_NE(messages(bytes).find("is not valid UTF-8\n"), std::string::npos);
}

// What cannot be seen is refused everywhere, in comments too.
TEST(CheckText, HiddenCharacters) {
  EXPECT_EQ(messages("def f(x) = a\u200bb # \u202e\n\u2066x\x01\n"),
            "t.lnx:1:13: error: zero-width character U+200B\n"
            "    def f(x) = a\ufffdb # \ufffd\n"
            "                ^\n"
            "t.lnx:1:18: error: bidirectional control character U+202E\n"
            "    def f(x) = a\ufffdb # \ufffd\n"
            "                     ^\n"
            "t.lnx:2:1: error: bidirectional control character U+2066\n"
            "    \ufffdx\ufffd\n"
            "    ^\n"
            "t.lnx:2:3: error: control character U+0001\n"
            "    \ufffdx\ufffd\n"
            "      ^\n");
  EXPECT_EQ(messages(std::string("x\0", 2)), "t.lnx:1:2: error: control character U+0000\n"
                                             "    x\ufffd\n"
                                             "     ^\n");
}

// A carriage return alone hides what was before it on a terminal.
TEST(CheckText, LoneCarriageReturn) {
  EXPECT_EQ(messages("a\rb\n"), "t.lnx:1:2: error: control character U+000D\n"
                                "    a\ufffdb\n"
                                "     ^\n");
}

TEST(CheckText, SixteenMebibytes) {
  EXPECT_EQ(messages(std::string(Source::maxBytes + 1, ' ')),
            "error: 't.lnx' has 16777217 bytes, more than 16777216, the limit of a source file\n");
}
