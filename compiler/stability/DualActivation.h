// DualActivation: E[phi phi] and E[phi' phi'] of correlated Gaussians, as functions of rho (S102).
// Used by the recursions of MeanField, which ask for many rho at one variance.
#ifndef LNX_COMPILER_STABILITY_DUALACTIVATION_H
#define LNX_COMPILER_STABILITY_DUALACTIVATION_H

#include "compiler/stability/MeanField.h"
#include <array>
#include <map>
#include <utility>

namespace mlir::lnx::stability {

/// Both duals at one variance v, ready to be evaluated at any correlation.
class DualActivation {
public:
  using Activation = MeanFieldUpdate::Activation;
  static constexpr int terms = 48;

  DualActivation() = default;
  /// One function is asked for 250 numbers.
  DualActivation(const Activation &activation, double v);

  double value(double rho) const;
  double derivative(double rho) const;
  /// out[i] = value(rho[i]); the same over a row, in vectors.
  void values(const double *rho, double *out, int64_t n) const;
  void derivatives(const double *rho, double *out, int64_t n) const;

private:
  /// sum c_k rho^k as even(rho^2) + rho * odd(rho^2), cut where the rest is below 1e-15 of the sum.
  struct Series {
    std::array<double, terms / 2 + 1> even{}, odd{};
    int evenTerms = 0, oddTerms = 0;

    /// `total`: of all coefficients; those beyond the known ones are one power.
    void set(const std::array<double, terms> &squares, double total);
    double at(double rho) const;
    void at(const double *rho, double *out, int64_t n) const;
  };

  void expand(const Activation &activation);

  double variance = -1;
  /// phi(x) = linear x + bent |x|: in closed form.
  bool closedForm = true;
  double linear = 1, bent = 0;
  Series phi, slope;
};

/// Duals already computed; a model has few variances, and the backward direction meets them again.
class DualActivations {
public:
  /// A dual whose variance is within `tolerance`, relative, of v.
  explicit DualActivations(double tolerance) : tolerance(tolerance) {}
  const DualActivation &at(const DualActivation::Activation &activation, double v);

private:
  double tolerance;
  /// By function and variance.
  std::map<std::pair<const void *, double>, DualActivation> known;
};

} // namespace mlir::lnx::stability

#endif
