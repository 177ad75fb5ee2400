// Utf8: code points of a text, and how they look on a terminal.
// Knows just enough of Unicode to count columns, to accept letters in names and to refuse what
// hides.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lnx {

/// One decoded code point. On invalid bytes `isValid` is false and `length` is 1.
struct CodePoint {
  char32_t value = 0;
  uint32_t length = 1;
  bool isValid = true;
};

/// Decodes strictly (no overlong forms, no surrogates, at most U+10FFFF). `offset` is inside
/// `text`.
CodePoint decode(std::string_view text, size_t offset);

std::string encode(char32_t value);

/// What is refused wherever it stands, since a reader cannot see it.
enum class Hidden { No, Control, Bidirectional, ZeroWidth };
Hidden hidden(char32_t value);

/// May stand in a name (ASCII letters, digits and '_' included).
bool isNameStart(char32_t value);
bool isNameContinue(char32_t value);

/// Terminal columns: 0 for combining marks, 2 for wide East Asian characters, else 1.
uint32_t displayWidth(char32_t value);

/// "U+202E"
std::string codePointName(char32_t value);

} // namespace lnx
