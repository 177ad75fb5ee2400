// Parser: files and their declarations.
// After an error the next line that begins with 'model' or 'def' is taken up.

#include "frontend/Parser.h"
#include "frontend/BodyParser.h"

namespace lnx {

using namespace ast;

namespace {
class Parser {
public:
  Parser(SourcePtr source, Diagnostics &diagnostics)
      : cursor(*source, diagnostics), exprs(cursor), bodies(cursor), source(std::move(source)) {}

  FilePtr parseFile();
  ExprPtr parseOnlyExpr();

private:
  DeclPtr parseDecl();
  bool parseModelRest(Decl &decl);
  bool parseDefRest(Decl &decl);
  std::optional<Sig> parseSig();
  bool parseFormals(Sig &sig);
  bool parseBodyOf(Decl &decl);
  void skipToDecl();
  void reportNoDecl();

  Cursor cursor;
  ExprParser exprs;
  BodyParser bodies;
  SourcePtr source;
  bool hasFailed = false;
};
} // namespace

void Parser::skipToDecl() {
  hasFailed = true;
  cursor.openBrackets = 0;
  while (!cursor.at(TokenKind::End) && !(cursor.peek().startsLine && cursor.startsDecl()))
    cursor.takeBare();
}

FilePtr Parser::parseFile() {
  auto file = std::make_shared<File>();
  file->source = source;
  while (!cursor.at(TokenKind::End) && !cursor.diagnostics.isFull()) {
    if (DeclPtr decl = parseDecl())
      file->decls.push_back(std::move(decl));
    else
      skipToDecl();
  }
  file->closing = cursor.commentsBeforeEnd(file->decls.empty());
  if (hasFailed || bodies.hasFailed() || cursor.isTruncated())
    return nullptr;
  if (file->decls.empty()) {
    const Location start(source.get(), source->begin(), source->begin());
    cursor.diagnostics.error(start, source->text().size() == source->begin()
                                        ? "file is empty"
                                        : "file has no model and no def");
    return nullptr;
  }
  return file;
}

ExprPtr Parser::parseOnlyExpr() {
  ++cursor.openBrackets; // newlines are white space
  ExprPtr expr = exprs.parseExpr();
  if (expr && !cursor.at(TokenKind::End)) {
    cursor.expected("end of the expression");
    return nullptr;
  }
  return cursor.isTruncated() ? nullptr : expr;
}

void Parser::reportNoDecl() {
  const bool isStmt = isKeyword(cursor.peek().kind) ||
                      (cursor.at(TokenKind::Name) && !cursor.peekSecond().is(TokenKind::Name));
  const std::string word = cursor.spelling(cursor.peek());
  Diagnostic *d = cursor.expectedHere("'model' or 'def'");
  if (!d)
    return;
  const std::string starts[] = {"model", "def"};
  if (const auto meant = nearest(word, starts))
    d->help("did you mean '" + *meant + "'?");
  else if (isStmt)
    d->help("statements stand in the body of a model or def");
}

DeclPtr Parser::parseDecl() {
  auto decl = std::make_shared<Decl>();
  decl->source = source;
  decl->comments.before = cursor.commentsBefore(cursor.last().end() == source->begin());
  if (!cursor.startsDecl()) {
    reportNoDecl();
    return nullptr;
  }
  const Token word = cursor.takeBare();
  decl->kind = word.is(TokenKind::KwModel) ? DeclKind::Model : DeclKind::Def;
  cursor.strayComments.clear();
  const std::optional<Ident> name = cursor.expectName("behind " + describe(word.kind));
  if (!name)
    return nullptr;
  decl->name = *name;
  if (!(decl->isModel() ? parseModelRest(*decl) : parseDefRest(*decl)) || !cursor.expectLineEnd())
    return nullptr;
  decl->location = cursor.since(cursor.location(word));
  for (std::string &comment : cursor.strayComments)
    decl->comments.before.push_back(std::move(comment));
  decl->comments.after = cursor.takeTrailingComment();
  return decl;
}

/// ( sig body | [ sig ] "=" NAME args )
bool Parser::parseModelRest(Decl &decl) {
  if (cursor.continuesWith(TokenKind::LeftParen) && !(decl.sig = parseSig()))
    return false;
  if (cursor.takeIf(TokenKind::Equal)) {
    decl.value = exprs.parseCall("of a model behind '='");
    return decl.value != nullptr;
  }
  if (cursor.at(TokenKind::LeftBrace)) {
    if (!decl.sig) {
      if (Diagnostic *d = cursor.expected("'(' or '=' behind '" + decl.name.text + "'"))
        d->help("a model with a body has a list of parameters: 'model " + decl.name.text + "()'");
      return false;
    }
    return parseBodyOf(decl);
  }
  cursor.expected(decl.sig ? "'{' or '='" : "'(' or '=' behind '" + decl.name.text + "'");
  return false;
}

/// sig ( "=" expr | body )
bool Parser::parseDefRest(Decl &decl) {
  if (!cursor.continuesWith(TokenKind::LeftParen)) {
    cursor.expected("'(' behind '" + decl.name.text + "'");
    return false;
  }
  if (!(decl.sig = parseSig()))
    return false;
  if (cursor.takeIf(TokenKind::Equal)) {
    decl.value = exprs.parseExpr();
    return decl.value != nullptr;
  }
  if (!cursor.at(TokenKind::LeftBrace)) {
    cursor.expected("'{' or '='");
    return false;
  }
  return parseBodyOf(decl);
}

bool Parser::parseBodyOf(Decl &decl) {
  decl.body = bodies.parseBody("");
  return decl.body.has_value();
}

std::optional<Sig> Parser::parseSig() {
  Sig sig;
  const Token open = cursor.take();
  ++cursor.openBrackets;
  if (!cursor.at(TokenKind::RightParen) && !parseFormals(sig))
    return std::nullopt;
  if (!exprs.close(TokenKind::RightParen, open, Holds::List))
    return std::nullopt;
  sig.location = cursor.since(cursor.location(open));
  return sig;
}

/// NAME [ "=" expr ] { "," NAME [ "=" expr ] }
bool Parser::parseFormals(Sig &sig) {
  NameList given;
  do {
    const std::optional<Ident> name = cursor.expectName("of a parameter");
    if (!name)
      return false;
    // A second one of the same name fails the file, but the rest is read for more errors.
    hasFailed |= !given.add(cursor.diagnostics, *name, "parameter");
    Formal formal{*name, nullptr};
    if (cursor.takeIf(TokenKind::Equal) && !(formal.init = exprs.parseExpr()))
      return false;
    sig.formals.push_back(std::move(formal));
  } while (cursor.takeIf(TokenKind::Comma));
  return true;
}

FilePtr parse(SourcePtr source, Diagnostics &diagnostics) {
  diagnostics.retain(source);
  return checkText(*source, diagnostics) ? Parser(source, diagnostics).parseFile() : nullptr;
}

ExprPtr parseExpr(SourcePtr source, Diagnostics &diagnostics) {
  diagnostics.retain(source);
  return checkText(*source, diagnostics) ? Parser(source, diagnostics).parseOnlyExpr() : nullptr;
}

} // namespace lnx
