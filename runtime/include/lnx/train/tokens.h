// tokens.h: token files: nanoGPT's raw uint16, llm.c's .bin, and plain text.
//
//   Result<Split> data = openSplit({.path = "bible.txt"}, *byteTokenizer());
//   data->training.size();
//
// Files are memory-mapped; nothing is read from them before it is used.
#ifndef LNX_TRAIN_TOKENS_H
#define LNX_TRAIN_TOKENS_H

#include "lnx/result.h"
#include "lnx/train/tokenizer.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lnx {

// A sequence of token ids, in one file or in several shards one after another.
class Tokens {
public:
  // Opens a token file, or every file that a pattern such as "train_*.bin" names. Files that begin
  // with llm.c's magic number are llm.c's, other names that end in .bin are nanoGPT's, everything
  // else is text for `tokenizer`.
  static Result<Tokens> open(const std::string &pattern, const Tokenizer &tokenizer);
  static Result<Tokens> fromText(std::string_view text, const Tokenizer &tokenizer);
  static Tokens fromIds(std::vector<int32_t> ids);
  Tokens(Tokens &&) noexcept;
  Tokens &operator=(Tokens &&) noexcept;
  ~Tokens();

  int64_t size() const { return count; }
  // What was found: "llm.c version 1, uint16", "text, byte".
  const std::string &format() const { return formatName; }
  // Copies tokens first .. first + ids.size() - 1, all of them inside.
  void copy(int64_t first, std::span<int32_t> ids) const;
  // Keeps `length` tokens from `first` on.
  void narrow(int64_t first, int64_t length);
  // Reads all of it once; the error names the first token outside the vocabulary.
  std::optional<Error> check(int64_t vocabulary) const;

private:
  struct Shard;
  Tokens();
  Result<bool> addFile(const std::string &path, const Tokenizer &tokenizer);
  void addShard(Shard shard);

  std::vector<Shard> shards;
  std::string formatName;
  int64_t start = 0; // first token, counted over all shards
  int64_t count = 0;
};

struct Split {
  Tokens training, heldOut;
};

struct SplitOptions {
  std::string path;
  std::string heldOutPath = {}; // empty: the end of `path` is held out
  double trainingShare = 0.9;   // of the characters of a text, of the tokens of a token file
};

Result<Split> openSplit(const SplitOptions &options, const Tokenizer &tokenizer);

// Splits text at a character, as nanoGPT does: the first floor(share * characters) train.
size_t splitPoint(std::string_view text, double share);

// Writes llm.c's format: uint16 when the vocabulary fits, else uint32. Replaces `path` only when
// all is written.
std::optional<Error> writeTokens(const std::string &path, const Tokens &tokens, int64_t vocabulary);

} // namespace lnx

#endif
