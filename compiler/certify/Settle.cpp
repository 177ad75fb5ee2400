// Settle: a claim chooses among the bounds that a rule gives. What goes on is the chosen bound, not
// the claim; a claim that is none of them is refused.
#include "compiler/certify/Rules.h"
#include <algorithm>

namespace lnx::certify {

using llvm::Expected;

bool Value::isConstant() const {
  for (const Size &size : bound)
    if (!size.isConstant())
      return false;
  return scores.isConstant();
}

const Value &Site::of(size_t i) const {
  const Step &operand = stepOf(i);
  const Value &stream = values[step().of[i]];
  if (!isThrough || operand.op != "step")
    return stream;
  const Value &next = values[operand.of[1]];
  return next[rms].isKnown() && next.isConstant() ? next : stream;
}

const Claim *Site::claim() const {
  auto found = derivation.claims.find(place);
  return found == derivation.claims.end() ? nullptr : &found->second;
}

static bool matches(const Size &claimed, const Size &size, size_t layer) {
  return isNineDigits(claimed.one[layer], size.one[layer]) &&
         isNineDigits(claimed.line[layer], size.line[layer]) &&
         isNineDigits(claimed.square[layer], size.square[layer]);
}

/// One to name in a message: of the least degree, the least.
static Size smallest(const std::vector<Size> &bounds) {
  Size result = Size::unknown();
  for (const Size &size : bounds) {
    bool isLess = !result.isKnown() || (size.isConstant() && !result.isConstant()) ||
                  (size.isConstant() == result.isConstant() && size.at(0, 1) < result.at(0, 1));
    if (size.isKnown() && isLess)
      result = size;
  }
  return result;
}

static bool isOneNumber(const Size &size) {
  return size.one.isUniform() && size.line.isUniform() && size.square.isUniform();
}

/// A single number where all are alike.
static Series shortest(std::vector<double> values) {
  for (double value : values)
    if (value != values[0])
      return Series(std::move(values), std::nullopt);
  return values[0];
}

static bool growsLess(const Size &x, const Size &y) {
  for (Series Size::*part : {&Size::square, &Size::line, &Size::one}) {
    if (isLess((x.*part).rate, (y.*part).rate))
      return true;
    if (isLess((y.*part).rate, (x.*part).rate))
      return false;
  }
  return false;
}

Expected<Size> choose(const Site &site, const std::string &what, const Size &claimed,
                      const std::vector<Size> &bounds) {
  std::string place = "step " + std::to_string(site.place) + " (" + site.step().op + ")";
  for (const Series *series : {&claimed.one, &claimed.line, &claimed.square})
    if (!series->isUniform() && static_cast<int64_t>(series->values.size()) != site.layers)
      return refuse(place + ": " + what + " has " + std::to_string(series->values.size()) +
                    " numbers for " + std::to_string(site.layers) + " layers");
  bool isUniform = isOneNumber(claimed) && std::all_of(bounds.begin(), bounds.end(), isOneNumber);
  size_t layers = isUniform ? 1 : static_cast<size_t>(site.layers);
  std::vector<double> one, line, square;
  for (size_t layer = 0; layer < layers; ++layer) {
    const Size *chosen = nullptr;
    for (const Size &size : bounds)
      if (!chosen && matches(claimed, size, layer))
        chosen = &size;
    if (!chosen)
      return refuse(place + ": claims " + what + " <= " + print(claimed) + ", which follows from " +
                    "no rule; they give " + print(smallest(bounds)));
    one.push_back(chosen->one[layer]);
    line.push_back(chosen->line[layer]);
    square.push_back(chosen->square[layer]);
  }
  // All of them hold at every depth. Of numbers, any may be the least there.
  const Size *slowest = nullptr;
  for (const Size &size : bounds) {
    bool isLike = claimed.isConstant() ? size.isConstant() : matches(claimed, size, 0);
    if (isLike && (!slowest || growsLess(size, *slowest)))
      slowest = &size;
  }
  if (!slowest)
    return refuse(place + ": " + what + " is a number in these layers only");
  return Size{shortest(one).with(slowest->one.rate), shortest(line).with(slowest->line.rate),
              shortest(square).with(slowest->square.rate)};
}

Expected<Value> settle(const Site &site, Derived derived) {
  std::string place = "step " + std::to_string(site.place) + " (" + site.step().op + ")";
  if (!derived.problem.empty())
    return refuse(place + ": " + derived.problem);
  Value &value = derived;
  value.bound.fill(Size::unknown());
  value.block = 0;
  const Claim *claim = site.claim();
  if (!claim)
    return value;
  if (claim->rule != derived.rule)
    return refuse(place + ": names rule " + claim->rule + ", its rule is " + derived.rule);
  if (claim->bound[part] && (claim->block < 1 || site.step().count() % claim->block != 0))
    return refuse(place + ": blocks of " + std::to_string(claim->block) + " are no part of " +
                  std::to_string(site.step().count()) + " features");
  // No mean square is above the largest entry, and a whole row is made of blocks.
  for (Kind kind : {peak, across, part, rms}) {
    std::vector<Size> bounds = derived.bounds[kind];
    if (kind != peak)
      bounds.push_back(value[peak]);
    if (kind == rms)
      bounds.insert(bounds.end(), {value[across], value[part]});
    if (!claim->bound[kind])
      continue;
    Expected<Size> size = choose(site, kindNames[kind], *claim->bound[kind], bounds);
    if (!size)
      return size.takeError();
    value.bound[kind] = *size;
  }
  value.block = claim->bound[part] ? claim->block : 0;
  if (claim->scores) {
    Expected<Size> size = choose(site, "scores", *claim->scores, derived.scoreBounds);
    if (!size)
      return size.takeError();
    value.scores = *size;
  }
  if (value.isConstant()) { // numbers are about no stream
    value.epoch = -1;
    value.isOlder = false;
    value.share = 0.0;
  }
  return value;
}

} // namespace lnx::certify
