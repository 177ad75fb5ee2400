// Abstract.h: what the verifier knows about one tensor, the abstract value of `transfer` (4.1,
// S14). Every bound is a polynomial in the stream's size at this layer; numbers may differ by
// layer.
#ifndef LNX_DIALECT_ABSTRACT_H
#define LNX_DIALECT_ABSTRACT_H

#include "dialect/Series.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>
#include <vector>

namespace mlir::lnx {

/// a r + b + c r^2 for the size r of the stream; infinite where nothing is known.
struct Bound {
  Series a, b, c;

  static Bound top() { return {0.0, Series::top(), 0.0}; }
  static Bound constant(Series value) { return {0.0, std::move(value), 0.0}; }
  static Bound stream() { return {1.0, 0.0, 0.0}; }
  bool isConstant() const { return a.isZero() && c.isZero(); }
  bool isTop() const { return !a.isFinite() || !b.isFinite() || !c.isFinite(); }
  double at(size_t layer, double r) const;
};
Bound operator+(const Bound &x, const Bound &y);
Bound operator*(const Bound &x, const Bound &y);
Bound operator*(const Series &factor, const Bound &x);
/// One of two valid bounds: a constant before a line before a square.
Bound better(const Bound &x, const Bound &y);

/// Degrees of positive homogeneity of the parts of a sum, or no such thing (kx, kw of 4.1).
struct Degree {
  int low = 0, high = 0;
  bool top = false;
  /// False where parts may cancel or are multiplied by zero: then no witness follows (S2).
  bool exact = true;

  static Degree none() { return {0, 0, true, false}; }
  static Degree of(int k) { return {k, k, false, true}; }
  bool isPure() const { return !top && low == high; }
  bool isZero() const { return isPure() && low == 0; }
};
Degree sumOfDegrees(Degree x, Degree y);
Degree productOfDegrees(Degree x, Degree y);

/// One projection of an update at initialisation, with gains s = fan_in Var(W) (S90).
struct Branch {
  Series scale = 1.0;      ///< numbers that multiply the update: dt
  Series in, out;          ///< of the last two products; `in` is 0 where there is one
  Series inputScale = 1.0; ///< numbers that multiply what it reads
  bool hasInputNorm = false, hasOutputNorm = false;
  bool isCross = false; ///< reads another stream
};

/// How much a value changes with the stream (4.1, lip): so many times the largest change of a row
/// of the stream, all in l2. Infinite wherever a primitive does not say.
struct Slope {
  Series whole = Series::top();         ///< change of a row
  Series part = Series::top();          ///< of a block of `partSize` neighbouring features of a row
  Series across = Series::top();        ///< of a row whose entries come from different rows (S42)
  int64_t partSize = 0;                 ///< 0: no block known
  uint64_t grounds = 0;                 ///< assumptions and laws it rests on
  llvm::SmallVector<Value, 2> carriers; ///< undeclared parameters that make it infinite
  llvm::SmallVector<Operation *, 2> vacuous; ///< norms that only eps keeps finite
  Operation *culprit = nullptr;              ///< the first op that does not say
  int epoch = -1;
  bool usesOlder = false; ///< as in Abstract, of what it depends on

  /// Does not depend on the stream.
  static Slope none();
  /// The stream itself, `count` features a row in blocks of `size`.
  static Slope stream(int64_t count, int64_t size);
  bool isNone() const;
};

/// A piece of a lower bound: u / (sqrt(q u^2 + eps) + outside) where u = max(0, factor t + offset).
struct SpreadStage {
  Series factor = 1.0, offset = 0.0;
  double q = 0, eps = 1, outside = 0; ///< as they are: u itself

  bool isLinear() const;
  double at(size_t layer, double t) const;
  Series at(const Series &t) const;
};

/// The standard deviation of each row over its last axis is at least this, from the stream's (4.1,
/// c_lo); nothing is known where there are no stages. It bounds the rms from below as well.
struct Spread {
  llvm::SmallVector<SpreadStage, 2> stages;
  uint64_t grounds = 0;
  int epoch = -1; ///< the step whose stream is meant; -1: none

  static Spread stream();
  static Spread constant(const Series &value);
  double at(size_t layer, double stream) const;
};

/// number v / (sqrt(q mean(v v) + eps) + outside) over the last axis, centred or not (S16..S18,
/// S36).
struct NormShape {
  bool isCentred = false;
  double q = 1, eps = 0, outside = 0, number = 1;
};

struct Abstract {
  Bound whole = Bound::top();  ///< rms over all features of a row, largest over rows
  Bound part = Bound::top();   ///< the same over blocks of `partSize` neighbouring features
  Bound across = Bound::top(); ///< rms of a row whose entries come from different rows (S42)
  Bound peak = Bound::top();   ///< largest |entry|
  int64_t partSize = 0;        ///< 0: no block known
  Series low = -std::numeric_limits<double>::infinity(); ///< smallest entry

  Slope slope;
  Spread spread;
  bool hasNoMean = false; ///< the features of a row add up to 0

  // Matrices of parameters only.
  Series spectral = Series::top(), frobenius = Series::top();
  Series perhead = Series::top(); ///< largest spectral norm of the columns of one head
  Series rowSum = Series::top();  ///< largest sum of |entries| of a row
  Series rowRms = Series::top();  ///< largest rms of a row

  bool hasSkip = false;              ///< the stream itself is a summand...
  Series skip;                       ///< ...with a factor of at most this
  Bound rest = Bound::constant(0.0); ///< `part` of the other summands; not kept without a skip
  bool hasRest = true;               ///< there are other summands, and these are their degrees:
  Degree stream;
  /// Degrees in parameters and in outputs of projections; absent is 0.
  llvm::SmallVector<std::pair<Value, Degree>, 4> degrees;
  llvm::SmallVector<Value, 4> carriers; ///< undeclared parameters in which it is unbounded
  llvm::SmallVector<Value, 2> last;     ///< outputs of the last projections

  enum class Norm { none, unit, gained } norm = Norm::none;
  bool isFixed = false;    ///< made of parameters and numbers only
  bool isNumber = false;   ///< made of numbers only
  bool isFresh = false;    ///< a projection to which no bias was added yet
  bool isStream = false;   ///< exactly the stream
  bool usesOlder = false;  ///< the r of its bounds stands for sizes at different steps
  int epoch = -1;          ///< the step whose r is meant; -1: none
  uint64_t grounds = 0;    ///< assumptions and laws its bounds rest on, a bit each
  uint64_t lowGrounds = 0; ///< what `low` of a gain rests on besides

  // At initialisation.
  Series initial;               ///< of fixed tensors: a typical entry
  Series variance;              ///< of parameters: Var(W)
  Series initialSkip;           ///< the factor of the stream
  Series inputScale = 1.0;      ///< of what projections read: numbers behind its norm
  bool isNormed = false;        ///< a norm came before
  bool isPost = false;          ///< a norm of the stream and these updates together:
  std::vector<Branch> branches; ///< updates by their last projections

  std::optional<Bound> scores;  ///< of attention: largest |score|
  Operation *culprit = nullptr; ///< the first op without a bound

  /// A number known when compiling.
  static Abstract number(Series value);
  Degree degreeIn(Value parameter) const;
  /// Degree in the stream of all of it.
  Degree wholeDegree() const;
};

/// What both give to any value made of them: carriers, grounds, epochs; bounds stay unknown and
/// degrees other than 0 become none. It is never a number: whoever knows which says so.
Abstract join(llvm::ArrayRef<Abstract> operands);
/// Features of the last axis; 1 where there are none.
int64_t lastOf(Type type);
/// Bound of blocks of `size` features, from what is known.
Bound partOf(const Abstract &x, Type type, int64_t size);
/// The same of the summands besides the stream.
Bound restOf(const Abstract &x, Type type, int64_t size);

// Element-wise work, with broadcasting.
Abstract sumOf(const Abstract &x, Type xType, const Abstract &y, Type yType, Type result);
Abstract productOf(const Abstract &x, Type xType, const Abstract &y, Type yType, Type result);
Abstract quotientOf(const Abstract &x, Type xType, const Abstract &y, Type yType, Type result);
Abstract negated(const Abstract &x);
/// |f(x)| <= |x|; `isHomogeneous`: f(c x) = c f(x) for c > 0 (S20). `lipschitz`: |f'| at most.
Abstract contracted(const Abstract &x, bool isHomogeneous,
                    Series lipschitz = std::numeric_limits<double>::infinity());
/// |f(x)| <= limit whatever x is.
Abstract limited(const Abstract &x, double limit, double low,
                 Series lipschitz = std::numeric_limits<double>::infinity());
/// The normalisation idiom over the last axis (S16..S18); `place` stands for it in the report.
Abstract normalised(const Abstract &x, Type type, const NormShape &norm, Operation *place);
/// Weights that are positive and add up to one along some axis (S25).
Abstract averagingWeights(const Abstract &x);
/// mix(A, X): X's parts weighed by rows of A (S34).
Abstract mixed(const Abstract &weights, const Abstract &x, Type type);

} // namespace mlir::lnx

#endif
