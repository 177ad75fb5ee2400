// Subject: runs, classes of growth, carriers and what is missing.
#include "compiler/stability/Subject.h"
#include "compiler/stability/FittedGrowth.h"
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

/// Slope of log r over log N at N, 2N, 4N and 8N from r0 = 1 (S51): least squares. It is printed
/// beside UNKNOWN and nothing else rests on it; 0 where the model cannot have these depths.
double Subject::fittedExponent(Weights weights, int chain) const {
  const int64_t base = std::clamp<int64_t>(declared.layers(), 48, 96);
  double xy = 0, xx = 0, sumX = 0, sumY = 0;
  for (int64_t depth : {base, 2 * base, 4 * base, 8 * base}) {
    OwningOpRef<ModuleOp> module = options.atDepth ? options.atDepth(depth) : nullptr;
    if (!module || module->getOps<ModelOp>().empty())
      return 0;
    ModelOp other = *module->getOps<ModelOp>().begin();
    FailureOr<Assumptions> read = Assumptions::read(other);
    if (failed(read))
      return 0;
    const Analysis analysis(other, *read, weights);
    if (analysis.chains.size() != declared.chains.size())
      return 0;
    double r = analysis.follow(chain, /*ofPeak=*/false, 1).last();
    double x = std::log(static_cast<double>(depth)), y = std::log(std::max(r, 1e-300));
    xy += x * y / 4, xx += x * x / 4, sumX += x / 4, sumY += y / 4;
  }
  return std::isfinite(sumY) ? (xy - sumX * sumY) / (xx - sumX * sumX) : HUGE_VAL;
}

const Subject::Depth &Subject::depthOf(int64_t depth) {
  auto [entry, isNew] = depths.try_emplace(depth);
  Depth &result = entry->second;
  if (!isNew || !options.atDepth)
    return result;
  OwningOpRef<ModuleOp> module = options.atDepth(depth);
  if (!module || module->getOps<ModelOp>().empty())
    return result;
  ModelOp other = *module->getOps<ModelOp>().begin();
  if (other->hasAttr("one_depth") || other->hasAttr("chooses_by_depth"))
    return result;
  FailureOr<Assumptions> read = Assumptions::read(other);
  if (failed(read))
    return result;
  Analysis analysis(other, *read, Weights::declared);
  if (analysis.chains.size() != declared.chains.size())
    return result;
  if (sensitivity().isFinite())
    result.sensitivity = sensitivityOf(analysis, Detail::worstLayer);
  result.isGood = true;
  return result;
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
  int64_t depth = std::max<int64_t>(1, declared.layers());
  if (!isKnownAtOtherDepths(depth))
    return Growth::unknown(0);
  Growth result = Growth::bounded();
  for (size_t chain = 0; chain < declared.chains.size(); ++chain) {
    fitted::Recurrence recurrence;
    recurrence.at = [&](int64_t n) { return depthOf(n).sensitivity.factors[chain]; };
    result = result.times(recurrence.growth(depth));
  }
  if (result.kind() == Growth::Kind::unknown)
    return growthOfPostNorms(depth).value_or(result);
  return result;
}

// What is asked of a, B and L_f at the sampled depths holds at all larger ones where their formulas
// say that a does not fall and that L_f/a + 4 B/a does not rise.
std::optional<Growth> Subject::growthOfPostNorms(int64_t depth) {
  std::vector<int64_t> samples = fitted::sampleDepths(depth);
  for (int64_t sample : samples) {
    const std::optional<PostNorms> &post = depthOf(sample).sensitivity.post;
    if (!post || !post->holds() || post->start != depthOf(samples.front()).sensitivity.post->start)
      return std::nullopt;
  }
  std::optional<fitted::ScheduleTerm> skip = fitted::recognise(
      [&](int64_t n) { return std::vector<double>(n, depthOf(n).sensitivity.post->skip); }, depth);
  if (!skip || skip->p != 0 || skip->s > 0 || skip->q < 0)
    return std::nullopt;
  fitted::Recurrence recurrence;
  recurrence.at = [&](int64_t n) { return depthOf(n).sensitivity.post->logs; };
  Growth growth = recurrence.growth(depth);
  return growth <= Growth::exponential() ? std::optional(growth) : std::nullopt;
}

/// Where the model chooses by its depth, depths not sampled may choose otherwise.
bool Subject::isKnownAtOtherDepths(int64_t depth) {
  bool isGood =
      options.atDepth && !model->hasAttr("one_depth") && !model->hasAttr("chooses_by_depth");
  for (int64_t sample : fitted::sampleDepths(depth))
    isGood = isGood && depthOf(sample).isGood;
  return isGood;
}

Growth Subject::growth(Weights weights, int chain) {
  if (auto known = classes.find({weights, chain}); known != classes.end())
    return known->second;
  const Analysis &analysis = run(weights);
  Growth result = analysis.isTop(chain) ? Growth::unbounded()
                  : hasDepth()          ? analysis.flow(chain).result()
                                        : Growth::unknown();
  if (result.kind() == Growth::Kind::unknown)
    result = Growth::unknown(fittedExponent(weights, chain));
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
