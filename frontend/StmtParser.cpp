// StmtParser: the statements without a body.
// Each function stands at the first token of its statement.

#include "frontend/StmtParser.h"

namespace lnx {

using namespace ast;

StmtNode StmtParser::parse() {
  switch (cursor.peek().kind) {
  case TokenKind::Name:
    return parseNamed();
  case TokenKind::KwParam:
    return parseParam();
  case TokenKind::KwReturn:
    return parseReturn();
  case TokenKind::KwLaw:
    return parseLaw();
  case TokenKind::KwAssume:
    return parseAssume();
  case TokenKind::KwCheck:
    return parseCheck();
  default:
    return reject();
  }
}

StmtNode StmtParser::reject() {
  const bool isOperator = cursor.at(TokenKind::Plus) || cursor.at(TokenKind::Minus) ||
                          cursor.at(TokenKind::Star) || cursor.at(TokenKind::Slash) ||
                          cursor.at(TokenKind::At) || cursor.at(TokenKind::Caret);
  Diagnostic *d = cursor.expectedHere("a statement");
  if (d && isOperator)
    d->help("an operator between two lines stands at the end of the first");
  return std::nullopt;
}

/// NAME ( "=" | "<-" ) expr
StmtNode StmtParser::parseNamed() {
  const Token first = cursor.take();
  const Ident name{cursor.spelling(first), cursor.location(first)};
  const bool isStep = cursor.continuesWith(TokenKind::Step);
  if (!isStep && !cursor.continuesWith(TokenKind::Equal)) {
    Diagnostic *d = cursor.expected("'=' or '<-' behind '" + name.text + "'");
    if (const auto meant = nearest(name.text, keywords()); d && meant)
      d->help("did you mean '" + *meant + "'?");
    return std::nullopt;
  }
  cursor.take();
  ExprPtr value = exprs.parseExpr();
  if (!value)
    return std::nullopt;
  if (isStep)
    return Step{name, std::move(value)};
  return Assign{name, std::move(value)};
}

/// "param" NAME ":" "[" [ expr { "," expr } ] "]" "~" NAME [ args ]
StmtNode StmtParser::parseParam() {
  cursor.take();
  const std::optional<Ident> name = cursor.expectName("behind 'param'");
  if (!name || !cursor.expect(TokenKind::Colon, "behind '" + name->text + "'"))
    return std::nullopt;
  Param param{*name, {}, {}, nullptr};
  if (!parseShape(param))
    return std::nullopt;
  if (!cursor.continuesWith(TokenKind::Tilde)) {
    if (Diagnostic *d = cursor.expected("'~' behind the shape of '" + name->text + "'"))
      d->help("an initialiser follows, as in '~ normal(0.02)'");
    return std::nullopt;
  }
  cursor.take();
  param.init = exprs.parseNameOrCall("of an initialiser behind '~'");
  return param.init ? StmtNode(std::move(param)) : std::nullopt;
}

/// "[" [ expr { "," expr } ] "]"
bool StmtParser::parseShape(Param &param) {
  const std::optional<Token> open = cursor.expect(TokenKind::LeftBracket, "behind ':'");
  if (!open)
    return false;
  ++cursor.openBrackets;
  if (!cursor.at(TokenKind::RightBracket)) {
    do {
      ExprPtr size = exprs.parseExpr();
      if (!size)
        return false;
      param.shape.push_back(std::move(size));
    } while (cursor.takeIf(TokenKind::Comma));
  }
  if (!exprs.close(TokenKind::RightBracket, *open, Holds::List))
    return false;
  param.shapeLocation = cursor.since(cursor.location(*open));
  return true;
}

StmtNode StmtParser::parseReturn() {
  cursor.take();
  ExprPtr value = exprs.parseExpr();
  return value ? StmtNode(Return{std::move(value)}) : std::nullopt;
}

/// "law" NAME ( "=" | "<=" ) expr
StmtNode StmtParser::parseLaw() {
  cursor.take();
  const std::optional<Ident> name = cursor.expectName("behind 'law'");
  if (!name)
    return std::nullopt;
  const bool isEqual = cursor.continuesWith(TokenKind::Equal);
  if (!isEqual && !cursor.continuesWith(TokenKind::LessEqual)) {
    cursor.expected("'=' or '<=' behind '" + name->text + "'");
    return std::nullopt;
  }
  cursor.take();
  ExprPtr value = exprs.parseExpr();
  if (!value)
    return std::nullopt;
  return Law{*name, {isEqual ? CompareOp::Equal : CompareOp::LessEqual, std::move(value)}};
}

/// "assume" path [ args ] [ ( "<=" | ">=" ) expr ]
StmtNode StmtParser::parseAssume() {
  cursor.take();
  std::optional<Path> path = parsePath("behind 'assume'");
  if (!path)
    return std::nullopt;
  Assume assume{std::move(*path), {}, {}};
  if (cursor.continuesWith(TokenKind::LeftParen) &&
      !(assume.args = ExprParser(cursor, NamesAre::Paths).parseArgs()))
    return std::nullopt;
  if (!parseBound(assume.bound))
    return std::nullopt;
  return assume;
}

/// "check" path [ ( "<=" | ">=" ) expr ]
StmtNode StmtParser::parseCheck() {
  cursor.take();
  std::optional<Path> path = parsePath("behind 'check'");
  if (!path)
    return std::nullopt;
  Check check{std::move(*path), {}};
  if (!parseBound(check.bound))
    return std::nullopt;
  return check;
}

std::optional<Path> StmtParser::parsePath(const std::string &where) {
  std::optional<Ident> part = cursor.expectName(where);
  if (!part)
    return std::nullopt;
  Path path{{*part}, {}};
  while (cursor.continuesWith(TokenKind::Dot)) {
    cursor.take();
    if (!(part = cursor.expectName("behind '.'")))
      return std::nullopt;
    path.parts.push_back(*part);
  }
  path.location = cursor.since(path.parts.front().location);
  return path;
}

/// [ ( "<=" | ">=" ) expr ]; false after an error.
bool StmtParser::parseBound(std::optional<Bound> &bound) {
  const bool isUpper = cursor.continuesWith(TokenKind::LessEqual);
  if (!isUpper && !cursor.continuesWith(TokenKind::GreaterEqual)) {
    if (cursor.atLineEnd() || cursor.at(TokenKind::RightBrace))
      return true;
    cursor.expected("'<=', '>=' or end of line");
    return false;
  }
  cursor.take();
  bound = Bound{isUpper ? CompareOp::LessEqual : CompareOp::GreaterEqual, exprs.parseExpr()};
  return bound->value != nullptr;
}

} // namespace lnx
