// PostNorms: the class in depth of steps x <- norm(a x + f), whose factor (a + L_f)/(a s - B) is no
// sum of powers (S85). Where a norm's gain is 1, s_{k+1} = sigma_k/sqrt(sigma_k^2 + eps) cancels
// the norm's own slope: prod_k L_k = s_N/s_0 prod_k (1 + L_f/a)/(1 - B/(a s_k)), and s_k >= 1/2
// stays true where a/2 - B >= sqrt(eps/3).
#include "compiler/stability/Sensitivity.h"
#include "dialect/Idioms.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

bool PostNorms::holds() const {
  // 4 B/a <= 1, so that a/2 - B >= a/4, and -log(1 - B/(a s)) <= 2 B/(a s) <= 4 B/a.
  auto isSmall = [](const Recurrence::Coefficients &k) { return k.gain <= 1; };
  return start >= 0.5 && skip / 4 >= std::sqrt(eps / 3) && llvm::all_of(logs, isSmall);
}

/// The norm of a sum whose scaled and shifted value this is.
static const NormOfSum *normBehind(const Analysis &analysis, Value value) {
  for (int turn = 0; turn < 4; ++turn) {
    value = resolve(value);
    if (auto found = analysis.sums.find(value); found != analysis.sums.end())
      return &found->second;
    std::optional<Pair> pair = matchSum(value);
    if (!pair)
      pair = matchProduct(value);
    const Abstract *x = pair ? analysis.find(resolve(pair->x)) : nullptr;
    if (!x)
      return nullptr;
    value = x->isFixed ? pair->y : pair->x;
  }
  return nullptr;
}

/// What it reads has deviation a s - B, and behind it are nothing but gains of exactly 1 and biases
/// of 0: the next deviation is sigma/sqrt(sigma^2 + eps), and the slope is the norm's own.
static bool isPlain(const NormOfSum &norm, const Abstract &next, int64_t layer) {
  const NormShape &shape = norm.shape;
  const auto &stages = next.spread.stages;
  size_t read = norm.input.spread.stages.size();
  if (shape.q != 1 || shape.number != 1 || shape.outside != 0 || !shape.isCentred || read == 0 ||
      stages.size() <= read || stages[read].isLinear())
    return false;
  for (const SpreadStage &stage : llvm::drop_begin(stages, read))
    if (!stage.offset.isZero() || !stage.factor.isAll(1))
      return false;
  double a = norm.input.skip[layer], twice = norm.input.spread.at(layer, 2),
         once = norm.input.spread.at(layer, 1);
  return llvm::all_of(norm.input.spread.stages, [](const auto &x) { return x.isLinear(); }) &&
         once > 0 && std::abs(twice - once - a) <= 1e-9 * a;
}

std::optional<PostNorms> stability::postNormsOf(const Analysis &sized, const Analysis &known) {
  PostNorms result;
  result.start = sized.chains.front().s0;
  for (size_t i = 0; i < sized.stacks.size(); ++i)
    for (int64_t layer = 0; layer < sized.stacks[i].count; ++layer)
      for (size_t step = 0; step < sized.stacks[i].equations.size(); ++step) {
        const Equation &equation = sized.stacks[i].equations[step];
        Value next = const_cast<Equation &>(equation).op.getNext();
        const NormOfSum *read = normBehind(sized, next), *changed = normBehind(known, next);
        if (!read || !changed || !isPlain(*read, equation.next, layer))
          return std::nullopt;
        double a = read->input.skip[layer];
        double b = std::max(0.0, a - read->input.spread.at(layer, 1));
        double slope = changed->input.slope.whole[layer] - changed->input.skip[layer];
        bool isFirst = result.logs.empty();
        if (!std::isfinite(slope) || (!isFirst && a != result.skip))
          return std::nullopt;
        result.skip = a;
        result.eps = std::max(result.eps, read->shape.eps);
        result.logs.push_back({1, 0, 0, slope / a + 4 * b / a});
      }
  return result.logs.empty() ? std::nullopt : std::optional(result);
}
