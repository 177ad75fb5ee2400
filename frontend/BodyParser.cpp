// BodyParser: bodies, the statements that have one, and how to go on after an error.
// Recovery is by statement: skip to the next line that begins one, or to the end of the body.

#include "frontend/BodyParser.h"

#include <utility>

namespace lnx {

using namespace ast;

bool BodyParser::startsStmt() {
  if (cursor.at(TokenKind::Name))
    return cursor.peekSecond().is(TokenKind::Equal) || cursor.peekSecond().is(TokenKind::Step);
  return isKeyword(cursor.peek().kind) && !cursor.startsDecl() && !cursor.at(TokenKind::KwElse);
}

/// Skips the rest of a broken statement that began at `begin`, with the bodies it has. Inside
/// brackets a new line says little, so there only what looks like a statement is taken for one.
void BodyParser::skipToStmt(Location begin) {
  isBroken = true;
  const bool wasInBrackets = std::exchange(cursor.openBrackets, 0) > 0;
  for (uint32_t bodies = 0; !cursor.at(TokenKind::End); cursor.takeBare()) {
    const bool isNewLine = cursor.peek().startsLine && cursor.here() != begin;
    if (isNewLine &&
        (cursor.startsDecl() ||
         (bodies == 0 && (wasInBrackets ? startsStmt() : !cursor.at(TokenKind::KwElse)))))
      return;
    if (cursor.at(TokenKind::LeftBrace))
      ++bodies;
    if (cursor.at(TokenKind::RightBrace) && bodies-- == 0)
      return;
  }
}

/// Only a body of one plain statement may stay on one line.
static void markOneLine(Body &body) {
  if (body.stmts.size() != 1 || !body.opening.empty() || !body.closing.empty())
    return;
  const Stmt &stmt = *body.stmts.front();
  const bool isPlain = !stmt.as<Repeat>() && !stmt.as<If>();
  body.onOneLine = isPlain && body.location.spelling().find('\n') == std::string_view::npos;
}

std::optional<Body> BodyParser::parseBody(const std::string &where) {
  const Cursor::Level level(cursor);
  if (!level)
    return std::nullopt;
  if (!cursor.at(TokenKind::LeftBrace)) {
    cursor.expected("'{'" + (where.empty() ? "" : " " + where));
    return std::nullopt;
  }
  const Token open = cursor.take();
  Body body;
  body.opening = cursor.takeTrailingComment();
  if (!parseStmts(body, open))
    return std::nullopt;
  body.closing = cursor.commentsBeforeEnd(body.stmts.empty());
  cursor.takeBare();
  body.location = cursor.since(cursor.location(open));
  markOneLine(body);
  return body;
}

/// Statements up to the "}", which is not consumed. A broken one does not break the body.
bool BodyParser::parseStmts(Body &body, const Token &open) {
  while (!cursor.at(TokenKind::RightBrace)) {
    if (cursor.at(TokenKind::End) || cursor.startsDecl()) {
      if (Diagnostic *d = cursor.expectedHere("'}'"))
        d->note(cursor.location(open), "'{' is opened here");
      return false;
    }
    if (cursor.diagnostics.isFull())
      return false;
    const Location begin = cursor.here();
    if (StmtPtr stmt = parseStmt(body.stmts.empty()))
      body.stmts.push_back(std::move(stmt));
    else
      skipToStmt(begin);
  }
  return true;
}

// Statements

StmtPtr BodyParser::parseStmt(bool isFirst) {
  auto stmt = std::make_shared<Stmt>();
  stmt->comments.before = cursor.commentsBefore(isFirst);
  std::vector<std::string> outer;
  std::swap(outer, cursor.strayComments);
  const Location begin = cursor.here();
  cursor.dropComments();
  StmtNode node = parseStmtNode();
  const bool isGood = node && cursor.expectLineEnd();
  std::swap(outer, cursor.strayComments);
  if (!isGood)
    return nullptr;
  stmt->node = std::move(*node);
  stmt->location = cursor.since(begin);
  for (std::string &comment : outer)
    stmt->comments.before.push_back(std::move(comment));
  stmt->comments.after = cursor.takeTrailingComment();
  return stmt;
}

StmtNode BodyParser::parseStmtNode() {
  if (cursor.at(TokenKind::KwRepeat))
    return parseRepeat();
  if (cursor.at(TokenKind::KwIf))
    return parseIf();
  return plain.parse();
}

/// "repeat" NAME "in" expr ".." expr body
StmtNode BodyParser::parseRepeat() {
  cursor.take();
  const std::optional<Ident> index = cursor.expectName("behind 'repeat'");
  if (!index)
    return std::nullopt;
  if (cursor.atLineEnd() || cursor.spelling(cursor.peek()) != "in") {
    cursor.expected("'in' behind '" + index->text + "'");
    return std::nullopt;
  }
  cursor.take();
  ExprPtr first = exprs.parseExpr();
  if (!first || !cursor.expect(TokenKind::DotDot, "in the range of 'repeat'"))
    return std::nullopt;
  ExprPtr last = exprs.parseExpr();
  if (!last)
    return std::nullopt;
  std::optional<Body> body = parseBody("behind the range of 'repeat'");
  if (!body)
    return std::nullopt;
  return Repeat{*index, std::move(first), std::move(last), std::move(*body)};
}

static std::optional<CompareOp> compareOperator(TokenKind kind) {
  switch (kind) {
  case TokenKind::Less:
    return CompareOp::Less;
  case TokenKind::LessEqual:
    return CompareOp::LessEqual;
  case TokenKind::Greater:
    return CompareOp::Greater;
  case TokenKind::GreaterEqual:
    return CompareOp::GreaterEqual;
  case TokenKind::EqualEqual:
    return CompareOp::Equal;
  case TokenKind::NotEqual:
    return CompareOp::NotEqual;
  default:
    return std::nullopt;
  }
}

std::optional<Condition> BodyParser::parseCondition() {
  Condition condition;
  condition.lhs = exprs.parseExpr();
  if (!condition.lhs)
    return std::nullopt;
  const std::optional<CompareOp> op = compareOperator(cursor.peek().kind);
  if (!op || cursor.atLineEnd()) {
    Diagnostic *d = cursor.expected("a comparison");
    if (d && cursor.at(TokenKind::Equal))
      d->help("equality of numbers is written '=='");
    return std::nullopt;
  }
  condition.op = *op;
  condition.opLocation = cursor.location(cursor.take());
  condition.rhs = exprs.parseExpr();
  if (!condition.rhs)
    return std::nullopt;
  condition.location = condition.lhs->location.to(condition.rhs->location);
  return condition;
}

/// "if" cond body [ "else" ( body | if ) ]
std::optional<If> BodyParser::parseIf() {
  const Cursor::Level level(cursor);
  if (!level)
    return std::nullopt;
  cursor.take();
  If result;
  std::optional<Condition> condition = parseCondition();
  if (!condition)
    return std::nullopt;
  result.condition = std::move(*condition);
  std::optional<Body> then = parseBody("behind the condition");
  if (!then)
    return std::nullopt;
  result.then = std::move(*then);
  if (cursor.takeIf(TokenKind::KwElse) && !parseElse(result))
    return std::nullopt;
  return result;
}

bool BodyParser::parseElse(If &stmt) {
  if (!cursor.at(TokenKind::KwIf) || cursor.atLineEnd()) {
    stmt.otherwise = parseBody("behind 'else'");
    return stmt.otherwise.has_value();
  }
  const Location begin = cursor.here();
  std::optional<If> inner = parseIf();
  if (!inner)
    return false;
  auto only = std::make_shared<Stmt>();
  only->node = std::move(*inner);
  only->location = cursor.since(begin);
  stmt.otherwise.emplace();
  stmt.otherwise->location = only->location;
  stmt.otherwise->stmts.push_back(std::move(only));
  stmt.isChained = true;
  return true;
}

} // namespace lnx
