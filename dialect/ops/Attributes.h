// Attributes.h: the attributes that `inferReturnTypes` sees.
// The parser infers types before it moves what it read into the op's properties.
#ifndef LNX_DIALECT_OPS_ATTRIBUTES_H
#define LNX_DIALECT_OPS_ATTRIBUTES_H

#include "dialect/LnxDialect.h"
#include <optional>

namespace mlir::lnx {

/// The properties of an op that is being built or parsed.
template <typename OpTy>
typename OpTy::Properties readProperties(DictionaryAttr attributes, OpaqueProperties properties) {
  typename OpTy::Properties read;
  if (properties)
    read = *properties.as<typename OpTy::Properties *>();
  if (attributes)
    for (NamedAttribute attribute : attributes)
      OpTy::setInherentAttr(read, attribute.getName(), attribute.getValue());
  return read;
}

/// Reports the first of an op's attributes that was not given.
inline LogicalResult requireAttributes(std::optional<Location> location,
                                       ArrayRef<std::pair<StringRef, Attribute>> attributes) {
  for (auto [name, value] : attributes)
    if (!value)
      return emitOptionalError(location, "attribute '", name, "' is missing");
  return success();
}

} // namespace mlir::lnx

#endif
