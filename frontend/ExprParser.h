// ExprParser: the expression half of the grammar.
// Every function returns null (or false) after an error that was reported.
#pragma once

#include "frontend/Cursor.h"

#include <unordered_map>

namespace lnx {

/// Whether a name may be a dotted path: only in the arguments of `assume`.
enum class NamesAre { Plain, Paths };

/// What a pair of brackets holds; only a list may go on with a comma.
enum class Holds { One, List };

class ExprParser {
public:
  explicit ExprParser(Cursor &cursor, NamesAre names = NamesAre::Plain)
      : cursor(cursor), names(names) {}

  /// expr = term { ( "+" | "-" ) term }
  ast::ExprPtr parseExpr();
  /// args, standing at its "("
  std::optional<std::vector<ast::Arg>> parseArgs();
  /// NAME args
  ast::ExprPtr parseCall(const std::string &where);
  /// NAME [ args ]
  ast::ExprPtr parseNameOrCall(const std::string &where);
  /// Consumes the bracket that closes `open`, or reports it. Ends the bracketed part.
  bool close(TokenKind closing, const Token &open, Holds holds);

private:
  ast::ExprPtr parseTerm();
  ast::ExprPtr parseUnary();
  ast::ExprPtr parsePower();
  ast::ExprPtr parsePost();
  ast::ExprPtr parsePrimary();
  ast::ExprPtr parseNumber();
  ast::ExprPtr parseName();
  ast::ExprPtr parseBrackets();
  ast::ExprPtr parseIndexOf(ast::ExprPtr base);
  std::optional<ast::Arg> parseArg();
  ast::ExprPtr binary(ast::BinaryOp op, Token sign, ast::ExprPtr lhs, ast::ExprPtr rhs);
  /// Null after an error if the tree has become too high.
  ast::ExprPtr checked(ast::ExprPtr expr);

  Cursor &cursor;
  NamesAre names;
};

/// The names of one list, to find one that is given twice.
class NameList {
public:
  /// False after the error "WHAT 'x' is given twice".
  bool add(Diagnostics &diagnostics, const ast::Ident &name, const std::string &what);

private:
  std::unordered_map<std::string, Location> places;
};

} // namespace lnx
