// Idioms: what only several operations together are. v / sqrt(q mean(v v) + eps) as the program
// spells it, with a root, its reciprocal or a power, and perhaps times something above (S6): other
// spellings are not seen, and bounded by the general rules or not at all. Weighted sums of streams.
#include "compiler/certify/Parts.h"

namespace lnx::certify {

/// The other summand where one is a number from 0 on; the step itself where there is none (S36).
static int64_t withoutConstant(const Document &document, int64_t place) {
  const Step &sum = document.program[place];
  if (sum.op != "add" || sum.of.size() != 2)
    return place;
  for (size_t i : {0, 1}) {
    const Step &number = document.program[sum.of[i]];
    if (number.op == "constant" && number.values && number.values->isAtLeast(0))
      return sum.of[1 - i];
  }
  return place;
}

/// Along the last axis.
static bool isReduction(const Step &step, const char *op) {
  return step.op == op && step.of.size() == 1 && step.number("axis").value_or(-1) == -1;
}

/// Computed alike from the same steps; looks a few steps back.
static bool isSame(const Document &document, int64_t x, int64_t y, int depth = 3) {
  const Step &a = document.program[x], &b = document.program[y];
  if (x == y || depth == 0 || a.of.empty() || a.op == "step" || a.op == "repeat" || a.op == "end")
    return x == y;
  bool isAlike =
      a.op == b.op && a.with == b.with && a.shape == b.shape && a.of.size() == b.of.size();
  for (size_t i = 0; isAlike && i < a.of.size(); ++i)
    isAlike = isSame(document, a.of[i], b.of[i], depth - 1);
  return isAlike;
}

/// What is squared.
static std::optional<int64_t> baseOf(const Document &document, const Step &square) {
  if (square.op == "mul" && square.of.size() == 2 && isSame(document, square.of[0], square.of[1]))
    return square.of[0];
  if (square.op == "pow" && square.of.size() == 1 && square.number("exponent") == 2)
    return square.of[0];
  return std::nullopt;
}

namespace {
/// number v / sqrt(q mean(v v) + eps), as it is written in the program.
struct Norm {
  int64_t input = 0; ///< what is normalised, before it is centred
  bool isCentred = false;
  double q = 1, number = 1;
  std::optional<int64_t> factor; ///< what multiplies v above
};

/// number above / sqrt(below).
struct Quotient {
  int64_t above = 0, below = 0;
  double number = 1;
};
} // namespace

/// What the root is taken of, of a root or one over it.
static std::optional<int64_t> underRoot(const Document &document, int64_t place, bool isInverse) {
  const Step &root = document.program[isInverse ? place : withoutConstant(document, place)];
  double exponent = root.op == "sqrt"    ? 0.5
                    : root.op == "rsqrt" ? -0.5
                    : root.op == "pow"   ? root.number("exponent").value_or(0)
                                         : 0;
  bool isRoot = root.of.size() == 1 && exponent == (isInverse ? -0.5 : 0.5);
  return isRoot ? std::optional(root.of[0]) : std::nullopt;
}

static std::optional<Quotient> quotientOf(const Document &document, int64_t place) {
  const Step &step = document.program[place];
  if ((step.op != "div" && step.op != "mul") || step.of.size() != 2)
    return std::nullopt;
  if (step.op == "div") {
    std::optional<int64_t> below = underRoot(document, step.of[1], /*isInverse=*/false);
    return below ? std::optional(Quotient{step.of[0], *below}) : std::nullopt;
  }
  for (size_t i : {1, 0}) {
    if (std::optional<int64_t> below = underRoot(document, step.of[i], /*isInverse=*/true))
      return Quotient{step.of[1 - i], *below};
    const Step &inverse = document.program[step.of[i]]; // number / root
    if (inverse.op != "div" || inverse.of.size() != 2)
      continue;
    const Step &number = document.program[inverse.of[0]];
    std::optional<int64_t> below = underRoot(document, inverse.of[1], /*isInverse=*/false);
    if (below && number.op == "constant" && number.values && number.values->isUniform())
      return Quotient{step.of[1 - i], *below, std::abs(number.values->values[0])};
  }
  return std::nullopt;
}

/// y where a step is y - mean(y).
static std::optional<int64_t> centredOf(const Document &document, int64_t place) {
  const Step &step = document.program[place];
  if (step.op != "sub" || step.of.size() != 2)
    return std::nullopt;
  const Step &mean = document.program[step.of[1]];
  bool isCentred = isReduction(mean, "mean") && isSame(document, mean.of[0], step.of[0]);
  return isCentred ? std::optional(step.of[0]) : std::nullopt;
}

namespace {
/// q times the mean of the squares of x, or the variance of x.
struct Radicand {
  int64_t x = 0;
  double q = 1;
  bool isVariance = false;
};
} // namespace

/// mean(x x), sum(x x) or mean(x x) - mean(x)^2.
static std::optional<Radicand> radicandOf(const Document &document, int64_t place) {
  const Step &sum = document.program[place];
  if (sum.op == "sub" && sum.of.size() == 2) {
    std::optional<Radicand> squares = radicandOf(document, sum.of[0]);
    std::optional<int64_t> mean = baseOf(document, document.program[sum.of[1]]);
    bool isVariance = squares && !squares->isVariance && squares->q == 1 && mean &&
                      isReduction(document.program[*mean], "mean") &&
                      isSame(document, document.program[*mean].of[0], squares->x);
    return isVariance ? std::optional(Radicand{squares->x, 1, true}) : std::nullopt;
  }
  bool isMean = isReduction(sum, "mean");
  if (!isMean && !isReduction(sum, "sum"))
    return std::nullopt;
  std::optional<int64_t> x = baseOf(document, document.program[sum.of[0]]);
  if (!x)
    return std::nullopt;
  return Radicand{*x, isMean ? 1 : static_cast<double>(document.program[*x].last()), false};
}

static std::optional<Norm> matchNorm(const Document &document, int64_t place) {
  std::optional<Quotient> quotient = quotientOf(document, place);
  std::optional<Radicand> radicand =
      quotient ? radicandOf(document, withoutConstant(document, quotient->below)) : std::nullopt;
  if (!radicand || document.program[radicand->x].shape != document.program[place].shape)
    return std::nullopt;
  auto isNormalised = [&](int64_t v) {
    std::optional<int64_t> x = centredOf(document, v);
    return radicand->isVariance ? x && isSame(document, *x, radicand->x)
                                : isSame(document, v, radicand->x);
  };
  Norm norm{quotient->above, /*isCentred=*/false, radicand->q, quotient->number, {}};
  const Step &above = document.program[quotient->above];
  if (!isNormalised(quotient->above)) {
    if (above.op != "mul" || above.of.size() != 2)
      return std::nullopt;
    size_t other = isNormalised(above.of[0]) ? 1 : 0;
    if (!isNormalised(above.of[1 - other]))
      return std::nullopt;
    norm.factor = above.of[other];
    norm.input = above.of[1 - other];
  }
  if (std::optional<int64_t> y = centredOf(document, norm.input)) {
    norm.isCentred = true;
    norm.input = *y;
  }
  return norm;
}

/// The idiom of a norm (S16..S18), times what multiplies it above.
static Derived normRule(const Site &site, const Norm &norm) {
  Derived result = functionOf(site.values[norm.input], /*isHomogeneous=*/true);
  int64_t last = site.step().last();
  double size = divUp(norm.number, sqrtDown(norm.q));
  double largest = mulUp(size, root(norm.isCentred ? last - 1 : last));
  result.bound[rms] = result.bound[part] = Size::constant(size);
  result.bound[across] = result.bound[peak] = Size::constant(largest);
  result.block = last;
  result.low = -largest;
  for (auto &[key, degree] : result.degrees)
    degree = {0, 0, !degree.isPure()};
  if (norm.factor) {
    Value factor = site.values[*norm.factor];
    const Step &step = site.document.program[*norm.factor];
    bool isGained = isGain(factor, step);
    if (isGained)
      factor = boundGain(site, factor);
    Value unit = result;
    result = productOf(site, unit, site.step(), factor, step);
    result.norm = isGained ? Value::Norm::gained : Value::Norm::none;
  } else {
    result.norm = Value::Norm::unit;
    for (Kind kind : {rms, across, peak})
      result.bounds[kind] = {result.bound[kind]};
    if (site.block() == last)
      result.bounds[part] = {result.bound[part]};
  }
  result.rule = norm.isCentred ? "S16" : "S17";
  return result;
}

std::optional<Derived> normOf(const Site &site) {
  std::optional<Norm> norm = matchNorm(site.document, site.place);
  return norm ? std::optional(normRule(site, *norm)) : std::nullopt;
}

//===-- mixing -----------------------------------------------------------------===//

/// Streams weighed by the rows of a matrix: |sum_s a_s X_s| <= sum |a_s| max |X_s| (S34).
void mix(const Site &site, Derived &result) {
  const Step &product = site.stepOf(0);
  if (site.step().op != "sum" || product.op != "mul" || product.of.size() != 2)
    return;
  int64_t matrix = product.of[0];
  const Step &weights = site.document.program[matrix];
  const Step &streams = site.document.program[product.of[1]];
  size_t rank = product.shape.size();
  bool isMixing = rank >= 2 && weights.shape.size() == rank && streams.shape.size() == rank &&
                  !weights.hasRows && weights.last() == 1 && streams.last() == product.last() &&
                  weights.shape[rank - 2] == product.shape[rank - 2] &&
                  streams.shape[rank - 2] == product.shape[rank - 2];
  while (site.document.program[matrix].op == "reshape")
    matrix = site.document.program[matrix].of[0];
  int64_t count = site.document.program[matrix].last();
  if (!isMixing || count != product.shape[rank - 2])
    return;
  const Value &a = site.values[matrix], &x = site.values[product.of[1]];
  Series sum = a.rowSum;
  if (a[peak].isConstant())
    sum = least(sum, Series(static_cast<double>(count)) * a[peak].one);
  result.rule = "S34";
  for (const Size &size : partsOf(x, streams, streams.last())) {
    result.bounds[rms].push_back(sum * size);
    if (site.block() == streams.last())
      result.bounds[part].push_back(sum * size);
  }
  result.bounds[peak].push_back(sum * x[peak]);
  result.bounds[across].push_back(sum * x[peak]);
  result.bounds[across].push_back(sum * (root(streams.count() / streams.last()) * x[across]));
  result.skip = scaled(x.skip, sum);
  result.share = sum * x.share;
}

} // namespace lnx::certify
