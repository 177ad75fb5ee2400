// UnicodeClasses.h: the classes of code points that the GPT-2 pattern tells apart, and UTF-8.
// Relies on nothing; a byte that is not UTF-8 counts as one character of class `other`.
#ifndef LNX_TRAIN_UNICODECLASSES_H
#define LNX_TRAIN_UNICODECLASSES_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lnx {

enum class CharacterClass { letter, number, space, other };

CharacterClass classOf(uint32_t code);

struct Character {
  uint32_t code = 0;
  size_t length = 0; // bytes; 1 for a byte that is not UTF-8
  bool valid = false;
};

// The character at `text[at]`; `at` is inside the text.
Character characterAt(std::string_view text, size_t at);

void appendUtf8(std::string &text, uint32_t code);

} // namespace lnx

#endif
