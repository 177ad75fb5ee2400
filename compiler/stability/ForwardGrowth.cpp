// ForwardGrowth: the class of the stream's size in depth (5.1, S58), and of its variance (S70).
// PROVED states the class; REFUTED names a parameter that makes the stream as large as one likes.
#include "compiler/stability/Subject.h"

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

// Pre-norm under weight decay and peri-norm are what two theorems of Kan 2025 speak about: with a
// norm behind every branch the bound is linear, whatever is promised.
static std::string paperClass(Subject &subject) {
  bool isSum = !subject.declared.chains.empty(), isPeri = true;
  for (size_t chain = 0; chain < subject.bounded.chains.size(); ++chain)
    isSum &= subject.shape(subject.bounded, static_cast<int>(chain)).isSum;
  for (const Stack &stack : subject.declared.stacks)
    for (const Equation &equation : stack.equations)
      for (const Branch &branch : equation.next.branches)
        isPeri &= branch.hasOutputNorm;
  if (!isSum)
    return "";
  return isPeri ? "linear, variance quadratic (Thm 4)"
                : "exponential (Thm 3, upper bound under weight decay)";
}

static Verdict growthOf(Subject &subject, Weights weights, bool isSquared) {
  const Analysis &analysis = subject.run(weights);
  Growth upper = subject.growth(weights);
  if (isSquared)
    upper = upper.squared();
  Verdict verdict;
  verdict.basis = weights == Weights::trajectory ? Basis::trajectory : Basis::worstCase;
  verdict.growth = upper.print();
  if (upper.kind() == Growth::Kind::unbounded && subject.carrier(analysis)) {
    verdict.word = Word::refuted;
    verdict.lowerGrowth = verdict.growth;
  } else if (upper.kind() < Growth::Kind::unbounded) {
    verdict.word = Word::proved;
  }
  subject.explain(verdict, analysis);
  return verdict;
}

void stability::forwardGrowth(Subject &subject, std::vector<Verdict> &verdicts) {
  Verdict verdict = growthOf(subject, Weights::declared, /*isSquared=*/false);
  verdict.property = "forward.growth";
  verdict.claim = "S58";
  verdict.paperClass = paperClass(subject);
  Growth bounded = subject.growth(Weights::bounded);
  verdict.details.push_back("with a bound on every weight: " + bounded.print());
  verdicts.push_back(verdict);
  if (verdict.word == Word::proved)
    return;
  if (subject.trajectory) {
    Verdict reached = growthOf(subject, Weights::trajectory, /*isSquared=*/false);
    reached.property = "forward.growth";
    reached.claim = "S73";
    verdicts.push_back(std::move(reached));
  }
  if (std::optional<Verdict> minimal = optimumGrowth(subject))
    verdicts.push_back(std::move(*minimal));
}

void stability::forwardVariance(Subject &subject, std::vector<Verdict> &verdicts) {
  Verdict verdict = growthOf(subject, Weights::declared, /*isSquared=*/true);
  verdict.property = "forward.variance";
  verdict.claim = "S70";
  verdict.formula = "Var(X_N) <= n d/(n d - 1) * r_N^2";
  if (subject.declared.chains.empty())
    return;
  int chain = subject.declared.outputChain();
  double r = subject.declared.evaluate(chain, /*ofPeak=*/false);
  // Fewer tokens than the context have a larger factor; without a context there may be one.
  double size = double(subject.declared.chains[chain].narrowest) *
                double(std::max<int64_t>(1, subject.model.getContext()));
  if (std::isfinite(r) && size > 1) {
    verdict.number = roundUp(r * r * size / (size - 1));
    if (verdict.word == Word::proved)
      subject.addStart(verdict, subject.declared.chains[chain]);
  }
  verdicts.push_back(std::move(verdict));
}
