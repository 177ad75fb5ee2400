// ScheduleBound: from formulas to sums of positive terms, and from terms to classes (claim S49).
// Roots: (c0 + t)^(1/m) <= c0^(1/m) + t c0^(1/m-1)/m, (a + b)^(1/m) <= a^(1/m) + b^(1/m), and
// S^(-1/m) <= t^(-1/m) where t <= S.
#include "compiler/stability/ScheduleBound.h"
#include <algorithm>
#include <cmath>

namespace mlir::lnx::stability::fitted {

static constexpr double close = 1e-9;

void UpperBound::add(const UpperBound &other) {
  constant += other.constant;
  terms.insert(terms.end(), other.terms.begin(), other.terms.end());
}

bool isConstant(const ScheduleTerm &t) { return t.p == 0 && t.s == 0 && t.q == 0; }

bool isAtMostOne(const ScheduleTerm &t) { return t.q <= 0 && t.s >= 0 && t.p + t.s >= 0; }

bool isVanishing(const ScheduleTerm &t) {
  if (t.s > 0)
    return t.p + t.s > 0;
  return t.s == 0 && t.p > 0 && t.q <= 0;
}

static ScheduleTerm rooted(const ScheduleTerm &t, int root) {
  return {std::pow(t.c, 1.0 / root), t.p / root, t.s / root, t.q / root};
}

/// Above (sum of signed terms)^(1/root), root >= 2 and the sum not negative.
static UpperBound rootBound(const std::vector<ScheduleTerm> &terms, int root) {
  UpperBound bound;
  double constant = 0;
  for (const ScheduleTerm &t : terms)
    constant += isConstant(t) ? t.c : 0;
  if (constant > 0)
    bound.constant = std::pow(constant, 1.0 / root);
  for (ScheduleTerm t : terms) {
    if (isConstant(t) || t.c <= 0)
      continue;
    if (constant > 0 && isVanishing(t)) {
      t.c *= bound.constant / constant / root;
      bound.terms.push_back(t);
    } else {
      bound.terms.push_back(rooted(t, root));
    }
  }
  return bound;
}

/// How much of `t` the negative terms can take away; 1 or more where `t` does not bound the sum
/// from below.
static double shareTaken(const std::vector<ScheduleTerm> &terms, const ScheduleTerm &t,
                         double depth) {
  double share = 0;
  for (const ScheduleTerm &n : terms) {
    if (n.c >= 0)
      continue;
    // The ratio must not grow with l or N; then l = 1 at the smallest depth is the worst.
    if (n.p < t.p || n.s < t.s || n.q > t.q)
      return 1;
    share += -n.c / t.c * std::pow(depth, t.s - n.s);
  }
  return share;
}

/// Above (sum of signed terms)^(1/root), root < 0: the positive term that leaves the slowest sum.
static std::optional<UpperBound> inverseBound(const std::vector<ScheduleTerm> &terms, int root,
                                              double depth) {
  std::optional<ScheduleTerm> best;
  Span everywhere{/*hasFixedLength=*/false, /*hasFixedStart=*/true, /*startFraction=*/0};
  for (ScheduleTerm t : terms) {
    double share = t.c > 0 ? shareTaken(terms, t, depth) : 1;
    if (share > 0.999)
      continue;
    t.c *= 1 - share;
    ScheduleTerm candidate = rooted(t, root);
    if (!best || (classOfSum(candidate, everywhere) <= classOfSum(*best, everywhere) &&
                  (!(classOfSum(*best, everywhere) <= classOfSum(candidate, everywhere)) ||
                   candidate.c < best->c)))
      best = candidate;
  }
  if (!best)
    return std::nullopt;
  UpperBound bound;
  if (isConstant(*best))
    bound.constant = best->c;
  else
    bound.terms.push_back(*best);
  return bound;
}

/// The terms of one part: exact and signed where its root is 1, otherwise above it (negative parts
/// are dropped).
static std::optional<UpperBound> partBound(const Formula::Part &part, double depth,
                                           std::vector<ScheduleTerm> &signedTerms) {
  std::vector<ScheduleTerm> terms = part.depth.terms;
  if (part.depth.root == 1) {
    for (ScheduleTerm &t : terms) {
      t.c *= part.depth.sign;
      t.p = -part.power;
      signedTerms.push_back(t);
    }
    return UpperBound();
  }
  if (part.depth.sign < 0)
    return UpperBound();
  if (part.depth.root > 1)
    return rootBound(terms, part.depth.root);
  return inverseBound(terms, part.depth.root, depth);
}

static void append(std::vector<ScheduleTerm> &signedTerms, const UpperBound &above, double power) {
  if (above.constant != 0)
    signedTerms.push_back({above.constant, -power, 0, 0});
  for (ScheduleTerm t : above.terms) {
    t.p = -power;
    signedTerms.push_back(t);
  }
}

/// How much of `t` the term `n` can take away at most, for all l <= N and N >= `depth`.
static double largestShare(const ScheduleTerm &n, const ScheduleTerm &t, double depth) {
  double p = n.p - t.p, s = n.s - t.s;
  double exponent = p >= 0 ? -s : -p - s; // the ratio is largest at l = 1, or at l = N
  if (exponent > close || n.q > t.q)
    return HUGE_VAL;
  return std::abs(n.c) / t.c * std::pow(depth, exponent) * std::pow(std::log(depth), n.q - t.q);
}

/// Whether the sum of signed terms is sure to stay above 0. Entries are sizes: where a formula
/// would go below, as 2000 - l beyond the layers that were looked at, they are no longer its
/// values.
static bool staysPositive(const std::vector<ScheduleTerm> &terms, double depth) {
  auto isNegative = [](const ScheduleTerm &t) { return t.c < 0; };
  if (std::none_of(terms.begin(), terms.end(), isNegative))
    return true;
  return std::any_of(terms.begin(), terms.end(), [&](const ScheduleTerm &t) {
    double share = 0;
    for (const ScheduleTerm &n : terms)
      share += t.c > 0 && n.c < 0 ? largestShare(n, t, depth) : 0;
    return t.c > 0 && share <= 1 + close;
  });
}

/// What a part that is subtracted, and not a sum itself, takes away at most.
static bool appendTaken(const Formula::Part &part, double depth, std::vector<ScheduleTerm> &all) {
  if (part.depth.sign > 0 || part.depth.root == 1)
    return true;
  std::optional<UpperBound> above = part.depth.root > 1
                                        ? rootBound(part.depth.terms, part.depth.root)
                                        : inverseBound(part.depth.terms, part.depth.root, depth);
  if (!above)
    return false;
  if (above->constant != 0)
    all.push_back({-above->constant, -part.power, 0, 0});
  for (ScheduleTerm t : above->terms)
    all.push_back({-t.c, -part.power, t.s, t.q});
  return true;
}

std::optional<UpperBound> upperBound(const Formula &formula, double smallestDepth) {
  std::vector<ScheduleTerm> terms, taken;
  for (const Formula::Part &part : formula.parts) {
    // Below a negative root a part is needed exactly, not from above.
    if (formula.root < 0 && part.depth.root != 1)
      return std::nullopt;
    std::optional<UpperBound> above = partBound(part, smallestDepth, terms);
    if (!above)
      return std::nullopt;
    append(terms, *above, part.power);
    if (!appendTaken(part, smallestDepth, taken))
      return std::nullopt;
  }
  if (formula.root < 0)
    return inverseBound(terms, formula.root, smallestDepth);
  if (formula.root > 1)
    return rootBound(terms, formula.root);
  std::vector<ScheduleTerm> all = terms;
  all.insert(all.end(), taken.begin(), taken.end());
  if (formula.offset != 0)
    all.push_back({formula.offset, 0, 0, 0});
  if (!staysPositive(all, smallestDepth))
    return std::nullopt;
  UpperBound bound;
  bound.constant = formula.offset;
  for (const ScheduleTerm &t : terms) {
    if (isConstant(t))
      bound.constant += t.c;
    else if (t.c > 0)
      bound.terms.push_back(t);
  }
  return bound;
}

Span spanOf(const Piece &piece, const std::vector<int64_t> &depths) {
  Span span;
  span.hasFixedLength = piece.hasFixedLength();
  span.hasFixedStart = piece.hasFixedStart();
  if (span.hasFixedStart)
    return span;
  if (std::optional<std::pair<double, double>> line = piece.startLine(depths)) {
    span.startFraction = line->first;
    // first >= slope N + offset - 2 for every N, hence >= half of slope N for large N.
    if (line->second < 2)
      span.startFraction /= 2;
  }
  return span;
}

Growth classOfSum(const ScheduleTerm &t, const Span &span) {
  if (span.startFraction > 0 || t.p < 1 - close)
    return Growth::power(1 - t.p - t.s, t.q);
  if (t.p <= 1 + close)
    return Growth::power(-t.s, t.q + 1);
  return Growth::power(-t.s, t.q);
}

Growth classOfValue(const ScheduleTerm &t, const Span &span) {
  if (span.hasFixedLength && span.hasFixedStart)
    return Growth::power(-t.s, t.q);
  Growth atEnd = Growth::power(-t.p - t.s, t.q);
  return span.startFraction > 0 ? atEnd : Growth::maximum(atEnd, Growth::power(-t.s, t.q));
}

Growth classOfSum(const UpperBound &bound, const Span &span) {
  if (span.hasFixedLength)
    return classOfValue(bound, span);
  Growth result = bound.constant > 0 ? Growth::power(1) : Growth::bounded();
  for (const ScheduleTerm &t : bound.terms)
    result = Growth::maximum(result, classOfSum(t, span));
  return result;
}

Growth classOfValue(const UpperBound &bound, const Span &span) {
  Growth result = Growth::bounded();
  for (const ScheduleTerm &t : bound.terms)
    result = Growth::maximum(result, classOfValue(t, span));
  return result;
}

double logCoefficient(const ScheduleTerm &t, const Span &span) {
  if (span.startFraction > 0)
    return t.c * std::pow(span.startFraction, -std::max(t.p, 0.0));
  if (t.p < 1 - close)
    return t.c / (1 - t.p);
  if (t.p <= 1 + close)
    return t.c;
  return t.c * t.p / (t.p - 1); // zeta(p) <= p/(p - 1)
}

} // namespace mlir::lnx::stability::fitted
