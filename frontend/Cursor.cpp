// Cursor: look-ahead, expectations and limits.
// An unexpected token is reported once, however many rules fail on it.

#include "frontend/Cursor.h"

namespace lnx {

Cursor::Cursor(const Source &source, Diagnostics &diagnostics)
    : diagnostics(diagnostics), source(source), lexer(source, diagnostics),
      lastBegin(source.begin()), lastEnd(source.begin()) {
  ahead.push_back(lex());
}

Token Cursor::lex() {
  if (tokens == maxTokens) {
    Token end;
    end.startsLine = true;
    end.begin = end.end = ahead.empty() ? lastEnd : ahead.back().end;
    return end;
  }
  Token token = lexer.next();
  if (++tokens == maxTokens)
    diagnostics.error(location(token),
                      "file has more than " + std::to_string(maxTokens) + " words and signs");
  return token;
}

const Token &Cursor::peekSecond() {
  if (ahead.size() < 2)
    ahead.push_back(lex());
  return ahead[1];
}

bool Cursor::atLineEnd() const {
  return at(TokenKind::End) || (peek().startsLine && !openBrackets);
}

Token Cursor::takeBare() {
  Token token = std::move(ahead.front());
  ahead.pop_front();
  if (ahead.empty())
    ahead.push_back(lex());
  lastBegin = token.begin;
  lastEnd = token.end;
  return token;
}

Token Cursor::take() {
  Token token = takeBare();
  for (const Comment &comment : token.comments)
    strayComments.push_back(text(comment));
  return token;
}

bool Cursor::takeIf(TokenKind kind) {
  if (!at(kind))
    return false;
  take();
  return true;
}

std::optional<Token> Cursor::expect(TokenKind kind, const std::string &where) {
  if (at(kind))
    return take();
  expected(describe(kind) + (where.empty() ? "" : " ") + where);
  return std::nullopt;
}

std::optional<ast::Ident> Cursor::expectName(const std::string &where) {
  if (at(TokenKind::Name) && !atLineEnd()) {
    const Token token = take();
    return ast::Ident{spelling(token), location(token)};
  }
  Diagnostic *d = expected("a name " + where);
  if (d && isKeyword(peek().kind) && !atLineEnd())
    d->note(found() + " is a word of the language");
  return std::nullopt;
}

std::string Cursor::quoted() const {
  if (at(TokenKind::End))
    return describe(TokenKind::End);
  std::string word = spelling(peek());
  constexpr size_t longest = 40;
  if (word.size() > longest) {
    size_t cut = longest;
    while ((word[cut] & 0xc0) == 0x80)
      --cut;
    word = word.substr(0, cut) + "...";
  }
  return "'" + word + "'";
}

std::string Cursor::found() const {
  return atLineEnd() && !at(TokenKind::End) ? "end of line" : quoted();
}

Diagnostic *Cursor::expected(const std::string &what) {
  return report(atLineEnd() && lastEnd > lastBegin ? last().after() : here(), what, found());
}

Diagnostic *Cursor::expectedHere(const std::string &what) { return report(here(), what, quoted()); }

Diagnostic *Cursor::report(Location place, const std::string &what, const std::string &found) {
  const bool isNew = reportedAt != peek().begin && !at(TokenKind::Invalid);
  reportedAt = peek().begin;
  return isNew ? &diagnostics.error(place, "expected " + what + ", found " + found) : nullptr;
}

std::string Cursor::text(const Comment &comment) const {
  return std::string(Location(&source, comment.begin, comment.end).spelling());
}

bool Cursor::expectLineEnd() {
  if (atLineEnd() || at(TokenKind::RightBrace))
    return true;
  expected("end of line");
  return false;
}

std::vector<std::string> Cursor::commentsBefore(bool isFirst) const {
  std::vector<std::string> result;
  const auto blank = [&](bool isThere) {
    if (isThere && !(isFirst && result.empty()))
      result.emplace_back();
  };
  for (const Comment &comment : peek().comments) {
    blank(comment.hasBlankBefore);
    result.push_back(text(comment));
  }
  blank(peek().hasBlankBefore);
  return result;
}

std::vector<std::string> Cursor::commentsBeforeEnd(bool isFirst) const {
  std::vector<std::string> result = commentsBefore(isFirst);
  if (!result.empty() && result.back().empty())
    result.pop_back();
  return result;
}

std::string Cursor::takeTrailingComment() {
  std::vector<Comment> &comments = ahead.front().comments;
  if (comments.empty() || comments.front().startsLine)
    return {};
  std::string result = text(comments.front());
  comments.erase(comments.begin());
  return result;
}

Cursor::Level::Level(Cursor &cursor)
    : cursor(cursor), isAllowed(++cursor.nesting <= Cursor::maxNesting) {
  if (isAllowed || cursor.reportedAt == cursor.peek().begin)
    return;
  cursor.reportedAt = cursor.peek().begin;
  cursor.diagnostics.error(cursor.here(),
                           "nested more than " + std::to_string(maxNesting) + " levels deep");
}

} // namespace lnx
