// IdentityPath: whether every step keeps the stream as a summand (5.6, S82).
#include "compiler/stability/Subject.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

namespace {
/// The summands of a step that are the stream itself, as in 2*x - x.
struct PlainSkip {
  int count = 0;
  double sum = 0, size = 0; ///< of their factors, and of the absolute values of these
};
} // namespace

static PlainSkip plainSkip(StepOp step) {
  Value previous = resolve(step.getPrevious());
  PlainSkip result;
  for (auto [factor, value] : summandsOf(step.getNext(), /*depth=*/16, previous).terms)
    if (value == previous) {
      result.sum += factor;
      result.size += std::abs(factor);
      ++result.count;
    }
  return result;
}

/// Whether the bound on the stream's factor is the factor: it comes from numbers alone, or from
/// summands that are the stream itself. What is promised of a learned factor is no number.
static bool isFactor(const Abstract &next, const PlainSkip &plain) {
  return next.skip.isFinite() &&
         (next.grounds == 0 || (plain.count > 0 && next.skip.isAll(plain.size)));
}

void stability::identityPath(Subject &subject, std::vector<Verdict> &verdicts) {
  Verdict verdict;
  verdict.property = "backward.identity_path";
  verdict.claim = "S82";
  verdict.formula = "prod_k a_k I is a summand of the Jacobian";
  bool isWhole = true, isAny = false, isLearned = false, isSure = true;
  double logs = 0;
  for (const Stack &stack : subject.declared.stacks)
    for (const Equation &equation : stack.equations) {
      isAny = true;
      auto step = const_cast<Equation &>(equation).op;
      if (!equation.isPlain) { // its form is not known
        isSure = isWhole = false;
        continue;
      }
      if (!equation.next.hasSkip) {
        isWhole = false;
        verdict.culprits.push_back(
            {"this step puts the stream itself behind a function", step.getLoc()});
        continue;
      }
      const PlainSkip plain = plainSkip(step);
      const bool isSummed = plain.count > 1;
      isLearned |= !isFactor(equation.next, plain);
      const bool isUniform = isSummed || equation.next.skip.isUniform();
      const int64_t count = isUniform ? std::min<int64_t>(stack.count, 1) : stack.count;
      for (int64_t layer = 0; layer < count; ++layer) {
        double skip = isSummed ? std::abs(plain.sum) : equation.next.skip[layer];
        if (skip == 0) {
          isSure = isWhole = false;
          verdict.culprits.push_back({"nothing of the stream is left here", step.getLoc()});
          break;
        }
        logs += (isUniform ? static_cast<double>(stack.count) : 1) * std::log(skip);
      }
    }
  if (!isAny)
    return;
  verdict.word = isWhole ? Word::proved : isSure ? Word::refuted : Word::unknown;
  if (isWhole && !isLearned) {
    verdict.number = std::exp(logs);
    verdict.details.push_back(logs == 0  ? "prod |a_k| = 1"
                              : logs < 0 ? "prod |a_k| decays"
                                         : "prod |a_k| grows");
  }
  verdicts.push_back(std::move(verdict));
}
