// LayerSum: sums of c l^p N^s (log N)^q over layers, by the table of S49 with explicit constants:
// sum l^p <= n^(1+p)/(1+p) for -1 < p < 0, n^(1+p) for p >= 0, 1 + log n for p = -1 and
// p/(1+p) for p < -1.
#include "compiler/stability/LayerSum.h"
#include <algorithm>
#include <cmath>

namespace mlir::lnx::stability {

/// An inexact exponent this near to a fraction may be on either side of it.
static constexpr double closeExponents = 1e-9;

static bool isLess(const Scalar &x, const Scalar &y) { return Scalar::compare(x, y) < 0; }

Span Span::of(const LayerRange &range) {
  Span span{range.layers};
  const std::optional<Scalar> constant = range.count.asConstant();
  span.count = constant ? constant->whole() : std::nullopt;
  span.isKnown = range.count.above() && (!constant || span.count);
  if (const std::optional<Sum> floor = range.count.positiveFloor(); floor && !span.count)
    for (const Monomial &term : *floor)
      span.isLong |= term.s == 1 && term.p.isZero() && term.q.isZero();
  return span;
}

//===-- upper bounds ---------------------------------------------------------===//

Sum valueAbove(const Sum &terms, const Layers &layers) {
  Sum result;
  for (Monomial term : terms) {
    const bool isRising = !isLess(term.p, 0);
    const Scalar &share = isRising ? layers.to : layers.from;
    const Scalar &layer = isRising ? layers.last : layers.first;
    if (isLess(0, share)) {
      term.c = term.c * power(share, term.p);
      term.s = term.s + term.p;
    } else if (!term.p.isZero()) {
      term.c = term.c * power(layer, term.p);
    }
    term.p = 0;
    add(result, term, Toward::above);
  }
  return result;
}

Sum sumAbove(const Sum &terms, const Layers &layers) {
  Sum result;
  for (const Monomial &term : terms) {
    const Scalar more = term.p + 1;
    const bool isFlat = !isLess(term.p, 0) || isLess(0, layers.from);
    Monomial sum = {term.c, 0, term.s, term.q};
    if (!more.isExact() && std::fabs(more.value()) < closeExponents)
      sum.s = sum.s + Scalar::inexact(closeExponents / 2); // on no side for sure: no class
    if (isFlat) {                                          // as many times its largest
      sum = valueAbove({term}, layers).front();
      sum.c = sum.c * layers.to;
      sum.s = sum.s + 1;
    } else if (isLess(0, more)) {
      sum.c = sum.c * power(layers.to, more) / more;
      sum.s = sum.s + more;
    } else if (more.isZero()) {
      const double constant = 1 + std::max(0.0, std::log(layers.to.value()));
      add(result, {sum.c * Scalar::inexact(constant), 0, sum.s, sum.q}, Toward::above);
      sum.q = sum.q + 1;
    } else {
      sum.c = sum.c * term.p / more;
    }
    add(result, sum, Toward::above);
  }
  return result;
}

/// N^e (log N)^q. Exponents that rounding could have moved across a class have none.
static Growth classOf(const Scalar &e, const Scalar &q) {
  for (const Scalar *exponent : {&e, &q}) {
    const double fraction = exponent->value() * 720720; // of all denominators up to 16
    if (!exponent->isExact() &&
        std::fabs(fraction - std::round(fraction)) < 720720 * closeExponents)
      return Growth::unknown();
  }
  if (isLess(e, 0) || (e.isZero() && !isLess(0, q)))
    return Growth::bounded();
  const Growth result = Growth::power(e.value(), std::max(q.value(), 0.0));
  const bool isLost =
      isLess(0, e) ? result.kind() != Growth::Kind::power : result.kind() != Growth::Kind::log;
  return isLost ? Growth::unknown() : result;
}

Growth classOf(const Sum &terms) {
  Growth result = Growth::bounded();
  for (const Monomial &term : terms)
    if (isLess(0, term.c))
      result = Growth::maximum(result, classOf(term.s, term.q));
  return result;
}

std::optional<Growth> classOfSum(const Schedule &schedule, const Span &span) {
  if (!schedule.above() || !span.isKnown)
    return std::nullopt;
  const Sum terms = positiveAbove(*schedule.above());
  return classOf(span.isGrowing() ? sumAbove(terms, span.layers) : valueAbove(terms, span.layers));
}

//===-- lower bounds ---------------------------------------------------------===//

std::optional<Growth> lowerClassOfSum(const Schedule &schedule, const Span &span) {
  const std::optional<Sum> floor = schedule.positiveFloor();
  if (!floor || !span.isKnown || (span.isGrowing() && !span.isLong))
    return std::nullopt;
  Growth result = Growth::bounded();
  for (const Monomial &term : *floor) {
    if (isLess(term.q, 0)) // dropped in an upper class only
      continue;
    Scalar e = term.s, q = term.q;
    const Scalar more = term.p + 1;
    if (!span.isGrowing())
      e = isLess(0, span.layers.to) && isLess(0, span.layers.from) ? e + term.p : e;
    else if (isLess(0, more) || isLess(0, span.layers.from))
      e = e + more;
    else if (more.isZero())
      q = q + 1;
    const Growth one = classOf(e, q);
    if (one.kind() != Growth::Kind::unknown)
      result = Growth::maximum(result, one);
  }
  return result;
}

} // namespace mlir::lnx::stability
