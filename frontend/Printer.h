// Printer: AST to text; the formatter, and the names of expressions in messages.
// Parsing what it prints gives the same tree, and printing that gives the same text.
#pragma once

#include "frontend/Ast.h"

#include <string>

namespace lnx {

std::string print(const ast::File &file);
std::string print(const ast::Decl &decl);
std::string print(const ast::Stmt &stmt);
/// On one line, with as few parentheses as its operators allow.
std::string print(const ast::Expr &expr);

} // namespace lnx
