// DepthLimit: whether the total step stays bounded as layers are added (5.13, S100).
#include "compiler/stability/Subject.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

/// Whether the squares of what the layers add, each with its own |dt|, have a bounded sum.
static bool isSumOfSquaresBounded(const Analysis &bounded) {
  for (size_t chain = 0; chain < bounded.chains.size(); ++chain)
    for (const StackSchedule &stack : bounded.schedules(static_cast<int>(chain)))
      for (const StepSchedule &step : stack.steps) {
        const std::optional<Growth> squares = classOfSum(step.b * step.b, stack.span);
        if (!squares || !(*squares == Growth::bounded()))
          return false;
      }
  return true;
}

void stability::depthLimit(Subject &subject, std::vector<Verdict> &verdicts) {
  const Analysis &analysis = subject.bounded;
  bool isSum = !analysis.chains.empty();
  for (size_t chain = 0; chain < analysis.chains.size(); ++chain)
    isSum &= subject.shape(analysis, static_cast<int>(chain)).isSum;
  if (!isSum)
    return;
  Verdict verdict;
  verdict.property = "depth.limit";
  verdict.claim = "S100";
  verdict.formula = "sum_k |dt_k| B_k";
  Growth growth = subject.growth(Weights::declared);
  verdict.growth = growth.print();
  Growth sum = subject.growth(Weights::bounded);
  if (growth.kind() == Growth::Kind::bounded) {
    verdict.word = Word::proved;
    verdict.details.push_back("the depth limit is an ODE");
  } else if (subject.hasDepth() && isSumOfSquaresBounded(analysis)) {
    verdict.word = Word::predictedOk;
    verdict.basis = Basis::initMeanField;
    verdict.formula = "sum_k dt_k^2";
    verdict.growth = Growth::bounded().print();
    verdict.details.push_back("sum dt^2 is bounded: variance has a limit at initialisation");
  }
  subject.explain(verdict, subject.declared);
  verdict.details.push_back("with a bound on every weight: " + sum.print());
  verdicts.push_back(std::move(verdict));
}
