// Parser: text to AST, by recursive descent over the grammar of docs/language.md.
// Reports every error it can recover from, at most twenty, and never crashes on any bytes.
#pragma once

#include "frontend/Ast.h"

namespace lnx {

/// Parses a whole file. Null when an error was reported.
ast::FilePtr parse(SourcePtr source, Diagnostics &diagnostics);

/// Parses one expression, as in `--set dt=1/depth`. Null when an error was reported.
/// The caller keeps the source as long as the expression.
ast::ExprPtr parseExpr(SourcePtr source, Diagnostics &diagnostics);

} // namespace lnx
