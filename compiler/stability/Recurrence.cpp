// Recurrence: r_{k+1} <= A_k r_k + B_k + C_k r_k^2 iterated at one depth, rounded outward (S14,
// S47).
#include "compiler/stability/Growth.h"
#include <algorithm>
#include <cfloat>
#include <cmath>

namespace mlir::lnx::stability {

using Coefficients = Recurrence::Coefficients;

/// Fewer layers are followed one by one.
static constexpr int64_t fewLayers = 64;

/// x y, where 0 times infinity is 0: a norm forgets even an overflown stream.
static double product(double x, double y) { return x == 0 || y == 0 ? 0 : x * y; }

/// Above any number that up to eight roundings made x of.
static double above(double x) { return x * (1 + 4 * DBL_EPSILON); }

/// Finite and not negative.
static bool isSound(const Coefficients &k) {
  return std::isfinite(k.a + k.gain + k.b + k.c) && k.a >= 0 && k.gain >= 0 && k.b >= 0 && k.c >= 0;
}

void Recurrence::pass(const Coefficients &k) {
  if (!isSound(k)) {
    isTop = true;
    r = HUGE_VAL;
    return;
  }
  double next = product(k.a + k.gain, r) + k.b + product(k.c, product(r, r));
  // Five roundings downwards at most. Underflow must not reach zero.
  bool isZero = k.b == 0 && (r == 0 || (k.a + k.gain == 0 && k.c == 0));
  r = isZero ? 0 : std::max(above(next), DBL_MIN);
  most = std::max(most, r);
}

namespace {
/// r -> a r + b, never too small.
struct Line {
  double a = 1, b = 0;

  double at(double x) const { return above(product(a, x) + b); }
  /// This one first.
  Line then(const Line &next) const {
    double slope = a == 0 || next.a == 0 ? 0 : std::max(above(a * next.a), DBL_MIN);
    double offset = b == 0 && next.b == 0 ? 0 : std::max(next.at(b), DBL_MIN);
    return {slope, offset};
  }
};
} // namespace

/// A line that only makes r larger, and too large an offset to be lost by underflow.
static bool isRising(const Coefficients &k) {
  constexpr double least = 1e-290;
  return isSound(k) && k.c == 0 && k.a + k.gain >= 1 && (k.b == 0 || k.b >= least);
}

// Every part of the updates becomes one line. The parts do not wait for one another, as r does.
void Recurrence::pass(const std::vector<Coefficients> &updates) {
  constexpr size_t parts = 8;
  const size_t length = updates.size() / parts, rest = length * parts;
  if (length < 4 || isTop || !std::all_of(updates.begin(), updates.end(), isRising)) {
    for (const Coefficients &k : updates)
      pass(k);
    return;
  }
  Line lines[parts];
  for (size_t i = 0; i < length; ++i)
    for (size_t part = 0; part < parts; ++part) {
      const Coefficients &k = updates[part * length + i];
      Line &line = lines[part];
      line.b = above((k.a + k.gain) * line.b + k.b);
      line.a = above((k.a + k.gain) * line.a);
    }
  for (const Line &line : lines)
    pass({line.a, line.b});
  for (size_t i = rest; i < updates.size(); ++i)
    pass(updates[i]);
}

/// The line of one layer is raised to a power by squaring. What lies between its ends is largest in
/// the first or in the last layer, as lines that rise have monotone iterates.
void Recurrence::pass(const std::vector<Coefficients> &layer, int64_t layers) {
  bool isLine = std::all_of(layer.begin(), layer.end(),
                            [](const Coefficients &k) { return isSound(k) && k.c == 0; });
  if (layers <= fewLayers || isTop || !isLine) {
    for (int64_t i = 0; i < layers; ++i) {
      const double before = r;
      for (const Coefficients &k : layer)
        pass(k);
      if (r == before) // so do the others
        return;
    }
    return;
  }
  for (const Coefficients &k : layer)
    pass(k);
  Line own, power;
  for (const Coefficients &k : layer)
    own = own.then({above(k.a + k.gain), k.b});
  for (int64_t rest = layers - 2; rest > 0; rest /= 2, own = own.then(own))
    if (rest % 2 == 1)
      power = power.then(own);
  r = r == 0 && power.b == 0 ? 0 : std::max(power.at(r), DBL_MIN);
  most = std::max(most, r);
  for (const Coefficients &k : layer)
    pass(k);
}

double Recurrence::last() const { return isTop ? HUGE_VAL : roundUp(r); }

double Recurrence::largest() const { return std::max(last(), roundUp(most)); }

} // namespace mlir::lnx::stability
