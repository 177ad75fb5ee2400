// Norms: v / sqrt(q mean(v v) + eps) as the program spells it, with a root, its reciprocal or a
// power, and perhaps times something above (S6). Other spellings are not seen: their values are
// bounded by the general rules or not at all.
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
/// v / sqrt(q mean(v v) + eps), as it is written in the program.
struct Norm {
  int64_t input = 0; ///< what is normalised, before it is centred
  bool isCentred = false;
  double q = 1;
  std::optional<int64_t> factor; ///< what multiplies v above
};

/// above / sqrt(below).
struct Quotient {
  int64_t above = 0, below = 0;
};
} // namespace

static std::optional<Quotient> quotientOf(const Document &document, int64_t place) {
  const Step &step = document.program[place];
  if ((step.op != "div" && step.op != "mul") || step.of.size() != 2)
    return std::nullopt;
  for (size_t i : {1, 0}) {
    const Step &root =
        document.program[step.op == "div" ? withoutConstant(document, step.of[i]) : step.of[i]];
    double exponent = root.op == "sqrt"    ? 0.5
                      : root.op == "rsqrt" ? -0.5
                      : root.op == "pow"   ? root.number("exponent").value_or(0)
                                           : 0;
    if (root.of.size() == 1 && exponent == (step.op == "div" ? 0.5 : -0.5))
      return Quotient{step.of[1 - i], root.of[0]};
    if (step.op == "div")
      break;
  }
  return std::nullopt;
}

static std::optional<Norm> matchNorm(const Document &document, int64_t place) {
  auto step = [&](int64_t at) -> const Step & { return document.program[at]; };
  std::optional<Quotient> quotient = quotientOf(document, place);
  if (!quotient)
    return std::nullopt;
  const Step &square = step(withoutConstant(document, quotient->below));
  bool isMean = isReduction(square, "mean");
  if (!isMean && !isReduction(square, "sum"))
    return std::nullopt;
  std::optional<int64_t> v = baseOf(document, step(square.of[0]));
  if (!v || step(*v).shape != step(place).shape)
    return std::nullopt;
  Norm norm{*v, /*isCentred=*/false, isMean ? 1 : static_cast<double>(step(*v).last()), {}};
  const Step &above = step(quotient->above);
  if (!isSame(document, quotient->above, *v)) {
    if (above.op != "mul" || above.of.size() != 2)
      return std::nullopt;
    size_t other = isSame(document, above.of[0], *v) ? 1 : 0;
    if (!isSame(document, above.of[1 - other], *v))
      return std::nullopt;
    norm.factor = above.of[other];
  }
  const Step &centred = step(*v);
  if (centred.op == "sub" && centred.of.size() == 2) {
    const Step &mean = step(centred.of[1]);
    norm.isCentred = isReduction(mean, "mean") && isSame(document, mean.of[0], centred.of[0]);
    if (norm.isCentred)
      norm.input = centred.of[0];
  }
  return norm;
}

/// The idiom of a norm (S16..S18), times what multiplies it above.
static Derived normRule(const Site &site, const Norm &norm) {
  Derived result = functionOf(site.values[norm.input], /*isHomogeneous=*/true);
  int64_t last = site.step().last();
  double size = divUp(1, sqrtDown(norm.q));
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

} // namespace lnx::certify
