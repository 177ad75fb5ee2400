// Places: from a location in the IR back to the user's text, or the prelude's.
// For reports that are written after elaboration, when only the IR knows where things came from.
#pragma once

#include "frontend/Ast.h"

#include "mlir/IR/Location.h"

#include <map>
#include <optional>

namespace lnx {

class Places {
public:
  explicit Places(const ast::File &file);

  /// The statement that starts there, else the one character there; nowhere when the text is not
  /// at hand, such as that of a setting.
  Location find(mlir::Location where) const;

private:
  void add(const ast::Body &body);
  void add(const ast::File &file);

  std::vector<SourcePtr> sources;
  std::vector<ast::FilePtr> prelude;
  std::map<std::pair<const Source *, uint32_t>, Location> statements;
};

/// "m.lnx:3:5", or nothing for a location without a place.
std::string placeText(mlir::Location where);

} // namespace lnx
