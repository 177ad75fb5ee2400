// CertificateSlopes: whether lnx-certify can follow how much the steps of a model change.
#include "compiler/stability/CertificateClaims.h"
#include "compiler/stability/Sensitivity.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

/// As Slopes.cpp of lnx-certify has them.
static bool hasSlope(StringRef op) {
  static const llvm::StringSet<llvm::MallocAllocator> known = {
      "neg", "abs", "relu", "reshape", "tanh", "sigmoid", "silu", "gelu",   "exp",
      "add", "sub", "mul",  "div",     "pow",  "matmul",  "law",  "attend", "step"};
  return known.contains(op);
}

std::string stability::slopeObstacleOf(const Program &program, const Analysis &analysis) {
  constexpr int64_t mostLayers = 1024; // of more, no number is about each layer
  if (!isOrdered(analysis) || analysis.layers() > mostLayers)
    return "it has several streams, uses older ones, or has too many layers";
  enum Change { none, withStream, otherwise };
  std::vector<Change> changes(program.steps.size(), none);
  llvm::DenseSet<int64_t> starts;
  for (const ProgramStep &step : program.steps)
    if (step.op == "repeat")
      starts.insert(step.of.begin(), step.of.end());
  for (int64_t place = 0; place < static_cast<int64_t>(changes.size()); ++place) {
    const ProgramStep &step = program.steps[place];
    const bool isNumber = step.op == "param" || step.op == "constant" || step.op == "table";
    Change change = isNumber || !step.of.empty() ? none : otherwise;
    for (int64_t of : step.of)
      change = std::max(change, changes[of]);
    if (step.op == "repeat")
      change = withStream;
    else if (step.op == "end" || starts.count(place))
      change = otherwise;
    changes[place] = change;
    if (!step.repeat || change == none || step.op == "repeat" || step.op == "end")
      continue;
    if (change == otherwise)
      return "a layer reads what is neither its stream nor made of parameters";
    const bool isOfNumber =
        (step.op != "div" && step.op != "matmul") || changes[step.of[1]] == none;
    if (!hasSlope(step.op) || !isOfNumber)
      return "lnx-certify has no rule for how much '" + step.op + "' changes";
  }
  return "";
}
