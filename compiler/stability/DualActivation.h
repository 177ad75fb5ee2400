// DualActivation: E[phi phi] and E[phi' phi'] of correlated Gaussians, as functions of rho (S102).
// Used by the recursions of MeanField, which ask for many rho at one variance.
#ifndef LNX_COMPILER_STABILITY_DUALACTIVATION_H
#define LNX_COMPILER_STABILITY_DUALACTIVATION_H

#include "compiler/stability/MeanField.h"
#include <array>
#include <map>
#include <utility>

namespace mlir::lnx::stability {

/// phi(sqrt(v) z)/sqrt(v) in normalised Hermite polynomials, z a standard Gaussian.
struct HermiteExpansion {
  static constexpr int terms = 48;

  std::array<double, terms> coefficients{};
  /// What the terms leave out of E[phi^2]/v and of E[phi'^2].
  double rest = 0, slopeRest = 0;

  HermiteExpansion() = default;
  /// One function is asked for 241 numbers.
  HermiteExpansion(const MeanFieldUpdate::Activation &activation, double v);
};

/// Both duals at one variance v, ready to be evaluated at any correlation.
class DualActivation {
public:
  using Activation = MeanFieldUpdate::Activation;
  static constexpr int terms = HermiteExpansion::terms;

  DualActivation() = default;
  DualActivation(const Activation &activation, double v);
  DualActivation(const HermiteExpansion &expansion, double v);

  double value(double rho) const;
  double derivative(double rho) const;
  /// out[i] = value(rho[i]); the same over a row, in vectors.
  void values(const double *rho, double *out, int64_t n) const;
  void derivatives(const double *rho, double *out, int64_t n) const;

private:
  /// sum c_k rho^k as even(rho^2) + rho * odd(rho^2), cut where what follows is below 1e-15 of the
  /// sum.
  struct Series {
    std::array<double, terms / 2 + 1> even{}, odd{};
    int evenTerms = 0, oddTerms = 0;

    /// `rest`: of all coefficients beyond the known ones, which are one power.
    void set(const std::array<double, terms> &squares, double rest);
    double at(double rho) const;
    void at(const double *rho, double *out, int64_t n) const;
  };

  double variance = -1;
  /// phi(x) = linear x + bent |x|: in closed form.
  bool closedForm = true;
  double linear = 1, bent = 0;
  Series phi, slope;
};

/// Duals already computed; a model has few variances, and the backward direction meets them again.
class DualActivations {
public:
  /// Interpolated ones have their expansion from the eight nearest of a grid of variances,
  /// neighbours a factor e^(1/4) apart, and are used again within 1e-5 of their variance: what a
  /// model costs depends on the range of its variances, not on their number. Interpolation in log v
  /// moves neither dual by more than 1e-6 of E[phi^2] or E[phi'^2]; a test compares.
  enum class Accuracy { exact, interpolated };
  explicit DualActivations(Accuracy accuracy) : accuracy(accuracy) {}
  const DualActivation &at(const DualActivation::Activation &activation, double v);

private:
  /// What is not known yet.
  DualActivation compute(const DualActivation::Activation &activation, double v);
  const HermiteExpansion &knot(const DualActivation::Activation &activation, int64_t index);

  Accuracy accuracy;
  /// By function and variance.
  std::map<std::pair<const void *, double>, DualActivation> known;
  std::map<const void *, bool> isLine; ///< functions with a closed form at every variance
  /// By function and place on the grid.
  std::map<std::pair<const void *, int64_t>, HermiteExpansion> knots;
};

} // namespace mlir::lnx::stability

#endif
