// PreTokenizer.h: cuts text into the pieces inside which GPT-2 merges bytes.
// Linear time, written by hand because the pattern has a look-ahead.
#ifndef LNX_TRAIN_PRETOKENIZER_H
#define LNX_TRAIN_PRETOKENIZER_H

#include <cstddef>
#include <string_view>

namespace lnx {

// Length in bytes of the piece that starts at `text[at]`; `at` is inside the text. The pattern is
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
size_t pieceLength(std::string_view text, size_t at);

} // namespace lnx

#endif
