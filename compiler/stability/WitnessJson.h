// WitnessJson: a witness as the text of a file, docs/witness.schema.json.
// Reading trusts nothing: every field is checked, its kind and its range.
#ifndef LNX_COMPILER_STABILITY_WITNESSJSON_H
#define LNX_COMPILER_STABILITY_WITNESSJSON_H

#include "compiler/stability/Witness.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

namespace mlir::lnx::stability {

/// Ends with a line break.
std::string printWitness(const Witness &witness);
/// The error says where: "3:12: ..." of the text, or the field's name.
llvm::Expected<Witness> parseWitness(llvm::StringRef text);
/// Whether a text is a witness, perhaps of another version or damaged further on.
bool looksLikeWitness(llvm::StringRef text);
/// 32 hexadecimal digits of a model's equations, whatever is assumed or checked of them and
/// wherever they are written.
std::string hashOf(ModuleOp spec);

} // namespace mlir::lnx::stability

#endif
