// PostNorms: the class in depth of steps x <- norm(a x + f), whose factor (a + L_f)/(a s - B) is no
// sum of powers (S85). Where a norm's gain is 1, s_{k+1} = sigma_k/sqrt(sigma_k^2 + eps) with
// sigma_k = a s_k - B cancels the norm's own slope: prod_k L_k = s_N/s_0 prod_k (1 + L_f/a)/(1 -
// B/(a s_k)). s_k >= 1/2 stays true where a/4 >= sqrt(eps/3) and 4 B/a <= 1, and then
// log prod_k L_k <= sum_k (L_f/a + 4 B/a) + log(1/s_0).
#include "compiler/stability/Sensitivity.h"
#include "dialect/Idioms.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

/// The normalised value of a sum whose scaled and shifted value this is.
static std::optional<Value> normBehind(const Analysis &analysis, Value value) {
  for (int turn = 0; turn < 4; ++turn) {
    value = resolve(value);
    if (analysis.sums.count(value))
      return value;
    std::optional<Pair> pair = matchSum(value);
    if (!pair)
      pair = matchProduct(value);
    const Abstract *x = pair ? analysis.find(resolve(pair->x)) : nullptr;
    if (!x)
      return std::nullopt;
    value = x->isFixed ? pair->y : pair->x;
  }
  return std::nullopt;
}

/// Behind the norm are nothing but gains of exactly 1 and biases of 0: the next deviation is
/// sigma/sqrt(sigma^2 + eps), and the slope is the norm's own. Gains of at least 1 are told from
/// exact ones by the size of what they give.
static bool isPlain(const NormOfSum &norm, const Abstract &next, Type type) {
  const NormShape &shape = norm.shape;
  const auto &stages = next.spread.stages;
  const size_t read = norm.input.spread.stages.size();
  const Bound size = partOf(next, type, lastOf(type));
  if (shape.q != 1 || shape.number != 1 || shape.outside != 0 || !shape.isCentred || read == 0 ||
      stages.size() <= read || stages[read].isLinear() || !size.isConstant() ||
      size.b.hasSchedule() || size.b.largest() > 1)
    return false;
  return llvm::all_of(llvm::drop_begin(stages, read), [](const SpreadStage &stage) {
    return stage.offset.isZero() && stage.factor.isAll(1) && !stage.factor.hasSchedule();
  });
}

static std::optional<StepSchedule> stepOf(const Analysis &sized, const Equation &equation,
                                          const Layers &layers) {
  StepOp op = equation.op;
  const std::optional<Value> normed = normBehind(sized, op.getNext());
  const std::optional<Normalisation> shape = normed ? matchNormalisation(*normed) : std::nullopt;
  StreamSum sum;
  if (!shape || !isPlain(sized.sums.find(*normed)->second, equation.next, op.getType()) ||
      !sum.add(sized, shape->input, resolve(op.getPrevious())) || !sum.skip || !sum.size)
    return std::nullopt;
  const Schedule inverse = reciprocal(*sum.skip),
                 loss = Schedule::constant(4) * *sum.size * inverse;
  const double eps = sized.sums.find(*normed)->second.shape.eps;
  const bool isSmall =
      loss.above() &&
      limitOf(positiveAbove(*loss.above()), layers).value() * (1 + 10 * coefficientError) <= 1;
  if (!isSmall || leastOf(*sum.skip) < 4 * std::sqrt(eps / 3))
    return std::nullopt;
  return StepSchedule{Schedule::constant(1), sum.slope * inverse + loss};
}

std::optional<std::vector<StackSchedule>> stability::postNormsOf(const Analysis &sized) {
  std::vector<StackSchedule> result;
  if (!isOrdered(sized) || leastOf(sized.chains.front().s0.schedule()) < 0.5)
    return std::nullopt;
  for (const Stack &stack : sized.stacks) {
    result.push_back({stack.span, {}});
    for (const Equation &equation : stack.equations) {
      std::optional<StepSchedule> step = stepOf(sized, equation, stack.span.layers);
      if (!step)
        return std::nullopt;
      result.back().steps.push_back(*step);
    }
  }
  return result;
}
