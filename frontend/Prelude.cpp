// Prelude: the embedded texts (written by prelude/Embed.cmake) and their trees.
#include "frontend/Prelude.h"

#include "frontend/Parser.h"
#include "frontend/prelude/Texts.h"

namespace lnx {

static std::vector<ast::FilePtr> parseTexts(Diagnostics &diagnostics) {
  std::vector<ast::FilePtr> files;
  for (const PreludeText &text : preludeTexts) {
    const auto source =
        std::make_shared<const Source>(std::string("prelude/") + text.name, std::string(text.text));
    diagnostics.retain(source);
    if (ast::FilePtr file = parse(source, diagnostics))
      files.push_back(std::move(file));
  }
  return files;
}

/// The trees, unless a text has an error.
static const std::vector<ast::FilePtr> &knownPrelude() {
  static const std::vector<ast::FilePtr> files = [] {
    Diagnostics silent;
    std::vector<ast::FilePtr> parsed = parseTexts(silent);
    return silent.hasErrors() ? std::vector<ast::FilePtr>() : parsed;
  }();
  return files;
}

std::vector<ast::FilePtr> parsePrelude(Diagnostics &diagnostics) {
  const std::vector<ast::FilePtr> &known = knownPrelude();
  if (known.empty())
    return parseTexts(diagnostics); // which says what is wrong
  for (const ast::FilePtr &file : known)
    diagnostics.retain(file->source);
  return known;
}

} // namespace lnx
