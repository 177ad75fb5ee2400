// Growth: how fast a bound grows with depth, and the algebra that says so (claims S14, S47..S52).
// Sees no IR: schedules come in as tables of numbers at several depths.
#ifndef LNX_COMPILER_STABILITY_GROWTH_H
#define LNX_COMPILER_STABILITY_GROWTH_H

#include <cstdint>
#include <functional>
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
  /// Not one of the table's schedules; `fitted` is the exponent seen at N, 2N, 4N, 8N (S51).
  static Growth unknown(double fitted);
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

/// One term c * l^-p * N^-s * (log N)^q of a schedule, recognised from tables and checked at every
/// entry.
struct ScheduleTerm {
  double c = 0, p = 0, s = 0, q = 0;
};

/// A number for each layer 1..N (or K of them for each, layer by layer), at depth N.
using Table = std::function<std::vector<double>(int64_t depth)>;

/// The term that reproduces the tables around `depth` to 1e-9 relative, if one does.
std::optional<ScheduleTerm> recognise(const Table &table, int64_t depth);

/// Class of sum_{l<=N} table(N)[l] (S49), and of prod (1 + table) (S50). Piecewise tables are
/// split.
Growth classOfSum(const Table &table, int64_t depth);
Growth classOfProduct(const Table &factorsMinusOne, int64_t depth);

/// r_{k+1} <= A_k r_k + B_k + C_k r_k^2 over all updates of all layers, in order (S47).
struct Recurrence {
  /// A_k = a + gain: the skip |a_k| apart from sum_j |dt_j| Lin_j, so that each is recognised by
  /// itself. All are
  /// >= 0, infinity is top, and they are not rounded outward: A = 1 + 1e-12 is exponential, A = 1
  /// is not.
  struct Coefficients {
    double a = 1, b = 0, c = 0, gain = 0;

    /// r_{k+1} from r_k, not less than the exact value.
    double next(double r) const;
  };
  /// Coefficients of all updates of a model of `depth` layers, in order; every layer has the same
  /// number of updates (a missing one is the default, x <- x). Steps before or after the layers are
  /// up to eight further layers, the same number at every depth.
  std::function<std::vector<Coefficients>(int64_t depth)> at;
  /// Optional: the updates of one layer (1..depth). With it classes are also checked at depths up
  /// to 10^9, which finds max(1e-4, 1/depth); without it, at `depth` and the depths of sampleDepths
  /// only.
  std::function<std::vector<Coefficients>(int64_t depth, int64_t layer)> layerAt;

  /// r_N from r0 at this depth, rounded up; infinity when some coefficient is.
  double evaluate(int64_t depth, double r0) const;
  /// Largest of r_0, ..., r_N, rounded up.
  double largest(int64_t depth, double r0) const;
  /// r_1, ..., r_N, each rounded up. One is infinity behind a coefficient that is, until an update
  /// forgets the stream.
  std::vector<double> sizes(int64_t depth, double r0) const;
  /// Class of r_N (S48): never smaller than the true one.
  Growth growth(int64_t depth) const;
};

/// The depths growth() asks tables for: b, b+1, 3b/2, 2b, 3b+1, 4b, 6b+1, 8b, where b is depth
/// clamped to 48..96.
std::vector<int64_t> sampleDepths(int64_t depth);

} // namespace mlir::lnx::stability

#endif
