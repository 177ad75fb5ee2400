// ForwardBound: an explicit number for the size of the last stream (5.2, S59..S68).
#include "compiler/stability/Subject.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

static std::string formulaOf(const Shape &shape) {
  if (shape.isReset)
    return "r_N <= G of the last norm";
  if (shape.isSum)
    return "r0 + sum_k |dt_k| B_k";
  if (shape.isProduct)
    return "r0 prod_k (|a_k| + |dt_k| L_k)";
  return shape.hasSquare ? "r_(k+1) <= A_k r_k + B_k + C_k r_k^2" : "r_(k+1) <= A_k r_k + B_k";
}

static Verdict boundOf(Subject &subject, Weights weights) {
  const Analysis &analysis = subject.run(weights);
  Verdict verdict;
  verdict.property = "forward.bound";
  verdict.basis = weights == Weights::trajectory ? Basis::trajectory : Basis::worstCase;
  verdict.claim = "S59";
  int chain = analysis.outputChain();
  Shape shape = subject.shape(analysis, chain);
  verdict.formula = formulaOf(shape);
  double r = analysis.evaluate(chain, /*ofPeak=*/false);
  const bool isTop = analysis.isTop(chain);
  if (std::isfinite(r))
    verdict.number = r;
  if (!isTop) {
    verdict.word = Word::proved;
    if (shape.isSum)
      verdict.details.push_back("r_N <= r0 + " + printNumber(roundUp(shape.sum)));
  } else if (subject.carrier(analysis)) {
    verdict.word = Word::refuted;
  }
  subject.explain(verdict, analysis);
  const Chain &last = analysis.chains[chain];
  if (!isTop && !shape.isReset && !last.r0)
    verdict.missing.push_back("assume x0.rms <= ...");
  if (verdict.word == Word::proved && !shape.isReset)
    subject.addStart(verdict, last);
  double peak = analysis.evaluate(chain, /*ofPeak=*/true);
  if (std::isfinite(peak))
    verdict.details.push_back("max |x| <= " + printNumber(peak));
  return verdict;
}

void stability::forwardBound(Subject &subject, std::vector<Verdict> &verdicts) {
  if (subject.declared.chains.empty())
    return;
  verdicts.push_back(boundOf(subject, Weights::declared));
  if (verdicts.back().word == Word::proved)
    return;
  if (subject.trajectory)
    verdicts.push_back(boundOf(subject, Weights::trajectory));
  if (std::optional<Verdict> verdict = optimumBound(subject))
    verdicts.push_back(std::move(*verdict));
}
