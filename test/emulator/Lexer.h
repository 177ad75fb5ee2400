// Lexer: PTX text as tokens with their lines.
// The parser relies on dotted words (`.global`, `.shared::cta`) being tokens of their own.
#ifndef LNX_TEST_EMULATOR_LEXER_H
#define LNX_TEST_EMULATOR_LEXER_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace emulator {

struct Token {
  enum class Kind : uint8_t { Word, Dotted, Number, String, Punctuation, End };
  Kind kind = Kind::End;
  std::string_view text; // of a dotted word without its dot, of a string without its quotes
  uint32_t line = 0;
};

struct Tokens {
  std::vector<Token> tokens; // the last one is End
  std::string error;         // empty, or what line `errorLine` holds that is no PTX
  uint32_t errorLine = 0;
};

// The tokens point into `text`.
Tokens lex(std::string_view text);

} // namespace emulator

#endif
