// DepthLimit: whether the total step stays bounded as layers are added (5.13, S100).
#include "compiler/stability/Subject.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

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
  } else if (sum.kind() == Growth::Kind::power && sum.exponent() <= 0.5) {
    verdict.word = Word::predictedOk;
    verdict.basis = Basis::initMeanField;
    verdict.details.push_back("sum dt^2 is bounded: variance has a limit at initialisation");
  }
  subject.explain(verdict, subject.declared);
  verdict.details.push_back("with a bound on every weight: " + sum.print());
  verdicts.push_back(std::move(verdict));
}
