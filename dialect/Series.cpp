// Series.cpp: values layer by layer beside their schedules; every operation keeps both.
// Numbers without a schedule are lifted to constants where they meet one that has it.
#include "dialect/Series.h"
#include <algorithm>
#include <cmath>
#include <functional>

using namespace mlir::lnx;

static constexpr double infinity = std::numeric_limits<double>::infinity();

/// Whole numbers are exact; others are the rounding of what the model says.
static Scalar scalarOf(double value) {
  return value == std::floor(value) && std::fabs(value) < 1e15 ? Scalar(static_cast<int64_t>(value))
                                                               : Scalar::inexact(value);
}

Series::Series(llvm::ArrayRef<double> values, std::shared_ptr<const Schedule> schedule)
    : factor(values.size() == 1 ? values[0] : 1), formula(std::move(schedule)) {
  if (values.size() != 1)
    layers = std::make_shared<const std::vector<double>>(values.begin(), values.end());
  if (layers && !formula)
    formula = std::make_shared<const Schedule>(Schedule::unknown(/*ofLayer=*/true));
}

static bool allOf(const Series &x, llvm::function_ref<bool(double)> f) {
  for (size_t i = 0; i < x.size(); ++i)
    if (!f(x[i]))
      return false;
  return true;
}

bool Series::isAll(double value) const {
  return allOf(*this, [&](double v) { return v == value; });
}
bool Series::isFinite() const {
  return allOf(*this, [](double v) { return std::isfinite(v); });
}
bool Series::isPositive() const {
  return allOf(*this, [](double v) { return v > 0; });
}
bool Series::isNonNegative() const {
  return allOf(*this, [](double v) { return v >= 0; });
}
double Series::largest() const {
  double most = -infinity;
  for (size_t i = 0; i < size(); ++i)
    most = std::isnan((*this)[i]) ? infinity : std::max(most, (*this)[i]);
  return most;
}
double Series::smallest() const { return -negated(*this).largest(); }
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

/// f of the values of x, layer by layer.
static Series mapped(const Series &x, llvm::function_ref<double(double)> f) {
  if (x.isUniform())
    return f(x[0]);
  std::vector<double> values(x.size());
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = f(x[i]);
  return Series(values);
}

static Series zipped(const Series &x, const Series &y,
                     llvm::function_ref<double(double, double)> f) {
  if (x.isUniform() && y.isUniform())
    return f(x[0], y[0]);
  std::vector<double> values(std::max(x.size(), y.size()));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = f(x[i], y[i]);
  return Series(values);
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

Series mlir::lnx::operator+(const Series &x, const Series &y) {
  if (isNothing(x) || isNothing(y))
    return isNothing(x) ? y : x;
  return follow(zipped(x, y, std::plus<double>()), x, y,
                [](const Schedule &a, const Schedule &b) { return a + b; });
}

Series mlir::lnx::operator*(const Series &x, const Series &y) {
  if (isNothing(x) || isNothing(y))
    return 0.0;
  if (isOne(x) || isOne(y))
    return isOne(x) ? y : x;
  const Series &number = x.isUniform() ? x : y, &other = x.isUniform() ? y : x;
  Series result = times(number.factor, other.factor);
  if (number.isUniform() && std::isnormal(result.factor))
    result.layers = other.layers;
  else // the shared values must not be multiplied by 0 or infinity
    result = zipped(x, y, times);
  return follow(result, x, y, [](const Schedule &a, const Schedule &b) { return a * b; });
}

Series mlir::lnx::operator/(const Series &x, const Series &y) {
  return follow(zipped(x, y, std::divides<double>()), x, y,
                [](const Schedule &a, const Schedule &b) { return a / b; });
}

Series mlir::lnx::smaller(const Series &x, const Series &y) {
  if (x.isUniform() && x[0] == infinity && !x.hasSchedule())
    return y;
  if (y.isUniform() && y[0] == infinity && !y.hasSchedule())
    return x;
  return follow(zipped(x, y, [](double a, double b) { return std::min(a, b); }), x, y, minimum);
}

Series mlir::lnx::larger(const Series &x, const Series &y) {
  return follow(zipped(x, y, [](double a, double b) { return std::max(a, b); }), x, y, maximum);
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
  Scalar e = scalarOf(exponent);
  for (int64_t under : {2, 3, 4, 5, 6, 8}) // x^(1/3) is written with a double
    if (!e.isExact() && exponent * double(under) == std::round(exponent * double(under)))
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
