// Builtins: the functions of the language that are not written in it.
// A builtin serves numbers and tensors alike; BuiltinsNumber.cpp and BuiltinsTensor.cpp hold them.
#pragma once

#include "frontend/Elaborator.h"

#include <span>

namespace lnx::spec {

struct Builtin {
  const char *name;
  /// Separated by spaces; a '?' behind one: may be left out.
  const char *formals;
  Value (*apply)(Elaborator &elaborator, BuiltinCall &call);
};

std::span<const Builtin> builtins();
const Builtin *findBuiltin(std::string_view name);

// The tensor half (BuiltinsTensor.cpp), in the order of the table.
Value applyAttend(Elaborator &elaborator, BuiltinCall &call);
Value applySplitHeads(Elaborator &elaborator, BuiltinCall &call);
Value applyJoinHeads(Elaborator &elaborator, BuiltinCall &call);
Value applyMix(Elaborator &elaborator, BuiltinCall &call);
Value applyOuter(Elaborator &elaborator, BuiltinCall &call);
Value applyTranspose(Elaborator &elaborator, BuiltinCall &call);
Value applyDim(Elaborator &elaborator, BuiltinCall &call);

/// The float tensor an argument is, or null after an error.
mlir::Value tensorArgument(Elaborator &elaborator, const Argument &arg, const char *builtin);

} // namespace lnx::spec
