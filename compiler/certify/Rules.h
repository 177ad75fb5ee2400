// Rules: what may be concluded about the value of one operation, by its name (S15..S44). The
// certifier's own table, written from the claims; nothing of the verifier is seen here.
#ifndef LNX_COMPILER_CERTIFY_RULES_H
#define LNX_COMPILER_CERTIFY_RULES_H

#include "compiler/certify/Document.h"

namespace lnx::certify {

/// f(c W) = c^k f(W) for every k from `low` to `high`, by summands; or no such thing (S76).
struct Degree {
  int low = 0, high = 0;
  bool isNone = false;

  bool isZero() const { return !isNone && low == 0 && high == 0; }
  bool isPure() const { return !isNone && low == high; }
};

/// The summands of a value that are streams.
struct Skip {
  int count = 0;
  Series factor = 0.0; ///< times at most this
  int64_t epoch = -1;  ///< the step whose stream it is; -2: of several steps
  Size rest;           ///< largest |entry| of all other summands, where there are streams
};

/// What is known of one value.
struct Value {
  std::array<Size, kinds> bound = {Size::unknown(), Size::unknown(), Size::unknown(),
                                   Size::unknown()};
  int64_t block = 0; ///< of `part`
  Size scores = Size::unknown();
  Series low = -infinity;                                               ///< smallest entry
  Series spectral = infinity, frobenius = infinity, perhead = infinity; ///< of a matrix
  Series rowSum = infinity;     ///< largest sum of |entries| of its rows
  int64_t head = 0;             ///< features of one of the heads that `perhead` is about
  std::optional<Series> number; ///< known when compiling, exactly

  bool isFixed = false;  ///< made of parameters and numbers
  bool isStream = false; ///< exactly a stream
  bool isFresh = false;  ///< a projection without its bias
  enum class Norm { none, unit, gained } norm = Norm::none;

  Skip skip;
  Series share = 0.0; ///< how much of a bound's r a stream among the summands may be
  /// The step whose stream r stands for; -1: bounds are numbers. r of several steps is `older`.
  int64_t epoch = -1;
  bool isOlder = false;

  std::map<int64_t, Degree> degrees; ///< in outputs of projections; absent is 0
  std::vector<int64_t> last;         ///< the last projections behind it

  const Size &operator[](Kind kind) const { return bound[kind]; }
  bool isConstant() const;
  Degree degreeIn(int64_t projection) const {
    auto found = degrees.find(projection);
    return found == degrees.end() ? Degree() : found->second;
  }
};

/// Everything that is known where a step is derived.
struct Site {
  const Document &document;
  const Derivation &derivation;
  const std::vector<Value> &values;
  int64_t place = 0;
  int64_t layers = 1;     ///< of the repeat around it
  int64_t firstLayer = 0; ///< the number of the first of them; 0 outside of repeats
  bool isThrough = false; ///< streams are what their step computed, where that has numbers

  const Step &step() const { return document.program[place]; }
  const Value &of(size_t i) const;
  const Step &stepOf(size_t i) const { return document.program[step().of[i]]; }
  const Claim *claim() const;
  int64_t block() const { return claim() ? claim()->block : 0; }
};

/// A value before it is settled: every bound that a rule gives; each of them holds.
struct Derived : Value {
  std::string rule; ///< "S15"
  std::array<std::vector<Size>, kinds> bounds;
  std::vector<Size> scoreBounds;
  std::string problem; ///< why this operation cannot be
};

/// What the table says about this step.
Derived derive(const Site &site);
/// The derived bounds that the certificate claims; refused where it claims another.
llvm::Expected<Value> settle(const Site &site, Derived derived);
/// One bound, layer by layer that of `bounds` which is claimed.
llvm::Expected<Size> choose(const Site &site, const std::string &what, const Size &claimed,
                            const std::vector<Size> &bounds);

/// rms of blocks of `block` features, from what is known of x.
std::vector<Size> partsOf(const Value &x, const Step &step, int64_t block);
/// The bounds of v / sqrt(q mean(v v) + eps) and its multiples, where a step is that (S16..S18).
std::optional<Derived> normOf(const Site &site);
/// Adds the bounds of a weighted sum of streams, where a step is one (S34).
void mix(const Site &site, Derived &result);
/// A value with its laws (S7).
Derived lawRule(const Site &site);

/// Bounds of a parameter from the axioms about it (S3), or from the optimizer (S73..S75).
Derived parameterOf(const Site &site);
/// The same value with what axioms say of a gain or bias of a norm (S6).
Value boundGain(const Site &site, Value gain);
Value boundBias(const Site &site, Value bias, int64_t size);
/// The smallest x0.rms that is assumed.
std::optional<double> startOf(const Document &document);

} // namespace lnx::certify

#endif
