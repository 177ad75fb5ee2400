// Rules: the table. Of an operation that is not in it nothing is known.
#include "compiler/certify/Parts.h"
#include <algorithm>

namespace lnx::certify {

/// |f(x)| <= 1.
static Derived limited(const Value &x, double low) {
  Derived result = functionOf(x, /*isHomogeneous=*/false);
  setAll(result, Size::constant(1.0));
  result.low = low;
  return result;
}

//===-- arithmetic -------------------------------------------------------------===//

// What is added to a norm is its bias (S6).
static Derived addRule(const Site &site) {
  Value operands[] = {site.of(0), site.of(1)};
  for (size_t i : {0, 1})
    if (isGain(operands[1 - i], site.stepOf(1 - i)) && operands[i].norm != Value::Norm::none)
      operands[1 - i] = boundBias(site, operands[1 - i], site.stepOf(1 - i).count());
  return sumOf(site, operands[0], operands[1]);
}

static Derived negRule(const Site &site) {
  Derived result = copied(site.of(0));
  result.bounds[part] = partsOf(site.of(0), site.stepOf(0), site.block());
  if (result.number)
    result.number = result.number->map([](double v) { return -v; });
  result.low = result.number.value_or(-infinity);
  result.isFresh = result.isStream = false;
  result.norm = Value::Norm::none;
  return result;
}

static Derived subRule(const Site &site) {
  Value negated = site.of(1);
  negated.low = negated.number ? negated.number->map([](double v) { return -v; }) : -infinity;
  negated.isFresh = false;
  return sumOf(site, site.of(0), negated);
}

// What multiplies a norm is its gain (S6).
static Derived mulRule(const Site &site) {
  Value operands[] = {site.of(0), site.of(1)};
  Value::Norm norm = Value::Norm::none;
  for (size_t i : {0, 1}) {
    const Value &other = operands[1 - i];
    if (operands[i].norm == Value::Norm::unit && isGain(other, site.stepOf(1 - i))) {
      operands[1 - i] = boundGain(site, other);
      norm = Value::Norm::gained;
    } else if (site.stepOf(1 - i).op == "constant") {
      norm = operands[i].norm;
    }
  }
  Derived result = productOf(site, operands[0], site.stepOf(0), operands[1], site.stepOf(1));
  result.norm = norm;
  return result;
}

/// Weights that add up to one (S25), or any other quotient.
static Derived divRule(const Site &site) {
  const Step &below = site.stepOf(1);
  if (below.op == "sum" && below.of[0] == site.step().of[0] && site.of(0).low.isAtLeast(0)) {
    Derived result = limited(site.of(0), 0);
    result.rule = "S25";
    return result;
  }
  return productOf(site, site.of(0), site.stepOf(0), inverseOf(site.of(1), below), below);
}

// One of the two everywhere, so bounded by their sum.
static Derived choiceRule(const Site &site) {
  const Value &x = site.of(0), &y = site.of(1);
  bool isLarger = site.step().op == "maximum";
  Derived result = functionOf(sumOf(site, x, y), /*isHomogeneous=*/false);
  result.bounds = sumOf(site, x, y).bounds;
  result.low = Series::zip(
      x.low, y.low, [=](double a, double b) { return isLarger ? std::max(a, b) : std::min(a, b); });
  return result;
}

/// |f(x)| <= |x| (S20).
static Derived contractionRule(const Site &site) {
  const std::string &op = site.step().op;
  Derived result = functionOf(site.of(0), op == "relu" || op == "abs");
  result.bounds[part] = partsOf(site.of(0), site.stepOf(0), site.block());
  if (op == "relu" || op == "abs")
    result.low = 0.0;
  return result;
}

static Derived limitRule(const Site &site) {
  const std::string &op = site.step().op;
  Derived result = limited(site.of(0), op == "tanh" || op == "sign" ? -1 : 0);
  if (op == "tanh") // and |tanh x| <= |x|
    result.bounds[rms].push_back(site.of(0)[rms]);
  return result;
}

static Derived expRule(const Site &site) {
  const Value &x = site.of(0);
  Derived result = joined({&x});
  // The C library's exp is good to one unit in the last place, 2.3e-16.
  auto exp = [](double v) { return mulUp(std::exp(v), 1 + 1e-15); };
  if (x[peak].isKnown() && x[peak].isConstant())
    setAll(result,
           Size::constant(x[peak].one.map(exp).with(rateOf(exp(largestOf(x[peak].one.rate))))));
  result.low = 0.0;
  return result;
}

static Derived powRule(const Site &site) {
  if (site.step().number("exponent") == 2)
    return productOf(site, site.of(0), site.stepOf(0), site.of(0), site.stepOf(0));
  return joined({&site.of(0)});
}

//===-- shapes and sums --------------------------------------------------------===//

static Derived reductionRule(const Site &site) {
  const Value &x = site.of(0);
  const Step &from = site.stepOf(0);
  double axis = site.step().number("axis").value_or(-1);
  int64_t rank = static_cast<int64_t>(from.shape.size());
  Derived result = joined({&x});
  if (!(axis <= -1 && -axis <= static_cast<double>(std::max<int64_t>(rank, 1)))) {
    result.problem = "there is no axis " + print(axis);
    return result;
  }
  double n = rank == 0 ? 1 : static_cast<double>(from.shape[rank + static_cast<int64_t>(axis)]);
  Series factor = site.step().op == "mean" ? 1.0 : n;
  result.degrees = x.degrees;
  result.bounds[peak] = result.bounds[across] = {factor * x[peak]};
  result.bounds[rms] = {factor * x[rms]};
  for (const Size &size : partsOf(x, from, from.last()))
    if (axis == -1)
      result.bounds[peak].push_back(factor * size);
    else if (site.block() == from.last())
      result.bounds[part].push_back(factor * size);
  result.low = x.low.map([](double v) { return v >= 0 ? 0 : -infinity; });
  if (axis == -2)
    mix(site, result);
  return result;
}

static Derived reshapeRule(const Site &site) {
  Derived result = copied(site.of(0));
  result.isStream = false;
  if (site.stepOf(0).count() != site.step().count())
    result.problem = "it reshapes " + std::to_string(site.stepOf(0).count()) + " features to " +
                     std::to_string(site.step().count());
  result.spectral = result.perhead = result.rowSum = infinity;
  result.bounds[part] = partsOf(site.of(0), site.stepOf(0), site.block());
  return result;
}

/// |one part| <= |the whole|; of fixed tensors, whose rows are all alike.
static Derived sliceRule(const Site &site) {
  const Step &from = site.stepOf(0);
  if (from.hasRows || from.shape.empty())
    return joined({&site.of(0)});
  Derived result = copied(site.of(0));
  result.isStream = false;
  result.bounds[rms] = {site.of(0)[peak], Series(root(from.shape[0])) * site.of(0)[rms]};
  result.bounds[across] = result.bounds[rms];
  return result;
}

static Derived transposeRule(const Site &site) {
  Derived result = copied(site.of(0));
  result.isStream = false;
  result.perhead = result.rowSum = infinity;
  return result;
}

/// A row of a table: its entries are the table's (S31).
static Derived gatherRule(const Site &site) {
  Derived result = joined({&site.of(0)});
  result.isFixed = false;
  setAll(result, site.of(0)[peak]);
  result.low = site.of(0).low;
  result.degrees = site.of(0).degrees;
  return result;
}

static Derived unknownRule(const Site &site) {
  std::vector<const Value *> operands;
  for (size_t i = 0; i < site.step().of.size(); ++i)
    operands.push_back(&site.of(i));
  return joined(operands);
}

//===-- products of matrices, attention ----------------------------------------===//

/// |x W| <= |W|_2 |x| (S15); entries of different rows by |W|_F (S42); heads by their own norms.
static Derived matmulRule(const Site &site) {
  const Value &x = site.of(0), &w = site.of(1);
  const Step &left = site.stepOf(0), &right = site.stepOf(1);
  bool isTurned = site.step().number("transpose_rhs").value_or(0) != 0;
  Derived result = joined({&x, &w});
  result.degrees.clear();
  for (const Value *side : {&x, &w})
    for (const auto &[key, degree] : side->degrees)
      if (std::find(x.last.begin(), x.last.end(), key) == x.last.end())
        result.degrees[key] = productOf(x.degreeIn(key), w.degreeIn(key));
  bool isProjection = w.isFixed && !right.hasRows && right.shape.size() == 2 &&
                      site.step().number("transpose_lhs").value_or(0) == 0;
  if (!isProjection)
    return result;
  int64_t k = right.shape[isTurned ? 1 : 0], n = right.shape[isTurned ? 0 : 1];
  if (left.last() != k || site.step().last() != n) {
    result.problem = "it multiplies " + std::to_string(left.last()) + " features by a matrix of " +
                     std::to_string(k) + " rows and " + std::to_string(n) + " columns";
    return result;
  }
  result.last = {site.place};
  result.degrees[site.place] = {1, 1, false};
  result.isFresh = true;
  auto over = [](int64_t v) { return Series(divUp(1, sqrtDown(static_cast<double>(v)))); };
  Series spectral = least(w.spectral, w.frobenius), rows = root(left.count() / left.last());
  Size norm = Series(root(k)) * x[rms]; // of one row, where x has but one
  result.bounds[rms] = {spectral * (over(n) * norm)};
  result.bounds[across] = {rows * (w.frobenius * (over(n) * norm))};
  result.bounds[peak] = {rows * (spectral * norm)};
  if (site.block() == n)
    result.bounds[part] = {rows * result.bounds[rms][0], result.bounds[across][0]};
  else if (w.perhead.isFinite() && w.head > 0 && !isTurned && site.block() == w.head &&
           n % w.head == 0)
    result.bounds[part] = {rows * (w.perhead * (over(w.head) * norm))};
  return result;
}

/// A row's output is a mean of values, head by head (S42..S44); |score| <= scale |q^h| |k^h| (S96).
static Derived attendRule(const Site &site) {
  const Value &q = site.of(0), &k = site.of(1), &v = site.of(2);
  int64_t width = site.stepOf(0).last(), heads = 0, groups = 0;
  for (auto [name, number] : {std::pair("heads", &heads), {"kv_heads", &groups}})
    if (double value = site.step().number(name).value_or(0);
        value >= 1 && value <= static_cast<double>(width))
      *number = static_cast<int64_t>(value);
  Derived result = joined({&v});
  if (heads < 1 || groups < 1 || width % heads != 0 || site.step().last() != width ||
      site.stepOf(1).last() != width / heads * groups ||
      site.stepOf(2).last() != width / heads * groups) {
    result.problem = "width " + std::to_string(width) + " is not " + std::to_string(heads) +
                     " heads over " + std::to_string(groups) + " of keys and values";
    return result;
  }
  int64_t size = width / heads;
  double scale = std::abs(site.step().number("scale").value_or(infinity));
  double cap = site.step().number("softcap").value_or(0);
  for (const Size &query : partsOf(q, site.stepOf(0), size))
    for (const Size &key : partsOf(k, site.stepOf(1), size))
      result.scoreBounds.push_back(Series(mulUp(static_cast<double>(size), scale)) * (query * key));
  if (cap > 0)
    result.scoreBounds.push_back(Size::constant(cap));
  result.bounds[rms] = partsOf(v, site.stepOf(2), size);
  result.bounds[rms].push_back(v[across]);
  if (site.block() == size)
    result.bounds[part] = partsOf(v, site.stepOf(2), size);
  result.bounds[across] = {v[across]};
  result.bounds[peak] = {v[peak]};
  // The scores' r is that of queries and keys.
  Derived all = joined({&q, &k, &v});
  result.epoch = all.epoch;
  result.isOlder = all.isOlder;
  result.degrees = v.degrees;
  for (const Value *side : {&q, &k})
    for (const auto &[key, degree] : side->degrees)
      if (!degree.isZero() &&
          (!v.degreeIn(key).isZero() ||
           std::find(side->last.begin(), side->last.end(), key) == side->last.end()))
        result.degrees[key] = {0, 0, true};
  return result;
}

//===-- the table --------------------------------------------------------------===//

namespace {
struct Rule {
  const char *op;
  size_t operands;
  const char *claim;
  Derived (*derive)(const Site &);
};
} // namespace

static constexpr size_t anyNumber = ~size_t(0);

static constexpr Rule table[] = {
    {"add", 2, "S27", addRule},          {"sub", 2, "S27", subRule},
    {"neg", 1, "S27", negRule},          {"mul", 2, "S22", mulRule},
    {"div", 2, "S22", divRule},          {"maximum", 2, "S27", choiceRule},
    {"minimum", 2, "S27", choiceRule},   {"abs", 1, "S20", contractionRule},
    {"relu", 1, "S20", contractionRule}, {"gelu", 1, "S20", contractionRule},
    {"silu", 1, "S20", contractionRule}, {"tanh", 1, "S19", limitRule},
    {"sigmoid", 1, "S23", limitRule},    {"sign", 1, "S23", limitRule},
    {"positive", 1, "S23", limitRule},   {"exp", 1, "S25", expRule},
    {"pow", 1, "S21", powRule},          {"sum", 1, "S14", reductionRule},
    {"mean", 1, "S14", reductionRule},   {"reshape", 1, "S26", reshapeRule},
    {"slice", 1, "S26", sliceRule},      {"transpose", 1, "S15", transposeRule},
    {"gather", 2, "S31", gatherRule},    {"matmul", 2, "S15", matmulRule},
    {"attend", 3, "S24", attendRule},    {"law", anyNumber, "S7", lawRule},
};

static Derived numberRule(const Site &site) {
  Derived result;
  result.rule = "S5";
  if (!site.step().values)
    result.problem = "it has no values";
  else if (const Series &values = *site.step().values;
           !values.isUniform() && static_cast<int64_t>(values.values.size()) != site.layers)
    result.problem = std::to_string(values.values.size()) + " numbers for " +
                     std::to_string(site.layers) + " layers";
  else {
    Rate rate = site.step().schedule.empty() ? values.rate : rateOf(site.step().schedule);
    // What a schedule bounds may be another number elsewhere.
    result.number = result.low = site.step().schedule.empty() ? values : values.with(std::nullopt);
    setAll(result,
           Size::constant(values.map([](double v) { return std::abs(v); }).with(std::move(rate))));
    result.isFixed = true;
  }
  return result;
}

Derived derive(const Site &site) {
  const Step &step = site.step();
  if (step.op == "param")
    return parameterOf(site);
  if (step.op == "constant" || step.op == "table")
    return numberRule(site);
  for (const Rule &rule : table) {
    if (step.op != rule.op)
      continue;
    Derived result;
    if (step.of.empty() || (rule.operands != anyNumber && step.of.size() != rule.operands))
      result.problem = "it has " + std::to_string(step.of.size()) + " operands, not " +
                       std::to_string(rule.operands);
    else if (std::optional<Derived> norm = normOf(site))
      return *norm;
    else
      result = rule.derive(site);
    // A stream behind a norm is r, and it is what the norm gives.
    Site through = site;
    through.isThrough = true;
    bool isNumber = false;
    for (size_t i = 0; i < step.of.size(); ++i)
      isNumber = isNumber || &through.of(i) != &site.of(i);
    if (result.problem.empty() && isNumber) {
      Derived other = rule.derive(through);
      for (int kind = 0; kind < kinds; ++kind)
        result.bounds[kind].insert(result.bounds[kind].end(), other.bounds[kind].begin(),
                                   other.bounds[kind].end());
    }
    if (result.rule.empty())
      result.rule = rule.claim;
    return result;
  }
  return unknownRule(site);
}

} // namespace lnx::certify
