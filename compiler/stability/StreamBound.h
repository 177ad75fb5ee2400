// StreamBound: how large the streams of a model can be with the parameters it has now, layer by
// layer: the recurrences of forward.bound with measured constants (S47, S59..S66).
// Promises of the model are not used; laws are, as they say what a definition computes.
#ifndef LNX_COMPILER_STABILITY_STREAMBOUND_H
#define LNX_COMPILER_STABILITY_STREAMBOUND_H

#include "compiler/stability/ParameterSize.h"
#include "dialect/LnxDialect.h"

#include <string>
#include <vector>

namespace mlir::lnx::stability {

/// A parameter that has to be measured.
struct NeededParameter {
  ParamOp op;
  std::string path; ///< as the compiled program calls it, "attn.o.W" (lnx_parameter)
  int64_t first = 0, layers = 1;
};

/// A stream as the compiled program observes it (lnx_stream).
struct ObservedStream {
  RepeatOp repeat;
  int64_t first = 0, layers = 0, features = 0;
};

class StreamBound {
public:
  /// `model` outlives it.
  explicit StreamBound(ModelOp model);

  /// The parameters that the bounds depend on. Others may have any size.
  const std::vector<NeededParameter> &parameters() const { return needed; }
  /// Streams in the order in which a compiled program reports them.
  const std::vector<ObservedStream> &streams() const { return observed; }
  /// Features of one head, for ParameterSize::perhead; 0: it is not asked for.
  int64_t headSize() const { return sizeOfHeads; }
  /// Why there is no bound whatever is measured; empty where there is one.
  const std::string &obstacle() const { return reason; }
  /// Laws that bounds may rest on, as the user wrote them.
  const std::vector<std::string> &laws() const { return trusted; }

  /// Upper bounds of the root mean square of every token, and so of mean |x| (S1), after each layer
  /// of each stream; infinity where none is known. `sizes` has the layers of each parameter.
  std::vector<double> evaluate(const std::vector<std::vector<ParameterSize>> &sizes) const;

private:
  ModelOp model;
  std::vector<NeededParameter> needed;
  std::vector<ObservedStream> observed;
  int64_t sizeOfHeads = 0;
  std::string reason;
  std::vector<std::string> trusted;
};

} // namespace mlir::lnx::stability

#endif
