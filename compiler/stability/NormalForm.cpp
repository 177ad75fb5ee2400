// NormalForm: the steps as text, s' = P(a s + sum_j u_j), from what the interpretation kept (S8).
#include "compiler/stability/Subject.h"

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

static std::string print(const Series &series) {
  if (series.isUniform())
    return printNumber(series[0]);
  return printNumber(series[0]) + ".." + printNumber(series[series.size() - 1]);
}

static std::string printBound(const Bound &bound) {
  if (bound.isTop())
    return "unbounded";
  std::string text;
  if (!bound.c.isZero())
    text += print(bound.c) + " r^2 + ";
  if (!bound.a.isZero())
    text += print(bound.a) + " r + ";
  return text + print(bound.b);
}

std::vector<std::string> stability::printNormalForm(const Analysis &analysis) {
  std::vector<std::string> lines;
  for (const Stack &stack : analysis.stacks)
    for (const Equation &equation : stack.equations) {
      std::string name = const_cast<Equation &>(equation).op.getStream().str();
      const Abstract &next = equation.next;
      std::string layers = "layers " + std::to_string(stack.first) + ".." +
                           std::to_string(stack.first + stack.count - 1) + ": ";
      std::string right = "P(" + name + ", u)";
      if (next.hasSkip) {
        bool isOne = next.skip.isUniform() && next.skip[0] == 1;
        right = (isOne ? "" : print(next.skip) + "*") + name + (next.hasRest ? " + u" : "");
      }
      lines.push_back(layers + name + " <- " + right + "   |" + name +
                      "'| <= " + printBound(next.part) + " for |" + name + "| <= r");
    }
  return lines;
}
