// ScaleInvariance: degrees of each update in the stream, the output projection and its input (5.5).
#include "compiler/stability/Subject.h"

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

static std::string print(Degree degree) {
  if (degree.top)
    return "none";
  return std::to_string(degree.high);
}

// The degree of a step in its output projections: the skip has degree 0 and does not hide it.
static Degree weightDegree(const Abstract &next) {
  Degree degree;
  for (Value projection : next.last) {
    Degree one = next.degreeIn(projection);
    if (one.top)
      return one;
    degree.low = std::min(degree.low, one.low);
    degree.high = std::max(degree.high, one.high);
    degree.exact &= one.exact;
  }
  return degree;
}

void stability::scaleInvariance(Subject &subject, std::vector<Verdict> &verdicts) {
  Verdict verdict;
  verdict.property = "backward.scale_invariance";
  verdict.claim = "S81";
  verdict.formula = "u(c W_out) = c^kw u(W_out)";
  bool isProved = true, isRefuted = false, isAny = false;
  for (const Stack &stack : subject.declared.stacks)
    for (const Equation &equation : stack.equations) {
      Degree weight = weightDegree(equation.next);
      auto step = const_cast<Equation &>(equation).op;
      isAny = true;
      isProved &= weight.isZero();
      bool isWitness = !weight.top && weight.high >= 1 && weight.exact;
      isRefuted |= isWitness;
      verdict.details.push_back("step of '" + step.getStream().str() + "': deg_stream " +
                                print(equation.next.stream) + ", deg_weight " + print(weight) +
                                ", deg_act " + print(weight));
      if (isWitness || weight.top)
        verdict.culprits.push_back({isWitness ? "this update scales with its output projection"
                                              : "this update mixes degrees",
                                    step.getLoc()});
    }
  if (!isAny)
    return;
  verdict.word = isProved ? Word::proved : isRefuted ? Word::refuted : Word::unknown;
  for (const std::string &text : subject.assumptions.textOf(subject.grounds(subject.declared)))
    if (StringRef(text).starts_with("law degree"))
      verdict.assumptions.push_back(text);
  if (isProved)
    verdict.details.push_back("up to eps/(2 sigma^2) of the output norms");
  verdicts.push_back(std::move(verdict));
}
