// Subject: runs, classes of growth, carriers and what is missing.
#include "compiler/stability/Subject.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

std::string stability::printNumber(double number) {
  char text[40];
  std::snprintf(text, sizeof text, "%.6g", number);
  return text;
}

std::string stability::pathOf(ParamOp op) {
  auto repeat = op->getParentOfType<RepeatOp>();
  if (repeat && !repeat.getScope().empty())
    return repeat.getScope().str() + "." + op.getPath().str();
  return op.getPath().str();
}

Subject::Subject(ModelOp model, Assumptions &assumptions, const VerifyOptions &options)
    : model(model), assumptions(assumptions), options(options),
      declared(model, assumptions, Weights::declared),
      bounded(model, assumptions, Weights::bounded) {
  if (assumptions.optimizer())
    trajectory = std::make_unique<Analysis>(model, assumptions, Weights::trajectory);
}

const Analysis &Subject::run(Weights weights) const {
  return weights == Weights::declared  ? declared
         : weights == Weights::bounded ? bounded
                                       : *trajectory;
}

//===-- growth ---------------------------------------------------------------===//

bool Subject::hasDepth() const {
  auto isGrowing = [](const Stack &stack) { return stack.span.isKnown && stack.span.isGrowing(); };
  return !model->hasAttr("one_depth") && llvm::any_of(declared.stacks, isGrowing);
}

/// Layers that are looked at one by one; of more, every one is taken for the worst of them.
static constexpr int64_t mostLayers = 1024;

const Sensitivity &Subject::sensitivity() {
  if (!change)
    change = std::make_unique<Sensitivity>(sensitivityOf(
        declared, declared.layers() <= mostLayers ? Detail::eachLayer : Detail::worstLayer));
  return *change;
}

const Optimum *Subject::optimum() {
  if (!minimisers)
    minimisers = optimumOf(*this);
  return *minimisers ? &**minimisers : nullptr;
}

Growth Subject::sensitivityGrowth() {
  if (!sensitivity().isFinite())
    return Growth::unbounded();
  return hasDepth() ? stability::sensitivityGrowth(declared) : Growth::unknown();
}

Growth Subject::growth(Weights weights, int chain) {
  if (auto known = classes.find({weights, chain}); known != classes.end())
    return known->second;
  const Analysis &analysis = run(weights);
  Growth result = analysis.isTop(chain) ? Growth::unbounded()
                  : hasDepth()          ? analysis.flow(chain).result()
                                        : Growth::unknown();
  classes.emplace(std::pair(weights, chain), result);
  return result;
}

Growth Subject::growth(Weights weights) {
  Growth largest = Growth::bounded();
  for (size_t chain = 0; chain < run(weights).chains.size(); ++chain) {
    Growth one = growth(weights, static_cast<int>(chain));
    if (one.kind() == Growth::Kind::unknown)
      return one;
    largest = Growth::maximum(largest, one);
  }
  return largest;
}

Growth Subject::lowerGrowth() const {
  if (!hasDepth() || declared.chains.empty())
    return Growth::bounded();
  return lowerClassOf(declared.schedules(declared.outputChain()));
}

Shape Subject::shape(const Analysis &analysis, int chain) const {
  Shape shape;
  if (const Chain &start = analysis.chains[chain]; start.isDerived) {
    shape.isSum = shape.isProduct = false;
    shape.sum = start.r0.value_or(INFINITY);
  }
  for (const StackSizes &own : analysis.sizes(chain))
    for (const StepSize &step : own.steps) {
      if (own.stack->count == 0)
        continue;
      bool isPlain = step.gain.isAll(0) && step.c.isAll(0);
      shape.isReset &= isPlain && step.a.isAll(0);
      shape.isSum &= isPlain && step.a.isAll(1);
      shape.isProduct &= step.b.isAll(0) && step.c.isAll(0);
      shape.hasSquare |= !step.c.isAll(0);
      shape.sum += step.b.sum(own.stack->count);
    }
  return shape;
}

//===-- reasons --------------------------------------------------------------===//

std::optional<Carrier> Subject::carrier(const Analysis &analysis) const {
  for (const Stack &stack : analysis.stacks)
    for (const Equation &equation : stack.equations)
      for (Value carrier : equation.next.carriers) {
        Degree degree = equation.next.degreeIn(carrier);
        if (!degree.top && degree.high >= 1 && degree.exact && stack.count > 0)
          return Carrier{equation.op, carrier.getDefiningOp<ParamOp>()};
      }
  return std::nullopt;
}

SmallVector<Value> Subject::carriers(const Analysis &analysis) const {
  SmallVector<Value> all;
  for (const Stack &stack : analysis.stacks)
    for (const Equation &equation : stack.equations)
      for (Value carrier : equation.next.carriers)
        if (!llvm::is_contained(all, carrier))
          all.push_back(carrier);
  return all;
}

double Subject::totalStep() const {
  double total = 0;
  for (const Stack &stack : declared.stacks)
    for (const Equation &equation : stack.equations)
      for (const Branch &branch : equation.next.branches)
        total += abs(branch.scale).sum(stack.count);
  return total;
}

uint64_t Subject::grounds(const Analysis &analysis) const {
  uint64_t all = 0;
  for (const Stack &stack : analysis.stacks)
    for (const Equation &equation : stack.equations)
      all |= equation.next.grounds;
  return all;
}

std::vector<std::string> Subject::missing(const Analysis &analysis,
                                          ArrayRef<Value> carriers) const {
  std::vector<std::string> lines;
  auto add = [&](std::string line) {
    if (!llvm::is_contained(lines, line))
      lines.push_back(std::move(line));
  };
  for (Value carrier : carriers) {
    auto param = carrier.getDefiningOp<ParamOp>();
    if (analysis.gains.count(carrier))
      add("assume norm.gain <= ...");
    else if (analysis.biases.count(carrier))
      add("assume norm.bias.rms <= ...");
    else
      add("assume " + std::string(param.getType().getRank() == 2 ? "spectral(" : "max(") +
          pathOf(param) + ") <= ...");
  }
  return lines;
}

void Subject::addStart(Verdict &verdict, const Chain &chain) const {
  for (const std::string &text : assumptions.textOf(chain.grounds))
    if (!llvm::is_contained(verdict.assumptions, text))
      verdict.assumptions.push_back(text);
}

void Subject::explain(Verdict &verdict, const Analysis &analysis) const {
  for (const Stack &stack : analysis.stacks)
    for (const Equation &equation : stack.equations) {
      const Abstract &next = equation.next;
      auto step = const_cast<Equation &>(equation).op;
      if (!next.carriers.empty())
        verdict.culprits.push_back(
            {"this step of '" + step.getStream().str() + "' is as large as '" +
                 pathOf(next.carriers.front().getDefiningOp<ParamOp>()) + "' makes it",
             step.getLoc()});
      else if (next.culprit && next.whole.isTop())
        verdict.culprits.push_back({"nothing bounds this value", next.culprit->getLoc()});
    }
  if (verdict.word != Word::refuted)
    verdict.assumptions = assumptions.textOf(grounds(analysis));
  verdict.missing = missing(analysis, carriers(analysis));
}
