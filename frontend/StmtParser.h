// StmtParser: the statements without a body: assignments, steps, params, laws and the like.
// Empty results follow an error that was reported.
#pragma once

#include "frontend/ExprParser.h"

namespace lnx {

using StmtNode = std::optional<decltype(ast::Stmt::node)>;

class StmtParser {
public:
  explicit StmtParser(Cursor &cursor) : cursor(cursor), exprs(cursor) {}

  /// Any of them, or "expected a statement".
  StmtNode parse();

private:
  StmtNode parseNamed();
  StmtNode parseParam();
  bool parseShape(ast::Param &param);
  StmtNode parseReturn();
  StmtNode parseLaw();
  StmtNode parseAssume();
  StmtNode parseCheck();
  std::optional<ast::Path> parsePath(const std::string &where);
  bool parseBound(std::optional<ast::Bound> &bound);
  StmtNode reject();

  Cursor &cursor;
  ExprParser exprs;
};

} // namespace lnx
