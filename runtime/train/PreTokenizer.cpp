// PreTokenizer.cpp: one alternative of the pattern after the other.
// A byte that is not UTF-8 is a character of class `other`.
#include "runtime/train/PreTokenizer.h"
#include "runtime/train/UnicodeClasses.h"

namespace lnx {

static CharacterClass classAt(std::string_view text, size_t at, size_t &length) {
  Character c = characterAt(text, at);
  length = c.length;
  return c.valid ? classOf(c.code) : CharacterClass::other;
}

static size_t contractionLength(std::string_view rest) {
  if (rest.size() < 2 || rest[0] != '\'')
    return 0;
  if (std::string_view("stmd").find(rest[1]) != std::string_view::npos)
    return 2;
  std::string_view two = rest.substr(1, 2);
  return two == "re" || two == "ve" || two == "ll" ? 3 : 0;
}

// End of the run of `wanted` from `at`; `last` is where its last character starts.
static size_t runEnd(std::string_view text, size_t at, CharacterClass wanted, size_t &last) {
  size_t length = 0;
  for (; at < text.size() && classAt(text, at, length) == wanted; at += length)
    last = at;
  return at;
}

size_t pieceLength(std::string_view text, size_t at) {
  if (size_t length = contractionLength(text.substr(at)))
    return length;
  size_t length = 0, last = at;
  size_t word = at + (text[at] == ' ' ? 1 : 0);
  if (word < text.size()) {
    CharacterClass kind = classAt(text, word, length);
    if (kind != CharacterClass::space)
      return runEnd(text, word, kind, last) - at;
  }
  // The look-ahead gives the last white-space character to the word that follows, unless it would
  // leave nothing.
  size_t end = runEnd(text, at, CharacterClass::space, last);
  return (end == text.size() || last == at ? end : last) - at;
}

} // namespace lnx
