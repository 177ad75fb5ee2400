// Ellipsoid: the trust-region problem of S40 in one unknown t.
// With P the projection that centres, M = P G^2 P and q = P G b, the supremum of |G u + b|^2 is the
// least t d + |b|^2 + q^T (t - M)^-1 q over t > lambda_max(M). All of it costs O(d) for each t.
#include "compiler/stability/Ellipsoid.h"
#include "compiler/stability/Growth.h"
#include <algorithm>
#include <cassert>
#include <cmath>

namespace mlir::lnx::stability {

namespace {
class Problem {
public:
  Problem(std::span<const double> gain, std::span<const double> bias, Centring centring)
      : gain(gain), bias(bias), isCentred(centring == Centring::mean), size(double(gain.size())) {
    double mean = 0;
    for (size_t i = 0; i < gain.size(); ++i) {
      squares.push_back(gain[i] * gain[i]);
      q.push_back(gain[i] * bias[i]);
      mean += q.back() / size;
      biasSquare += bias[i] * bias[i];
    }
    for (double &value : q)
      value -= isCentred ? mean : 0;
  }

  /// y = (t - M)^-1 q: entry by entry but for one number that keeps its mean at 0.
  std::vector<double> solve(double t) const {
    double shift = isCentred ? weighted(t, q) / weighted(t, std::vector<double>(q.size(), 1)) : 0;
    std::vector<double> y(q.size());
    for (size_t i = 0; i < q.size(); ++i)
      y[i] = (q[i] - shift) / (t - squares[i]);
    return y;
  }
  double dual(double t) const {
    std::vector<double> y = solve(t);
    double value = t * size + biasSquare;
    for (size_t i = 0; i < q.size(); ++i)
      value += q[i] * y[i];
    return value;
  }
  /// Above every eigenvalue of M. Centred, one entry of G^2 may be larger: the largest eigenvalue
  /// is where sum 1/(t - g_i^2) changes its sign between the two largest entries.
  bool isFeasible(double t) const {
    double sum = 0;
    int above = 0;
    for (double square : squares) {
      above += t <= square;
      if (t == square)
        return false;
      sum += 1 / (t - square);
    }
    return above == 0 || (isCentred && above == 1 && sum < 0);
  }
  /// The least feasible t within rounding.
  double smallestT() const {
    double high = *std::max_element(squares.begin(), squares.end());
    high += std::max(high, 1e-300) * 1e-15;
    double low = 0;
    for (int i = 0; i < 200 && low < high; ++i) {
      double middle = low + (high - low) / 2;
      if (middle == low || middle == high)
        break;
      (isFeasible(middle) ? high : low) = middle;
    }
    return high;
  }
  /// |y|^2 falls in t, and the dual is least where it is d.
  double bestT() const {
    double low = smallestT(), length = 0;
    for (double value : q)
      length += value * value;
    double high = low + std::sqrt(length / size) * (1 + 1e-12) + low * 1e-15;
    for (int i = 0; i < 200; ++i) {
      double middle = low + (high - low) / 2;
      if (middle == low || middle == high)
        break;
      double square = 0;
      for (double value : solve(middle))
        square += value * value;
      (square > size ? low : high) = middle;
    }
    return high;
  }

  std::span<const double> gain, bias;
  bool isCentred;
  double size, biasSquare = 0;
  std::vector<double> squares, q;

private:
  double weighted(double t, const std::vector<double> &values) const {
    double sum = 0;
    for (size_t i = 0; i < values.size(); ++i)
      sum += values[i] / (t - squares[i]);
    return sum;
  }
};
} // namespace

double ellipsoidSupremum(std::span<const double> gain, std::span<const double> bias,
                         Centring centring) {
  assert(gain.size() == bias.size() && !gain.empty() && "a norm has a gain and a bias per feature");
  double largest = 0, squares = 0;
  for (size_t i = 0; i < gain.size(); ++i) {
    largest = std::max(largest, std::abs(gain[i]));
    squares += bias[i] * bias[i];
  }
  double simple = largest + std::sqrt(squares / double(gain.size())); // S39
  if (!std::isfinite(simple) || largest == 0 || (gain.size() == 1 && centring == Centring::mean))
    return roundUp(simple);
  Problem problem(gain, bias, centring);
  double t = problem.bestT();
  if (!problem.isFeasible(t))
    return roundUp(simple);
  return roundUp(std::min(simple, std::sqrt(problem.dual(t) / problem.size)));
}

std::vector<double> ellipsoidWitness(std::span<const double> gain, std::span<const double> bias,
                                     Centring centring) {
  Problem problem(gain, bias, centring);
  std::vector<double> u = problem.solve(problem.bestT());
  double square = 0;
  for (double value : u)
    square += value * value;
  for (double &value : u)
    value *= square > 0 ? std::sqrt(problem.size / square) : 0;
  return u;
}

} // namespace mlir::lnx::stability
