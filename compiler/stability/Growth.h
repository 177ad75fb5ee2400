// Growth: the ordered classes of growth in depth (S48), and the recurrence of one depth (S14, S47).
// Sees no IR.
#ifndef LNX_COMPILER_STABILITY_GROWTH_H
#define LNX_COMPILER_STABILITY_GROWTH_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mlir::lnx::stability {

/// Numeric evaluation rounds outward: every upper bound is multiplied by 1 + 1e-12 once (S14).
double roundUp(double bound);

/// A class of growth in the number of layers N, ordered.
class Growth {
public:
  enum class Kind {
    bounded,
    log,
    power,
    stretched,
    exponential,
    doubleExponential,
    unbounded,
    unknown
  };

  Growth() = default; ///< bounded
  static Growth bounded();
  static Growth log(double logs = 1); ///< (log N)^logs
  static Growth power(double exponent,
                      double logs = 0); ///< N^exponent (log N)^logs; power(1) is linear
  static Growth stretched(double exponent, double logs = 0); ///< exp(N^exponent (log N)^logs)
  static Growth exponential();
  static Growth doubleExponential();
  static Growth unbounded();
  /// No schedule bounds it (S51).
  static Growth unknown();
  /// "linear", "log", "sqrt", "quadratic", "power(3/2)", "stretched(1/2)", ...; absent for other
  /// words.
  static std::optional<Growth> parse(const std::string &text);

  Kind kind() const;
  double exponent() const;
  double logs() const;
  /// What parse() reads; a factor of logarithms is written "power(1/2)*log^2".
  std::string print() const;
  bool operator<=(const Growth &other) const; ///< false where either is unknown
  bool operator==(const Growth &other) const = default;
  static Growth maximum(const Growth &a, const Growth &b);
  /// Class of the square: linear becomes quadratic.
  Growth squared() const;
  /// Class of the product: sqrt times sqrt is linear, exponential absorbs every power.
  Growth times(const Growth &other) const;

private:
  Growth(Kind kind, double exponent, double logs) : what(kind), power_(exponent), logs_(logs) {}

  Kind what = Kind::bounded;
  double power_ = 0, logs_ = 0;
};

/// r_{k+1} <= A_k r_k + B_k + C_k r_k^2 followed through the updates of one depth (S47).
class Recurrence {
public:
  /// A_k = a + gain: the skip |a_k| apart from sum_j |dt_j| Lin_j. All are >= 0, infinity is top,
  /// and they are not rounded outward.
  struct Coefficients {
    double a = 1, b = 0, c = 0, gain = 0;
  };

  explicit Recurrence(double r0) : r(r0), most(r0) {}
  void pass(const Coefficients &update);
  /// All of them in this order, several at a time where none has a square or makes r smaller.
  void pass(const std::vector<Coefficients> &updates);
  /// The updates of one layer, again and again: O(log layers) where none has a square.
  void pass(const std::vector<Coefficients> &layer, int64_t layers);

  /// Some coefficient was infinite.
  bool isInfinite() const { return isTop; }
  /// r_N rounded up; infinity when some coefficient was.
  double last() const;
  /// r_k as it is now.
  double now() const { return r; }
  /// last(), but finite again where an update forgot the stream.
  double size() const { return roundUp(r); }
  /// Largest of r_0, ..., r_N, rounded up.
  double largest() const;

private:
  double r, most;
  bool isTop = false;
};

} // namespace mlir::lnx::stability

#endif
