// DualActivation: squared Hermite coefficients of an activation, and their power series in rho.
// Functions of degree 1, such as ReLU, have the arc-cosine closed form; others get it too once the
// variance is so large that only their two slopes matter: GELU is ReLU within 0.5 % there, which is
// also what 48 terms leave out.
#include "compiler/stability/DualActivation.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numbers>
#include <optional>
#include <tuple>

using namespace mlir::lnx::stability;
using Activation = MeanFieldUpdate::Activation;

namespace {

// Trapezoids over [-12, 12]: the integrand carries exp(-z^2/2), so both the cut and the aliasing
// are below 1e-15 for variances up to reluVariance.
constexpr int nodes = 241;
constexpr double reach = 12, spacing = 2 * reach / (nodes - 1);
// gelu(x) - relu(x) is a bump of width 1: relative weight v^(-3/2).
constexpr double reluVariance = 100;
// Below this an activation is its value and slope at 0.
constexpr double leastVariance = 1e-24;

/// Normalised Hermite polynomials at the nodes times the Gaussian weight.
struct HermiteTable {
  std::array<double, nodes> z;
  std::array<std::array<double, nodes>, HermiteExpansion::terms> weighted;

  HermiteTable() {
    double total = 0;
    for (int i = 0; i < nodes; ++i) {
      z[i] = -reach + i * spacing;
      weighted[0][i] = std::exp(-0.5 * z[i] * z[i]);
      total += weighted[0][i];
    }
    for (int i = 0; i < nodes; ++i) {
      weighted[0][i] /= total;
      weighted[1][i] = z[i] * weighted[0][i];
      for (int k = 2; k < HermiteExpansion::terms; ++k)
        weighted[k][i] = (z[i] * weighted[k - 1][i] - std::sqrt(k - 1.0) * weighted[k - 2][i]) /
                         std::sqrt(static_cast<double>(k));
    }
  }
};

const HermiteTable &hermite() {
  static const HermiteTable table;
  return table;
}

double at(const Activation &activation, double x) { return activation ? (*activation)(x) : x; }

/// phi(x) = linear x + bent |x| at both signs of `size`.
std::pair<double, double> slopesAt(const Activation &activation, double size) {
  double up = at(activation, size) / size, down = -at(activation, -size) / size;
  return {0.5 * (up + down), 0.5 * (up - down)};
}

bool isHomogeneous(const Activation &activation, std::initializer_list<double> sizes,
                   double tolerance) {
  auto first = slopesAt(activation, *sizes.begin());
  for (double size : sizes) {
    auto other = slopesAt(activation, size);
    if (!(std::abs(other.first - first.first) + std::abs(other.second - first.second) <= tolerance))
      return false;
  }
  return true;
}

/// phi(x) = linear x + bent |x| where that is exact, or as good as exact at this variance.
std::optional<std::pair<double, double>> homogeneousForm(const Activation &activation, double v) {
  if (isHomogeneous(activation, {1, 1e-3, 0.4, 3, 50}, 1e-12))
    return slopesAt(activation, 1);
  const double far = 10 * std::sqrt(v);
  if (v > reluVariance && isHomogeneous(activation, {far, 2 * far}, 1e-3))
    return slopesAt(activation, far);
  return std::nullopt;
}

/// E[phi'(deviation z)^2]. A kink lies anywhere between two nodes, so there are four times as many.
double meanSquaredSlope(const Activation &activation, double deviation) {
  constexpr double step = 1e-4;
  double sum = 0, total = 0;
  for (int i = 0; i <= 4 * (nodes - 1); ++i) {
    const double z = -reach + i * spacing / 4, weight = std::exp(-0.5 * z * z);
    const double difference =
        at(activation, deviation * (z + step)) - at(activation, deviation * (z - step));
    sum += weight * difference * difference;
    total += weight;
  }
  return sum / (total * 4 * step * step * deviation * deviation);
}

double sumOf(const std::array<double, HermiteExpansion::terms> &numbers) {
  double sum = 0;
  for (double number : numbers)
    sum += number;
  return sum;
}

} // namespace

void DualActivation::Series::set(const std::array<double, terms> &squares, double rest) {
  const double total = sumOf(squares) + rest;
  evenTerms = oddTerms = 0;
  std::array<double *, 2> into = {even.data(), odd.data()};
  std::array<int *, 2> counts = {&evenTerms, &oddTerms};
  for (int parity = 0; parity < 2; ++parity) {
    double cut = 0;
    int last = terms / 2;
    while (last > 0 && cut + squares[2 * (last - 1) + parity] <= 1e-15 * total)
      cut += squares[2 * (--last) + parity];
    *counts[parity] = last;
    for (int k = 0; k < last; ++k)
      into[parity][k] = squares[2 * k + parity];
    // All coefficients are positive, so that what is missing is exact at rho = 1, where it matters.
    if (rest > 1e-12 * total) {
      std::fill(into[parity] + last, into[parity] + terms / 2, 0.0);
      into[parity][terms / 2] = 0.5 * rest;
      *counts[parity] = terms / 2 + 1;
    }
  }
}

double DualActivation::Series::at(double rho) const {
  double square = rho * rho, e = 0, o = 0;
  for (int k = evenTerms - 1; k >= 0; --k)
    e = e * square + even[k];
  for (int k = oddTerms - 1; k >= 0; --k)
    o = o * square + odd[k];
  return e + rho * o;
}

void DualActivation::Series::at(const double *rho, double *out, int64_t n) const {
  // Sixteen at a time: Horner's chains stay in registers and overlap.
  constexpr int64_t block = 16;
  for (int64_t first = 0; first < n; first += block) {
    int64_t count = std::min(block, n - first);
    double r[block] = {}, square[block], e[block] = {}, o[block] = {};
    std::copy_n(rho + first, count, r);
    for (int64_t i = 0; i < block; ++i)
      square[i] = r[i] * r[i];
    for (int k = evenTerms - 1; k >= 0; --k)
      for (int64_t i = 0; i < block; ++i)
        e[i] = e[i] * square[i] + even[k];
    for (int k = oddTerms - 1; k >= 0; --k)
      for (int64_t i = 0; i < block; ++i)
        o[i] = o[i] * square[i] + odd[k];
    for (int64_t i = 0; i < count; ++i)
      out[first + i] = e[i] + r[i] * o[i];
  }
}

HermiteExpansion::HermiteExpansion(const Activation &activation, double v) {
  const HermiteTable &table = hermite();
  std::array<double, nodes> y;
  // At no variance the slope at 0 is still asked for.
  const double deviation = std::sqrt(std::max(v, leastVariance));
  double total = 0;
  for (int i = 0; i < nodes; ++i) {
    y[i] = at(activation, deviation * table.z[i]) / deviation;
    total += table.weighted[0][i] * y[i] * y[i];
  }
  // phi'(sqrt(v) z) = sum_k sqrt(k) a_k he_(k-1)(z).
  double known = 0, knownSlope = 0;
  for (int k = 0; k < terms; ++k) {
    double s[4] = {}; // four sums, so that the additions overlap
    for (int i = 0; i + 4 <= nodes; i += 4)
      for (int j = 0; j < 4; ++j)
        s[j] += table.weighted[k][i + j] * y[i + j];
    const double a = s[0] + s[1] + s[2] + s[3] + table.weighted[k][nodes - 1] * y[nodes - 1];
    coefficients[k] = a;
    known += a * a;
    knownSlope += k * a * a;
  }
  rest = std::max(0.0, total - known);
  if (rest <= 1e-9 * total)
    return;
  // A kink leaves much to high terms; the mean of the squared slopes is then taken as it is.
  slopeRest = std::max(0.0, meanSquaredSlope(activation, deviation) - knownSlope);
}

DualActivation::DualActivation(const Activation &activation, double v) : variance(v) {
  assert(v >= 0 && "variances are not negative");
  if (std::optional<std::pair<double, double>> form = homogeneousForm(activation, v))
    std::tie(linear, bent) = *form;
  else
    *this = DualActivation(HermiteExpansion(activation, v), v);
}

DualActivation::DualActivation(const HermiteExpansion &expansion, double v)
    : variance(v), closedForm(false) {
  const double scale = std::max(v, leastVariance);
  std::array<double, terms> squares, slopes = {};
  for (int k = 0; k < terms; ++k) {
    const double square = expansion.coefficients[k] * expansion.coefficients[k];
    squares[k] = scale * square;
    if (k > 0)
      slopes[k - 1] = k * square;
  }
  phi.set(squares, scale * expansion.rest);
  slope.set(slopes, expansion.slopeRest);
}

double DualActivation::value(double rho) const {
  if (!closedForm)
    return phi.at(rho);
  double r = std::clamp(rho, -1.0, 1.0);
  // E |x||y| = 2/pi (sqrt(1 - rho^2) + rho asin rho); the product x |y| has mean zero.
  double both = bent == 0 ? 0 : std::sqrt(1 - r * r) + r * std::asin(r);
  return variance * (linear * linear * rho + bent * bent * 2 * std::numbers::inv_pi * both);
}

double DualActivation::derivative(double rho) const {
  if (!closedForm)
    return slope.at(rho);
  double r = std::clamp(rho, -1.0, 1.0);
  return linear * linear + bent * bent * 2 * std::numbers::inv_pi * std::asin(r);
}

void DualActivation::values(const double *rho, double *out, int64_t n) const {
  if (!closedForm)
    return phi.at(rho, out, n);
  for (int64_t i = 0; i < n; ++i)
    out[i] = value(rho[i]);
}

void DualActivation::derivatives(const double *rho, double *out, int64_t n) const {
  if (!closedForm)
    return slope.at(rho, out, n);
  for (int64_t i = 0; i < n; ++i)
    out[i] = derivative(rho[i]);
}

//===-- the grid -------------------------------------------------------------===//

// Knot j is at log v = log(reluVariance) - j spacing; beyond the first, activations are bent lines.
static constexpr double knotSpacing = 0.25;
static constexpr int window = 8;

/// Weights of Lagrange's polynomial through 0, 1, ..., window - 1 at x.
static std::array<double, window> lagrangeWeights(double x) {
  std::array<double, window> weights;
  for (int j = 0; j < window; ++j) {
    weights[j] = 1;
    for (int i = 0; i < window; ++i)
      if (i != j)
        weights[j] *= (x - i) / (j - i);
  }
  return weights;
}

const HermiteExpansion &DualActivations::knot(const Activation &activation, int64_t index) {
  const auto [found, isNew] = knots.try_emplace({activation.get(), index});
  if (isNew)
    found->second = HermiteExpansion(
        activation, reluVariance * std::exp(-knotSpacing * static_cast<double>(index)));
  return found->second;
}

DualActivation DualActivations::compute(const Activation &activation, double v) {
  if (accuracy == Accuracy::exact || v > reluVariance || v <= leastVariance)
    return DualActivation(activation, v);
  const auto [line, isNew] = isLine.try_emplace(activation.get());
  if (isNew)
    line->second = homogeneousForm(activation, v).has_value();
  if (line->second)
    return DualActivation(activation, v);
  const double place = std::log(reluVariance / v) / knotSpacing;
  const int64_t first = std::max<int64_t>(0, static_cast<int64_t>(place) - (window / 2 - 1));
  const auto weights = lagrangeWeights(place - static_cast<double>(first));
  HermiteExpansion sum;
  for (int j = 0; j < window; ++j) {
    const HermiteExpansion &own = knot(activation, first + j);
    for (int k = 0; k < HermiteExpansion::terms; ++k)
      sum.coefficients[k] += weights[j] * own.coefficients[k];
    sum.rest += weights[j] * own.rest;
    sum.slopeRest += weights[j] * own.slopeRest;
  }
  sum.rest = std::max(0.0, sum.rest);
  sum.slopeRest = std::max(0.0, sum.slopeRest);
  return DualActivation(sum, v);
}

const DualActivation &DualActivations::at(const Activation &activation, double v) {
  const double tolerance = accuracy == Accuracy::exact ? 0 : 1e-5;
  const void *key = activation.get();
  auto found = known.lower_bound({key, v * (1 - tolerance)});
  if (found == known.end() || found->first.first != key ||
      found->first.second > v * (1 + tolerance))
    found = known.emplace(std::pair(key, v), compute(activation, v)).first;
  return found->second;
}

double mlir::lnx::stability::dual(const Activation &activation, double v, double rho) {
  return DualActivation(activation, v).value(rho);
}

double mlir::lnx::stability::dualDerivative(const Activation &activation, double v, double rho) {
  return DualActivation(activation, v).derivative(rho);
}
