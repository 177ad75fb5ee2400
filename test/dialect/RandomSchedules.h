// RandomSchedules.h: random expressions of l and N, as schedules and as numbers in long double with
// a bound of their rounding.
#pragma once

#include "dialect/Schedule.h"
#include <cmath>
#include <random>
#include <vector>

namespace mlir::lnx {
using Real = long double;

/// A number and what its rounding may be wrong by.
struct Measured {
  Real value, error = 0;
};

constexpr Real unit = 0x1p-62L;

/// What has left the range of Real is no number, nor is what is made of it.
inline Measured rounded(Real value, Real error) {
  return std::isfinite(value) && std::isfinite(error)
             ? Measured{value, error + unit * std::fabs(value)}
             : Measured{NAN, NAN};
}

/// `value` is a product of numbers that are not 0: one that is has left the range of Real.
inline Measured product(Real value, Real error, bool isZero) {
  return rounded(value == 0 && !isZero ? Real(NAN) : value, error);
}

/// f is monotone between value - error and value + error, or nearly so.
template <class F> Measured mapped(const Measured &x, F f) {
  const Real value = f(x.value);
  const Real spread =
      std::fmax(std::fabs(f(x.value + x.error) - value), std::fabs(f(x.value - x.error) - value));
  return rounded(value, std::isnan(spread) ? std::fabs(value) : spread);
}

inline Real valueOf(const Scalar &x) {
  return x.isExact() ? Real(x.numerator()) / Real(x.denominator()) : Real(x.value());
}

/// The sum, and the sum of its terms' sizes.
inline std::pair<Real, Real> evaluate(const Sum &sum, Real layer, Real depth) {
  Real value = 0, size = 0;
  for (const Monomial &term : sum) {
    const Real logarithm = valueOf(term.p) * std::log(layer) + valueOf(term.s) * std::log(depth) +
                           valueOf(term.q) * std::log(std::log(depth));
    const Real one = valueOf(term.c) * std::exp(logarithm); // a factor may leave the range of Real
    value += one;
    size += std::fabs(one);
  }
  return {value, size};
}

struct Sample {
  Schedule schedule;
  Measured value;
};

/// How far beyond its bounds a value is, in units of what is allowed; at most 1 within them.
inline Real excess(const Sample &sample, Real layer, Real depth) {
  Real worst = 0;
  const auto hold = [&](const std::optional<Sum> &bound, Real sign) {
    if (!bound)
      return;
    const auto [value, size] = evaluate(*bound, layer, depth);
    // Coefficients are good to coefficientError, and a bound of 32 terms adds them up.
    const Real allowed = 2 * coefficientError * size + 4 * sample.value.error;
    const Real beyond = sign * (sample.value.value - value);
    if (std::isfinite(beyond) && std::isfinite(allowed) && beyond > 0)
      worst = std::fmax(worst, allowed > 0 ? beyond / allowed : INFINITY);
  };
  hold(sample.schedule.above(), 1);
  hold(sample.schedule.below(), -1);
  return worst;
}

/// Layers and depths that a schedule is tried at: the corners of its layers and between them.
inline std::vector<Real> layersAt(const Layers &layers, Real depth) {
  const Real first = std::fmax(valueOf(layers.first), std::ceil(valueOf(layers.from) * depth));
  const Real last =
      layers.to.isZero() ? valueOf(layers.last) : std::floor(valueOf(layers.to) * depth);
  std::vector<Real> result;
  for (const Real layer : {first, first + 1, first + 7, std::floor(std::sqrt(first * last)),
                           std::floor((first + last) / 2), last - 1, last})
    if (layer >= first && layer <= last)
      result.push_back(layer);
  return result;
}

inline const Real small[] = {1e2L, 1e3L, 1e4L, 1e5L, 1e6L, 1e7L};
/// What is true for all large N shows here: shares of 1/1024 are paid by N^(1/4) from 1e12 on, shares
/// of 1/64 by (log N)^(1/2) from 1e1800 on.
inline const Real large[] = {1e9L,  1e12L,  1e15L,  1e18L,  1e24L,   1e40L,
                             1e80L, 1e160L, 1e320L, 1e640L, 1e1200L, 1e2400L};

//===-- random expressions ---------------------------------------------------===//

/// The same random choices give the schedule and the number.
class Expression {
public:
  Expression(uint32_t seed, const Layers &layers) : seed(seed), layers(layers) {}

  Sample at(Real layer, Real depth) {
    random.seed(seed);
    this->layer = layer;
    this->depth = depth;
    return make(4);
  }

private:
  int draw(int below) { return static_cast<int>(random() % static_cast<uint32_t>(below)); }

  Sample constant() {
    static const Scalar values[] = {0,
                                    1,
                                    2,
                                    3,
                                    5,
                                    -1,
                                    -2,
                                    Scalar::fraction(1, 2),
                                    Scalar::fraction(-1, 3),
                                    Scalar::fraction(1, 4),
                                    Scalar::decimal(15, -1),
                                    4};
    if (draw(5) == 0) {
      const Scalar root = power(Scalar(2), Scalar::fraction(1, 2));
      return {Schedule::constant(root), rounded(std::sqrt(2.0L), 1e-16L)};
    }
    const Scalar &value = values[draw(std::size(values))];
    return {Schedule::constant(value), rounded(valueOf(value), 0)};
  }

  Sample leaf() {
    switch (draw(4)) {
    case 0:
      return constant();
    case 1:
      return {Schedule::depth(1), {depth}};
    case 2: {
      const Scalar share = Scalar::fraction(1, 1 + draw(4));
      return {Schedule::depth(share), rounded(depth * valueOf(share), 0)};
    }
    default:
      return {Schedule::layer(layers), {layer}};
    }
  }

  /// f(x + c) - f(x): far smaller than either.
  Sample difference(const Sample &x) {
    static const Scalar steps[] = {1, 3, -1, Scalar::fraction(1, 2)};
    static const Scalar exponents[] = {
        0, -1, 3, Scalar::fraction(1, 2), Scalar::fraction(-1, 2), Scalar::fraction(5, 4)};
    const Scalar &step = steps[draw(std::size(steps))], &e = exponents[draw(std::size(exponents))];
    const Sample moved = {x.schedule + Schedule::constant(step),
                          rounded(x.value.value + valueOf(step), x.value.error)};
    const auto under = [&](const Sample &of) -> Sample {
      if (e.isZero())
        return {log(of.schedule), mapped(of.value, [](Real r) { return std::log(r); })};
      return {power(of.schedule, Schedule::constant(e)),
              mapped(of.value, [&](Real r) { return std::pow(r, valueOf(e)); })};
    };
    const Sample a = under(moved), b = under(x);
    return {a.schedule - b.schedule,
            rounded(a.value.value - b.value.value, a.value.error + b.value.error)};
  }

  Sample binary(int height) {
    const Sample x = make(height - 1), y = make(height - 1);
    const Real a = x.value.value, b = y.value.value, e = x.value.error, f = y.value.error;
    switch (draw(7)) {
    case 6:
      return difference(x);
    case 0:
      return {x.schedule + y.schedule, rounded(a + b, e + f)};
    case 1:
      return {x.schedule - y.schedule, rounded(a - b, e + f)};
    case 2:
      return {x.schedule * y.schedule,
              product(a * b, std::fabs(a) * f + std::fabs(b) * e + e * f, a == 0 || b == 0)};
    case 3:
      return {
          x.schedule / y.schedule,
          product(a / b, (e + std::fabs(a / b) * f) / std::fmax(std::fabs(b) - f, 0.0L), a == 0)};
    case 4:
      return {minimum(x.schedule, y.schedule),
              rounded(a < b ? a : b, std::fmax(e, f) + 0 * (a + b))};
    default:
      return {maximum(x.schedule, y.schedule),
              rounded(a > b ? a : b, std::fmax(e, f) + 0 * (a + b))};
    }
  }

  Sample unary(int height) {
    const Sample x = make(height - 1);
    const Measured &v = x.value;
    static const Scalar exponents[] = {2,
                                       3,
                                       -1,
                                       -2,
                                       5,
                                       Scalar::fraction(1, 2),
                                       Scalar::fraction(-1, 2),
                                       Scalar::fraction(3, 2),
                                       Scalar::fraction(1, 4),
                                       Scalar::fraction(-1, 3)};
    switch (draw(9)) {
    case 0:
      return {exp(x.schedule), mapped(v, [](Real r) { return std::exp(r); })};
    case 1:
      return {log(x.schedule), mapped(v, [](Real r) { return std::log(r); })};
    case 2:
      return {abs(x.schedule), {std::fabs(v.value), v.error}};
    case 3:
      return {floor(x.schedule), mapped(v, [](Real r) { return std::floor(r); })};
    case 4:
      return {ceil(x.schedule), mapped(v, [](Real r) { return std::ceil(r); })};
    case 5:
      return {round(x.schedule), mapped(v, [](Real r) { return std::round(r); })};
    case 6:
      return {contracted(x.schedule), mapped(v, [](Real r) { return std::tanh(r); })};
    default: {
      const Scalar &e = exponents[draw(std::size(exponents))];
      return {power(x.schedule, Schedule::constant(e)), mapped(v, [&](Real r) {
                const Real result = std::pow(r, valueOf(e));
                return result == 0 && r != 0 ? Real(NAN) : result;
              })};
    }
    }
  }

  Sample make(int height) {
    if (height == 0 || draw(6) == 0)
      return leaf();
    return draw(2) ? unary(height) : binary(height);
  }

  std::mt19937 random;
  uint32_t seed;
  Layers layers;
  Real layer = 0, depth = 0;
};

inline const Layers ranges[] = {{},
                                {3, 0, 1},
                                {1, 0, Scalar::fraction(1, 4)},
                                {1, Scalar::fraction(1, 4), 1},
                                {1, Scalar::fraction(1, 3), Scalar::fraction(1, 2)},
                                {1, 0, 0, 3},
                                {2, 0, 0, 2}};

} // namespace mlir::lnx
