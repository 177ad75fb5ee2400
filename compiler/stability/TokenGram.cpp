// TokenGram: entrywise algebra on the lower triangle, and averages over the tokens an attention
// sees. Causal averages are prefix sums, so that every operation is O(tokens^2).
#include "compiler/stability/TokenGram.h"

#include <cmath>

using namespace mlir::lnx::stability;

TokenGram::TokenGram(int64_t tokens, double diagonalValue, double offDiagonal)
    : n(tokens), entries(tokens * (tokens + 1) / 2, offDiagonal) {
  for (int64_t i = 0; i < n; ++i)
    diagonal(i) = diagonalValue;
}

double TokenGram::meanDiagonal() const {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i)
    sum += diagonal(i);
  return sum / static_cast<double>(n);
}

namespace {
/// Sums in flight: additions do not wait for one another.
struct Lanes {
  static constexpr int64_t lanes = 8;
  double sums[lanes] = {};

  template <typename Entry> void add(int64_t count, Entry entry) {
    int64_t i = 0;
    for (; i + lanes <= count; i += lanes)
      for (int64_t lane = 0; lane < lanes; ++lane)
        sums[lane] += entry(i + lane);
    for (; i < count; ++i)
      sums[i % lanes] += entry(i);
  }
  double total() const {
    double sum = 0;
    for (double own : sums)
      sum += own;
    return sum;
  }
};
} // namespace

double TokenGram::meanOffDiagonal() const {
  if (n < 2)
    return 0;
  Lanes sum;
  for (int64_t i = 0; i < n; ++i)
    sum.add(i, [from = row(i)](int64_t j) { return from[j]; });
  return 2 * sum.total() / static_cast<double>(n * (n - 1));
}

double TokenGram::dot(const TokenGram &other) const {
  Lanes lower;
  lower.add(size(), [a = data(), b = other.data()](int64_t i) { return a[i] * b[i]; });
  double diagonals = 0;
  for (int64_t i = 0; i < n; ++i)
    diagonals += diagonal(i) * other.diagonal(i);
  return 2 * lower.total() - diagonals;
}

double TokenGram::total() const {
  Lanes lower;
  lower.add(size(), [from = data()](int64_t i) { return from[i]; });
  return 2 * lower.total() - meanDiagonal() * static_cast<double>(n);
}

void TokenGram::scale(const std::vector<double> &s) {
  for (int64_t i = 0; i < n; ++i) {
    double *r = row(i);
    for (int64_t j = 0; j <= i; ++j)
      r[j] *= s[i] * s[j];
  }
}

void TokenGram::times(double factor) {
  for (double &e : entries)
    e *= factor;
}

void TokenGram::shift(double by) {
  for (double &e : entries)
    e += by;
}

void TokenGram::scaleDiagonal(double factor) {
  for (int64_t i = 0; i < n; ++i)
    diagonal(i) *= factor;
}

void TokenGram::multiply(const TokenGram &other) {
  for (int64_t i = 0; i < size(); ++i)
    entries[i] *= other.entries[i];
}

void TokenGram::combine(double own, double factor, const TokenGram &other) {
  for (int64_t i = 0; i < size(); ++i)
    entries[i] = own * entries[i] + factor * other.entries[i];
}

std::vector<double> TokenGram::inverseNorms(double eps, double gain) const {
  std::vector<double> s(n);
  for (int64_t i = 0; i < n; ++i)
    s[i] = gain / std::sqrt(diagonal(i) + eps);
  return s;
}

std::vector<double> UniformAttention::weights() const {
  std::vector<double> weights(n);
  for (int64_t i = 0; i < n; ++i)
    weights[i] = 1 / seen(i);
  return weights;
}

TokenGram UniformAttention::average(const TokenGram &k) const {
  if (!causal)
    return TokenGram(n, k.total() / static_cast<double>(n * n),
                     k.total() / static_cast<double>(n * n));
  // sums(i, j) = sum over a <= i, b <= j; above the diagonal by symmetry.
  TokenGram sums(n);
  for (int64_t i = 0; i < n; ++i) {
    const double *from = k.row(i), *above = i > 0 ? sums.row(i - 1) : nullptr;
    double *to = sums.row(i);
    double prefix = 0;
    for (int64_t j = 0; j < i; ++j) {
      prefix += from[j];
      to[j] = above[j] + prefix;
    }
    // Column i above the diagonal holds what row i holds left of it.
    to[i] = (i > 0 ? to[i - 1] : 0) + prefix + from[i];
  }
  sums.scale(weights());
  return sums;
}

TokenGram UniformAttention::spread(const TokenGram &g) const {
  if (!causal)
    return TokenGram(n, g.total() / static_cast<double>(n * n),
                     g.total() / static_cast<double>(n * n));
  std::vector<double> weight = weights(), below(n, 0), suffix(n + 1);
  TokenGram sums(n);
  for (int64_t k = n - 1; k >= 0; --k) {
    const double *from = g.row(k);
    const double *next = k + 1 < n ? sums.row(k + 1) : nullptr;
    double *to = sums.row(k);
    suffix[k + 1] = below[k];
    for (int64_t j = k; j >= 0; --j) {
      double w = from[j] * weight[k] * weight[j];
      suffix[j] = suffix[j + 1] + w;
      below[j] += w;
      to[j] = (next ? next[j] : 0) + suffix[j];
    }
  }
  return sums;
}

std::vector<double> UniformAttention::spreadSquares(const std::vector<double> &w) const {
  std::vector<double> sums(n);
  double sum = 0;
  for (int64_t k = n - 1; k >= 0; --k) {
    sum += w[k] / (seen(k) * seen(k));
    sums[k] = sum;
  }
  if (!causal)
    sums.assign(n, sum);
  return sums;
}
