// LowerAssumptions: promises that something is at least so large: gains, and what definitions give.
// They bound nothing from above; the slopes of norms rest on them (S37, S83).
#include "compiler/stability/Subject.h"

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

bool stability::endsWithPath(StringRef whole, StringRef end) {
  return whole == end || (whole.ends_with(end) && whole.drop_back(end.size()).ends_with("."));
}

std::string stability::scopeOf(ApplyOp op) {
  std::string path;
  for (Operation *at = op; at; at = at->getParentOp()) {
    auto apply = dyn_cast<ApplyOp>(at);
    auto repeat = dyn_cast<RepeatOp>(at);
    StringRef scope = apply ? apply.getScope() : repeat ? repeat.getScope() : StringRef();
    if (!scope.empty())
      path = path.empty() ? scope.str() : scope.str() + "." + path;
  }
  return path;
}

Series Assumptions::deviationOf(ApplyOp op, uint64_t &grounds) const {
  Series least = 0.0;
  if (op.getScope().empty()) // a block is part of what uses it
    return least;
  std::string scope = scopeOf(op);
  for (size_t i = 0; i < list.size(); ++i) {
    auto assume = const_cast<Assumption &>(list[i]).op;
    if (list[i].form != "std" || !assume->getParentOp()->isProperAncestor(op) ||
        !endsWithPath(scope, list[i].path) || list[i].bound.smallest() <= least.smallest())
      continue;
    least = list[i].overLayers();
    grounds = bitOf(i);
  }
  return least;
}
