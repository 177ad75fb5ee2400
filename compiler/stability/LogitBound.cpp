// LogitBound: the largest attention score (5.11, S96).
#include "compiler/stability/Subject.h"
#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

/// Scores within [-S, S] cannot make a token's weight vanish or take all (S97).
static std::string weightsOf(double scores) {
  const double ratio = roundUp(std::exp(roundUp(2 * scores)));
  if (!std::isfinite(ratio))
    return "the weights of n tokens may differ by any factor";
  return "each of n tokens has a weight between 1/(1 + (n - 1)*" + printNumber(ratio) +
         ") and 1/(1 + (n - 1)/" + printNumber(ratio) + ") (S97)";
}

/// Layers in which a bound may differ; any of its terms may be the one that does.
static size_t layerCount(const Bound &x) { return std::max({x.a.size(), x.b.size(), x.c.size()}); }

void stability::logitBound(Subject &subject, std::vector<Verdict> &verdicts) {
  const Analysis &analysis = subject.declared;
  if (analysis.attentions.empty())
    return;
  Verdict verdict;
  verdict.property = "attention.logit_bound";
  verdict.claim = "S96";
  verdict.formula = "|s| <= scale max_h |q^h| |k^h|";
  double largest = 0;
  bool isRefuted = false;
  SmallVector<Value> carriers;
  uint64_t grounds = 0;
  for (const Attention &attention : analysis.attentions) {
    double r = INFINITY;
    if (attention.stack >= 0)
      r = analysis.largest(analysis.stacks[attention.stack].chain, /*ofPeak=*/false);
    double worst = 0;
    if (!attention.scores.isConstant() && !std::isfinite(r))
      worst = INFINITY;
    else
      for (size_t i = 0; i < layerCount(attention.scores); ++i)
        worst = std::max(worst, attention.scores.at(i, r));
    largest = std::max(largest, worst);
    grounds |= attention.query.grounds | attention.key.grounds;
    if (std::isfinite(worst))
      continue;
    verdict.culprits.push_back(
        {"nothing bounds the scores of this attention", attention.op->getLoc()});
    for (const Abstract *side : {&attention.query, &attention.key})
      for (Value carrier : side->carriers) {
        if (!llvm::is_contained(carriers, carrier))
          carriers.push_back(carrier);
        Degree degree = side->degreeIn(carrier);
        isRefuted |= !degree.top && degree.high >= 1 && degree.exact && attention.scores.isTop();
      }
  }
  if (std::isfinite(largest)) {
    verdict.word = Word::proved;
    verdict.number = roundUp(largest);
    verdict.assumptions = subject.assumptions.textOf(grounds);
    verdict.details.push_back(weightsOf(*verdict.number));
  } else if (isRefuted) {
    verdict.word = Word::refuted;
  }
  const InitPrediction *init = subject.options.details ? &subject.init() : nullptr;
  if (init && init->profile && init->profile->profile.logitStd > 0)
    verdict.details.push_back("standard deviation of the scores at initialisation, between "
                              "unlike tokens: " +
                              printNumber(init->profile->profile.logitStd));
  verdict.missing = subject.missing(analysis, carriers);
  if (!std::isfinite(largest) && carriers.empty())
    verdict.missing.push_back("assume x0.rms <= ...");
  verdicts.push_back(std::move(verdict));
}
