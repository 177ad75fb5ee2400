// Lexer: text to tokens, one at a time, with the comments that stand before each.
// Newlines are a mark on the next token: whether one ends a statement is the parser's to say.
#pragma once

#include "frontend/Diagnostics.h"

#include <string_view>
#include <vector>

namespace lnx {

enum class TokenKind : uint8_t {
  End,
  Invalid, // reported already
  Number,
  Name,
#define LNX_KEYWORD(Id, text) Id,
#define LNX_SYMBOL(Id, text) Id,
#include "frontend/Tokens.def"
};

/// How a kind is named in messages: "'<-'", "a name", "end of file".
std::string describe(TokenKind kind);
bool isKeyword(TokenKind kind);
/// The spellings of all keywords.
std::vector<std::string> keywords();

struct Comment {
  uint32_t begin = 0, end = 0; // with its '#', without blanks at its end
  bool startsLine = false;
  bool hasBlankBefore = false; // an empty line before it
};

struct Token {
  TokenKind kind = TokenKind::End;
  bool startsLine = false;     // the first of its line, or the end of the file
  bool hasBlankBefore = false; // an empty line between the last comment, or token, and this
  uint32_t begin = 0, end = 0;
  std::vector<Comment> comments; // before this token

  bool is(TokenKind k) const { return kind == k; }
};

/// Refuses what may stand nowhere: bytes that are not UTF-8, control, bidirectional and zero-width
/// characters, more than 16 MiB. False after an error.
bool checkText(const Source &source, Diagnostics &diagnostics);

class Lexer {
public:
  /// `source` has passed checkText.
  Lexer(const Source &source, Diagnostics &diagnostics);

  Token next();

  /// The bytes of one name or number; messages quote them whole.
  static constexpr size_t maxWord = 1024;

private:
  void skipBlanks(Token &token);
  TokenKind lexToken();
  TokenKind lexNumber();
  TokenKind lexName();
  TokenKind lexSymbol();
  TokenKind lexUnknown();
  bool isTooLong(size_t begin);
  bool startsWith(std::string_view word) const { return text.substr(at).starts_with(word); }
  char peek(size_t ahead = 0) const { return at + ahead < text.size() ? text[at + ahead] : '\0'; }
  Location here(size_t begin) const { return Location(&source, uint32_t(begin), uint32_t(at)); }

  const Source &source;
  Diagnostics &diagnostics;
  std::string_view text;
  size_t at;
};

} // namespace lnx
