// BodyParser: bodies between braces and the statements that have one.
// Goes on behind a broken statement, so one run reports several.
#pragma once

#include "frontend/ExprParser.h"
#include "frontend/StmtParser.h"

namespace lnx {

class BodyParser {
public:
  explicit BodyParser(Cursor &cursor) : cursor(cursor), exprs(cursor), plain(cursor) {}

  /// Standing at or before its "{"; a newline may come before it. Empty when it is not closed.
  std::optional<ast::Body> parseBody(const std::string &where);
  /// A statement was reported and left out.
  bool hasFailed() const { return isBroken; }

private:
  bool parseStmts(ast::Body &body, const Token &open);
  ast::StmtPtr parseStmt(bool isFirst);
  StmtNode parseStmtNode();
  StmtNode parseRepeat();
  std::optional<ast::If> parseIf();
  bool parseElse(ast::If &stmt);
  std::optional<ast::Condition> parseCondition();
  bool startsStmt();
  void skipToStmt(Location begin);

  Cursor &cursor;
  ExprParser exprs;
  StmtParser plain;
  bool isBroken = false;
};

} // namespace lnx
