// Prelude: the definitions every file can use, written in .lnx and compiled into the binary.
// frontend/prelude/*.lnx are ordinary files; nothing in the elaborator knows their names.
#pragma once

#include "frontend/Ast.h"

namespace lnx {

/// The prelude's files. They are parsed once: texts and trees stay as they are.
std::vector<ast::FilePtr> parsePrelude(Diagnostics &diagnostics);

} // namespace lnx
