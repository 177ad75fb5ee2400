// Rates: how a number grows in the layer l and the depth N (S49): |x| is at most a sum of terms
// c l^p N^s (log N)^q in all layers of all large depths.
#ifndef LNX_COMPILER_CERTIFY_RATES_H
#define LNX_COMPILER_CERTIFY_RATES_H

#include <optional>
#include <string>
#include <vector>

namespace lnx::certify {

/// c l^p N^s (log N)^q; an infinite c is some number.
struct Monomial {
  double c = 1, p = 0, s = 0, q = 0;

  bool isConstant() const { return p == 0 && s == 0 && q == 0; }
};
/// Of positive terms, no two of one shape; absent where nothing is known.
using Rate = std::optional<std::vector<Monomial>>;

/// Of one number in all layers of all depths.
Rate rateOf(double number);
Rate sumOf(const Rate &x, const Rate &y);
Rate productOf(const Rate &x, const Rate &y);
/// The same number everywhere, as far as its rate tells.
bool isSteady(const Rate &x);
/// The number above a rate without l and N; infinity where there is none.
double largestOf(const Rate &x);

/// Of a schedule as the program states it, "1/2*l^-1*N^-1/2 - 1e-13", "0 .. N^-1" or "?".
Rate rateOf(const std::string &schedule);
/// Of 1/x.
Rate rateOfInverse(const std::string &schedule);

/// Whether what grows like x is of a smaller class than y.
bool isLess(const Rate &x, const Rate &y);

/// Layers of a repeat at every large depth: from so many N to so many; 0: at a layer of its own.
struct Span {
  bool isKnown = true;
  double from = 0, to = 0;

  bool isGrowing() const { return to > 0; }
  bool isLate() const { return from > 0; }
};
Span spanOf(const std::string &from, const std::string &to);

} // namespace lnx::certify

#endif
