// Subject: runs, coefficients at other depths, witnesses and what is missing.
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

//===-- other depths ---------------------------------------------------------===//

const Subject::Depth &Subject::depthOf(int64_t depth) {
  auto [entry, isNew] = depths.try_emplace(depth);
  Depth &result = entry->second;
  if (!isNew || !options.atDepth)
    return result;
  OwningOpRef<ModuleOp> module = options.atDepth(depth);
  if (!module)
    return result;
  auto models = module->getOps<ModelOp>();
  if (models.empty())
    return result;
  ModelOp other = *models.begin();
  if (other->hasAttr("chooses_by_depth"))
    return result;
  FailureOr<Assumptions> read = Assumptions::read(other);
  if (failed(read))
    return result;
  for (Weights weights : {Weights::declared, Weights::bounded, Weights::trajectory}) {
    if (weights == Weights::trajectory && !trajectory)
      continue;
    Analysis analysis(other, *read, weights);
    if (analysis.chains.size() != declared.chains.size())
      return result;
    result.update = updateTotal(analysis);
    if (weights == Weights::declared && sensitivity().isFinite())
      result.sensitivity = sensitivityOf(analysis, Detail::worstLayer);
    for (size_t chain = 0; chain < analysis.chains.size(); ++chain)
      result.of[{weights, chain}] = analysis.coefficients(chain, /*ofPeak=*/false);
  }
  result.isGood = true;
  return result;
}

const std::vector<Recurrence::Coefficients> &Subject::at(Weights weights, int chain,
                                                         int64_t depth) {
  static const std::vector<Recurrence::Coefficients> none;
  const Depth &found = depthOf(depth);
  auto entry = found.of.find({weights, chain});
  return found.isGood && entry != found.of.end() ? entry->second : none;
}

std::optional<double> Subject::updateTotalAt(int64_t depth) {
  const Depth &found = depthOf(depth);
  return found.isGood ? found.update : std::nullopt;
}

/// Layers that are looked at one by one; of more, every one is taken for the worst of them.
static constexpr int64_t mostLayers = 1024;

const Sensitivity &Subject::sensitivity() {
  if (!change)
    change = std::make_unique<Sensitivity>(sensitivityOf(
        declared, declared.layers() <= mostLayers ? Detail::eachLayer : Detail::worstLayer));
  return *change;
}

Growth Subject::sensitivityGrowth() {
  if (!sensitivity().isFinite())
    return Growth::unbounded();
  int64_t depth = std::max<int64_t>(1, declared.layers());
  if (!isKnownAtOtherDepths(depth))
    return Growth::unknown(0);
  Growth result = Growth::bounded();
  for (size_t chain = 0; chain < declared.chains.size(); ++chain) {
    Recurrence recurrence;
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
  std::vector<int64_t> samples = sampleDepths(depth);
  for (int64_t sample : samples) {
    const std::optional<PostNorms> &post = depthOf(sample).sensitivity.post;
    if (!post || !post->holds() || post->start != depthOf(samples.front()).sensitivity.post->start)
      return std::nullopt;
  }
  std::optional<ScheduleTerm> skip = recognise(
      [&](int64_t n) { return std::vector<double>(n, depthOf(n).sensitivity.post->skip); }, depth);
  if (!skip || skip->p != 0 || skip->s > 0 || skip->q < 0)
    return std::nullopt;
  Recurrence recurrence;
  recurrence.at = [&](int64_t n) { return depthOf(n).sensitivity.post->logs; };
  Growth growth = recurrence.growth(depth);
  return growth <= Growth::exponential() ? std::optional(growth) : std::nullopt;
}

/// Where the model chooses by its depth, depths not sampled may choose otherwise.
bool Subject::isKnownAtOtherDepths(int64_t depth) {
  bool isGood = options.atDepth && !model->hasAttr("chooses_by_depth");
  for (int64_t sample : sampleDepths(depth))
    isGood = isGood && depthOf(sample).isGood;
  return isGood;
}

Growth Subject::growth(Weights weights, int chain) {
  if (auto known = classes.find({weights, chain}); known != classes.end())
    return known->second;
  const Analysis &analysis = run(weights);
  auto own = analysis.coefficients(chain, /*ofPeak=*/false);
  bool isTop = false;
  for (const Recurrence::Coefficients &k : own)
    isTop |= !std::isfinite(k.a + k.b + k.c + k.gain);
  Growth result = Growth::unbounded();
  if (!isTop) {
    int64_t depth = std::max<int64_t>(1, analysis.layers());
    Recurrence recurrence;
    recurrence.at = [&](int64_t n) { return at(weights, chain, n); };
    result = isKnownAtOtherDepths(depth) ? recurrence.growth(depth) : Growth::unknown(0);
  }
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

Shape Subject::shape(const Analysis &analysis, int chain) const {
  Shape shape;
  for (const Recurrence::Coefficients &k : analysis.coefficients(chain, /*ofPeak=*/false)) {
    bool isFiller = k.a == 1 && k.gain == 0 && k.b == 0 && k.c == 0;
    if (isFiller)
      continue;
    shape.isReset &= k.a + k.gain == 0 && k.c == 0;
    shape.isSum &= k.a == 1 && k.gain == 0 && k.c == 0;
    shape.isProduct &= k.b == 0 && k.c == 0;
    shape.hasSquare |= k.c != 0;
    shape.sum += k.b;
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
        for (int64_t layer = 0; layer < stack.count; ++layer)
          total += std::abs(branch.scale[layer]);
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
