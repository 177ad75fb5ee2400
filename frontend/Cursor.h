// Cursor: the parser's place in the tokens, what it expects there and what it says when it is not.
// Also keeps the comments that stand inside a statement, and guards nesting.
#pragma once

#include "frontend/Ast.h"
#include "frontend/Lexer.h"

#include <deque>

namespace lnx {

class Cursor {
public:
  static constexpr uint32_t maxNesting = 256;
  /// Bounds the memory of a tree: two million tokens need some 400 MB at worst.
  static constexpr uint32_t maxTokens = 1 << 21;

  Cursor(const Source &source, Diagnostics &diagnostics);

  const Token &peek() const { return ahead.front(); }
  /// The token behind the next one.
  const Token &peekSecond();
  bool at(TokenKind kind) const { return peek().is(kind); }
  /// The next token does not belong to the running statement.
  bool atLineEnd() const;
  /// As `at`, but an operator on a new line belongs to no expression.
  bool continuesWith(TokenKind kind) const { return at(kind) && !atLineEnd(); }

  /// Consumes a token; its comments become stray comments of the running statement.
  Token take();
  /// Consumes a token without its comments.
  Token takeBare();
  bool takeIf(TokenKind kind);
  /// Consumes a token of this kind or reports that it is missing `where`: "behind 'x'".
  std::optional<Token> expect(TokenKind kind, const std::string &where);
  std::optional<ast::Ident> expectName(const std::string &where);

  /// Reports "expected WHAT, found ..."; null if this place was reported already.
  Diagnostic *expected(const std::string &what);
  /// The same about the token itself, where no line is running.
  Diagnostic *expectedHere(const std::string &what);
  /// How the next token is named in messages: "'foo'", "end of line".
  std::string found() const;

  Location location(const Token &token) const { return Location(&source, token.begin, token.end); }
  Location here() const { return location(peek()); }
  /// The last consumed token.
  Location last() const { return Location(&source, lastBegin, lastEnd); }
  /// From the start of `first` to the last consumed token.
  Location since(Location first) const { return first.to(last()); }
  std::string text(const Comment &comment) const;
  std::string spelling(const Token &token) const { return std::string(location(token).spelling()); }
  bool startsDecl() const { return at(TokenKind::KwModel) || at(TokenKind::KwDef); }
  /// A statement ends with its line, its body or the file; otherwise reports.
  bool expectLineEnd();

  /// The comments before the next token, with an empty string for blank lines between them.
  /// `isFirst`: nothing stands before it in its body, so blank lines at the start are dropped.
  std::vector<std::string> commentsBefore(bool isFirst) const;
  /// The same before a closing brace or the end of the file.
  std::vector<std::string> commentsBeforeEnd(bool isFirst) const;
  /// Takes the comment on the line of the last consumed token, or an empty string.
  std::string takeTrailingComment();
  /// The comments of the next token have found their place.
  void dropComments() { ahead.front().comments.clear(); }
  /// The file has too many tokens and was not read to its end.
  bool isTruncated() const { return tokens >= maxTokens; }

  /// Between brackets a newline is white space; a body starts afresh.
  uint32_t openBrackets = 0;
  /// Comments inside the running statement; they move in front of it.
  std::vector<std::string> strayComments;

  Diagnostics &diagnostics;

  /// One level of nesting as long as it lives; tests false when there are too many.
  class Level {
  public:
    explicit Level(Cursor &cursor);
    ~Level() { --cursor.nesting; }
    Level(const Level &) = delete;
    Level &operator=(const Level &) = delete;
    explicit operator bool() const { return isAllowed; }

  private:
    Cursor &cursor;
    bool isAllowed;
  };

private:
  Token lex();
  std::string quoted() const;
  Diagnostic *report(Location place, const std::string &what, const std::string &found);

  const Source &source;
  Lexer lexer;
  std::deque<Token> ahead;
  uint32_t lastBegin, lastEnd;
  uint32_t nesting = 0;
  uint32_t tokens = 0;
  std::optional<uint32_t> reportedAt;
};

} // namespace lnx
