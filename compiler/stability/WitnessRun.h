// WitnessRun: evaluates as much of a model as one value needs, at the weights of a witness.
// The arithmetic is that of the ops (`evaluate`, in double); layers that change nothing are
// skipped.
#ifndef LNX_COMPILER_STABILITY_WITNESSRUN_H
#define LNX_COMPILER_STABILITY_WITNESSRUN_H

#include "compiler/stability/Witness.h"
#include "dialect/LnxDialect.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"

#include <map>
#include <memory>

namespace mlir::lnx::stability {

class WitnessRun {
public:
  /// One sequence of `tokens`, given to every input.
  WitnessRun(ModelOp model, llvm::ArrayRef<ParameterValue> parameters,
             llvm::ArrayRef<int64_t> tokens);

  /// From now on `value` is `factor` times what it is, in layer `layer` (0-based).
  void scale(Value value, int64_t layer, double factor);
  /// The value in layer `layer` (0-based) of its repeat; 0 outside. Fails where a parameter has no
  /// value or the work would be too much: see `problem`.
  FailureOr<Array> at(Value value, int64_t layer);
  /// Counts entries of parameters that are looked at; false where they are too many.
  bool work(double entries);
  /// The fill of a parameter in a layer; null where the witness has none.
  const Fill *fillOf(ParamOp op, int64_t layer) const;

  Batch batch;
  std::string problem;   ///< why at() failed
  std::string brokenLaw; ///< a `law` that does not hold at these weights

private:
  /// The values of one layer, or those outside repeats.
  struct Scope {
    RepeatOp repeat;
    int64_t layer = 0;
    Scope *outer = nullptr;
    std::map<void *, Array> values;
  };

  FailureOr<const Array *> get(Value value, Scope &scope);
  FailureOr<Array> compute(Value value, Scope &scope);
  FailureOr<Array> runPrimitive(PrimitiveOpInterface op, OpResult result, Scope &scope);
  FailureOr<Array> runParam(ParamOp op, Scope &scope, int64_t rows);
  LogicalResult runOperands(Operation *op, Scope &scope, SmallVectorImpl<Array> &operands);
  LogicalResult runLayers(RepeatOp repeat, int64_t until, Scope &inside);
  bool isRepeated(RepeatOp repeat, int64_t layer) const;
  int64_t nextChange(RepeatOp repeat, int64_t layer) const;
  void checkLaws(ApplyOp op, const Array &result);
  Scope &enter(RepeatOp repeat, Scope *outer);
  LogicalResult fail(const llvm::Twine &text);

  llvm::StringMap<SmallVector<const ParameterValue *, 2>> values;
  std::vector<ParameterValue> owned;
  double done = 0; ///< entries of parameters
  Array ids;
  std::vector<std::unique_ptr<Scope>> scopes;
  llvm::DenseMap<std::pair<Value, int64_t>, double> factors;
};

/// The `problem` of a run that would take more than about two seconds.
inline constexpr const char *tooLong = "the evaluation would take too long";
/// The repeat that gives a value its layer; null outside.
RepeatOp repeatOf(Value value);
/// Whether rows of the parameter are looked up by numbers, as of an embedding.
bool isTable(ParamOp op);

} // namespace mlir::lnx::stability

#endif
