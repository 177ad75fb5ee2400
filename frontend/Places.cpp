// Places: looks up files by name and statements by where they start.
#include "frontend/Places.h"

#include "frontend/Prelude.h"
#include "frontend/Utf8.h"

namespace lnx {

Places::Places(const ast::File &file) {
  Diagnostics silent;
  prelude = parsePrelude(silent);
  for (const ast::FilePtr &part : prelude)
    add(*part);
  add(file);
}

void Places::add(const ast::File &file) {
  if (file.source)
    sources.push_back(file.source);
  for (const ast::DeclPtr &decl : file.decls)
    if (decl->body)
      add(*decl->body);
}

void Places::add(const ast::Body &body) {
  for (const ast::StmtPtr &stmt : body.stmts) {
    const Location at = stmt->location;
    if (const ast::If *choice = stmt->as<ast::If>()) {
      add(choice->then);
      if (choice->otherwise)
        add(*choice->otherwise);
    } else if (const ast::Repeat *repeat = stmt->as<ast::Repeat>()) {
      add(repeat->body);
    } else if (at.source()) {
      statements.emplace(std::pair(at.source(), at.begin()), at);
    }
  }
}

Location Places::find(mlir::Location where) const {
  const auto place = where->findInstanceOf<mlir::FileLineColLoc>();
  if (!place)
    return {};
  for (auto source = sources.rbegin(); source != sources.rend(); ++source) {
    if ((*source)->name() != place.getFilename().strref() || place.getLine() < 1 ||
        place.getLine() > (*source)->lineCount())
      continue;
    const std::string_view line = (*source)->line(place.getLine());
    const std::string_view text = (*source)->text();
    size_t offset = size_t(line.data() - text.data());
    const size_t end = offset + line.size();
    for (uint32_t column = 1; column < place.getColumn() && offset < end; ++column)
      offset += decode(text, offset).length;
    const auto found = statements.find({source->get(), uint32_t(offset)});
    return found != statements.end()
               ? found->second
               : Location(source->get(), uint32_t(offset), uint32_t(offset + 1));
  }
  return {};
}

std::string placeText(mlir::Location where) {
  const auto place = where->findInstanceOf<mlir::FileLineColLoc>();
  return place ? place.getFilename().str() + ':' + std::to_string(place.getLine()) + ':' +
                     std::to_string(place.getColumn())
               : std::string();
}

} // namespace lnx
