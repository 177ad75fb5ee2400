// Ids and bytes of the three vocabularies.
// The GPT-2 cases come from the published pattern and merges, run by Python's `regex` module.
#include "SharedData.h"
#include "lnx/train/tokenizer.h"
#include "runtime/train/PreTokenizer.h"

#include <random>

using namespace lnx;

static std::vector<std::string> pieces(std::string_view text) {
  std::vector<std::string> found;
  for (size_t at = 0; at < text.size();) {
    size_t length = pieceLength(text, at);
    found.emplace_back(text.substr(at, length));
    at += length;
  }
  return found;
}

static std::string randomBytes(unsigned seed, size_t size) {
  std::mt19937 random(seed);
  std::string bytes(size, 0);
  for (char &c : bytes)
    c = static_cast<char>(random() % 4 ? "  \n'aet1.\xc3\xa9"[random() % 11] : random());
  return bytes;
}

using Pieces = std::vector<std::string>;

// Every alternative of the pattern, and the look-ahead that leaves one space to the next word.
TEST(PreTokenizer, cutsAsThePatternDoes) {
  const std::pair<std::string, Pieces> cases[] = {
      {"Hello world", {"Hello", " world"}},
      {"  two  spaces\n\n\nlines \t end  ",
       {" ", " two", " ", " spaces", "\n\n", "\n", "lines", " \t", " end", "  "}},
      {"it's we're I'll 'S 'll'd don''t",
       {"it", "'s", " we", "'re", " I", "'ll", " '", "S", " '", "ll", "'d", " don", "''", "t"}},
      {"x1234 5 \302\275\342\205\247 \331\243",
       {"x", "1234", " 5", " \302\275\342\205\247", " \331\243"}},
      {"\303\251t\303\251 na\303\257ve \346\227\245\346\234\254 \360\237\230\200!\077",
       {"\303\251t\303\251", " na\303\257ve", " \346\227\245\346\234\254",
        " \360\237\230\200!\077"}},
      {"a\343\200\200b\302\240c\342\200\250 d\342\200\213e",
       {"a", "\343\200\200", "b", "\302\240", "c", "\342\200\250", " d", "\342\200\213", "e"}},
      {" '' \"'s ...", {" ''", " \"'", "s", " ..."}},
      {"\r\n\r\n x", {"\r\n\r\n", " x"}},
  };
  for (const auto &[text, expected] : cases)
    EXPECT_EQ(pieces(text), expected) << text;
}

// A byte that is not UTF-8 is neither letter nor number nor space.
TEST(PreTokenizer, takesInvalidBytesAsSymbols) {
  EXPECT_EQ(pieces("a\xff\xc3 b"), (Pieces{"a", "\xff\xc3", " b"}));
}

TEST(ByteTokenizer, isTheBytes) {
  auto bytes = byteTokenizer();
  EXPECT_EQ(bytes->vocabulary(), 257);
  EXPECT_EQ(bytes->endOfText(), 256);
  EXPECT_EQ(*bytes->encode("A\xff"), (std::vector<int32_t>{65, 255}));
  EXPECT_EQ(*bytes->decode(std::vector<int32_t>{72, 256, 105}), "Hi");
  EXPECT_EQ(bytes->decode(std::vector<int32_t>{257}).error().message,
            "token 257 is outside the vocabulary of 257");
}

TEST(CharacterTokenizer, ordersByCodePoint) {
  auto characters = characterTokenizer("b\xc3\xa9"
                                       "ab");
  ASSERT_TRUE(characters);
  EXPECT_EQ((*characters)->vocabulary(), 3);
  EXPECT_EQ(*(*characters)->encode("ab\xc3\xa9"), (std::vector<int32_t>{0, 1, 2}));
  EXPECT_EQ(*(*characters)->decode(std::vector<int32_t>{2, 0}), "\xc3\xa9"
                                                                "a");
}

TEST(CharacterTokenizer, saysWhatItLacks) {
  auto characters = characterTokenizer("ab");
  ASSERT_TRUE(characters);
  EXPECT_EQ((*characters)->encode("abc").error().message,
            "character U+0063 at byte 2 is not in the vocabulary of 2 characters");
  EXPECT_EQ(characterTokenizer("a\xff").error().message, "byte 0xff at 1 is not UTF-8");
  EXPECT_EQ(characterTokenizer("").error().message,
            "an empty text has no characters to make a vocabulary of");
}

// nanoGPT's character data set has these 65 characters.
TEST(CharacterTokenizer, knowsTinyShakespeare) {
  LNX_SKIP_WITHOUT(sharedData("tinyshakespeare.txt"));
  std::string text = readFile(sharedData("tinyshakespeare.txt"));
  auto characters = characterTokenizer(text);
  ASSERT_TRUE(characters);
  EXPECT_EQ((*characters)->vocabulary(), 65);
  EXPECT_EQ(*(*characters)->decode(*(*characters)->encode(text)), text);
}

class Gpt2 : public testing::Test {
protected:
  void SetUp() override {
    LNX_SKIP_WITHOUT(sharedData("gpt2/encoder.json"));
    auto loaded = gpt2Tokenizer(sharedData("gpt2"));
    ASSERT_TRUE(loaded) << loaded.error().message;
    gpt2 = std::move(*loaded);
  }
  std::unique_ptr<Tokenizer> gpt2;
};

TEST_F(Gpt2, hasThePublishedVocabulary) {
  EXPECT_EQ(gpt2->vocabulary(), 50257);
  EXPECT_EQ(gpt2->endOfText(), 50256);
  EXPECT_EQ(*gpt2->decode(std::vector<int32_t>{50256}), "<|endoftext|>");
}

TEST_F(Gpt2, encodesKnownTexts) {
  const std::pair<std::string, std::vector<int32_t>> cases[] = {
      {"Hello world", {15496, 995}},
      {"  two  spaces\n\n\nlines \t end  ",
       {220, 734, 220, 9029, 628, 198, 6615, 220, 197, 886, 220, 220}},
      {"it's we're I'll 'S 'll'd don''t",
       {270, 338, 356, 821, 314, 1183, 705, 50, 705, 297, 1549, 836, 7061, 83}},
      {"x1234 5 \302\275\342\205\247 \331\243",
       {87, 1065, 2682, 642, 25208, 158, 227, 100, 18923, 96}},
      {"\303\251t\303\251 na\303\257ve \346\227\245\346\234\254\350\252\236 \360\237\230\200!\077",
       {25125, 2634, 41492, 10545, 245, 98, 17312, 105, 45739, 252, 30325, 222, 22857}},
      {"a\343\200\200b\302\240c\342\200\250 d\342\200\213e",
       {64, 5099, 222, 65, 1849, 66, 447, 101, 288, 9525, 68}},
      {" '' \"'s ...", {10148, 24018, 82, 2644}},
      {"\r\n\r\n x", {201, 198, 201, 198, 2124}},
      {"aaaaaaaaaaaaaaaaaaaa", {24794, 24794, 24794, 24794, 24794}},
      {"", {}},
  };
  for (const auto &[text, expected] : cases)
    EXPECT_EQ(*gpt2->encode(text), expected) << text;
}

TEST_F(Gpt2, returnsAnyBytes) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    std::string bytes = randomBytes(seed, 2000);
    EXPECT_EQ(*gpt2->decode(*gpt2->encode(bytes)), bytes) << seed;
  }
}

// One word of a megabyte takes n log n steps, not n squared.
TEST_F(Gpt2, survivesOneLongWord) {
  std::string word(1 << 20, 'a');
  EXPECT_EQ((*gpt2->encode(word)).size(), word.size() / 4);
}

static std::string gpt2Error(const std::string &encoder, const std::string &merges) {
  ScratchFolder folder;
  folder.write("encoder.json", encoder);
  folder.write("vocab.bpe", merges);
  auto loaded = gpt2Tokenizer(folder.path());
  std::string message = loaded ? "loaded" : loaded.error().message;
  std::string prefix = folder.path() + "/";
  for (size_t at; (at = message.find(prefix)) != std::string::npos;)
    message.erase(at, prefix.size());
  return message;
}

// All 256 bytes as GPT-2 writes them, then `more`.
static std::string smallVocabulary(const std::string &more) {
  std::string json = "{";
  int id = 0;
  for (uint32_t byte = 0, next = 256; byte < 256; ++byte) {
    bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    char escaped[16];
    std::snprintf(escaped, sizeof escaped, "\"\\u%04x\"", printable ? byte : next++);
    json += std::string(escaped) + ":" + std::to_string(id++) + ",";
  }
  return json + more + "}";
}

TEST(Gpt2Files, saysWhatIsWrong) {
  EXPECT_EQ(gpt2Error("[1]", ""), "'encoder.json': it is not an object");
  EXPECT_EQ(gpt2Error("{\"a\":0,\"a\":1}", ""), "'encoder.json': 'a' stands twice");
  EXPECT_EQ(gpt2Error("{\"a\":[0]}", ""), "'encoder.json': 'a' has no whole number as its id");
  EXPECT_EQ(gpt2Error("{\"a\":-1}", ""), "'encoder.json': 'a' has no whole number as its id");
  EXPECT_EQ(gpt2Error("{\"a\":99999999}", ""),
            "'encoder.json': id 99999999 of 'a' is over the limit of 16777216");
  EXPECT_EQ(gpt2Error("{\"a\":1}", ""),
            "'encoder.json': id 1 of 'a' is not below the number of symbols, 1");
  EXPECT_EQ(gpt2Error("{\"a\":0,\"b\":0}", ""), "'encoder.json': id 0 stands twice");
  EXPECT_EQ(gpt2Error("{\"a\":0", ""), "'encoder.json': byte 7 is not JSON");
  EXPECT_EQ(gpt2Error(smallVocabulary("\"ab\":256"), "#version: 0.2\na b\nb c d\n"),
            "'vocab.bpe' line 3: a merge is two symbols with a space between");
  EXPECT_EQ(gpt2Error(smallVocabulary("\"ab\":256"), "#version: 0.2\nb c\n"),
            "'vocab.bpe' line 2: symbol 'bc' is not in encoder.json");
  EXPECT_EQ(gpt2Error(smallVocabulary("\"ab\":256"), "a b\n"), "loaded");
}

TEST(Gpt2Files, namesAByteWithoutToken) {
  std::string message = gpt2Error("{\"a\":0}", "");
  EXPECT_TRUE(message.starts_with("'encoder.json' has no token for byte 0x")) << message;
}

TEST(Gpt2Files, namesAMissingFile) {
  auto loaded = gpt2Tokenizer("no/such/folder");
  EXPECT_EQ(loaded.error().message,
            "cannot read 'no/such/folder/encoder.json': No such file or directory");
  EXPECT_EQ(loaded.error().exit, Exit::data);
}
