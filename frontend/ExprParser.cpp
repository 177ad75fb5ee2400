// ExprParser: precedence by one function a level, as the grammar is written.
// Left-leaning chains are loops, so only brackets, signs and powers use the stack.

#include "frontend/ExprParser.h"

#include <cmath>
#include <cstdlib>

namespace lnx {

using namespace ast;

bool NameList::add(Diagnostics &diagnostics, const Ident &name, const std::string &what) {
  const auto [first, isNew] = places.emplace(name.text, name.location);
  if (!isNew)
    diagnostics.error(name.location, what + " '" + name.text + "' is given twice")
        .note(first->second, "first given here");
  return isNew;
}

ExprPtr ExprParser::checked(ExprPtr expr) {
  if (expr->height <= Expr::maxHeight)
    return expr;
  // The chain may be huge; its last sign is the place.
  const Binary *b = expr->as<Binary>();
  cursor.diagnostics
      .error(b ? b->opLocation : expr->location,
             "expression is more than " + std::to_string(Expr::maxHeight) + " operations deep")
      .help("name a part of it with '='");
  return nullptr;
}

ExprPtr ExprParser::binary(BinaryOp op, Token sign, ExprPtr lhs, ExprPtr rhs) {
  const Location location = lhs->location.to(rhs->location);
  return checked(
      makeExpr(Binary{op, std::move(lhs), std::move(rhs), cursor.location(sign)}, location));
}

ExprPtr ExprParser::parseExpr() {
  ExprPtr lhs = parseTerm();
  while (lhs && (cursor.continuesWith(TokenKind::Plus) || cursor.continuesWith(TokenKind::Minus))) {
    const Token sign = cursor.take();
    ExprPtr rhs = parseTerm();
    if (!rhs)
      return nullptr;
    lhs = binary(sign.is(TokenKind::Plus) ? BinaryOp::Add : BinaryOp::Sub, sign, std::move(lhs),
                 std::move(rhs));
  }
  return lhs;
}

static std::optional<BinaryOp> termOperator(TokenKind kind) {
  switch (kind) {
  case TokenKind::Star:
    return BinaryOp::Mul;
  case TokenKind::Slash:
    return BinaryOp::Div;
  case TokenKind::At:
    return BinaryOp::MatMul;
  default:
    return std::nullopt;
  }
}

ExprPtr ExprParser::parseTerm() {
  ExprPtr lhs = parseUnary();
  while (lhs && !cursor.atLineEnd()) {
    const std::optional<BinaryOp> op = termOperator(cursor.peek().kind);
    if (!op)
      break;
    const Token sign = cursor.take();
    ExprPtr rhs = parseUnary();
    if (!rhs)
      return nullptr;
    lhs = binary(*op, sign, std::move(lhs), std::move(rhs));
  }
  return lhs;
}

ExprPtr ExprParser::parseUnary() {
  if (!cursor.at(TokenKind::Minus))
    return parsePower();
  const Cursor::Level level(cursor);
  if (!level)
    return nullptr;
  const Location sign = cursor.location(cursor.take());
  ExprPtr operand = parseUnary();
  if (!operand)
    return nullptr;
  const Location location = sign.to(operand->location);
  return checked(makeExpr(Negate{std::move(operand)}, location));
}

ExprPtr ExprParser::parsePower() {
  ExprPtr base = parsePost();
  if (!base || !cursor.continuesWith(TokenKind::Caret))
    return base;
  const Cursor::Level level(cursor);
  if (!level)
    return nullptr;
  const Token sign = cursor.take();
  ExprPtr exponent = parseUnary();
  return exponent ? binary(BinaryOp::Pow, sign, std::move(base), std::move(exponent)) : nullptr;
}

ExprPtr ExprParser::parsePost() {
  ExprPtr expr = parsePrimary();
  while (expr) {
    if (cursor.continuesWith(TokenKind::LeftParen)) {
      std::optional<std::vector<Arg>> args = parseArgs();
      if (!args)
        return nullptr;
      const Location location = cursor.since(expr->location);
      expr = checked(makeExpr(Call{std::move(expr), std::move(*args)}, location));
    } else if (cursor.continuesWith(TokenKind::LeftBracket)) {
      expr = parseIndexOf(std::move(expr));
    } else {
      break;
    }
  }
  return expr;
}

ExprPtr ExprParser::parsePrimary() {
  // An operand may follow on the next line, but not where that line is a statement of its own.
  const bool isNextStatement =
      cursor.atLineEnd() && cursor.at(TokenKind::Name) &&
      (cursor.peekSecond().is(TokenKind::Equal) || cursor.peekSecond().is(TokenKind::Step));
  if (!isNextStatement) {
    if (cursor.at(TokenKind::Number))
      return parseNumber();
    if (cursor.at(TokenKind::Name))
      return parseName();
    if (cursor.at(TokenKind::LeftParen))
      return parseBrackets();
  }
  Diagnostic *d = cursor.expected("an expression");
  if (d && isKeyword(cursor.peek().kind) && !cursor.atLineEnd())
    d->note(cursor.found() + " is a word of the language");
  return nullptr;
}

ExprPtr ExprParser::parseNumber() {
  const Token token = cursor.take();
  if (names == NamesAre::Paths && cursor.at(TokenKind::Dot)) {
    cursor.diagnostics.error(cursor.location(token), "a path begins with a name")
        .help("leave the layer out: an assumption holds for every layer");
    return nullptr;
  }
  const std::string spelling = cursor.spelling(token);
  // Overflow gives infinity, underflow a zero with digits in it.
  const double value = std::strtod(spelling.c_str(), nullptr);
  const bool isZero = spelling.substr(0, spelling.find_first_of("eE")).find_first_of("123456789") ==
                      std::string::npos;
  if (std::isinf(value) || (value == 0 && !isZero)) {
    cursor.diagnostics.error(cursor.location(token), "number '" + spelling + "' is too " +
                                                         (value == 0 ? "small" : "large") +
                                                         " for a double");
    return nullptr;
  }
  return makeNumber(spelling, cursor.location(token));
}

ExprPtr ExprParser::parseName() {
  const Token token = cursor.take();
  std::string text = cursor.spelling(token);
  const Location first = cursor.location(token);
  while (names == NamesAre::Paths && cursor.continuesWith(TokenKind::Dot)) {
    cursor.take();
    const std::optional<Ident> part = cursor.expectName("behind '.'");
    if (!part)
      return nullptr;
    text += "." + part->text;
  }
  return makeExpr(Name{std::move(text)}, cursor.since(first));
}

bool ExprParser::close(TokenKind closing, const Token &open, Holds holds) {
  if (!cursor.at(closing)) {
    if (Diagnostic *d =
            cursor.expected((holds == Holds::List ? "',' or " : "") + describe(closing)))
      d->note(cursor.location(open), describe(open.kind) + " is opened here");
    return false;
  }
  cursor.take();
  --cursor.openBrackets;
  return true;
}

ExprPtr ExprParser::parseBrackets() {
  const Cursor::Level level(cursor);
  if (!level)
    return nullptr;
  const Token open = cursor.take();
  ++cursor.openBrackets;
  ExprPtr inner = parseExpr();
  if (!inner || !close(TokenKind::RightParen, open, Holds::One))
    return nullptr;
  return inBrackets(std::move(inner), cursor.since(cursor.location(open)));
}

ExprPtr ExprParser::parseIndexOf(ExprPtr base) {
  const Cursor::Level level(cursor);
  if (!level)
    return nullptr;
  const Token open = cursor.take();
  ++cursor.openBrackets;
  ExprPtr index = parseExpr();
  if (!index)
    return nullptr;
  if (cursor.at(TokenKind::Comma)) {
    if (Diagnostic *d = cursor.expected("']'"))
      d->help("index twice: '" + std::string(base->location.spelling()) + "[...][...]'");
    return nullptr;
  }
  if (!close(TokenKind::RightBracket, open, Holds::One))
    return nullptr;
  const Location location = cursor.since(base->location);
  return checked(makeExpr(Index{std::move(base), std::move(index)}, location));
}

std::optional<std::vector<Arg>> ExprParser::parseArgs() {
  const Cursor::Level level(cursor);
  if (!level)
    return std::nullopt;
  const Token open = cursor.take();
  ++cursor.openBrackets;
  std::vector<Arg> args;
  NameList given;
  bool isGood = true;
  if (!cursor.at(TokenKind::RightParen)) {
    do {
      std::optional<Arg> arg = parseArg();
      if (!arg)
        return std::nullopt;
      if (arg->isNamed())
        isGood &= given.add(cursor.diagnostics, arg->name, "argument");
      args.push_back(std::move(*arg));
    } while (cursor.takeIf(TokenKind::Comma));
  }
  if (!close(TokenKind::RightParen, open, Holds::List) || !isGood)
    return std::nullopt;
  return args;
}

std::optional<Arg> ExprParser::parseArg() {
  Arg arg;
  if (cursor.at(TokenKind::Name) && cursor.peekSecond().is(TokenKind::Equal)) {
    arg.name = *cursor.expectName("");
    cursor.take();
  }
  arg.value = parseExpr();
  return arg.value ? std::optional(std::move(arg)) : std::nullopt;
}

ExprPtr ExprParser::parseNameOrCall(const std::string &where) {
  if (!cursor.at(TokenKind::Name)) { // on this line or, behind a sign, on the next
    cursor.expectName(where);
    return nullptr;
  }
  const Token name = cursor.take();
  const Location begin = cursor.location(name);
  ExprPtr callee = makeExpr(Name{cursor.spelling(name)}, begin);
  if (!cursor.continuesWith(TokenKind::LeftParen))
    return callee;
  std::optional<std::vector<Arg>> args = parseArgs();
  if (!args)
    return nullptr;
  return makeExpr(Call{std::move(callee), std::move(*args)}, cursor.since(begin));
}

ExprPtr ExprParser::parseCall(const std::string &where) {
  ExprPtr call = parseNameOrCall(where);
  if (!call || call->as<Call>())
    return call;
  if (Diagnostic *d = cursor.expected("'(' behind '" + *call->name() + "'"))
    d->help("take its defaults: '" + *call->name() + "()'");
  return nullptr;
}

} // namespace lnx
