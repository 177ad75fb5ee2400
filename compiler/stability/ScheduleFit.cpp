// ScheduleFit: sums of powers of l through the entries of one depth.
// Roots cover (2l - 1)^(-1/2) and (1 - 1/N)^(1/2): the inverse power of the entries is a sum of
// powers.
#include "compiler/stability/ScheduleFit.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace mlir::lnx::stability::fitted {

static constexpr double epsilon = std::numeric_limits<double>::epsilon();
/// S49: entries are reproduced to this, relative.
static constexpr double tolerance = 1e-9;

double integerPower(double base, int exponent) {
  double result = 1;
  for (int i = 0; i < std::abs(exponent); ++i)
    result *= base;
  return exponent < 0 ? 1 / result : result;
}

double nearbyFraction(double value) {
  for (int denominator = 1; denominator <= 16; ++denominator) {
    double numerator = std::round(value * denominator);
    if (std::abs(value - numerator / denominator) <= 1e-9)
      return numerator / denominator;
  }
  return value;
}

bool solveLinear(std::vector<std::vector<double>> rows, std::vector<double> right,
                 std::vector<double> &x) {
  size_t n = right.size();
  for (size_t i = 0; i < n; ++i) {
    size_t pivot = i;
    for (size_t j = i + 1; j < n; ++j)
      if (std::abs(rows[j][i]) > std::abs(rows[pivot][i]))
        pivot = j;
    if (rows[pivot][i] == 0)
      return false;
    std::swap(rows[i], rows[pivot]);
    std::swap(right[i], right[pivot]);
    for (size_t j = i + 1; j < n; ++j) {
      double factor = rows[j][i] / rows[i][i];
      for (size_t k = i; k < n; ++k)
        rows[j][k] -= factor * rows[i][k];
      right[j] -= factor * right[i];
    }
  }
  x.assign(n, 0);
  for (size_t i = n; i-- > 0;) {
    double sum = right[i];
    for (size_t k = i + 1; k < n; ++k)
      sum -= rows[i][k] * x[k];
    x[i] = sum / rows[i][i];
  }
  return std::all_of(x.begin(), x.end(), [](double value) { return std::isfinite(value); });
}

const std::vector<double> &Powers::of(double exponent) {
  auto [it, isNew] = known.try_emplace(exponent);
  if (isNew) {
    it->second.assign(maximum + 1, 1);
    if (exponent != 0)
      for (int64_t l = 1; l <= maximum; ++l)
        it->second[l] = std::pow(static_cast<double>(l), exponent);
  }
  return it->second;
}

double entrySlack(double value, double reference, double offset) {
  double distance = std::min(std::abs(value - reference), std::abs(value));
  return tolerance * distance + 4 * epsilon * std::max(std::abs(value), offset);
}

double offsetFor(double value, double reference) { return value < reference / 2 ? 0 : reference; }

Line makeLine(double offset, int root, std::vector<double> powers, Powers &cache) {
  Line line;
  line.offset = offset;
  line.root = root;
  line.powers = std::move(powers);
  line.coefficients.assign(line.powers.size(), 0);
  for (double power : line.powers)
    line.tables.push_back(&cache.of(power));
  return line;
}

bool Line::sameShape(const Line &other) const {
  return offset == other.offset && root == other.root && powers == other.powers;
}

bool Line::matches(double value, int64_t layer, double reference) const {
  double sum = 0, scale = 0;
  for (size_t i = 0; i < tables.size(); ++i) {
    double term = coefficients[i] * (*tables[i])[layer];
    sum += term;
    scale += std::abs(term);
  }
  // Entries are doubles: where they are near the reference only their rounding can be seen.
  double slack = entrySlack(value, reference, offset);
  double y = value - offset;
  if (root == 1)
    return std::abs(sum - y) <= slack + 16 * epsilon * scale;
  if (!(y > 0))
    return false;
  double target = integerPower(y, root);
  return std::abs(sum - target) <= std::abs(root) * target / y * slack + 16 * epsilon * scale;
}

bool Line::holds(const Column &column, int64_t first, int64_t last, double reference) const {
  for (int64_t probe : {first, last, (first + last) / 2, first + (last - first) / 4})
    if (!matches(column.at(probe), probe, reference))
      return false;
  for (int64_t layer = first; layer <= last; ++layer)
    if (!matches(column.at(layer), layer, reference))
      return false;
  return true;
}

bool solve(Line &line, const Column &column, int64_t first, int64_t last) {
  size_t count = line.powers.size();
  if (last - first < static_cast<int64_t>(count))
    return count == 0 && last >= first;
  std::vector<std::vector<double>> rows(count, std::vector<double>(count));
  std::vector<double> right(count);
  int64_t previous = first - 1;
  for (size_t i = 0; i < count; ++i) {
    // Points far apart, so that neighbouring layers do not cancel.
    double part = count == 1 ? 1 : static_cast<double>(i) / (count - 1);
    auto layer = static_cast<int64_t>(
        std::llround(first * std::pow(static_cast<double>(last) / first, part)));
    layer = std::clamp<int64_t>(layer, previous + 1, last - static_cast<int64_t>(count - 1 - i));
    previous = layer;
    double y = column.at(layer) - line.offset;
    if (line.root != 1 && !(y > 0))
      return false;
    right[i] = integerPower(y, line.root);
    for (size_t k = 0; k < count; ++k)
      rows[i][k] = (*line.tables[k])[layer];
  }
  return solveLinear(std::move(rows), std::move(right), line.coefficients);
}

namespace {
/// One search: tries shapes on first..last of a column.
struct LineSearch {
  const Column &column;
  int64_t first, last;
  double reference;
  Powers &cache;

  std::optional<Line> attempt(double offset, int root, std::vector<double> powers) {
    Line line = makeLine(offset, root, std::move(powers), cache);
    if (solve(line, column, first, last) && line.holds(column, first, last, reference))
      return line;
    return std::nullopt;
  }
  std::optional<Line> pairs(double offset, int root, const std::vector<double> &powers) {
    for (size_t i = 0; i < powers.size(); ++i)
      for (size_t k = i + 1; k < powers.size(); ++k)
        if (std::optional<Line> line = attempt(offset, root, {powers[i], powers[k]}))
          return line;
    return std::nullopt;
  }
  std::optional<Line> triples(double offset, const std::vector<double> &powers) {
    for (size_t i = 0; i < powers.size(); ++i)
      for (size_t j = i + 1; j < powers.size(); ++j)
        for (size_t k = j + 1; k < powers.size(); ++k)
          if (std::optional<Line> line = attempt(offset, 1, {powers[i], powers[j], powers[k]}))
            return line;
    return std::nullopt;
  }
};
} // namespace

std::optional<Line> findSimpleLine(const Column &column, int64_t first, int64_t last,
                                   double reference, Powers &cache) {
  LineSearch search{column, first, last, reference, cache};
  double offset = offsetFor(column.at(first), reference);
  if (std::optional<Line> zero = search.attempt(offset, 1, {}))
    return zero;
  if (last - first < 3)
    return std::nullopt;
  if (std::optional<Line> constant = search.attempt(offset, 1, {0}))
    return constant;
  double low = column.at(first) - offset, high = column.at(last) - offset;
  if (!(low * high > 0))
    return std::nullopt;
  double power = std::log(high / low) / std::log(static_cast<double>(last) / first);
  return search.attempt(offset, 1, {nearbyFraction(power)});
}

std::optional<Line> findSumLine(const Column &column, int64_t first, int64_t last, double reference,
                                Powers &cache) {
  static const std::vector<double> many = {0,   1.0,    -1.0,    0.5,    -0.5,   2.0,   -2.0,
                                           1.5, -1.5,   0.25,    -0.25,  0.75,   -0.75, 3,
                                           -3,  1. / 3, -1. / 3, 2. / 3, -2. / 3};
  static const std::vector<double> few = {0, 1, 2, -1, 0.5, -0.5};
  static const std::vector<double> usual = {0, -0.5, -1, -1.5, -2, 1, 2};
  LineSearch search{column, first, last, reference, cache};
  double offset = offsetFor(column.at(first), reference);
  if (last - first < 5)
    return std::nullopt;
  // A constant and one free power: the ratio of differences at first, first k, first k^2 gives the
  // power.
  auto k = static_cast<int64_t>(std::sqrt(static_cast<double>(last) / first));
  if (k >= 2) {
    double near = column.at(first * k) - column.at(first);
    double far = column.at(first * k * k) - column.at(first * k);
    if (near * far > 0) {
      double power = std::log(far / near) / std::log(static_cast<double>(k));
      if (auto line = search.attempt(offset, 1, {0, nearbyFraction(power)}))
        return line;
    }
  }
  if (auto line = search.pairs(offset, 1, many))
    return line;
  for (int root : {-1, 2, -2, 4, -4})
    if (auto line = search.pairs(0, root, few))
      return line;
  return search.triples(offset, usual);
}

} // namespace mlir::lnx::stability::fitted
