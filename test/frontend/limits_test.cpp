// Inputs that are too deep, too long, or no program at all.

#include "Parsing.h"

#include <algorithm>
#include <chrono>
#include <random>

using namespace lnx;

TEST(Limits, Nesting) {
  const auto nested = [](int n, const std::string &open, const std::string &close) {
    std::string text = "def f(x) =\n";
    for (int i = 0; i < n; ++i)
      text += open;
    text += "x";
    for (int i = 0; i < n; ++i)
      text += close;
    return text + "\n";
  };
  for (const auto &[open, close] :
       {std::pair{"(", ")"}, {"-", ""}, {"2^", ""}, {"f(", ")"}, {"a[", "]"}}) {
    EXPECT_EQ(parsed(nested(256, open, close)).messages, "") << open;
    EXPECT_NE(messages(nested(257, open, close)).find("error: nested more than 256 levels deep\n"),
              std::string::npos)
        << open;
  }
  EXPECT_EQ(messages(nested(257, "(", ")")).substr(0, 59),
            "t.lnx:2:257: error: nested more than 256 levels deep\n    ..");
}

TEST(Limits, NestedBodies) {
  std::string text = "def f(x) {\n";
  for (int i = 0; i < 256; ++i)
    text += "repeat l in 1..2 {\n";
  EXPECT_EQ(messages(text), "t.lnx:257:18: error: nested more than 256 levels deep\n"
                            "    repeat l in 1..2 {\n"
                            "                     ^\n"
                            "t.lnx:258:1: error: expected '}', found end of file\n"
                            "t.lnx:256:18: note: '{' is opened here\n");
}

// A sum of a thousand terms is a tree a thousand deep, which later walks can bear; a million is
// not.
TEST(Limits, LongChains) {
  const auto sum = [](int n) {
    std::string text = "def f(x) = x";
    for (int i = 1; i < n; ++i)
      text += "+x";
    return text + "\n";
  };
  EXPECT_EQ(parsed(sum(1024)).messages, "");
  const std::string tooLong = messages(sum(1000000));
  EXPECT_NE(tooLong.find("t.lnx:1:2059: error: expression is more than 1024 operations deep\n"),
            std::string::npos)
      << tooLong;
  EXPECT_TRUE(tooLong.ends_with("help: name a part of it with '='\n")) << tooLong;
}

// A million brackets of any kind end at once.
TEST(Limits, MillionBrackets) {
  const auto begin = std::chrono::steady_clock::now();
  for (const char *bracket : {"(", "[", "{", "-", "}", ")", "f(", "x[", "if x<1{",
                              "repeat l in 1..2{", "def f(x){", "model m="}) {
    std::string text = "def f(x) = ";
    for (int i = 0; i < 1000000; ++i)
      text += bracket;
    EXPECT_NE(messages(text), "");
  }
  // Hang, not speed: all twelve take about a second.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
}

// Messages quote words, so words are short.
TEST(Limits, LongWords) {
  const std::string word(1024, 'a');
  EXPECT_EQ(parsed("def " + word + "() = 1\n").messages, "");
  EXPECT_EQ(messages("def a" + word + "() = 1\n").substr(0, 56),
            "t.lnx:1:5: error: word of 1025 bytes, more than 1024\n   ");
  EXPECT_EQ(messages("def f() = " + std::string(2000, '1') + "\n").substr(0, 57),
            "t.lnx:1:11: error: word of 2000 bytes, more than 1024\n   ");
}

// Breaking a long line takes time in proportion to it.
TEST(Limits, LongLinePrints) {
  std::string text = "def f(x) = g(";
  for (int i = 0; i < 300000; ++i)
    text += "x,";
  const ast::FilePtr file = tree(text + "x)\n");
  ASSERT_NE(file, nullptr);
  const auto begin = std::chrono::steady_clock::now();
  const std::string out = print(*file);
  EXPECT_EQ(out.size(),
            14u + 3 * 300000 + 2 + 4 * size_t(std::count(out.begin(), out.end(), '\n') - 1));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST(Limits, TokenCount) {
  std::string text = "def f(x) = g(";
  for (int i = 0; i < 1100000; ++i)
    text += "x,";
  const std::string all = messages(text + "x)\n");
  EXPECT_NE(all.find("error: file has more than 2097152 words and signs\n"), std::string::npos)
      << all;
}

// No bytes crash the parser. The seed is fixed; the fuzzer goes further.
TEST(Limits, RandomBytes) {
  std::mt19937 random(1);
  const std::string words[] = {"model", "def",    "f",     "x",      "(",     ")",      "[",
                               "]",     "{",      "}",     "=",      "<-",    "+",      "-",
                               "^",     ",",      "1",     "0.5",    "..",    "repeat", "in",
                               "if",    "else",   "param", ":",      "~",     "\n",     "\n",
                               "# c\n", "return", "law",   "assume", "check", "."};
  for (int i = 0; i < 3000; ++i) {
    std::string text = i % 2 ? "def f(x) {\n" : "";
    for (unsigned n = random() % 60; n > 0; --n)
      text += words[random() % std::size(words)] + " ";
    const Parsed result = parsed(text);
    EXPECT_NE(result.file == nullptr, result.messages.empty()) << text;
    if (result.file) {
      EXPECT_TRUE(equal(*result.file, *tree(print(*result.file)))) << text;
    }
    for (char &c : text)
      if (random() % 20 == 0)
        c = char(random());
    parsed(text);
  }
}
