// DualActivation: squared Hermite coefficients of an activation, and their power series in rho.
// ReLU has the arc-cosine closed form; GELU and SiLU use it too once their variance is so large
// that they are ReLU within 0.5 %, which is also what 48 terms leave out there.
#include "compiler/stability/DualActivation.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numbers>

using namespace mlir::lnx::stability;
using Activation = MeanFieldUpdate::Activation;

namespace {

// Trapezoids over [-12, 12]: the integrand carries exp(-z^2/2), so both the cut and the aliasing
// are below 1e-15 for variances up to reluVariance.
constexpr int nodes = 241;
constexpr double reach = 12, spacing = 2 * reach / (nodes - 1);
// gelu(x) - relu(x) is a bump of width 1: relative weight v^(-3/2).
constexpr double reluVariance = 100;

struct PhiAndSlope {
  double phi, slope;
};

PhiAndSlope activate(Activation activation, double x) {
  constexpr double invSqrt2 = 1 / std::numbers::sqrt2;
  static const double density = std::sqrt(0.5 * std::numbers::inv_pi);
  switch (activation) {
  case Activation::identity:
    return {x, 1};
  case Activation::relu:
    return {std::max(x, 0.0), x > 0 ? 1.0 : 0.0};
  case Activation::geluErf: {
    double below = 0.5 * (1 + std::erf(x * invSqrt2));
    return {x * below, below + x * density * std::exp(-0.5 * x * x)};
  }
  case Activation::geluTanh: {
    constexpr double cubic = 0.044715;
    static const double c = std::sqrt(2 * std::numbers::inv_pi);
    double t = std::tanh(c * (x + cubic * x * x * x));
    return {0.5 * x * (1 + t), 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * cubic * x * x)};
  }
  case Activation::silu: {
    double s = 1 / (1 + std::exp(-x));
    return {x * s, s + x * s * (1 - s)};
  }
  }
  return {0, 0};
}

/// Normalised Hermite polynomials at the nodes times the Gaussian weight.
struct HermiteTable {
  std::array<double, nodes> z;
  std::array<std::array<double, nodes>, DualActivation::terms> weighted;

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
      for (int k = 2; k < DualActivation::terms; ++k)
        weighted[k][i] = (z[i] * weighted[k - 1][i] - std::sqrt(k - 1.0) * weighted[k - 2][i]) /
                         std::sqrt(static_cast<double>(k));
    }
  }
};

const HermiteTable &hermite() {
  static const HermiteTable table;
  return table;
}

/// E[relu relu] / v and E[relu' relu'] at correlation rho.
double arcCosine(double rho) {
  double r = std::clamp(rho, -1.0, 1.0);
  return (std::sqrt(1 - r * r) + r * (std::numbers::pi - std::acos(r))) * 0.5 *
         std::numbers::inv_pi;
}
double arcCosineSlope(double rho) {
  return (std::numbers::pi - std::acos(std::clamp(rho, -1.0, 1.0))) * 0.5 * std::numbers::inv_pi;
}

} // namespace

void DualActivation::Series::set(const std::array<double, terms> &squares) {
  double total = 0, rest = 0;
  for (double c : squares)
    total += c;
  evenTerms = oddTerms = 0;
  std::array<double *, 2> into = {even.data(), odd.data()};
  std::array<int *, 2> counts = {&evenTerms, &oddTerms};
  for (int parity = 0; parity < 2; ++parity) {
    rest = 0;
    int last = terms / 2;
    while (last > 0 && rest + squares[2 * (last - 1) + parity] <= 1e-15 * total)
      rest += squares[2 * (--last) + parity];
    *counts[parity] = last;
    for (int k = 0; k < last; ++k)
      into[parity][k] = squares[2 * k + parity];
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

DualActivation::DualActivation(Activation activation, double v)
    : activation(activation), variance(v) {
  assert(v >= 0 && "variances are not negative");
  bool smooth = activation != Activation::identity && activation != Activation::relu;
  closedForm = !smooth || v > reluVariance;
  if (closedForm)
    return;
  const HermiteTable &table = hermite();
  std::array<double, nodes> y, dy;
  double deviation = std::sqrt(v);
  for (int i = 0; i < nodes; ++i) {
    PhiAndSlope p = activate(activation, deviation * table.z[i]);
    y[i] = p.phi;
    dy[i] = p.slope;
  }
  std::array<double, terms> a, b;
  for (int k = 0; k < terms; ++k) {
    // Four sums each, so that the additions overlap.
    double s[4] = {}, t[4] = {};
    for (int i = 0; i + 4 <= nodes; i += 4)
      for (int j = 0; j < 4; ++j) {
        s[j] += table.weighted[k][i + j] * y[i + j];
        t[j] += table.weighted[k][i + j] * dy[i + j];
      }
    double tail = table.weighted[k][nodes - 1];
    double sum = s[0] + s[1] + s[2] + s[3] + tail * y[nodes - 1];
    double slopes = t[0] + t[1] + t[2] + t[3] + tail * dy[nodes - 1];
    a[k] = sum * sum;
    b[k] = slopes * slopes;
  }
  phi.set(a);
  slope.set(b);
}

double DualActivation::value(double rho) const {
  if (!closedForm)
    return phi.at(rho);
  return variance * (activation == Activation::identity ? rho : arcCosine(rho));
}

double DualActivation::derivative(double rho) const {
  if (!closedForm)
    return slope.at(rho);
  return activation == Activation::identity ? 1 : arcCosineSlope(rho);
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

const DualActivation &DualActivations::at(Activation activation, double v) {
  auto found = known.lower_bound({activation, v * (1 - tolerance)});
  if (found == known.end() || found->first.first != activation ||
      found->first.second > v * (1 + tolerance))
    found = known.emplace(std::pair(activation, v), DualActivation(activation, v)).first;
  return found->second;
}

double mlir::lnx::stability::dual(Activation activation, double v, double rho) {
  return DualActivation(activation, v).value(rho);
}

double mlir::lnx::stability::dualDerivative(Activation activation, double v, double rho) {
  return DualActivation(activation, v).derivative(rho);
}
