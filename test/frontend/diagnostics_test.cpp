// Sources, places, the form of a message, and the nearest name.

#include "frontend/Diagnostics.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

using namespace lnx;

static SourcePtr source(std::string text) {
  return std::make_shared<const Source>("t.lnx", std::move(text));
}

static std::string errorAt(std::string text, uint32_t begin, uint32_t end) {
  Diagnostics diagnostics;
  const SourcePtr s = source(std::move(text));
  diagnostics.retain(s);
  diagnostics.error(Location(s.get(), begin, end), "no");
  return diagnostics.render();
}

// Lines end with a newline; a carriage return before it belongs to no line.
TEST(Source, Lines) {
  const SourcePtr s = source("a\r\nbc\n\nd");
  EXPECT_EQ(s->lineCount(), 4u);
  EXPECT_EQ(s->line(1), "a");
  EXPECT_EQ(s->line(2), "bc");
  EXPECT_EQ(s->line(3), "");
  EXPECT_EQ(s->line(4), "d");
  EXPECT_EQ(s->position(0), (Position{1, 1}));
  EXPECT_EQ(s->position(4), (Position{2, 2}));
  EXPECT_EQ(s->position(7), (Position{4, 1}));
  EXPECT_EQ(s->position(8), (Position{4, 2}));
}

// Columns count code points, whatever they take in bytes.
TEST(Source, ColumnsCountCodePoints) {
  EXPECT_EQ(source("αβ = 1")->position(4), (Position{1, 3}));
  EXPECT_EQ(source("𝛼 = 1")->position(4), (Position{1, 2}));
}

// A byte order mark has no column.
TEST(Source, ByteOrderMark) {
  const SourcePtr s = source("\xef\xbb\xbfx = 1");
  EXPECT_EQ(s->begin(), 3u);
  EXPECT_EQ(s->line(1), "x = 1");
  EXPECT_EQ(s->position(5), (Position{1, 3}));
}

// The caret marks the first character of the range, tildes the rest.
TEST(Render, Range) {
  EXPECT_EQ(errorAt("x = width\n", 4, 9), "t.lnx:1:5: error: no\n"
                                          "    x = width\n"
                                          "        ^~~~~\n");
}

// A range over several lines is marked to the end of its first line.
TEST(Render, RangeOverLines) {
  EXPECT_EQ(errorAt("x = f(a,\n  b)\n", 4, 13), "t.lnx:1:5: error: no\n"
                                                "    x = f(a,\n"
                                                "        ^~~~\n");
}

// An empty range at the end of a line stands behind it.
TEST(Render, BehindTheLine) {
  EXPECT_EQ(errorAt("x =\ny = 1\n", 3, 3), "t.lnx:1:4: error: no\n"
                                           "    x =\n"
                                           "       ^\n");
}

// Tabs stay tabs below the line, so the caret stands under its character at any tab width.
TEST(Render, Tabs) {
  EXPECT_EQ(errorAt("\tx =\ty\n", 5, 6), "t.lnx:1:6: error: no\n"
                                         "    \tx =\ty\n"
                                         "    \t   \t^\n");
}

// Wide characters take two terminal columns and combining ones none; the column number counts both.
TEST(Render, WideAndCombining) {
  EXPECT_EQ(errorAt("宽 = y\n", 6, 7), "t.lnx:1:5: error: no\n"
                                       "    宽 = y\n"
                                       "         ^\n");
  EXPECT_EQ(errorAt("宽 = y\n", 0, 3), "t.lnx:1:1: error: no\n"
                                       "    宽 = y\n"
                                       "    ^~\n");
  EXPECT_EQ(errorAt("x\xcc\x82 = y\n", 6, 7), "t.lnx:1:6: error: no\n"
                                              "    x\xcc\x82 = y\n"
                                              "        ^\n");
}

// What a terminal might obey, and what is no character at all, is shown as a replacement.
TEST(Render, NothingReachesTheTerminalRaw) {
  EXPECT_EQ(errorAt("a\x1b[1m\xff\xe2\x80\xae z", 10, 11), "t.lnx:1:9: error: no\n"
                                                           "    a\ufffd[1m\ufffd\ufffd z\n"
                                                           "            ^\n");
}

// Only a window of a very long line is shown.
TEST(Render, LongLine) {
  const std::string text = std::string(1000, 'a') + "b" + std::string(1000, 'c');
  EXPECT_EQ(errorAt(text, 1000, 1003), "t.lnx:1:1001: error: no\n"
                                       "    ..." +
                                           std::string(80, 'a') + "b" + std::string(79, 'c') +
                                           "...\n" + "       " + std::string(80, ' ') + "^~~\n");
}

// A blank line is not worth showing.
TEST(Render, BlankLine) { EXPECT_EQ(errorAt("\n", 0, 0), "t.lnx:1:1: error: no\n"); }

// Notes have their own place or none, helps never have one; neither shows its line.
TEST(Render, NotesAndHelp) {
  Diagnostics diagnostics;
  const SourcePtr s = source("a = 1\nb = 2\n");
  diagnostics.error(Location(s.get(), 6, 7), "width 770 cannot be split into 12 heads")
      .note(Location(s.get(), 0, 1), "'heads' is set here")
      .note("'width' is 770 by default")
      .help("take 768");
  diagnostics.warning(Location(s.get(), 0, 1), "'a' is not used");
  EXPECT_TRUE(diagnostics.hasErrors());
  EXPECT_EQ(diagnostics.render(), "t.lnx:2:1: error: width 770 cannot be split into 12 heads\n"
                                  "    b = 2\n"
                                  "    ^\n"
                                  "t.lnx:1:1: note: 'heads' is set here\n"
                                  "note: 'width' is 770 by default\n"
                                  "help: take 768\n"
                                  "t.lnx:1:1: warning: 'a' is not used\n"
                                  "    a = 1\n"
                                  "    ^\n");
}

// An embedded model points into the user's C++.
TEST(Render, Embedded) {
  Diagnostics diagnostics;
  const std::source_location here = std::source_location::current();
  diagnostics.error(Location::embedded(here), "no");
  EXPECT_EQ(diagnostics.render(), std::string(__FILE__) + ":" + std::to_string(here.line()) + ":" +
                                      std::to_string(here.column()) + ": error: no\n");
}

// Twenty errors are enough; the rest is counted out with one line.
TEST(Diagnostics, AtMostTwenty) {
  Diagnostics diagnostics;
  for (int i = 0; i < 20; ++i)
    diagnostics.error("error " + std::to_string(i));
  EXPECT_TRUE(diagnostics.isFull());
  const std::string twenty = diagnostics.render();
  diagnostics.error("error 20").note("lost with it");
  EXPECT_EQ(diagnostics.render(), twenty + "note: only the first 20 errors are shown\n");
  EXPECT_EQ(diagnostics.all().size(), 20u);
}

// A definition used a thousand times reports its error once.
TEST(Diagnostics, SameMessageOnce) {
  Diagnostics diagnostics;
  for (int i = 0; i < 1000; ++i)
    diagnostics.error("no").note("note");
  EXPECT_EQ(diagnostics.render(), "error: no\nnote: note\n");
}

// At most two edits away, and not everything of a short word.
TEST(Nearest, AtMostTwoEdits) {
  const std::vector<std::string> names = {"layernorm", "rmsnorm", "width", "dt", "β"};
  EXPECT_EQ(nearest("layernrom", names), "layernorm"); // a swap is one edit
  EXPECT_EQ(nearest("layenorm", names), "layernorm");
  EXPECT_EQ(nearest("lyrnorm", names), "layernorm");
  EXPECT_EQ(nearest("lyrnrm", names), std::nullopt);
  EXPECT_EQ(nearest("widht", names), "width");
  EXPECT_EQ(nearest("xy", names), std::nullopt);
  EXPECT_EQ(nearest("d", names), std::nullopt);
  EXPECT_EQ(nearest("ββ", names), "β");
  EXPECT_EQ(nearest("", names), std::nullopt);
  EXPECT_EQ(nearest("width", names), "width");
}

// The nearer one wins, and the first of equally near ones.
TEST(Nearest, TheNearerWins) {
  const std::vector<std::string> names = {"pre_lnxx", "pre_lm", "pre_la"};
  EXPECT_EQ(nearest("pre_ln", names), "pre_lm");
}

TEST(ReadSource, MissingFile) {
  Diagnostics diagnostics;
  EXPECT_EQ(readSource("no/such.lnx", diagnostics), nullptr);
  EXPECT_EQ(diagnostics.render(), "error: cannot read 'no/such.lnx': No such file or directory\n");
}

TEST(ReadSource, Folder) {
  Diagnostics diagnostics;
  EXPECT_EQ(readSource("/", diagnostics), nullptr);
  EXPECT_EQ(diagnostics.render(), "error: cannot read '/': Is a directory\n");
}

// An endless file is given up at the limit.
TEST(ReadSource, TooLarge) {
  Diagnostics diagnostics;
  EXPECT_EQ(readSource("/dev/zero", diagnostics), nullptr);
  EXPECT_EQ(diagnostics.render(),
            "error: '/dev/zero' has more than 16777216 bytes, the limit of a source file\n");
}

TEST(ReadSource, ReadsAllBytes) {
  const std::string path = testing::TempDir() + "lnx-read-source.lnx";
  const std::string text = "\xef\xbb\xbf# one\r\n" + std::string(200000, 'x') + "\n";
  std::ofstream(path, std::ios::binary) << text;
  Diagnostics diagnostics;
  const SourcePtr s = readSource(path, diagnostics);
  std::remove(path.c_str());
  ASSERT_NE(s, nullptr);
  EXPECT_EQ(s->text(), text);
  EXPECT_EQ(s->name(), path);
}
