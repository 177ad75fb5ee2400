// Sensitivity: |d x_N| <= prod_k L_k |d x_0| at this depth (S83). The steps are derived once more
// with the sizes of their streams as numbers, and with them the slope of each. No claim is used.
#include "compiler/certify/Certifier.h"
#include "compiler/certify/Parts.h"
#include "compiler/certify/Slopes.h"
#include <algorithm>

namespace lnx::certify {

using llvm::Error;
using llvm::Expected;

// Of more layers nobody writes a number that is about each.
static constexpr int64_t mostLayers = 1024;

namespace {
class Sensitivity {
public:
  Sensitivity(const Document &document, const Derivation &derivation,
              const std::vector<Stack> &stacks)
      : document(document), stacks(stacks), values(document.program.size()),
        slopes(document.program.size()) {
    own.isTrajectory = derivation.isTrajectory;
    for (const auto &[place, claim] : derivation.claims)
      own.claims[place].block = claim.block;
    for (const Step &step : document.program)
      if (step.op == "repeat")
        starts.insert(step.of.begin(), step.of.end());
  }
  Expected<double> run();

private:
  void open(int64_t place);
  Error takeStep(int64_t place);
  void takeOther(int64_t place);
  int64_t blockOf(const Site &site) const;

  const Document &document;
  const std::vector<Stack> &stacks;
  std::set<int64_t> starts; ///< first streams: whatever reads one beside its repeat is not followed
  Derivation own;           ///< nothing but how features are split into blocks
  std::vector<Value> values;
  std::vector<Slope> slopes;
  const Stack *stack = nullptr; ///< the layers of this repeat
  size_t index = 0;             ///< steps of it so far
  int64_t epoch = -1;
  double product = 1;
};
} // namespace

/// A stream of known size.
void Sensitivity::open(int64_t place) {
  const Step &step = document.program[place];
  const size_t steps = stack->equations.size();
  epoch = place;
  values[place] = Value();
  slopes[place] = Slope::stream(step, place);
  if (index >= steps) // nothing goes on from the last one
    return;
  std::vector<double> sizes;
  for (size_t at = index; at < stack->sizes.size(); at += steps)
    sizes.push_back(stack->sizes[at]);
  const Rate rate = rateOf(*std::max_element(sizes.begin(), sizes.end()));
  const Size size = Size::constant(Series(std::move(sizes), rate));
  Value &value = values[place];
  value.bound[rms] = value.bound[part] = size;
  value.bound[across] = value.bound[peak] = Series(root(step.last())) * size;
  value.block = step.last();
  value.isStream = true;
}

Error Sensitivity::takeStep(int64_t place) {
  const Slope &next = slopes[document.program[place].of[1]];
  if (next.isOlder || (next.epoch >= 0 && next.epoch != epoch))
    return refuse("step " + std::to_string(place) + ": it changes with an older stream");
  if (!next.whole.isFinite())
    return refuse("step " + std::to_string(place) + ": nothing bounds how much it changes");
  for (int64_t layer = 0; layer < stack->count; ++layer)
    product = mulUp(product, next.whole[static_cast<size_t>(layer)]);
  ++index;
  values[document.program[place].of[1]] = Value(); // from here on it is the stream
  open(place);
  return Error::success();
}

/// Features that a bound `part` is about: as claimed, or heads, or those of an operand.
int64_t Sensitivity::blockOf(const Site &site) const {
  const Step &step = site.step();
  const int64_t last = step.last();
  if (site.block() > 0)
    return site.block();
  if (step.op == "param")
    return last;
  if (step.op == "attend")
    if (double heads = step.number("heads").value_or(0); heads >= 1)
      return std::max<int64_t>(1, last / static_cast<int64_t>(heads));
  if (step.op == "matmul") {
    const Value &w = site.of(1);
    const bool isTurned = step.number("transpose_rhs").value_or(0) != 0;
    return !isTurned && w.head > 0 && w.perhead.isFinite() ? w.head : last;
  }
  if (last == step.count())
    for (int64_t of : step.of)
      if (!values[of].isFixed && values[of].block > 1 && last % values[of].block == 0)
        return values[of].block;
  return last;
}

/// The least of the numbers that the rule gives, of each kind.
void Sensitivity::takeOther(int64_t place) {
  Site site{document, own, values, place};
  if (stack) {
    site.layers = stack->count;
    site.firstLayer = stack->first;
  }
  const int64_t block = blockOf(site);
  own.claims[place].block = block;
  Derived derived = derive(site);
  Value value = derived;
  value.bound.fill(Size::unknown());
  for (Kind kind : {peak, across, part, rms}) {
    std::vector<Size> bounds = derived.bounds[kind];
    if (kind != peak)
      bounds.push_back(value[peak]);
    if (kind == rms)
      bounds.insert(bounds.end(), {value[across], value[part]});
    Series number = infinity;
    for (const Size &size : bounds)
      if (size.isConstant())
        number = least(number, size.one);
    if (kind != part || site.step().count() % block == 0)
      value.bound[kind] = Size::constant(number);
  }
  value.block = block;
  values[place] = std::move(value);
  slopes[place] = starts.count(place) ? Slope() : slopeOf(site, slopes, block);
}

Expected<double> Sensitivity::run() {
  auto next = stacks.begin();
  for (int64_t place = 0; place < static_cast<int64_t>(document.program.size()); ++place) {
    const std::string &op = document.program[place].op;
    if (op == "repeat") {
      stack = &*next++;
      index = 0;
      open(place);
    } else if (op == "step") {
      if (Error error = takeStep(place))
        return error;
    } else if (op == "end") {
      stack = nullptr;
    } else if (op != "return") {
      takeOther(place);
    }
  }
  return product;
}

Expected<double> Certifier::sensitivity(double &slack) const {
  int64_t layers = 0, steps = 0;
  for (const Stack &stack : stacks) {
    layers += stack.count;
    steps += stack.count * static_cast<int64_t>(stack.equations.size());
    if (stack.isLargest)
      return refuse("a step may change with any stream before it");
  }
  if (chains.size() != 1 || layers > mostLayers)
    return refuse("there are several streams, or too many layers");
  // The verifier rounds each size and each factor up by 1e-12 of itself (S14).
  slack = 8e-12 * static_cast<double>(steps);
  return Sensitivity(document, derivation, stacks).run();
}

} // namespace lnx::certify
