// Token files of each format, whole and broken, and the held-out split.
// Broken files must be refused with their numbers, never read past their end.
#include "SharedData.h"
#include "lnx/train/tokens.h"

#include <cstring>
#include <random>

using namespace lnx;

static std::string llmc(int32_t magic, int32_t version, int32_t count, const std::string &body) {
  std::string bytes(1024, 0);
  std::memcpy(bytes.data(), &magic, 4);
  std::memcpy(bytes.data() + 4, &version, 4);
  std::memcpy(bytes.data() + 8, &count, 4);
  return bytes + body;
}

static std::vector<int32_t> all(const Tokens &tokens) {
  std::vector<int32_t> ids(static_cast<size_t>(tokens.size()));
  tokens.copy(0, ids);
  return ids;
}

static std::string openError(const std::string &path) {
  auto tokens = Tokens::open(path, *byteTokenizer());
  std::string message = tokens ? "opened" : tokens.error().message;
  size_t end = message.find(path);
  return end == std::string::npos ? message : message.replace(end, path.size(), "F");
}

using Ids = std::vector<int32_t>;

TEST(Tokens, readsEachFormat) {
  ScratchFolder folder;
  std::string two("\x01\x00\xff\xff", 4), four("\x01\x00\x00\x00\x00\x00\x01\x00", 8);
  const std::tuple<std::string, std::string, Ids, std::string> cases[] = {
      {"a.bin", two, {1, 65535}, "nanoGPT, uint16"},
      {"b.bin", llmc(20240520, 1, 2, two), {1, 65535}, "llm.c version 1, uint16"},
      {"c.bin", llmc(20240801, 7, 2, four), {1, 65536}, "llm.c version 7, uint32"},
      {"d.txt", "hi", {104, 105}, "text, byte"},
      {"e.bin", "", {}, "nanoGPT, uint16"},
  };
  for (const auto &[name, bytes, ids, format] : cases) {
    auto tokens = Tokens::open(folder.write(name, bytes), *byteTokenizer());
    ASSERT_TRUE(tokens) << tokens.error().message;
    EXPECT_EQ(all(*tokens), ids) << name;
    EXPECT_EQ(tokens->format(), format);
  }
}

TEST(Tokens, refusesBrokenFiles) {
  ScratchFolder folder;
  EXPECT_EQ(openError(folder.write("a.bin", "abc")),
            "'F' has 3 bytes, not a whole number of uint16 tokens");
  EXPECT_EQ(openError(folder.write("b.bin", llmc(20240520, 1, 3, "abcd"))),
            "'F' has 1028 bytes, its header says 1024 + 3 * 2 = 1030");
  EXPECT_EQ(openError(folder.write("c.bin", llmc(20240801, 7, -1, ""))),
            "'F' has 1024 bytes, its header says 1024 + -1 * 4 = 1020");
  EXPECT_EQ(openError(folder.write("d.bin", llmc(20240520, 2, 0, ""))),
            "'F' has version 2, magic number 20240520 goes with version 1");
  EXPECT_EQ(openError(folder.write("e.bin", llmc(20240520, 1, 0, "").substr(0, 12))),
            "'F' has 12 bytes, the header alone has 1024");
  EXPECT_EQ(openError(folder / "none.bin"), "cannot read 'F': No such file or directory");
  EXPECT_EQ(openError(folder.path()), "cannot read 'F': not a regular file");
}

// Whatever a header says, nothing is read past the end of the file.
TEST(Tokens, surviveRandomHeaders) {
  ScratchFolder folder;
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    bool wide = random() % 2;
    int32_t counts[] = {0, 1, -1, 7, 1 << 30, static_cast<int32_t>(random())};
    std::string bytes = llmc(wide ? 20240801 : 20240520, wide ? 7 : 1, counts[random() % 6],
                             std::string(random() % 40, 'x'));
    bytes.resize(random() % 4 ? bytes.size() : random() % bytes.size());
    auto tokens = Tokens::open(folder.write("r.bin", bytes), *byteTokenizer());
    if (tokens)
      EXPECT_EQ(all(*tokens).size(), static_cast<size_t>(tokens->size()));
  }
}

// Shards are one sequence; a copy may begin in one and end in another.
TEST(Tokens, joinsShards) {
  ScratchFolder folder;
  folder.write("x_0.bin", std::string("\x01\x00\x02\x00", 4));
  folder.write("x_1.bin", llmc(20240801, 7, 1, std::string("\x03\x00\x00\x00", 4)));
  folder.write("x_2.bin", std::string("\x04\x00\x05\x00", 4));
  auto tokens = Tokens::open(folder / "x_*.bin", *byteTokenizer());
  ASSERT_TRUE(tokens) << tokens.error().message;
  EXPECT_EQ(all(*tokens), (Ids{1, 2, 3, 4, 5}));
  EXPECT_EQ(tokens->format(), "nanoGPT, uint16, 3 files");
  tokens->narrow(1, 3);
  EXPECT_EQ(all(*tokens), (Ids{2, 3, 4}));
  tokens->narrow(1, 2);
  EXPECT_EQ(all(*tokens), (Ids{3, 4}));
}

TEST(Tokens, findsAnIdOutsideTheVocabulary) {
  Tokens tokens = Tokens::fromIds({0, 9, 10, 3});
  EXPECT_FALSE(tokens.check(11));
  EXPECT_EQ(tokens.check(10)->message, "token 2 is 10, the vocabulary of the model has 10");
  EXPECT_EQ(tokens.check(10)->exit, Exit::data);
}

// Text is encoded in pieces of a megabyte; the ids are those of the whole.
TEST(Tokens, doNotDependOnPieces) {
  LNX_SKIP_WITHOUT(sharedData("gpt2/encoder.json"));
  auto gpt2 = gpt2Tokenizer(sharedData("gpt2"));
  ASSERT_TRUE(gpt2);
  std::string text;
  while (text.size() < (3u << 20))
    text += "one \n\n  two's\t\xc3\xa9 " + std::to_string(text.size() * 7919) + "\xc2\xa0 x";
  auto tokens = Tokens::fromText(text, **gpt2);
  ASSERT_TRUE(tokens);
  EXPECT_EQ(all(*tokens), *(*gpt2)->encode(text));
}

TEST(WriteTokens, comesBack) {
  ScratchFolder folder;
  for (int64_t vocabulary : {257, 100000}) {
    Ids ids(100000);
    for (size_t i = 0; i < ids.size(); ++i)
      ids[i] = static_cast<int32_t>(i * 31 % static_cast<size_t>(vocabulary));
    std::string path = folder / "t.bin";
    EXPECT_FALSE(writeTokens(path, Tokens::fromIds(ids), vocabulary));
    auto tokens = Tokens::open(path, *byteTokenizer());
    ASSERT_TRUE(tokens) << tokens.error().message;
    EXPECT_EQ(all(*tokens), ids);
  }
}

TEST(WriteTokens, namesAFolderThatIsMissing) {
  auto error = writeTokens("no/such/t.bin", Tokens::fromIds({1}), 2);
  EXPECT_EQ(error->message, "cannot write 'no/such/t.bin': No such file or directory");
  EXPECT_EQ(error->exit, Exit::io);
}

TEST(Split, countsCharactersNotBytes) {
  // 10 characters of 2 bytes: nine train.
  std::string text;
  for (int i = 0; i < 10; ++i)
    text += "\xc3\xa9";
  EXPECT_EQ(splitPoint(text, 0.9), 18u);
  EXPECT_EQ(splitPoint("abc", 1), 3u);
  EXPECT_EQ(splitPoint("", 0.9), 0u);
}

TEST(Split, cutsTokenFilesByTokens) {
  ScratchFolder folder;
  std::string path = folder.write("t.bin", std::string(40, 'a'));
  auto split = openSplit({.path = path}, *byteTokenizer());
  ASSERT_TRUE(split);
  EXPECT_EQ(split->training.size(), 18);
  EXPECT_EQ(split->heldOut.size(), 2);
}

TEST(Split, takesASecondFile) {
  ScratchFolder folder;
  auto split =
      openSplit({.path = folder.write("a.txt", "abc"), .heldOutPath = folder.write("b.txt", "de")},
                *byteTokenizer());
  ASSERT_TRUE(split);
  EXPECT_EQ(all(split->training), (Ids{97, 98, 99}));
  EXPECT_EQ(all(split->heldOut), (Ids{100, 101}));
}

// The numbers that nanoGPT prints for its two Shakespeare data sets.
TEST(Split, countsTinyShakespeare) {
  LNX_SKIP_WITHOUT(sharedData("tinyshakespeare.txt"));
  LNX_SKIP_WITHOUT(sharedData("gpt2/encoder.json"));
  std::string path = sharedData("tinyshakespeare.txt");
  auto gpt2 = gpt2Tokenizer(sharedData("gpt2"));
  ASSERT_TRUE(gpt2);
  auto split = openSplit({.path = path}, **gpt2);
  ASSERT_TRUE(split);
  EXPECT_EQ(split->training.size(), 301966);
  EXPECT_EQ(split->heldOut.size(), 36059);
  auto characters = openSplit({.path = path}, **characterTokenizer(readFile(path)));
  ASSERT_TRUE(characters);
  EXPECT_EQ(characters->training.size(), 1003854);
  EXPECT_EQ(characters->heldOut.size(), 111540);
}
