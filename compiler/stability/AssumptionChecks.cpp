// AssumptionChecks: promises that cannot be kept. Of weights that do not exist everything is true,
// and nothing that is said of them would help anybody (S3).
#include "compiler/stability/Subject.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

static bool isOptimizer(const Assumption &one) {
  return one.form == "adamw" || one.form == "sgd" || one.form == "muon";
}

static AssumeOp opOf(const Assumption &one) { return one.op; }

static LogicalResult checkArguments(const Assumption &one) {
  if (DictionaryAttr arguments = opOf(one).getArgumentsAttr())
    for (NamedAttribute argument : arguments)
      if (auto number = dyn_cast<FloatAttr>(argument.getValue()))
        if (!std::isfinite(number.getValueAsDouble()) || number.getValueAsDouble() < 0)
          return opOf(one).emitError("'")
                 << argument.getName().getValue() << "' of '" << one.form << "' is "
                 << printNumber(number.getValueAsDouble()) << ", not a number from 0 on";
  return success();
}

static LogicalResult checkBound(const Assumption &one) {
  if (isOptimizer(one) || one.form == "l2")
    return checkArguments(one);
  if (one.form == "doubly_stochastic")
    return success();
  for (size_t i = 0; i < one.bound.size(); ++i)
    if (double value = one.bound[i]; !std::isfinite(value) || value < 0)
      return opOf(one).emitError("'")
             << one.form << "' is bounded by " << printNumber(value) << ", not a number from 0 on";
  const bool wantsLower = one.form == "x0.std" || one.form == "std";
  if (one.isLower != wantsLower && one.form != "norm.gain")
    return opOf(one).emitError("'") << one.form << "' takes '" << (wantsLower ? ">=" : "<=") << "'";
  return success();
}

/// Whether both speak about the norms of one place.
static bool isAboutSame(const Assumption &x, const Assumption &y) {
  Operation *a = opOf(x)->getParentOp(), *b = opOf(y)->getParentOp();
  return a->isAncestor(b) || b->isAncestor(a);
}

/// A gain that is at least so much and at most less is none.
LogicalResult Assumptions::checkGains() {
  bool isGood = true;
  for (Assumption &low : list)
    for (Assumption &high : list)
      if (low.form == "norm.gain" && low.isLower && high.form == "norm.gain" && !high.isLower &&
          isAboutSame(low, high) && !(larger(low.bound, high.bound) == high.bound)) {
        low.op.emitError("a gain cannot be at least ")
            << printNumber(low.bound.largest()) << " and at most "
            << printNumber(high.bound.smallest());
        isGood = false;
      }
  return success(isGood);
}

/// A run has one optimizer, and an objective one decay.
LogicalResult Assumptions::checkAlone() {
  bool isGood = true;
  const Assumption *first[2] = {};
  for (Assumption &one : list) {
    if (!isOptimizer(one) && one.form != "l2")
      continue;
    const Assumption *&known = first[one.form == "l2"];
    if (known && known->text != one.text) {
      one.op.emitError("'") << one.text << "' contradicts '" << known->text << "'";
      isGood = false;
    }
    known = known ? known : &one;
  }
  return success(isGood);
}

/// What a matrix with rows and columns that add up to 1 cannot be below.
static double leastOfStochastic(StringRef form, int64_t size) {
  if (form == "max")
    return 1 / double(size);
  return form == "spectral" || form == "frobenius" || form == "abs_row_sum" ? 1 : 0;
}

/// Some norms are those of matrices only; a matrix that averages streams has norms of its own.
LogicalResult Assumptions::checkMatrices(ModelOp model) {
  static constexpr const char *forms[] = {"spectral", "perhead", "doubly_stochastic"};
  bool isGood = true;
  llvm::DenseMap<Operation *, const Assumption *> stochastic;
  for (Assumption &one : list) {
    if (one.path.empty() || one.form == "std") // which is about what a definition gives
      continue;
    bool hasMatrix = false, isSquare = true, isAny = false;
    model.walk([&](ParamOp op) {
      if (!matches(one, op))
        return;
      ArrayRef<int64_t> shape = op.getType().getShape();
      isAny = true;
      hasMatrix |= shape.size() >= 2;
      isSquare &= shape.size() >= 2 && shape[shape.size() - 1] == shape[shape.size() - 2];
      if (one.form == "doubly_stochastic")
        stochastic[op] = &one;
    });
    const bool isTall = one.form == "doubly_stochastic" && !isSquare;
    const char *wrong = !isAny ? "no parameter of the model is called '" : nullptr;
    if (isAny && !hasMatrix && llvm::is_contained(forms, one.form))
      wrong = "there are only vectors and numbers called '";
    else if (isAny && isTall)
      wrong = "rows and columns cannot all add up to 1 unless they are as many, as not in '";
    if (!wrong)
      continue;
    one.op.emitError(wrong) << one.path << "'";
    isGood = false;
  }
  for (Assumption &one : list)
    for (auto [op, mixing] : stochastic) {
      const int64_t size = cast<ParamOp>(op).getType().getShape().back();
      const double least = leastOfStochastic(one.form, size);
      if (one.path.empty() || !matches(one, cast<ParamOp>(op)) ||
          one.bound.smallest() >= least * (1 - 1e-9))
        continue;
      one.op.emitError("'") << one.text << "' contradicts '" << mixing->text << "'";
      isGood = false;
    }
  return success(isGood);
}

LogicalResult Assumptions::check(ModelOp model) {
  bool isGood = true;
  for (const Assumption &one : list)
    isGood &= succeeded(checkBound(one));
  uint64_t ignored = 0;
  std::optional<Series> rms = number("x0.rms", ignored), std = number("x0.std", ignored);
  if (rms && std && (*std)[0] > (*rms)[0]) {
    for (Assumption &one : list)
      if (one.form == "x0.std") {
        one.op.emitError("a token cannot have standard deviation ")
            << printNumber((*std)[0]) << " and rms " << printNumber((*rms)[0]);
        isGood = false;
      }
  }
  isGood &= succeeded(checkGains());
  isGood &= succeeded(checkAlone());
  isGood &= succeeded(checkMatrices(model));
  return success(isGood);
}

//===-- against what the equations say ---------------------------------------===//

/// Room for roundings in a size, and for promises that are exactly equal.
static bool exceeds(double least, double most) { return least > most * (1 + 1e-9); }

void Analysis::contradict(Operation *where, const std::string &what, double least, double most) {
  if (exceeds(least, most))
    contradictions.push_back({what + " of at least " + printNumber(least) +
                                  " is promised of what is at most " + printNumber(most),
                              where->getLoc()});
}

void Analysis::applyGain(Abstract &gain, Operation *place) {
  assumptions.applyGain(gain, place);
  if (gain.peak.isConstant())
    for (size_t i = 0; i < std::max(gain.low.size(), gain.peak.b.size()); ++i)
      if (exceeds(gain.low[i], gain.peak.b[i]))
        return contradict(place, "a gain", gain.low[i], gain.peak.b[i]);
}
