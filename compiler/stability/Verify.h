// Verify: from a module at level spec to a verdict for each property, with everything it rests on.
// The only entry of the verifier; the report prints what it returns.
#ifndef LNX_COMPILER_STABILITY_VERIFY_H
#define LNX_COMPILER_STABILITY_VERIFY_H

#include "compiler/stability/Score.h"
#include "compiler/stability/Verdict.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <functional>
#include <string>
#include <vector>

namespace mlir::lnx::stability {

struct VerifyOptions {
  /// The same model at another depth, for witnesses of growth and for what the predictor at
  /// initialisation does not read off schedules; may be null, or give null for a depth that the model
  /// cannot have.
  std::function<OwningOpRef<ModuleOp>(int64_t depth)> atDepth = {};
  /// Finds a witness for every REFUTED and evaluates it; without one the verdict is UNKNOWN.
  bool witnesses = false;
  /// Writes down how each PROVED was derived, for lnx-certify.
  bool certificate = false;
  /// Only these and those of the model's checks, by their whole names or what stands behind the
  /// dot; empty: all. The prediction at initialisation and the hazards are made where needed.
  std::vector<std::string> properties = {};
  /// Adds facts beside a verdict that take longer than the verdict itself.
  bool details = true;
};

/// All names that `properties` can have, in the order of the report.
std::vector<std::string> propertyNames();
/// Whether one of `names` names `property`, with or without its group; no names stand for all.
bool isNamed(llvm::StringRef property, llvm::ArrayRef<std::string> names);

/// One `check` of the model and its outcome.
struct CheckOutcome {
  std::string text; ///< as the user wrote it: "forward.growth <= linear"
  std::string property;
  Word word = Word::unknown; ///< PROVED where the check holds
  std::string reason;        ///< one line: the number or the class compared with the bound
  std::optional<Location> where;
  std::optional<Witness> witness; ///< of a REFUTED that is about the check's own number
  std::string witnessFile;        ///< as in Verdict
  std::optional<Fix> fix;         ///< as in Verdict
  int64_t tried = 0;
};

struct Report {
  std::string model;
  int64_t depth = 0; ///< layers of all stacks together
  int64_t width = 0; ///< features of the last stack's stream
  std::vector<std::string>
      normalForm; ///< "layers 1..12: x <- x + 0.1*norm(f(norm(x)))", a line a step
  std::vector<std::string> assumptions; ///< all of the model, as the user wrote them
  std::vector<std::string> laws;        ///< laws a verdict relied on
  /// Undeclared parameters that some update is unbounded in, by their paths.
  std::vector<std::string> carriers;
  std::optional<Score> score;    ///< where all properties are asked for
  std::vector<Verdict> verdicts; ///< in the order of Properties.def
  std::vector<Remark> hazards;   ///< where all properties are asked for
  std::vector<CheckOutcome> checks;
  std::string certificate; ///< with VerifyOptions::certificate, the text of its file
};

/// A witness with what was measured in place of what it claims.
struct Replayed {
  Witness witness;
  std::string problem; ///< why nothing was measured; empty where it was
};

/// Evaluates a witness (WitnessJson.h reads one; isViolation says what follows). Fails only after a
/// diagnostic.
FailureOr<Replayed> replay(ModuleOp spec, const VerifyOptions &options, const Witness &witness);

/// Whether a text is a certificate, perhaps of another version or damaged further on.
bool looksLikeCertificate(llvm::StringRef text);

/// Fails only after a diagnostic: an assumption that contradicts another, or is not a number.
FailureOr<Report> verify(ModuleOp spec, const VerifyOptions &options);

} // namespace mlir::lnx::stability

#endif
