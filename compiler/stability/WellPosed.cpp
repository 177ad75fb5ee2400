// WellPosed: whether every update is bounded over the declared weights (5.4, S71).
// A statement about the optimisation problem; it says nothing about a training run.
#include "compiler/stability/Subject.h"

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

void stability::wellPosed(Subject &subject, std::vector<Verdict> &verdicts) {
  const Analysis &analysis = subject.declared;
  Verdict verdict;
  verdict.property = "forward.wellposed";
  verdict.claim = "S71";
  verdict.formula = "carriers of every update are declared bounded";
  SmallVector<Value> carriers = subject.carriers(analysis);
  bool isOpaque = false;
  for (const Stack &stack : analysis.stacks)
    for (const Equation &equation : stack.equations)
      isOpaque |= equation.next.carriers.empty() && equation.next.whole.isTop();
  std::vector<std::string> names;
  for (Value carrier : carriers)
    names.push_back(pathOf(carrier.getDefiningOp<ParamOp>()));
  verdict.details.push_back("undeclared carriers: {" + llvm::join(names, ", ") + "}");
  if (carriers.empty() && !isOpaque)
    verdict.word = Word::proved;
  else if (subject.carrier(analysis))
    verdict.word = Word::refuted;
  subject.explain(verdict, analysis);
  const bool isProved = verdict.word == Word::proved;
  verdicts.push_back(std::move(verdict));
  if (std::optional<Verdict> minimal = isProved ? std::nullopt : optimumWellPosed(subject))
    verdicts.push_back(std::move(*minimal));
}
