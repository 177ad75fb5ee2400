// Certifier: the frame of the program: repeats, residual steps, and the recurrence of each chain
// of streams, r' <= next(r), rounded up (S47).
#include "compiler/certify/Certifier.h"
#include "compiler/certify/Parts.h"
#include <algorithm>

namespace lnx::certify {

using llvm::Error;
using llvm::Expected;

// Of all repeats together: they are gone through one by one, step by step.
static constexpr int64_t mostLayers = 10'000'000, mostSteps = 200'000'000, mostSized = 1024;

Error Certifier::refuseAt(int64_t place, const std::string &what) const {
  return refuse("step " + std::to_string(place) + " (" + document.program[place].op + "): " + what);
}

Site Certifier::siteOf(int64_t place) const {
  Site site{document, derivation, values, place};
  if (isOpen) {
    site.layers = stacks.back().count;
    site.firstLayer = stacks.back().first;
  }
  return site;
}

Error Certifier::run() {
  int64_t steps = static_cast<int64_t>(document.program.size());
  for (const auto &[place, claim] : derivation.claims)
    if (place < 0 || place >= steps)
      return refuse("step " + std::to_string(place) + " is claimed and is not there");
  for (int64_t place = 0; place < steps; ++place)
    for (int64_t of : document.program[place].of)
      if (of < 0 || of >= place)
        return refuseAt(place, "there is no step " + std::to_string(of) + " before it");
  for (int64_t place = 0; place < steps; ++place)
    if (Error error = take(place))
      return error;
  if (isOpen)
    return refuseAt(stacks.back().place, "it has no end");
  for (const Conclusion &conclusion : derivation.conclusions)
    if (Error error = conclude(conclusion))
      return error;
  return Error::success();
}

Error Certifier::take(int64_t place) {
  const Step &step = document.program[place];
  for (int64_t of : step.of)
    if (isHidden[of])
      return refuseAt(place, "step " + std::to_string(of) + " is gone with its layer");
  if (step.op == "repeat")
    return takeRepeat(place);
  if (step.op == "step")
    return takeStep(place);
  if (step.op == "end")
    return takeEnd(place);
  return takeOther(place);
}

Error Certifier::takeOther(int64_t place) {
  Site site = siteOf(place);
  Expected<Value> value = settle(site, derive(site));
  if (!value)
    return value.takeError();
  values[place] = std::move(*value);
  if (site.step().op == "attend")
    chainOfScores[place] = isOpen ? stacks.back().chain : -1;
  return Error::success();
}

//===-- streams ----------------------------------------------------------------===//

/// From here on r is the stream of this step.
void Certifier::openStream(int64_t place) {
  const Step &step = document.program[place];
  Value value;
  value.bound[rms] = value.bound[part] = {0.0, 1.0, 0.0};
  value.bound[across] = value.bound[peak] = {0.0, root(step.last()), 0.0};
  value.block = step.last();
  value.isStream = true;
  value.epoch = epoch = place;
  value.skip = {1, 1.0, epoch, Size::constant(0.0)};
  value.share = 1.0;
  values[place] = std::move(value);
}

/// Made of parameters and inputs only, not of what a step computed.
bool Certifier::isEmbedding(int64_t first) const {
  std::vector<int64_t> pending = {first};
  std::vector<bool> isSeen(document.program.size());
  while (!pending.empty()) {
    const Step &step = document.program[pending.back()];
    pending.pop_back();
    if (step.op == "step" || step.op == "repeat" || step.op == "end")
      return false;
    for (int64_t of : step.of)
      if (!isSeen[of]) {
        isSeen[of] = true;
        pending.push_back(of);
      }
  }
  return true;
}

/// What the first stream is: as its own bounds say, or as x0.rms does of an embedding.
Error Certifier::startChain(const Site &site, Chain &chain) {
  const Value &x = site.of(0);
  chain.width = site.step().last();
  chain.isEmbedding = isEmbedding(site.step().of[0]);
  if (chain.isEmbedding)
    chain.growth = Class(); // one number, whatever it is
  std::vector<Size> bounds = partsOf(x, site.stepOf(0), chain.width);
  if (std::optional<double> start = startOf(document); start && chain.isEmbedding)
    bounds.push_back(Size::constant(*start));
  const Claim *claim = site.claim();
  if (claim && claim->start) {
    Expected<Size> size = choose(site, "start", Size::constant(*claim->start), bounds);
    if (!size)
      return size.takeError();
    chain.growth = classOf(size->one.rate);
    chain.now.size = chain.now.largest = size->one[0];
    chain.now.peak = mulUp(root(chain.width), chain.now.size);
  }
  if (claim && claim->peakStart) {
    Expected<Size> size = choose(site, "peak_start", Size::constant(*claim->peakStart), {x[peak]});
    if (!size)
      return size.takeError();
    chain.now.peak = size->one[0];
  }
  chain.now.largestPeak = chain.now.peak;
  return Error::success();
}

Error Certifier::takeRepeat(int64_t place) {
  Site site = siteOf(place);
  const Step &step = site.step();
  if (isOpen || step.of.size() != 1 || site.stepOf(0).shape != step.shape)
    return refuseAt(place, "a repeat has one stream, and none is in another");
  Stack stack;
  stack.place = place;
  double first = step.number("first").value_or(1), count = step.number("count").value_or(0);
  double before = 0;
  for (const Stack &other : stacks)
    before += static_cast<double>(other.count);
  if (!(count >= 1 && before + count <= mostLayers && std::abs(first) <= mostLayers))
    return refuseAt(place, "it has " + print(count) + " layers: none, or too many");
  stack.first = static_cast<int64_t>(first);
  stack.count = static_cast<int64_t>(count);
  const Claim *claim = site.claim();
  if (claim && claim->rule != "S47")
    return refuseAt(place, "names rule " + claim->rule + ", its rule is S47");
  stack.isLargest = claim && claim->isLargest;
  auto end = ends.find(step.of[0]);
  if (end != ends.end() && chains[end->second.first].end == end->first) {
    stack.chain = end->second.first;
  } else {
    stack.chain = static_cast<int64_t>(chains.size());
    Chain chain;
    if (Error error = startChain(site, chain))
      return error;
    chains.push_back(std::move(chain));
  }
  stacks.push_back(std::move(stack));
  isOpen = true;
  openStream(place);
  return Error::success();
}

Error Certifier::takeStep(int64_t place) {
  Site site = siteOf(place);
  if (!isOpen || site.step().of.size() != 2 || site.stepOf(1).shape != site.step().shape ||
      site.step().shape != document.program[stacks.back().place].shape)
    return refuseAt(place,
                    "a residual step stands in a repeat, and has a stream before and behind");
  const Value &next = site.of(1);
  Equation equation;
  equation.skip = next.skip;
  equation.share = next.share;
  equation.isPlain = next.skip.count == 1 && next.skip.epoch == epoch;
  for (int64_t projection : next.last)
    equation.isScaleFree = equation.isScaleFree && next.degreeIn(projection).isZero();
  if ((next.isOlder || (next.epoch >= 0 && next.epoch != epoch)) && !stacks.back().isLargest)
    return refuseAt(place, "it uses an older stream, and r is not claimed to be the largest");
  if (const Claim *claim = site.claim()) {
    if (claim->rule != "S47")
      return refuseAt(place, "names rule " + claim->rule + ", its rule is S47");
    if (claim->bound[rms]) {
      Expected<Size> size = choose(site, "the next stream", *claim->bound[rms],
                                   partsOf(next, site.stepOf(1), site.step().last()));
      if (!size)
        return size.takeError();
      equation.next = *size;
    }
    if (claim->bound[peak]) {
      Expected<Size> size = choose(site, "the next peak", *claim->bound[peak], {next[peak]});
      if (!size)
        return size.takeError();
      equation.nextPeak = *size;
    }
  }
  stacks.back().equations.push_back(std::move(equation));
  openStream(place);
  return Error::success();
}

//===-- the recurrence ---------------------------------------------------------===//

void Certifier::advance(const Stack &stack, const Equation &equation, size_t layer,
                        Chain &chain) const {
  Stream &now = chain.now;
  double line = equation.next.line[layer], one = equation.next.one[layer];
  double square = equation.next.square[layer];
  // Entries of the stream keep their own size where nothing else needs r, or the sum does not.
  const Size &entry = equation.nextPeak, &rest = equation.skip.rest;
  bool isFree = entry.isKnown() && entry.line[layer] == 0 && entry.square[layer] == 0;
  bool isApart = !stack.isLargest && entry.isKnown() &&
                 (isFree || (equation.skip.count > 0 && rest.isKnown() && rest.line[layer] == 0 &&
                             rest.square[layer] == 0));
  double factor = equation.skip.count > 0 ? equation.skip.factor[layer] : 0;
  now.peak = isApart ? addUp(mulUp(factor, now.peak), isFree ? entry.one[layer] : rest.one[layer])
                     : infinity;
  if (stack.isLargest) { // r may be any of them: it must not fall
    double kept = std::min(equation.share[layer], line);
    line = addUp(std::max(kept, 1.0), addUp(line, -kept));
  }
  now.size = addUp(addUp(mulUp(line, now.size), one), mulUp(square, mulUp(now.size, now.size)));
  now.factor = square == 0 ? mulUp(line, now.factor) : infinity;
  now.add = square == 0 ? addUp(mulUp(line, now.add), one) : infinity;
  now.largest = std::max(now.largest, now.size);
  now.largestPeak = std::max(now.largestPeak, now.peak);
}

std::optional<Class> Certifier::growthBehind(const Stack &stack, const Chain &chain) const {
  const Step &step = document.program[stack.place];
  if (document.isOneDepth)
    return std::nullopt;
  std::vector<Update> updates;
  for (const Equation &one : stack.equations)
    updates.push_back({one.next, one.share, !stack.isLargest});
  return classBehind(updates, spanOf(step.from, step.to), stack.count, chain.growth);
}

Error Certifier::takeEnd(int64_t place) {
  const Step &step = document.program[place];
  if (!isOpen || step.of.size() != 1 || !values[step.of[0]].isStream ||
      step.of[0] < stacks.back().place)
    return refuseAt(place, "an end has the last stream of the layers before it");
  Stack &stack = stacks.back();
  if (values[step.of[0]].epoch != epoch && !stack.isLargest)
    return refuseAt(place, "it uses an older stream, and r is not claimed to be the largest");
  if (static_cast<int64_t>(stack.equations.size()) > mostSteps / stack.count)
    return refuseAt(place, "its layers have too many steps");
  Chain &chain = chains[stack.chain];
  for (int64_t layer = 0; layer < stack.count; ++layer)
    for (const Equation &equation : stack.equations) {
      if (stack.count <= mostSized)
        stack.sizes.push_back(chain.now.size);
      advance(stack, equation, static_cast<size_t>(layer), chain);
    }
  chain.growth = growthBehind(stack, chain);
  chain.end = place;
  ends[place] = {stack.chain, chain.now};
  std::fill(isHidden.begin() + stack.place, isHidden.begin() + place, true);
  isOpen = false;
  epoch = -1;
  Value &value = values[place];
  if (std::isfinite(chain.now.size)) {
    Rate rate = chain.growth ? rateOf(*chain.growth) : std::nullopt;
    value.bound[rms] = value.bound[part] = Size::constant(Series({chain.now.size}, rate));
    value.bound[across] = value.bound[peak] = Size::constant(
        Series({std::min(chain.now.peak, mulUp(root(chain.width), chain.now.size))}, rate));
    value.block = step.last();
  }
  return Error::success();
}

Error certify(const Document &document) {
  for (const Derivation &derivation : document.derivations)
    if (Error error = Certifier(document, derivation).run())
      return error;
  return Error::success();
}

} // namespace lnx::certify
