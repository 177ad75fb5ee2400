// Gpt2Tokenizer.cpp: byte-pair encoding, byte exact with tiktoken's encode_ordinary and decode.
// Relies on encoder.json for ids and on the order of vocab.bpe for priorities.
#include "lnx/train/tokenizer.h"
#include "runtime/MappedFile.h"
#include "runtime/train/PreTokenizer.h"
#include "runtime/train/UnicodeClasses.h"
#include "runtime/train/VocabularyFile.h"

#include <array>
#include <fmt/format.h>
#include <optional>
#include <queue>
#include <unordered_map>

namespace lnx {

namespace {

struct Merge {
  int32_t rank, id;
};

uint64_t pairKey(int32_t left, int32_t right) {
  return static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right);
}

// Symbols of one piece as a doubly linked list inside an array; -1 ends it.
struct Symbol {
  int32_t id;
  int32_t previous, next;
};

struct Candidate {
  int32_t rank, at, left, right, id;
  // std::priority_queue keeps the largest on top: the lowest rank, then the leftmost place.
  bool operator<(const Candidate &other) const {
    return rank != other.rank ? rank > other.rank : at > other.at;
  }
};

class Gpt2Tokenizer final : public Tokenizer {
public:
  std::string_view name() const override { return "gpt2"; }
  int64_t vocabulary() const override { return static_cast<int64_t>(bytesOf.size()); }
  int32_t endOfText() const override { return separator; }

  Result<std::vector<int32_t>> encode(std::string_view text) const override {
    std::vector<int32_t> ids;
    ids.reserve(text.size() / 3);
    for (size_t at = 0; at < text.size();) {
      size_t length = pieceLength(text, at);
      mergePiece(text.substr(at, length), ids);
      at += length;
    }
    return ids;
  }

  Result<std::string> decode(std::span<const int32_t> ids) const override {
    std::string text;
    for (int32_t id : ids) {
      if (id < 0 || id >= vocabulary())
        return Error{fmt::format("token {} is outside the vocabulary of {}", id, vocabulary())};
      text += bytesOf[static_cast<size_t>(id)];
    }
    return text;
  }

  std::vector<std::string> bytesOf;
  std::array<int32_t, 256> idOfByte{};
  std::unordered_map<uint64_t, Merge> merges;
  int32_t separator = -1;

private:
  // n log n in the length of the piece, so that a file of one long word cannot hang it.
  void mergePiece(std::string_view piece, std::vector<int32_t> &ids) const {
    std::vector<Symbol> symbols(piece.size());
    std::priority_queue<Candidate> queue;
    auto offer = [&](int32_t at) {
      const Symbol &left = symbols[static_cast<size_t>(at)];
      if (left.next < 0)
        return;
      int32_t right = symbols[static_cast<size_t>(left.next)].id;
      if (auto found = merges.find(pairKey(left.id, right)); found != merges.end())
        queue.push({found->second.rank, at, left.id, right, found->second.id});
    };
    auto count = static_cast<int32_t>(piece.size());
    for (int32_t i = 0; i < count; ++i)
      symbols[static_cast<size_t>(i)] = {
          idOfByte[static_cast<unsigned char>(piece[static_cast<size_t>(i)])], i - 1,
          i + 1 < count ? i + 1 : -1};
    for (int32_t i = 0; i < count; ++i)
      offer(i);
    for (; !queue.empty();) {
      Candidate best = queue.top();
      queue.pop();
      Symbol &left = symbols[static_cast<size_t>(best.at)];
      // A symbol that was merged away has id -1, so an outdated candidate never matches.
      if (left.id != best.left || left.next < 0 ||
          symbols[static_cast<size_t>(left.next)].id != best.right)
        continue;
      Symbol &right = symbols[static_cast<size_t>(left.next)];
      left.id = best.id;
      left.next = right.next;
      right.id = -1;
      if (left.next >= 0)
        symbols[static_cast<size_t>(left.next)].previous = best.at;
      if (left.previous >= 0)
        offer(left.previous);
      offer(best.at);
    }
    for (int32_t at = 0; at >= 0; at = symbols[static_cast<size_t>(at)].next)
      ids.push_back(symbols[static_cast<size_t>(at)].id);
  }
};

// GPT-2 writes bytes as printable characters: those that are printable in Latin-1 stand for
// themselves, the others are U+0100 and up in order.
std::unordered_map<uint32_t, unsigned char> byteAlphabet() {
  std::unordered_map<uint32_t, unsigned char> bytes;
  uint32_t next = 256;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    bytes[printable ? byte : next++] = static_cast<unsigned char>(byte);
  }
  return bytes;
}

// The bytes a printable form stands for; the separator stands for its own letters.
std::string plainBytes(const std::string &printable,
                       const std::unordered_map<uint32_t, unsigned char> &alphabet) {
  std::string bytes;
  for (size_t at = 0; at < printable.size();) {
    Character c = characterAt(printable, at);
    auto found = alphabet.find(c.code);
    if (!c.valid || found == alphabet.end())
      return printable;
    bytes += static_cast<char>(found->second);
    at += c.length;
  }
  return bytes;
}

std::optional<Error> readMerges(const std::string &path, const VocabularyFile &vocabulary,
                                Gpt2Tokenizer &tokenizer) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.error();
  std::string_view rest = file->text();
  for (int64_t line = 1, rank = 0; !rest.empty(); ++line) {
    size_t end = rest.find('\n');
    std::string_view row = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (!row.empty() && row.back() == '\r')
      row.remove_suffix(1);
    if (row.empty() || (line == 1 && row.starts_with("#version")))
      continue;
    size_t space = row.find(' ');
    if (space == std::string_view::npos || row.find(' ', space + 1) != std::string_view::npos)
      return Error{
          fmt::format("'{}' line {}: a merge is two symbols with a space between", path, line)};
    std::string left(row.substr(0, space)), right(row.substr(space + 1));
    for (const std::string &symbol : {left, right, left + right})
      if (!vocabulary.ids.contains(symbol))
        return Error{
            fmt::format("'{}' line {}: symbol '{}' is not in encoder.json", path, line, symbol)};
    tokenizer.merges.try_emplace(
        pairKey(vocabulary.ids.at(left), vocabulary.ids.at(right)),
        Merge{static_cast<int32_t>(rank++), vocabulary.ids.at(left + right)});
  }
  return std::nullopt;
}

} // namespace

Result<std::unique_ptr<Tokenizer>> gpt2Tokenizer(const std::string &folder) {
  std::string path = folder + "/encoder.json";
  Result<VocabularyFile> vocabulary = readVocabularyFile(path);
  if (!vocabulary)
    return vocabulary.error();
  auto tokenizer = std::make_unique<Gpt2Tokenizer>();
  auto alphabet = byteAlphabet();
  tokenizer->bytesOf.resize(vocabulary->ids.size());
  for (const auto &[printable, id] : vocabulary->ids)
    tokenizer->bytesOf[static_cast<size_t>(id)] = plainBytes(printable, alphabet);
  for (const auto &[code, byte] : alphabet) {
    std::string printable;
    appendUtf8(printable, code);
    auto found = vocabulary->ids.find(printable);
    if (found == vocabulary->ids.end())
      return Error{fmt::format("'{}' has no token for byte 0x{:02x}", path, byte)};
    tokenizer->idOfByte[byte] = found->second;
  }
  if (auto found = vocabulary->ids.find("<|endoftext|>"); found != vocabulary->ids.end())
    tokenizer->separator = found->second;
  if (auto error = readMerges(folder + "/vocab.bpe", *vocabulary, *tokenizer))
    return *error;
  return std::unique_ptr<Tokenizer>(std::move(tokenizer));
}

} // namespace lnx
