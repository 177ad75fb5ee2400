// Slopes: the table. What is not in it may change without bound.
#include "compiler/certify/Slopes.h"
#include "compiler/certify/Parts.h"
#include <algorithm>

namespace lnx::certify {

static double rootOf(int64_t x, int64_t y) {
  return sqrtUp(divUp(static_cast<double>(x), static_cast<double>(std::max<int64_t>(1, y))));
}

/// The least of the numbers among these bounds.
static Series numberOf(const std::vector<Size> &bounds) {
  Series number = infinity;
  for (const Size &size : bounds)
    if (size.isConstant())
      number = least(number, size.one);
  return number;
}
static Series peakOf(const Value &x) { return numberOf({x[peak]}); }

Slope Slope::stream(const Step &step, int64_t epoch) {
  return {1.0, 1.0, root(step.count()), step.last(), epoch};
}

//===-- parts ------------------------------------------------------------------===//

/// Nothing but which stream both are about.
static Slope joinedSlopes(const Slope &x, const Slope &y) {
  Slope result;
  result.isOlder = x.isOlder || y.isOlder || (x.epoch >= 0 && y.epoch >= 0 && x.epoch != y.epoch);
  result.epoch = std::max(x.epoch, y.epoch);
  return result;
}

static Slope scaled(const Series &factor, Slope x) {
  for (Series *one : {&x.whole, &x.part, &x.across})
    *one = factor * *one;
  return x;
}

/// Of `size` neighbouring features: no more than all of them, or the blocks that they lie in.
static Series ofBlock(const Slope &x, int64_t size) {
  Series result = least(x.whole, x.across);
  if (x.block > 0 && size % x.block == 0)
    return least(result, Series(rootOf(size, x.block)) * x.part);
  return x.block > 0 && x.block % size == 0 ? least(result, x.part) : result;
}

/// What each of the three says of the others.
static Slope tightened(Slope x, const Step &step) {
  x.whole = least(x.whole, x.across);
  if (x.block > 0)
    x.whole = least(x.whole, Series(rootOf(step.count(), x.block)) * x.part);
  x.part = ofBlock(x, std::max<int64_t>(1, x.block));
  // Entry by entry, none changes more than its block.
  x.across = least(x.across, Series(root(step.count())) * ofBlock(x, 1));
  return x;
}

/// Of an operand repeated over the features of a step: its entries change together.
static Slope repeated(const Slope &x, const Step &from, const Step &to, int64_t block) {
  const Series times = rootOf(to.count(), from.count());
  Slope result = x;
  result.whole = times * x.whole;
  result.across = times * x.across;
  const bool isAlongRow = from.last() == 1 && to.last() > 1;
  result.part = isAlongRow ? Series(root(block)) * ofBlock(x, 1) : ofBlock(x, block);
  result.block = block;
  return result;
}

static Slope sumOf(const Slope &x, const Slope &y) {
  Slope result = joinedSlopes(x, y);
  result.whole = x.whole + y.whole;
  result.part = x.part + y.part;
  result.across = x.across + y.across;
  result.block = x.block;
  return result;
}

//===-- rules ------------------------------------------------------------------===//

static Slope sumRule(const Site &site, const std::vector<Slope> &slopes, int64_t block) {
  const std::vector<int64_t> &of = site.step().of;
  return tightened(sumOf(repeated(slopes[of[0]], site.stepOf(0), site.step(), block),
                         repeated(slopes[of[1]], site.stepOf(1), site.step(), block)),
                   site.step());
}

/// d(x y) = dx y + x dy (S22), from the operands' largest entries.
static Slope productRule(const Site &site, const Slope &x, const Series &xPeak, const Slope &y,
                         const Series &yPeak, const Step &yStep, int64_t block) {
  return tightened(sumOf(scaled(yPeak, repeated(x, site.stepOf(0), site.step(), block)),
                         scaled(xPeak, repeated(y, yStep, site.step(), block))),
                   site.step());
}

/// |d(x W)| <= |W|_2 |dx| (S15); entries of different rows by |W|_F (S42), heads by their columns.
static Slope projectionRule(const Site &site, const Slope &x) {
  const Step &right = site.stepOf(1);
  const Value &w = site.of(1);
  if (!w.isFixed || right.hasRows || right.shape.size() != 2 ||
      site.step().number("transpose_lhs").value_or(0) != 0)
    return joinedSlopes(x, x);
  const Series spectral = least(w.spectral, w.frobenius);
  Slope result = joinedSlopes(x, x);
  result.whole = spectral * x.whole;
  result.across = w.frobenius * x.whole;
  const bool isTurned = site.step().number("transpose_rhs").value_or(0) != 0;
  if (!isTurned && w.head > 0 && w.perhead.isFinite() && site.step().last() % w.head == 0) {
    result.block = w.head;
    result.part = least(spectral, w.perhead) * x.whole;
  }
  return tightened(result, site.step());
}

/// dout = sum P dv + sum dP v with |dP|_1 <= max |ds|, whatever the number of tokens (S46).
static Slope attentionRule(const Site &site, const std::vector<Slope> &slopes) {
  const std::vector<int64_t> &of = site.step().of;
  const Slope &q = slopes[of[0]], &k = slopes[of[1]], &v = slopes[of[2]];
  const int64_t heads = static_cast<int64_t>(site.step().number("heads").value_or(0)),
                groups = static_cast<int64_t>(site.step().number("kv_heads").value_or(0));
  Slope result = joinedSlopes(joinedSlopes(q, k), v);
  if (heads < 1 || groups < 1 || site.stepOf(0).last() % heads != 0)
    return result;
  const int64_t size = site.stepOf(0).last() / heads;
  const Series scale = std::abs(site.step().number("scale").value_or(infinity));
  // The root of the sum over heads of the largest square over rows.
  auto overHeads = [&](const Slope &x) {
    return Series(rootOf(heads, groups)) * least(x.across, Series(root(groups)) * ofBlock(x, size));
  };
  auto sizeOf = [&](size_t i) {
    return Series(root(size)) * numberOf(partsOf(site.of(i), site.stepOf(i), size));
  };
  const Series sizeQ = sizeOf(0), sizeK = sizeOf(1), weights = scale * sizeOf(2);
  result.whole = overHeads(v) + weights * (sizeK * q.whole + sizeQ * overHeads(k));
  result.block = size;
  result.part = ofBlock(v, size) + weights * (sizeK * ofBlock(q, size) + sizeQ * ofBlock(k, size));
  return tightened(result, site.step());
}

/// |f(x) - f(y)| <= c |x - y|, as the author of f declares (S7).
static Slope lawRule(const Site &site, const std::vector<Slope> &slopes) {
  const std::vector<int64_t> &of = site.step().of;
  const Slope &derived = slopes[of[0]];
  const std::optional<double> declared = site.step().number("slope");
  if (!declared || of.size() != 2)
    return derived;
  const Series limit = Series(*declared) * slopes[of[1]].whole;
  const std::vector<double> &now = derived.whole.values;
  if (!limit.isFinite() || *std::max_element(now.begin(), now.end()) <=
                               *std::min_element(limit.values.begin(), limit.values.end()))
    return derived;
  Slope result = joinedSlopes(slopes[of[1]], slopes[of[1]]);
  result.whole = limit;
  return result;
}

/// The largest slope of a function of each entry (S19, S20, S23).
static std::optional<double> lipschitzOf(const std::string &op) {
  static const std::pair<const char *, double> table[] = {
      {"neg", 1},  {"abs", 1},        {"relu", 1},       {"reshape", 1},
      {"tanh", 1}, {"sigmoid", 0.25}, {"silu", 1.09984}, {"gelu", 1.12900}};
  for (const auto &[name, slope] : table)
    if (op == name)
      return slope;
  return std::nullopt;
}

Slope slopeOf(const Site &site, const std::vector<Slope> &slopes, int64_t block) {
  const Step &step = site.step();
  const bool isNumber = step.op == "param" || step.op == "constant" || step.op == "table";
  Slope joined = Slope::none();
  bool isNone = isNumber || !step.of.empty(); // what a step without operands is, is not known
  for (int64_t of : step.of) {
    isNone = isNone && slopes[of].isNone();
    joined = joinedSlopes(joined, slopes[of]);
  }
  if (isNone)
    return Slope::none();
  auto of = [&](size_t i) -> const Slope & { return slopes[step.of[i]]; };
  if (std::optional<double> slope = lipschitzOf(step.op))
    return scaled(*slope, of(0));
  if (step.op == "exp")
    return scaled(peakOf(site.values[site.place]), of(0));
  if (step.op == "add" || step.op == "sub")
    return sumRule(site, slopes, block);
  if (step.op == "mul")
    return productRule(site, of(0), peakOf(site.of(0)), of(1), peakOf(site.of(1)), site.stepOf(1),
                       block);
  if (step.op == "div" && of(1).isNone())
    return productRule(site, of(0), peakOf(site.of(0)), Slope::none(),
                       peakOf(inverseOf(site.of(1), site.stepOf(1))), site.stepOf(1), block);
  if (step.op == "pow" && step.number("exponent") == 2)
    return productRule(site, of(0), peakOf(site.of(0)), of(0), peakOf(site.of(0)), site.stepOf(0),
                       block);
  if (step.op == "matmul" && of(1).isNone())
    return projectionRule(site, of(0));
  if (step.op == "attend")
    return attentionRule(site, slopes);
  if (step.op == "law")
    return lawRule(site, slopes);
  return joined;
}

} // namespace lnx::certify
