// Prelude: the embedded texts (written by prelude/Embed.cmake) and their trees.
#include "frontend/Prelude.h"

#include "frontend/Parser.h"
#include "frontend/prelude/Texts.h"

namespace lnx {

std::vector<ast::FilePtr> parsePrelude(Diagnostics &diagnostics) {
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

} // namespace lnx
