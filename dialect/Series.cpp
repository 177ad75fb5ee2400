// Series.cpp: values layer by layer beside their schedules; every operation keeps both.
// Numbers without a schedule are lifted to constants where they meet one that has it.
#include "dialect/Series.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"
#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <iterator>

using namespace mlir::lnx;

static constexpr double infinity = std::numeric_limits<double>::infinity();

/// The shortest decimal that reads back as `value`, if that has no more digits.
static Scalar decimalOf(double value, int mostDigits) {
  if (value == std::floor(value) && std::fabs(value) < 1e15)
    return static_cast<int64_t>(value);
  char text[32];
  const auto [end, error] =
      std::to_chars(text, std::end(text), std::fabs(value), std::chars_format::scientific);
  uint64_t digits = 0;
  int32_t exponent = 0;
  const char *at = text;
  bool isFraction = false;
  for (; at != end && *at != 'e'; ++at) {
    isFraction |= *at == '.';
    if (*at < '0' || *at > '9')
      continue;
    if (--mostDigits < 0)
      return Scalar::inexact(value);
    digits = 10 * digits + static_cast<uint64_t>(*at - '0');
    exponent -= isFraction;
  }
  int32_t shift = 0;
  if (at == end || std::from_chars(at + (at[1] == '+' ? 2 : 1), end, shift).ec != std::errc())
    return Scalar::inexact(value);
  const Scalar size = Scalar::decimal(digits, exponent + shift);
  return value < 0 ? -size : size;
}

/// 0.1 is what the model says; 0.9999999999999999 is what doubles make of 1/3 + 2/3, or of 1/49 of
/// 49, and no exact number.
static Scalar scalarOf(double value) { return decimalOf(value, /*mostDigits=*/9); }

Series::Series(std::vector<double> values) : factor(values.size() == 1 ? values[0] : 1) {
  if (values.size() == 1)
    return;
  auto shared = std::make_shared<Values>();
  // In lanes, which vector registers hold.
  constexpr size_t lanes = 8;
  double low[lanes], high[lanes];
  std::fill_n(low, lanes, infinity);
  std::fill_n(high, lanes, -infinity);
  uint64_t isNone[lanes] = {}; // as wide as a number
  auto add = [&](double value, size_t lane) {
    low[lane] = value < low[lane] ? value : low[lane];
    high[lane] = value > high[lane] ? value : high[lane];
    isNone[lane] |= value != value ? ~uint64_t(0) : 0;
  };
  const size_t whole = values.size() / lanes * lanes;
  for (size_t i = 0; i < whole; i += lanes)
    for (size_t lane = 0; lane < lanes; ++lane)
      add(values[i + lane], lane);
  for (size_t i = whole; i < values.size(); ++i)
    add(values[i], i - whole);
  const bool isNumber =
      std::all_of(isNone, isNone + lanes, [](uint64_t none) { return none == 0; });
  shared->smallest = isNumber ? *std::min_element(low, low + lanes) : -infinity;
  shared->largest = isNumber ? *std::max_element(high, high + lanes) : infinity;
  shared->list = std::move(values);
  layers = std::move(shared);
  formula = std::make_shared<const Schedule>(Schedule::unknown(/*ofLayer=*/true));
}

double Series::largest() const {
  if (!layers)
    return std::isnan(factor) ? infinity : factor;
  return factor * (factor < 0 ? layers->smallest : layers->largest);
}
double Series::smallest() const {
  if (!layers)
    return std::isnan(factor) ? -infinity : factor;
  return factor * (factor < 0 ? layers->largest : layers->smallest);
}
double Series::sum(int64_t count) const {
  if (!layers)
    return factor * static_cast<double>(count);
  double total = 0;
  for (size_t i = 0; i < size(); ++i)
    total += (*this)[i];
  return total;
}

bool Series::isAll(double value) const {
  return size() == 0 || (smallest() == value && largest() == value);
}
bool Series::isFinite() const { return std::isfinite(smallest()) && std::isfinite(largest()); }
bool Series::isZero() const {
  if (!isAll(0))
    return false;
  if (!formula)
    return true;
  const std::optional<Scalar> constant = formula->asConstant();
  return constant && constant->isZero();
}
bool Series::isPositive() const {
  if (!(smallest() > 0))
    return false;
  const std::optional<Sum> floor = formula ? formula->positiveFloor() : Sum{Monomial()};
  return floor && !floor->empty();
}
bool Series::isNonNegative() const {
  return smallest() >= 0 && (!formula || formula->isNonNegative());
}
bool Series::operator==(const Series &other) const {
  if (factor == other.factor && layers == other.layers)
    return true;
  for (size_t i = 0; i < std::max(size(), other.size()); ++i)
    if ((*this)[i] != other[i])
      return false;
  return true;
}

Schedule Series::schedule() const {
  return formula ? *formula : Schedule::constant(scalarOf(factor));
}

Series Series::with(const Schedule &schedule) const {
  Series result = *this;
  result.formula = std::make_shared<const Schedule>(schedule);
  return result;
}

std::optional<double> Series::at(double layer, double depth) const {
  if (!formula)
    return factor;
  if (!formula->isExact())
    return std::nullopt;
  return valueOf(*formula->above(), layer, depth);
}

/// f of the values of x, layer by layer.
template <typename F> static Series mapped(const Series &x, const F &f) {
  if (x.isUniform())
    return f(x[0]);
  std::vector<double> values(x.size());
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = f(x[i]);
  return Series(std::move(values));
}

template <typename F> static Series zipped(const Series &x, const Series &y, const F &f) {
  if (x.isUniform() && y.isUniform())
    return f(x[0], y[0]);
  std::vector<double> values(std::max(x.size(), y.size()));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = f(x[i], y[i]);
  return Series(std::move(values));
}

/// `result` with the schedule that f gives for that of x.
static Series follow(Series result, const Series &x,
                     llvm::function_ref<Schedule(const Schedule &)> f) {
  return x.hasSchedule() ? result.with(f(x.schedule())) : result;
}

static Series follow(Series result, const Series &x, const Series &y,
                     llvm::function_ref<Schedule(const Schedule &, const Schedule &)> f) {
  return x.hasSchedule() || y.hasSchedule() ? result.with(f(x.schedule(), y.schedule())) : result;
}

Series Series::map(llvm::function_ref<double(double)> f) const {
  return follow(mapped(*this, f), *this,
                [](const Schedule &x) { return Schedule::unknown(x.isOfLayer()); });
}

Series Series::zip(const Series &x, const Series &y, llvm::function_ref<double(double, double)> f) {
  return follow(zipped(x, y, f), x, y, [](const Schedule &a, const Schedule &b) {
    return Schedule::unknown(a.isOfLayer() || b.isOfLayer());
  });
}

//===-- arithmetic -----------------------------------------------------------===//

/// 0 at every depth.
static bool isNothing(const Series &x) { return x.isUniform() && x[0] == 0 && !x.hasSchedule(); }
static bool isOne(const Series &x) { return x.isUniform() && x[0] == 1 && !x.hasSchedule(); }

static double times(double a, double b) { return a == 0 || b == 0 ? 0 : a * b; }
static double plus(double a, double b) { return a + b; }
static double least(double a, double b) { return std::min(a, b); }
static double most(double a, double b) { return std::max(a, b); }

/// function(x, y), which is symmetric, layer by layer; without a schedule.
template <double (*function)(double, double)>
Series Series::combined(const Series &x, const Series &y) {
  if (x.isUniform() && y.isUniform())
    return function(x.factor, y.factor);
  const Series &one = x.isUniform() ? y : x, &other = x.isUniform() ? x : y;
  for (const Derived &known : one.layers->derived)
    if (known.function == function && known.factor == one.factor &&
        known.otherFactor == other.factor && known.isOfNumber == other.isUniform() &&
        known.other.lock() == other.layers) {
      Series result = 1.0;
      result.layers = known.values;
      return result;
    }
  const double a = one.factor, b = other.factor;
  const double *x1 = one.layers->list.data();
  auto listOf = [&](auto f) { // written once, not filled with zeros first
    auto numbers = llvm::map_range(llvm::seq<size_t>(0, one.size()), f);
    return std::vector<double>(numbers.begin(), numbers.end());
  };
  Series result;
  if (other.isUniform())
    result = Series(listOf([=](size_t i) { return function(a * x1[i], b); }));
  else
    result = Series(listOf(
        [=, x2 = other.layers->list.data()](size_t i) { return function(a * x1[i], b * x2[i]); }));
  one.layers->derived.push_back(
      {function, one.factor, other.factor, other.isUniform(), other.layers, result.layers});
  return result;
}

/// Whether the number that a rounded double reads as is what it was computed from: 1 + 1e-17 reads
/// as an exact 1, and is none at any depth.
static bool isReadRight(const Scalar &read, const Scalar &is) {
  return !read.isExact() || (is.isExact() && is == read);
}

Series mlir::lnx::operator+(const Series &x, const Series &y) {
  if (isNothing(x) || isNothing(y))
    return isNothing(x) ? y : x;
  const Series &number = x.isUniform() ? x : y, &other = x.isUniform() ? y : x;
  Series result = x.factor + y.factor;
  if (x.layers == y.layers && std::isnormal(result.factor))
    result.layers = x.layers;
  else if (number.isUniform() && number.factor == 0)
    result = other;
  else if (!other.isUniform() &&
           !(number.isUniform() && std::isinf(number.factor) && other.isFinite()))
    result = Series::combined<plus>(x, y);
  result = follow(result, x, y, [](const Schedule &a, const Schedule &b) { return a + b; });
  const double sum = result.factor;
  if (result.hasSchedule() || (sum - x.factor == y.factor && sum - y.factor == x.factor))
    return result;
  const Scalar read = scalarOf(sum), is = scalarOf(x.factor) + scalarOf(y.factor);
  return isReadRight(read, is) ? result : result.with(Schedule::constant(is));
}

Series mlir::lnx::operator*(const Series &x, const Series &y) {
  if (isNothing(x) || isNothing(y))
    return 0.0;
  if (isOne(x) || isOne(y))
    return isOne(x) ? y : x;
  const Series &number = x.isUniform() ? x : y, &other = x.isUniform() ? y : x;
  Series result = times(number.factor, other.factor);
  // The shared values must not be multiplied by 0 or infinity.
  const bool isSame = number.isUniform() &&
                      (number.factor == 0 || (std::isinf(number.factor) && other.smallest() > 0));
  if (isSame)
    result = number.factor;
  else if (number.isUniform() && std::isnormal(result.factor))
    result.layers = other.layers;
  else
    result = Series::combined<times>(x, y);
  result = follow(result, x, y, [](const Schedule &a, const Schedule &b) { return a * b; });
  const double product = result.factor;
  if (result.hasSchedule() || std::fma(x.factor, y.factor, -product) == 0)
    return result;
  const Scalar read = scalarOf(product), is = scalarOf(x.factor) * scalarOf(y.factor);
  return isReadRight(read, is) ? result : result.with(Schedule::constant(is));
}

Series mlir::lnx::operator/(const Series &x, const Series &y) {
  return follow(zipped(x, y, std::divides<double>()), x, y,
                [](const Schedule &a, const Schedule &b) { return a / b; });
}

bool Series::isBelow(const Series &other) const {
  return largest() <= other.smallest() ||
         (layers && layers == other.layers && layers->smallest >= 0 && factor <= other.factor);
}

Series mlir::lnx::smaller(const Series &x, const Series &y) {
  if (x.isUniform() && x[0] == infinity && !x.hasSchedule())
    return y;
  if (y.isUniform() && y[0] == infinity && !y.hasSchedule())
    return x;
  return follow(x.isBelow(y) ? x : y.isBelow(x) ? y : Series::combined<least>(x, y), x, y, minimum);
}

Series mlir::lnx::larger(const Series &x, const Series &y) {
  return follow(x.isBelow(y) ? y : y.isBelow(x) ? x : Series::combined<most>(x, y), x, y, maximum);
}

Series mlir::lnx::negated(const Series &x) { return Series(-1.0) * x; }

Series mlir::lnx::abs(const Series &x) {
  if (x.isNonNegative())
    return follow(x, x, [](const Schedule &s) { return abs(s); });
  return follow(mapped(x, [](double v) { return std::fabs(v); }), x,
                [](const Schedule &s) { return abs(s); });
}

Series mlir::lnx::reciprocal(const Series &x) {
  return follow(mapped(x, [](double v) { return v == 0 ? infinity : 1 / v; }), x,
                [](const Schedule &s) { return reciprocal(s); });
}

Series mlir::lnx::power(const Series &x, double exponent) {
  Scalar e = decimalOf(exponent, /*mostDigits=*/17);
  for (int64_t under : {8, 6, 5, 4, 3, 2}) // x^(1/3) is written with a double
    if (std::fabs(exponent) < 1e6 &&
        exponent * double(under) == std::round(exponent * double(under)))
      e = Scalar::fraction(static_cast<int64_t>(std::round(exponent * double(under))), under);
  return follow(mapped(x, [&](double v) { return v < 0 ? 0 : std::pow(v, exponent); }), x,
                [&](const Schedule &s) { return power(s, Schedule::constant(e)); });
}

Series mlir::lnx::sqrt(const Series &x) {
  return follow(
      mapped(x, [](double v) { return v < 0 ? 0 : std::sqrt(v); }), x,
      [](const Schedule &s) { return power(s, Schedule::constant(Scalar::fraction(1, 2))); });
}

Series mlir::lnx::exp(const Series &x) {
  return follow(mapped(x, [](double v) { return std::exp(v); }), x,
                [](const Schedule &s) { return exp(s); });
}
