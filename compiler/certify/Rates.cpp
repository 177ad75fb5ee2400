// Rates: sums of terms, and schedules read from their text. Every coefficient is rounded up.
#include "compiler/certify/Rates.h"
#include "compiler/certify/Rounding.h"
#include <algorithm>
#include <cstdlib>

namespace lnx::certify {

using Terms = std::vector<Monomial>;

//===-- sums -------------------------------------------------------------------===//

static void add(Terms &sum, const Monomial &term) {
  for (Monomial &one : sum)
    if (one.p == term.p && one.s == term.s && one.q == term.q) {
      one.c = addUp(one.c, term.c);
      return;
    }
  if (term.c != 0)
    sum.push_back(term);
}

Rate rateOf(double number) {
  if (!std::isfinite(number))
    return std::nullopt;
  return number == 0 ? Terms() : Terms{{std::abs(number)}};
}

Rate sumOf(const Rate &x, const Rate &y) {
  if (!x || !y)
    return std::nullopt;
  Rate sum = x;
  for (const Monomial &term : *y)
    add(*sum, term);
  return sum;
}

/// What rounding leaves of fractions that cancel is nothing.
static double exponentOf(double sum) { return std::abs(sum) < 1e-13 ? 0 : sum; }

Rate productOf(const Rate &x, const Rate &y) {
  bool isNothing = (x && x->empty()) || (y && y->empty());
  if (isNothing)
    return Terms();
  if (!x || !y || x->size() * y->size() > 100)
    return std::nullopt;
  Rate product = Terms();
  for (const Monomial &a : *x)
    for (const Monomial &b : *y)
      add(*product,
          {mulUp(a.c, b.c), exponentOf(a.p + b.p), exponentOf(a.s + b.s), exponentOf(a.q + b.q)});
  return product;
}

bool isSteady(const Rate &x) {
  return x && std::all_of(x->begin(), x->end(), [](const Monomial &one) {
           return one.isConstant() && std::isfinite(one.c);
         });
}

double largestOf(const Rate &x) {
  if (!isSteady(x))
    return infinity;
  return x->empty() ? 0 : x->front().c;
}

//===-- schedules --------------------------------------------------------------===//

/// A term as it is written: of either sign.
namespace {
struct Written {
  Monomial term;
  bool isNegative = false;
};
} // namespace

/// "-1/2", "0.25", "~0.3": all of the text, rounded up where it is no whole number.
static std::optional<double> numberOf(std::string text) {
  bool isInexact = !text.empty() && text[0] == '~';
  text.erase(0, isInexact);
  size_t slash = text.find('/');
  double under = 1;
  char *end = nullptr;
  if (slash != std::string::npos) {
    under = std::strtod(text.c_str() + slash + 1, &end);
    if (end == text.c_str() + slash + 1 || *end || !(under > 0))
      return std::nullopt;
    text.resize(slash);
  }
  double over = std::strtod(text.c_str(), &end);
  if (text.empty() || *end || !std::isfinite(over))
    return std::nullopt;
  if (isInexact)
    return mulUp(over / under, 1 + 1e-9);
  bool isWhole = over == std::round(over) && std::abs(over) < 1e15;
  return divUp(isWhole ? over : above(over), under);
}

/// "1/2*l^-1*N^-1/2": every factor but the number has a name and an exponent. What begins with '~'
/// may be off by 1e-10 of itself, which is no exponent to be.
static std::optional<Monomial> monomialOf(const std::string &text) {
  Monomial result;
  bool isInexact = text.find('~') != std::string::npos;
  for (size_t at = 0; at <= text.size();) {
    size_t end = std::min(text.find('*', at), text.size()), caret = text.find('^', at);
    std::string name = text.substr(at, std::min(caret, end) - at);
    double *exponent = name == "l"        ? &result.p
                       : name == "N"      ? &result.s
                       : name == "log(N)" ? &result.q
                                          : nullptr;
    std::string number = text.substr(at, end - at);
    if (exponent)
      number = caret < end ? text.substr(caret + 1, end - caret - 1) : "1";
    std::optional<double> value = numberOf(number);
    if (!value || (!exponent && *value < 0))
      return std::nullopt;
    // A class is never read off an exponent that small.
    if (exponent && *value != 0 && std::abs(*value) < 1e-6)
      return std::nullopt;
    if (exponent)
      *exponent += *value;
    else
      result.c = mulUp(result.c, *value);
    at = end + 1;
  }
  if (isInexact && !result.isConstant())
    result.c = infinity;
  return result;
}

static std::optional<std::vector<Written>> writtenOf(const std::string &text) {
  std::vector<Written> result;
  bool isNegative = !text.empty() && text[0] == '-';
  for (size_t at = isNegative; at <= text.size();) {
    size_t end = std::min({text.find(" + ", at), text.find(" - ", at), text.size()});
    std::optional<Monomial> one = monomialOf(text.substr(at, end - at));
    if (!one)
      return std::nullopt;
    result.push_back({*one, isNegative});
    isNegative = end < text.size() && text[end + 1] == '-';
    at = end + 3;
  }
  return result;
}

namespace {
/// Both sums of a schedule; one twice where the value is exactly it.
struct Range {
  std::optional<std::vector<Written>> low, high;
};
} // namespace

static Range rangeOf(const std::string &schedule) {
  const std::string dots = " .. ";
  size_t at = schedule.find(dots);
  if (at == std::string::npos)
    return {writtenOf(schedule), writtenOf(schedule)};
  return {writtenOf(schedule.substr(0, at)), writtenOf(schedule.substr(at + dots.size()))};
}

static Terms ofSign(const std::vector<Written> &all, bool isNegative) {
  Terms result;
  for (const Written &one : all)
    if (one.isNegative == isNegative)
      add(result, one.term);
  return result;
}

/// y/x in all layers: it vanishes where N is large, or is at most that of their coefficients.
static bool vanishes(const Monomial &y, const Monomial &x, bool orIsAtMostOne) {
  double logs = y.q - x.q;
  for (double exponent : {y.s - x.s, y.s + y.p - x.s - x.p}) {
    double least = std::abs(exponent) < 1e-9 ? logs : exponent;
    if (!(least < -1e-9) && !(orIsAtMostOne && least < 1e-13))
      return false;
  }
  return true;
}

/// What is left of a sum where N is large once its positive terms have paid for the negative ones;
/// absent where they cannot, so that it may be negative.
static std::optional<Terms> floorOf(const std::vector<Written> &sum) {
  Terms positive = ofSign(sum, false);
  std::vector<Monomial *> outgrown; // terms that pay for smaller ones by what is left of them
  for (const Monomial &y : ofSign(sum, true)) {
    auto paying = [&](bool orIsAtMostOne) {
      return std::find_if(positive.begin(), positive.end(), [&](const Monomial &x) {
        return vanishes(y, x, orIsAtMostOne) && (!orIsAtMostOne || x.c >= y.c);
      });
    };
    if (auto x = paying(false); x != positive.end())
      outgrown.push_back(&*x);
    else if (x = paying(true); x != positive.end())
      x->c -= above(y.c);
    else
      return std::nullopt;
  }
  for (Monomial *x : outgrown)
    if (!(x->c > 0))
      return std::nullopt;
  for (Monomial *x : outgrown)
    x->c *= 1 - 1 / 64.0;
  std::erase_if(positive, [](const Monomial &x) { return !(x.c > 0); });
  return positive;
}

// |x| <= P for 0 <= x <= P - ..., and |x| <= P + M for x >= ... - M.
Rate rateOf(const std::string &schedule) {
  Range range = rangeOf(schedule);
  if (!range.low || !range.high)
    return std::nullopt;
  Terms above = ofSign(*range.high, false);
  return floorOf(*range.low) ? Rate(above) : sumOf(above, ofSign(*range.low, true));
}

/// 1/x from one positive term m, where all negative ones t are a share of it: 1/m + t/m^2 + ...
static Rate inverseFrom(const Monomial &m, const Terms &negative) {
  double share = 0;
  for (const Monomial &t : negative) {
    bool isSmall = vanishes(t, m, /*orIsAtMostOne=*/false);
    if (!isSmall && !vanishes(t, m, /*orIsAtMostOne=*/true))
      return std::nullopt;
    share = addUp(share, isSmall ? 1 / 64.0 : divUp(t.c, m.c)); // below any share of m
  }
  if (!(share < 1) || !std::isfinite(m.c))
    return std::nullopt;
  bool isWhole = m.c == std::round(m.c); // else it was rounded up, perhaps by 1e-9
  Monomial one = {mulUp(divUp(1, m.c), isWhole ? 1 : 1 + 3e-9), -m.p, -m.s, -m.q};
  Rate result = Terms{one};
  double more = divUp(1 + 1e-8, addDown(1, -share));
  for (const Monomial &t : negative)
    result = sumOf(result, productOf(Terms{{mulUp(t.c, more), t.p, t.s, t.q}},
                                     productOf(Terms{one}, Terms{one})));
  return result;
}

Rate rateOfInverse(const std::string &schedule) {
  Range range = rangeOf(schedule);
  Rate result;
  if (!range.low)
    return result;
  std::vector<Rate> all; // each of them is above 1/x
  for (const Monomial &m : ofSign(*range.low, false))
    all.push_back(inverseFrom(m, ofSign(*range.low, true)));
  for (const Monomial &m : floorOf(*range.low).value_or(Terms()))
    all.push_back(inverseFrom(m, {}));
  for (const Rate &one : all)
    if (isLess(one, result))
      result = one;
  return result;
}

//===-- layers -----------------------------------------------------------------===//

namespace {
/// share N + offset.
struct Line {
  double share = 0, offset = 0;
};
} // namespace

static std::optional<Line> lineOf(const std::optional<std::vector<Written>> &sum) {
  Line line;
  for (size_t i = 0; sum && i < sum->size(); ++i) {
    const auto &[term, isNegative] = (*sum)[i];
    bool isLinear = term.p == 0 && term.q == 0 && term.s == 1;
    if ((!isLinear && !term.isConstant()) || !std::isfinite(term.c))
      return std::nullopt;
    (isLinear ? line.share : line.offset) = isNegative ? -term.c : term.c;
  }
  return sum ? std::optional(line) : std::nullopt;
}

// A few layers more than a share are less than a little more of it, where N is large.
Span spanOf(const std::string &from, const std::string &to) {
  if (from.empty() && to.empty()) // the same layers at every depth
    return {};
  std::optional<Line> first = lineOf(rangeOf(from).low), last = lineOf(rangeOf(to).high);
  if (!first || !last || first->share < 0 || last->share < 0)
    return {/*isKnown=*/false};
  Span span;
  span.from = first->share * (first->offset < 0 ? 63 / 64.0 : 1 - 1e-8);
  span.to = last->share * (last->offset > 0 ? 65 / 64.0 : 1);
  return span;
}

} // namespace lnx::certify
