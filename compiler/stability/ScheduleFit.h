// ScheduleFit: find sums of powers that reproduce numbers exactly, along the layers or along the
// depths. A fit is only a guess here; Schedule checks every guess against every entry (claims
// S49..S51).
#ifndef LNX_COMPILER_STABILITY_SCHEDULEFIT_H
#define LNX_COMPILER_STABILITY_SCHEDULEFIT_H

#include "compiler/stability/FittedGrowth.h"
#include <map>

namespace mlir::lnx::stability::fitted {

/// The numbers of one column of a table: layer l is entry (l - 1 + lead) * stride + offset.
struct Column {
  const std::vector<double> *table = nullptr;
  size_t stride = 1, offset = 0;
  int64_t lead = 0; // layers before layer 1
  double at(int64_t layer) const { return (*table)[(layer - 1 + lead) * stride + offset]; }
  int64_t last() const { return static_cast<int64_t>(table->size() / stride) - lead; }
};

/// l^e for every layer, made once per exponent.
class Powers {
public:
  explicit Powers(int64_t maximum) : maximum(maximum) {}
  const std::vector<double> &of(double exponent);

private:
  int64_t maximum;
  std::map<double, std::vector<double>> known;
};

/// value = offset + (sum_i coefficient_i l^power_i)^(1/root) along the layers of one depth.
struct Line {
  double offset = 0;
  int root = 1;
  std::vector<double> powers, coefficients;
  std::vector<const std::vector<double> *> tables; // of Powers, one for each power

  bool sameShape(const Line &other) const;
  /// Does it give `value` at this layer, within entrySlack?
  bool matches(double value, int64_t layer, double reference) const;
  bool holds(const Column &column, int64_t first, int64_t last, double reference) const;
};

/// How far a formula may be from an entry: 1e-9 of its distance from 0 and from the reference, and
/// the rounding of doubles.
double entrySlack(double value, double reference, double offset);

/// Formulas are fitted to the distance from the reference, or from 0 where that is nearer: 1e-17 is
/// not 0.
double offsetFor(double value, double reference);

/// A shape without coefficients.
Line makeLine(double offset, int root, std::vector<double> powers, Powers &cache);

/// Coefficients through as many entries of first..last as there are powers; false where they are
/// not determined.
bool solve(Line &line, const Column &column, int64_t first, int64_t last);

/// Lines to try on first..last, cheapest idea first. Each is solved and holds on the range.
std::optional<Line> findSimpleLine(const Column &column, int64_t first, int64_t last,
                                   double reference, Powers &cache);
std::optional<Line> findSumLine(const Column &column, int64_t first, int64_t last, double reference,
                                Powers &cache);

/// sign * (sum_i c_i N^-s_i (log N)^q_i)^(1/root): how one coefficient depends on the depth.
struct DepthPart {
  double sign = 1;
  int root = 1;
  std::vector<ScheduleTerm> terms;
  double at(double depth) const;
};
std::optional<DepthPart> fitDepths(const std::vector<int64_t> &depths,
                                   const std::vector<double> &values);

/// Gaussian elimination for up to three unknowns; false where the system is singular.
bool solveLinear(std::vector<std::vector<double>> rows, std::vector<double> right,
                 std::vector<double> &x);

double integerPower(double base, int exponent);
/// The fraction with a small denominator within 1e-9, or the value itself.
double nearbyFraction(double value);

} // namespace mlir::lnx::stability::fitted

#endif
