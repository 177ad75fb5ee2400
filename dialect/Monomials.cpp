// Monomials.cpp: terms that outgrow others pay for negative ones; what is left bounds the sum.
// Every comparison is about all layers of all large N, so it is a limit of exponents (S49).
#include "dialect/Monomials.h"
#include <cmath>
#include <limits>

namespace mlir::lnx {

static Scalar infinity() { return Scalar::inexact(std::numeric_limits<double>::infinity()); }
/// This share of a term pays for any other that it outgrows, whatever the factor of that is.
static Scalar aLittle() { return Scalar::fraction(1, 64); }

double Monomial::at(double layer, double depth) const {
  return c.value() * std::pow(layer, p.value()) * std::pow(depth, s.value()) *
         (q.isZero() ? 1 : std::pow(std::log(depth), q.value()));
}

Monomial operator*(const Monomial &x, const Monomial &y) {
  return {x.c * y.c, x.p + y.p, x.s + y.s, x.q + y.q};
}

Monomial power(const Monomial &x, const Scalar &e) {
  return {power(x.c, e), x.p * e, x.s * e, x.q * e};
}

static Monomial inverse(const Monomial &x) { return power({1, x.p, x.s, x.q}, -1); }

Scalar smallest(const Monomial &x, const Layers &layers) {
  Scalar value = 1, exponent = x.s;
  // The end of the layers where x is least, as a share of N or as a layer.
  const Scalar &share = isNegative(x.p) ? layers.to : layers.from;
  if (!x.p.isZero() && isPositive(share)) {
    value = power(share, x.p);
    exponent = exponent + x.p;
  } else if (!x.p.isZero()) {
    value = power(isNegative(x.p) ? layers.last : layers.first, x.p);
  }
  const Scalar &sign = exponent.isZero() ? x.q : exponent;
  return sign.isZero() ? value : isPositive(sign) ? infinity() : Scalar(0);
}

Scalar largest(const Monomial &x, const Layers &layers) {
  Scalar least = smallest(inverse(x), layers);
  return least.isZero() ? infinity() : !least.isFinite() ? Scalar(0) : 1 / least;
}

//===-- arithmetic -----------------------------------------------------------===//

/// What the sum of two inexact numbers of different sign may be wrong by.
static double cancelled(const Scalar &x, const Scalar &y) {
  if ((x.isExact() && y.isExact()) || isNegative(x) == isNegative(y))
    return 0;
  return coefficientError * (std::fabs(x.value()) + std::fabs(y.value()));
}

void add(Sum &sum, Monomial term, Toward toward) {
  for (auto it = sum.begin(); it != sum.end(); ++it) {
    if (!it->hasShapeOf(term))
      continue;
    const double error = cancelled(it->c, term.c);
    term.c = it->c + term.c;
    if (error > 0)
      term.c = term.c + Scalar::inexact(toward == Toward::above ? error : -error);
    sum.erase(it);
    break;
  }
  if (!term.c.isZero())
    sum.push_back(term);
}

Sum sumOf(const Sum &x, const Sum &y, Toward toward) {
  Sum result = x;
  for (const Monomial &term : y)
    add(result, term, toward);
  return result;
}

Sum productOf(const Sum &x, const Sum &y, Toward toward) {
  Sum result;
  for (const Monomial &a : x)
    for (const Monomial &b : y)
      add(result, a * b, toward);
  return result;
}

Sum negated(Sum x) {
  for (Monomial &term : x)
    term.c = -term.c;
  return x;
}

double valueOf(const Sum &x, double layer, double depth) {
  double sum = 0;
  for (const Monomial &term : x)
    sum += term.at(layer, depth);
  return sum;
}

//===-- order ----------------------------------------------------------------===//

Sum positiveAbove(const Sum &x) {
  Sum result;
  for (const Monomial &term : x)
    if (isPositive(term.c))
      result.push_back(term);
  return result;
}

/// How many times term goes into t at least, in all layers.
static Scalar ratio(const Monomial &t, const Monomial &term, const Layers &layers) {
  return smallest(t * inverse(term), layers);
}

/// x, or a little more where it is not exact.
static Scalar roundedUp(const Scalar &x) {
  return x.isExact() ? x : Scalar::inexact(x.value() * (1 + 4 * coefficientError));
}

/// Takes what -c times `term` costs out of the positive terms that pay for it.
static bool pay(Sum &positive, const Monomial &term, const Layers &layers) {
  Scalar need = -term.c;
  for (Monomial &t : positive)
    if (!t.c.isZero() && !ratio(t, term, layers).isFinite()) {
      t.c = t.c - t.c * aLittle();
      return true;
    }
  for (Monomial &t : positive) {
    Scalar times = ratio(t, term, layers);
    if (times.isZero() || t.c.isZero())
      continue;
    // All that is inexact errs, need and t.c included.
    const bool isExact = need.isExact() && times.isExact() && t.c.isExact();
    const Scalar price =
        isExact ? need / times : roundedUp(Scalar::inexact((need / times).value()));
    if (Scalar::compare(price, t.c) <= 0) {
      t.c = t.c - price;
      return true;
    }
    need = need - t.c * times;
    if (!isExact)
      need = need + Scalar::inexact(4 * coefficientError * std::fabs(term.c.value()));
    t.c = 0;
  }
  return false;
}

std::optional<Sum> positiveBelow(const Sum &x, const Layers &layers) {
  Sum positive = positiveAbove(x), result;
  for (const Monomial &term : x)
    if (isNegative(term.c) && !pay(positive, term, layers))
      return std::nullopt;
  for (const Monomial &term : positive)
    if (!term.c.isZero())
      result.push_back(term);
  return result;
}

const Monomial &leading(const Sum &x) {
  const Monomial *best = &x.front();
  for (const Monomial &term : x) {
    int order = Scalar::compare(term.p + term.s, best->p + best->s);
    if (order == 0)
      order = Scalar::compare(term.q, best->q);
    if (order == 0)
      order = Scalar::compare(term.s, best->s);
    if (order > 0)
      best = &term;
  }
  return *best;
}

std::optional<Monomial> oneAbove(const Sum &x, const Layers &layers) {
  Monomial result = leading(x);
  const Monomial shape = result;
  for (const Monomial &term : x) {
    if (term.hasShapeOf(shape))
      continue;
    Scalar times = ratio(shape, term, layers);
    if (times.isZero())
      return std::nullopt;
    result.c = result.c + (times.isFinite() ? term.c / times : result.c * aLittle());
  }
  return result;
}

Scalar limitOf(const Sum &x, const Layers &layers) {
  Scalar limit = 0;
  for (const Monomial &term : x) {
    Scalar most = largest(term, layers);
    if (!most.isFinite())
      return infinity();
    // What vanishes is below any number.
    limit = limit + term.c * (most.isZero() ? aLittle() : most);
  }
  return limit;
}

// (m + t)^e is at most m^e + e (m + t')^(e-1) t with t' = 0 for e <= 1 and t' the most that t is
// beside m else (the mean value); (x + y)^e is at most x^e + y^e for e <= 1.
Sum powerAbove(const Sum &x, const Scalar &e, const Layers &layers) {
  if (x.empty())
    return {};
  const Monomial main = leading(x);
  const bool isConcave = Scalar::compare(e, 1) <= 0;
  Sum beside, others;
  Scalar share = 1;
  for (const Monomial &term : x) {
    if (term.hasShapeOf(main))
      continue;
    Scalar times = ratio(main, term, layers);
    (times.isZero() ? others : beside).push_back(term);
    if (!times.isZero())
      share = share + (times.isFinite() ? term.c / (main.c * times) : aLittle());
  }
  Sum result = {power(main, e)};
  const Scalar slope = e * (isConcave ? Scalar(1) : power(share, e - 1));
  for (const Monomial &term : beside) {
    Monomial more = power(main, e - 1) * term;
    more.c = more.c * slope;
    add(result, more, Toward::above);
  }
  for (const Monomial &term : others)
    add(result, power(term, e), Toward::above);
  if (!others.empty() && !isConcave) // (x_1 + ... + x_n)^e <= n^(e-1) (x_1^e + ... + x_n^e)
    for (Monomial &term : result)
      term.c = term.c * power(Scalar(int64_t(others.size()) + 1), e - 1);
  return result;
}

} // namespace mlir::lnx
