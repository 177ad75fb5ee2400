// SensitivityBound: a number that no Jacobian from the first to the last stream exceeds (5.6).
// PROVED unless a factor is infinite, or finite only because a norm's eps is not zero (S83).
#include "compiler/stability/Subject.h"
#include "dialect/Idioms.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

static std::string formulaOf(const Sensitivity &change) {
  if (change.isSum)
    return "prod_k (1 + |dt_k| L_k)";
  return change.isPost ? "prod_k (|a_k| + |dt_k| L_k) gmax/s_k" : "prod_k (|a_k| + |dt_k| L_k)";
}

/// Where a norm is used; inside its definition it says nothing about the model.
static Location placeOf(Operation *norm) {
  auto apply = norm->getParentOfType<ApplyOp>();
  bool isBlock = false;
  if (apply)
    apply.getBody().walk([&](StepOp) { isBlock = true; });
  return apply && !isBlock ? apply.getLoc() : norm->getLoc();
}

static void addVacuous(Subject &subject, const Sensitivity &change, Verdict &verdict) {
  for (Operation *norm : change.reasons.vacuous)
    verdict.culprits.push_back(
        {"what this norm reads may be the same number everywhere: eps alone bounds its slope",
         placeOf(norm)});
  if (std::isfinite(change.taken) && change.taken > 0)
    verdict.details.push_back("the updates may take " + printNumber(change.taken) +
                              " of a token's standard deviation");
  std::vector<std::string> lines = missingDeviations(subject.declared, change);
  if (change.least == 0) // nothing is left of a deviation that updates of any size may take
    llvm::append_range(lines,
                       subject.missing(subject.declared, subject.carriers(subject.declared)));
  for (std::string &line : lines)
    if (!llvm::is_contained(verdict.missing, line))
      verdict.missing.push_back(std::move(line));
}

/// An undeclared matrix or gain multiplies an update, and with it how much that changes.
static bool scalesWithWeights(const Analysis &declared, const Sensitivity &change) {
  for (const Stack &stack : declared.stacks)
    for (const Equation &equation : stack.equations)
      for (Value carrier : equation.next.carriers) {
        auto param = carrier.getDefiningOp<ParamOp>();
        Degree degree = equation.next.degreeIn(carrier);
        bool isFactor = param && (param.getType().getRank() >= 2 || declared.gains.count(carrier));
        if (isFactor && llvm::is_contained(change.reasons.carriers, carrier) && !degree.top &&
            degree.high >= 1 && degree.exact && stack.count > 0)
          return true;
      }
  return false;
}

static void addUnbounded(Subject &subject, const Sensitivity &change, Verdict &verdict) {
  for (StepOp step : change.unbounded)
    verdict.culprits.push_back(
        {change.reasons.carriers.empty()
             ? "nothing bounds how much this step changes with '" + step.getStream().str() + "'"
             : "this step may change as much as '" +
                   pathOf(change.reasons.carriers.front().getDefiningOp<ParamOp>()) + "' makes it",
         const_cast<StepOp &>(step).getLoc()});
  if (Operation *op = change.reasons.culprit)
    verdict.culprits.push_back({"nothing bounds how this value changes", op->getLoc()});
  verdict.missing = subject.missing(subject.declared, change.reasons.carriers);
}

static void addNumber(const Sensitivity &change, Verdict &verdict) {
  if (std::isfinite(change.product))
    verdict.number = roundUp(change.product);
  else
    verdict.details.push_back("ln |J| <= " + printNumber(roundUp(change.logarithm)));
  if (change.isSum && std::isfinite(change.exponent))
    verdict.details.push_back("|J| <= exp(" + printNumber(roundUp(change.exponent)) +
                              "), the sum of |dt_k| L_k");
  if (change.least > 0)
    verdict.details.push_back("every token keeps a standard deviation of " +
                              printNumber(change.least));
}

void stability::sensitivityBound(Subject &subject, std::vector<Verdict> &verdicts) {
  if (subject.declared.chains.empty())
    return;
  const Sensitivity &change = subject.sensitivity();
  Verdict verdict;
  verdict.property = "backward.sensitivity_bound";
  verdict.formula = "|J| <= " + formulaOf(change);
  verdict.claim = "S83";
  bool isVacuous = !change.reasons.vacuous.empty();
  if (!change.isFinite()) {
    if (scalesWithWeights(subject.declared, change)) // and weights are found that show it (S56)
      verdict.word = Word::refuted;
    addUnbounded(subject, change, verdict);
    addVacuous(subject, change, verdict);
  } else {
    addNumber(change, verdict);
    if (isVacuous) { // the number is true, and says how small eps is
      Growth growth = subject.sensitivityGrowth();
      verdict.details.push_back(
          "vacuous: taken for gmax/sqrt(eps), the slope of " +
          std::to_string(change.reasons.vacuous.size()) + " norms" +
          (growth.kind() == Growth::Kind::unknown ? "" : "; " + growth.print() + " in depth"));
      addVacuous(subject, change, verdict);
    } else {
      verdict.word = Word::proved;
      verdict.growth = subject.sensitivityGrowth().print();
      verdict.claim = change.isPost ? "S85" : change.least > 0 ? "S84" : "S83";
    }
  }
  verdict.assumptions = subject.assumptions.textOf(change.reasons.grounds);
  verdicts.push_back(std::move(verdict));
}
