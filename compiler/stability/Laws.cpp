// Laws: what a definition's author declares of its value, trusted and listed (S7). Each is used
// only where the equations say less.
#include "compiler/stability/Analysis.h"
#include "dialect/Sensitivity.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

/// The one value of the rows that a definition reads from around it; null where there are several,
/// or a parameter: then "degree" and "slope" do not say in what.
Value Analysis::inputOf(ApplyOp op) const {
  Value input;
  bool isOne = true;
  op.getBody().walk([&](Operation *inner) {
    for (Value operand : inner->getOperands()) {
      if (op.getBody().isAncestor(operand.getParentRegion()) || operand == input)
        continue;
      const Abstract *known = find(operand);
      if (known && known->isNumber)
        continue;
      isOne &= !input && known && !known->isFixed;
      input = operand;
    }
  });
  return isOne ? input : Value();
}

bool Analysis::applySize(double bound, Abstract &x, Type type) const {
  if (!x.whole.isTop() && x.whole.isConstant() && bound >= x.whole.b.largest())
    return false;
  x.whole = better(x.whole, Bound::constant(bound));
  x.peak = better(x.peak, Series(std::sqrt(double(ShapedType::getNumElements(getFeatures(type))))) *
                              Bound::constant(bound));
  x.part = partOf(x, type, lastOf(type));
  x.partSize = lastOf(type);
  x.carriers.clear();
  return true;
}

bool Analysis::applyPeak(double number, Abstract &x) const {
  if (!x.peak.isTop() && x.peak.isConstant() && number >= x.peak.b.largest())
    return false;
  Bound bound = Bound::constant(number);
  x.whole = better(x.whole, bound);
  x.peak = bound;
  x.part = better(x.part, bound);
  x.across = better(x.across, bound);
  x.carriers.clear();
  return true;
}

/// f(c x) = c^k f(x) for c > 0: degrees in what the input scales with. Nothing is refuted by it.
bool Analysis::applyDegree(double degree, ApplyOp op, Abstract &x) const {
  // Larger ones do not occur, and none of their sums overflows.
  constexpr int most = 8;
  Value input = inputOf(op);
  if (!input || degree != std::round(degree) || degree > most)
    return false;
  int k = static_cast<int>(degree);
  const Abstract &in = get(input);
  auto scaled = [&](Degree of) { return Degree{k * of.low, k * of.high, false, false}; };
  bool isUsed = false;
  for (const auto &[key, of] : in.degrees) {
    if (!of.isPure() || x.degreeIn(key).isPure())
      continue;
    llvm::erase_if(x.degrees, [&](const auto &entry) { return entry.first == key; });
    x.degrees.push_back({key, scaled(of)});
    isUsed = true;
  }
  if (Degree of = in.wholeDegree(); of.isPure() && !x.hasSkip && !x.stream.isPure()) {
    x.stream = scaled(of);
    isUsed = true;
  }
  return isUsed;
}

/// |f(x) - f(y)| <= c |x - y|, so |f(x)| <= c |x| where f(0) = 0: where a law gives it a degree
/// above 0. Only where the equations give no bound.
bool Analysis::applySlope(double bound, ApplyOp op, Abstract &x, Type type) const {
  Value input = inputOf(op);
  bool isZeroAtZero = llvm::any_of(op.getBody().getOps<LawOp>(), [](LawOp law) {
    auto number = dyn_cast_if_present<FloatAttr>(law.getBoundAttr());
    return law.getPath() == "degree" && number && number.getValueAsDouble() > 0;
  });
  if (!input || !isZeroAtZero || !x.whole.isTop() || get(input).whole.isTop())
    return false;
  const Abstract &in = get(input);
  x.whole = Series(bound) * in.whole;
  x.peak = Series(std::sqrt(double(ShapedType::getNumElements(getFeatures(type))))) * x.whole;
  x.part = partOf(x, type, lastOf(type));
  x.partSize = lastOf(type);
  x.carriers = in.carriers;
  x.usesOlder |= in.usesOlder;
  x.skip = Series::top(); // the bound is about the whole, whatever of it is the stream
  return true;
}

/// |f(x) - f(y)| <= c |x - y| in l2, of the row that changes most: its slope is c times its
/// input's.
void Analysis::applyChange(LawOp law, double bound, ApplyOp op, Abstract &x) {
  Value input = inputOf(op);
  if (!input || x.slope.isNone())
    return;
  Slope given = get(input).slope;
  Series limit = Series(bound) * given.whole;
  if (!limit.isFinite() || x.slope.whole.largest() <= limit.smallest())
    return;
  if (!laws.count(law))
    laws[law] = assumptions.addLaw(law);
  given.grounds |= laws[law];
  given.whole = limit;
  given.part = given.across = Series::top();
  given.partSize = 0;
  x.slope = std::move(given);
}

/// A promise about the standard deviation of what a definition gives.
void Analysis::applyStd(ApplyOp op, Value value) {
  auto found = values.find(value);
  uint64_t grounds = 0;
  Series least = assumptions.deviationOf(op, grounds);
  if (found == values.end() || least.smallest() <= lowest(found->second.spread).smallest())
    return;
  if (const Bound &whole = found->second.whole; whole.isConstant())
    contradict(op, "a standard deviation", least.smallest(), whole.b.smallest());
  found->second.spread = Spread::constant(least);
  found->second.spread.grounds = grounds;
}

void Analysis::applyLaw(LawOp law, ApplyOp op, Abstract &x, Type type) {
  auto number = dyn_cast_if_present<FloatAttr>(law.getBoundAttr());
  double bound = number ? number.getValueAsDouble() : INFINITY;
  if (!std::isfinite(bound) || bound < 0)
    return;
  StringRef name = law.getPath();
  if (name == "slope")
    applyChange(law, bound, op, x);
  bool isUsed = name == "size"     ? applySize(bound, x, type)
                : name == "peak"   ? applyPeak(bound, x)
                : name == "degree" ? applyDegree(bound, op, x)
                : name == "slope"  ? applySlope(bound, op, x, type)
                                   : false;
  if (!isUsed)
    return;
  for (LawOp ground : op.getBody().getOps<LawOp>()) {
    if (ground != law && (name != "slope" || ground.getPath() != "degree"))
      continue;
    if (!laws.count(ground))
      laws[ground] = assumptions.addLaw(ground);
    x.grounds |= laws[ground];
  }
  if (!x.whole.isTop())
    x.culprit = nullptr;
}
