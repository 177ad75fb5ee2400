// tokenizer.h: text to token ids and back.
//
//   Result<std::unique_ptr<Tokenizer>> gpt2 = gpt2Tokenizer("data/gpt2");
//   Result<std::vector<int32_t>> ids = (*gpt2)->encode("Hello world"); // 15496, 995
//
// decode(encode(text)) is the text again, for any bytes that encode accepts.
#ifndef LNX_TRAIN_TOKENIZER_H
#define LNX_TRAIN_TOKENIZER_H

#include "lnx/result.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lnx {

class Tokenizer {
public:
  virtual ~Tokenizer() = default;
  // "byte", "char" or "gpt2".
  virtual std::string_view name() const = 0;
  // Ids are 0 .. vocabulary() - 1.
  virtual int64_t vocabulary() const = 0;
  // The id that separates documents, -1 when there is none; encode never returns it.
  virtual int32_t endOfText() const = 0;
  // Errors: text that the vocabulary cannot spell, with the byte where it begins.
  virtual Result<std::vector<int32_t>> encode(std::string_view text) const = 0;
  // Errors: an id outside the vocabulary.
  virtual Result<std::string> decode(std::span<const int32_t> ids) const = 0;
};

// One id per byte, and 256 for the end of a text: 257 ids, no file needed.
std::unique_ptr<Tokenizer> byteTokenizer();

// One id per character of `sample`, in the order of their code points. Errors: no text, not UTF-8.
Result<std::unique_ptr<Tokenizer>> characterTokenizer(std::string_view sample);

// GPT-2's byte-pair encoding, from encoder.json and vocab.bpe in `folder`. Errors name the file and
// what is wrong with it.
Result<std::unique_ptr<Tokenizer>> gpt2Tokenizer(const std::string &folder);

} // namespace lnx

#endif
