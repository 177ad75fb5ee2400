// UpdateBound: the model-update bound of DeepNet (5.8, S90..S92) and the warm-up rule (5.9, S94).
// Gains are fan_in * Var(W) of the last two products of each update, after (c1).
#include "compiler/stability/Subject.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

// Largest U that counts as bounded by 1: covers the rounded constants of encoder-decoders (S91).
static constexpr double largestUpdate = 1.05;

namespace {
/// Sums over the sub-layers of one chain.
struct Update {
  double total = 0; ///< U
  double cross = 0; ///< sum of v w / a over sub-layers that read another stream
};
} // namespace

// One step x <- P(a x + updates): the sum of dt^2 (v^2 + w^2) / a^2, in as many layers.
static void addStep(const Abstract &next, size_t layer, double layers, Update &update) {
  double a2 = next.initialSkip[layer] * next.initialSkip[layer];
  double total = 0, cross = 0;
  for (const Branch &branch : next.branches) {
    double in = branch.in[layer], out = branch.out[layer];
    double dt2 = branch.scale[layer] * branch.scale[layer];
    double input = branch.inputScale[layer] * branch.inputScale[layer];
    bool isFree = branch.hasOutputNorm && in * out > 0;
    total += dt2 * (in + out) * (isFree ? 1 / (in * out) : input);
    if (branch.isCross)
      cross += std::sqrt(dt2 * in * out);
  }
  update.total += layers * (a2 > 0 ? total / a2 : INFINITY);
  update.cross += layers * (cross / std::sqrt(a2));
}

static bool isUniform(const Abstract &next) {
  return next.initialSkip.isUniform() && llvm::all_of(next.branches, [](const Branch &branch) {
           return branch.in.isUniform() && branch.out.isUniform() && branch.scale.isUniform() &&
                  branch.inputScale.isUniform();
         });
}

// The paper's model is about steps that normalise stream and update together: the first that does
// not, if there is one.
static const Equation *firstOutside(const Analysis &analysis) {
  for (const Stack &stack : analysis.stacks)
    for (const Equation &equation : stack.equations)
      if (!equation.next.isPost)
        return &equation;
  return nullptr;
}

std::optional<double> stability::updateTotal(const Analysis &analysis) {
  if (firstOutside(analysis))
    return std::nullopt;
  std::vector<Update> updates(analysis.chains.size());
  for (const Stack &stack : analysis.stacks)
    for (const Equation &equation : stack.equations) {
      Update &update = updates[stack.chain];
      if (stack.count > 0 && isUniform(equation.next))
        addStep(equation.next, 0, static_cast<double>(stack.count), update);
      else
        for (int64_t layer = 0; layer < stack.count; ++layer)
          addStep(equation.next, layer, 1, update);
    }
  double largest = 0, before = 0;
  for (const Update &update : updates) {
    double own = update.total;
    if (before > 0 && update.cross > 0)
      own = std::max(own, update.cross * before); // U_enc
    largest = std::max(largest, own);
    before = update.total;
  }
  // An encoder read by a decoder counts through it only.
  if (updates.size() == 2 && updates[1].cross > 0)
    largest = std::max(updates[1].total, updates[1].cross * updates[0].total);
  return largest;
}

namespace {
/// Classes that U is below and above in depth; absent where it is no sum of powers.
struct UpdateClass {
  std::optional<Growth> upper, lower;
};
} // namespace

/// dt^2 / a^2 of a branch.
static Series weightOf(const Abstract &next, const Branch &branch) {
  return branch.scale * branch.scale / (next.initialSkip * next.initialSkip);
}

/// The term of S90 in all layers; absent where an output norm frees some of them only.
static std::optional<Schedule> termOf(const Abstract &next, const Branch &branch) {
  const Series product = branch.in * branch.out;
  const bool isFree = branch.hasOutputNorm && product.isPositive();
  if (branch.hasOutputNorm && !isFree && !product.isZero())
    return std::nullopt;
  const Series input = isFree ? reciprocal(product) : branch.inputScale * branch.inputScale;
  return (weightOf(next, branch) * (branch.in + branch.out) * input).schedule();
}

/// Sums of S90 over each stack. Streams that read others multiply with what those sum up to
/// (U_enc), so the sums of such updates are factors.
static UpdateClass classOfUpdate(const Subject &subject) {
  if (!subject.hasDepth())
    return {};
  UpdateClass result{Growth::bounded(), Growth::bounded()};
  auto raise = [](std::optional<Growth> &most, const std::optional<Growth> &other) {
    most = most && other ? std::optional(Growth::maximum(*most, *other)) : std::nullopt;
  };
  std::optional<Growth> cross = Growth::bounded();
  for (const Stack &stack : subject.declared.stacks)
    for (const Equation &equation : stack.equations)
      for (const Branch &branch : equation.next.branches) {
        const std::optional<Schedule> term = termOf(equation.next, branch);
        raise(result.upper, term ? classOfSum(*term, stack.span) : std::nullopt);
        if (std::optional<Growth> lower = term ? lowerClassOfSum(*term, stack.span) : std::nullopt)
          raise(result.lower, lower);
        if (branch.isCross)
          raise(
              cross,
              classOfSum(sqrt(weightOf(equation.next, branch) * branch.in * branch.out).schedule(),
                         stack.span));
      }
  result.upper = result.upper && cross ? std::optional(result.upper->times(*cross)) : std::nullopt;
  return result;
}

// S91, for a model that the paper's equations describe.
static void judge(Subject &subject, const UpdateClass &growth, Verdict &verdict) {
  verdict.formula = "U = sum_k dt_k^2 (v_k^2 + w_k^2)/a_k^2";
  verdict.number = updateTotal(subject.declared);
  verdict.details.push_back("accepted up to " + printNumber(largestUpdate));
  if (growth.upper)
    verdict.growth = growth.upper->print();
  if (growth.upper == Growth::bounded() && *verdict.number <= largestUpdate)
    verdict.word = Word::proved;
  if (!growth.lower || growth.lower->kind() < Growth::Kind::power)
    return;
  verdict.word = Word::refuted;
  for (const Stack &stack : subject.declared.stacks)
    for (const Equation &equation : stack.equations) {
      auto step = const_cast<Equation &>(equation).op;
      verdict.culprits.push_back({"this step weighs its update too much", step.getLoc()});
    }
}

static Verdict warmupOf(const std::optional<Growth> &growth, const Verdict &update) {
  Verdict warmup;
  warmup.property = "needs_warmup";
  warmup.basis = Basis::heuristic;
  warmup.claim = "S94";
  if (growth && growth->kind() <= Growth::Kind::log)
    warmup.word = Word::predictedOk;
  else if (growth && Growth::power(0.5) <= *growth)
    warmup.word = Word::predictedBad;
  warmup.growth = update.growth;
  warmup.details.push_back("by the class of the update bound: " +
                           (update.growth.empty() ? "not known" : update.growth));
  if (update.word == Word::predictedOk)
    warmup.details.push_back("and by its size: " + printNumber(*update.number));
  return warmup;
}

// S92, for any other model that the predictor at initialisation has rules for.
static std::optional<Growth> judgeAtInit(Subject &subject, Verdict &verdict) {
  const InitPrediction &init = subject.init();
  if (!init.profile) {
    verdict.culprits.push_back(init.reading.obstacle);
    return std::nullopt;
  }
  verdict.basis = Basis::initMeanField;
  verdict.claim = "S92";
  verdict.formula = "U_mf = sum_k R_k G_k";
  double own = init.profile->own.updateBound;
  if (std::isfinite(own))
    verdict.number = own;
  if (init.profile->evaluated != init.profile->depth)
    verdict.details.push_back("of " + std::to_string(init.profile->evaluated) + " layers");
  verdict.details.push_back("tolerance: a factor of 3 (S92)");
  std::vector<double> totals;
  for (const InitSummary &summary : init.profile->doubling)
    totals.push_back(summary.updateBound);
  if (totals.empty())
    return std::nullopt;
  Growth growth = classOfDoubling(totals);
  verdict.growth = growth.print();
  // Far below the limit at every depth that is built, the class does not matter.
  double most = std::max(own, *llvm::max_element(totals));
  if (most <= largestUpdate) {
    verdict.details.push_back("at most " + printNumber(most) + " at any depth up to " +
                              std::to_string(init.profile->doubling.back().depth));
    growth = Growth::bounded();
  }
  if (growth.kind() == Growth::Kind::bounded && own <= largestUpdate)
    verdict.word = Word::predictedOk;
  else if (growth.kind() >= Growth::Kind::power && growth.kind() != Growth::Kind::unknown)
    verdict.word = Word::predictedBad;
  return growth;
}

void stability::updateBound(Subject &subject, std::vector<Verdict> &verdicts) {
  if (subject.declared.chains.empty())
    return;
  Verdict verdict;
  verdict.property = "deepnorm.update_bound";
  verdict.basis = Basis::paperModel;
  verdict.claim = "S91";
  std::optional<Growth> growth;
  if (const Equation *outside = firstOutside(subject.declared)) {
    auto step = const_cast<Equation *>(outside)->op;
    verdict.details.push_back("the paper's model is about steps x <- norm(a*x + f(x)) only");
    verdict.culprits.push_back(
        {"this step does not normalise stream and update together", step.getLoc()});
    growth = judgeAtInit(subject, verdict);
  } else {
    const UpdateClass classes = classOfUpdate(subject);
    growth = classes.upper;
    judge(subject, classes, verdict);
  }
  Verdict warmup = warmupOf(growth, verdict);
  verdicts.push_back(std::move(verdict));
  verdicts.push_back(std::move(warmup));
}
