// Tokenizer.cpp: the vocabularies that need no file: bytes and characters.
// Gpt2Tokenizer.cpp holds the third.
#include "lnx/train/tokenizer.h"
#include "runtime/train/UnicodeClasses.h"

#include <algorithm>
#include <fmt/format.h>

namespace lnx {

namespace {

Error outside(int32_t id, int64_t vocabulary) {
  return {fmt::format("token {} is outside the vocabulary of {}", id, vocabulary)};
}

class ByteTokenizer final : public Tokenizer {
public:
  std::string_view name() const override { return "byte"; }
  int64_t vocabulary() const override { return 257; }
  int32_t endOfText() const override { return 256; }

  Result<std::vector<int32_t>> encode(std::string_view text) const override {
    std::vector<int32_t> ids(text.size());
    std::transform(text.begin(), text.end(), ids.begin(),
                   [](char c) { return static_cast<unsigned char>(c); });
    return ids;
  }

  Result<std::string> decode(std::span<const int32_t> ids) const override {
    std::string text;
    for (int32_t id : ids) {
      if (id < 0 || id > 256)
        return outside(id, vocabulary());
      if (id < 256)
        text += static_cast<char>(id);
    }
    return text;
  }
};

class CharacterTokenizer final : public Tokenizer {
public:
  explicit CharacterTokenizer(std::vector<uint32_t> alphabet) : alphabet(std::move(alphabet)) {}

  std::string_view name() const override { return "char"; }
  int64_t vocabulary() const override { return static_cast<int64_t>(alphabet.size()); }
  int32_t endOfText() const override { return -1; }

  Result<std::vector<int32_t>> encode(std::string_view text) const override {
    std::vector<int32_t> ids;
    ids.reserve(text.size());
    for (size_t at = 0; at < text.size();) {
      Character c = characterAt(text, at);
      auto place = std::lower_bound(alphabet.begin(), alphabet.end(), c.code);
      if (!c.valid || place == alphabet.end() || *place != c.code)
        return Error{fmt::format("character U+{:04X} at byte {} is not in the vocabulary of {} "
                                 "characters",
                                 c.code, at, alphabet.size())};
      ids.push_back(static_cast<int32_t>(place - alphabet.begin()));
      at += c.length;
    }
    return ids;
  }

  Result<std::string> decode(std::span<const int32_t> ids) const override {
    std::string text;
    for (int32_t id : ids) {
      if (id < 0 || id >= vocabulary())
        return outside(id, vocabulary());
      appendUtf8(text, alphabet[static_cast<size_t>(id)]);
    }
    return text;
  }

private:
  std::vector<uint32_t> alphabet; // sorted
};

} // namespace

std::unique_ptr<Tokenizer> byteTokenizer() { return std::make_unique<ByteTokenizer>(); }

Result<std::unique_ptr<Tokenizer>> characterTokenizer(std::string_view sample) {
  std::vector<bool> seen(0x110000);
  for (size_t at = 0; at < sample.size();) {
    Character c = characterAt(sample, at);
    if (!c.valid)
      return Error{fmt::format("byte 0x{:02x} at {} is not UTF-8", c.code, at)};
    seen[c.code] = true;
    at += c.length;
  }
  std::vector<uint32_t> alphabet;
  for (uint32_t code = 0; code < seen.size(); ++code)
    if (seen[code])
      alphabet.push_back(code);
  if (alphabet.empty())
    return Error{"an empty text has no characters to make a vocabulary of"};
  return std::unique_ptr<Tokenizer>(std::make_unique<CharacterTokenizer>(std::move(alphabet)));
}

} // namespace lnx
