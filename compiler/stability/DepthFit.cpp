// DepthFit: sums of powers of N and log N through one coefficient at several depths.
// Loose on purpose (1e-8): the whole formula is checked strictly against the tables afterwards.
#include "compiler/stability/ScheduleFit.h"
#include <algorithm>
#include <cmath>

namespace mlir::lnx::stability::fitted {

namespace {
/// The values, made positive, and what a candidate has to reproduce.
struct DepthSearch {
  const std::vector<int64_t> &depths;
  std::vector<double> values;

  static double term(const ScheduleTerm &shape, double depth) {
    return std::pow(depth, -shape.s) * (shape.q == 0 ? 1 : std::pow(std::log(depth), shape.q));
  }
  bool holds(const std::vector<ScheduleTerm> &terms, int root) const {
    for (size_t i = 0; i < depths.size(); ++i) {
      double sum = 0, scale = 0;
      for (const ScheduleTerm &t : terms) {
        double value = t.c * term(t, depths[i]);
        sum += value;
        scale += std::abs(value);
      }
      double target = integerPower(values[i], root);
      if (!(std::abs(sum - target) <= 1e-8 * target + 1e-13 * scale))
        return false;
    }
    return true;
  }
  std::optional<std::vector<ScheduleTerm>> single() const;
  std::optional<std::vector<ScheduleTerm>> pair(int root,
                                                const std::vector<ScheduleTerm> &shapes) const;
};
} // namespace

std::optional<std::vector<ScheduleTerm>> DepthSearch::single() const {
  double first = depths.front(), last = depths.back();
  for (double q : {0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0}) {
    double low = values.front() / std::pow(std::log(first), q);
    double high = values.back() / std::pow(std::log(last), q);
    ScheduleTerm candidate;
    candidate.q = q;
    candidate.s = nearbyFraction(-std::log(high / low) / std::log(last / first));
    candidate.c = values.back() / term(candidate, last);
    if (holds({candidate}, 1))
      return std::vector{candidate};
  }
  return std::nullopt;
}

std::optional<std::vector<ScheduleTerm>>
DepthSearch::pair(int root, const std::vector<ScheduleTerm> &shapes) const {
  std::vector<double> right = {integerPower(values.front(), root),
                               integerPower(values.back(), root)};
  for (size_t i = 0; i < shapes.size(); ++i)
    for (size_t k = i + 1; k < shapes.size(); ++k) {
      std::vector<ScheduleTerm> terms = {shapes[i], shapes[k]};
      std::vector<std::vector<double>> rows(2);
      for (size_t point = 0; point < 2; ++point) {
        double depth = point == 0 ? depths.front() : depths.back();
        rows[point] = {term(terms[0], depth), term(terms[1], depth)};
      }
      std::vector<double> c;
      if (!solveLinear(rows, right, c))
        continue;
      terms[0].c = c[0];
      terms[1].c = c[1];
      if (holds(terms, root))
        return terms;
    }
  return std::nullopt;
}

double DepthPart::at(double depth) const {
  double sum = 0;
  for (const ScheduleTerm &t : terms)
    sum += t.c * DepthSearch::term(t, depth);
  return sign * (root == 1 ? sum : std::pow(sum, 1.0 / root));
}

std::optional<DepthPart> fitDepths(const std::vector<int64_t> &depths,
                                   const std::vector<double> &values) {
  DepthPart part;
  part.sign = values.front() < 0 ? -1 : 1;
  DepthSearch search{depths, values};
  for (double &value : search.values) {
    value *= part.sign;
    if (!(value > 0))
      return std::nullopt;
  }
  std::vector<ScheduleTerm> shapes;
  for (double s : {0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0})
    shapes.push_back({0, 0, s, 0});
  for (double s : {0.0, 1.0, 0.5})
    shapes.push_back({0, 0, s, 1});
  std::optional<std::vector<ScheduleTerm>> terms = search.single();
  for (int root : {1, -1, 2, -2, 4, -4}) {
    if (terms)
      break;
    terms = search.pair(root, shapes);
    part.root = root;
  }
  if (!terms)
    return std::nullopt;
  part.terms = std::move(*terms);
  return part;
}

} // namespace mlir::lnx::stability::fitted
