// TokenCursor: a place in the tokens, what may stand there, and the first error.
// The parser's productions are built on it; it knows literals and no grammar.
#ifndef LNX_TEST_EMULATOR_TOKENCURSOR_H
#define LNX_TEST_EMULATOR_TOKENCURSOR_H

#include "emulator/Lexer.h"
#include "emulator/Syntax.h"

#include <algorithm>

namespace emulator {

class TokenCursor {
public:
  explicit TokenCursor(Tokens lexed) : tokens(std::move(lexed.tokens)) {
    if (!lexed.error.empty())
      fail(lexed.error, lexed.errorLine);
  }

protected:
  const Token &peek(size_t ahead = 0) const {
    return tokens[std::min(position + ahead, tokens.size() - 1)];
  }
  bool ok() const { return error.empty(); }
  bool at(std::string_view punctuation) const {
    return peek().kind == Token::Kind::Punctuation && peek().text == punctuation;
  }
  bool take(std::string_view punctuation) {
    if (!at(punctuation))
      return false;
    ++position;
    return true;
  }
  bool takeDotted(std::string_view word) {
    if (peek().kind != Token::Kind::Dotted || peek().text != word)
      return false;
    ++position;
    return true;
  }
  void expect(std::string_view punctuation) {
    if (!take(punctuation))
      fail("expected '" + std::string(punctuation) + "', found '" + std::string(peek().text) + "'");
  }
  std::string word() {
    if (peek().kind != Token::Kind::Word)
      fail("expected a name, found '" + std::string(peek().text) + "'");
    return std::string(tokens[advance()].text);
  }
  size_t advance() { return position + 1 < tokens.size() ? position++ : position; }
  void fail(std::string what, uint32_t line = 0) {
    if (ok())
      error = "line " + std::to_string(line ? line : peek().line) + ": " + what;
  }

  // Literals: a decimal or hexadecimal magnitude, with a sign, or any constant.
  uint64_t magnitude(std::string_view text);
  int64_t integer();
  Operand number(bool negative);

  std::vector<Token> tokens;
  size_t position = 0;
  std::string error;
};

} // namespace emulator

#endif
