// Conclusions: what follows about a property once every step is derived. A number is rounded up to
// nine digits; one that is smaller, or larger than that, is refused.
#include "compiler/certify/Certifier.h"
#include "compiler/certify/Parts.h"
#include <algorithm>

namespace lnx::certify {

using llvm::Error;
using llvm::Expected;

/// The ends of repeats that the model's result is made of, each the last one on its way.
Expected<std::vector<int64_t>> Certifier::outputs() const {
  std::vector<int64_t> pending, found;
  std::vector<bool> isSeen(document.program.size());
  for (size_t place = 0; place < document.program.size(); ++place)
    if (document.program[place].op == "return")
      pending.push_back(static_cast<int64_t>(place));
  while (!pending.empty()) {
    int64_t place = pending.back();
    pending.pop_back();
    if (isSeen[place])
      continue;
    isSeen[place] = true;
    if (ends.count(place)) {
      found.push_back(place);
      continue;
    }
    const std::vector<int64_t> &of = document.program[place].of;
    pending.insert(pending.end(), of.begin(), of.end());
  }
  if (found.empty())
    return refuse("the model returns no stream");
  return found;
}

static Error compare(const Conclusion &conclusion, double derived) {
  if (conclusion.number && isNineDigitsUp(*conclusion.number, derived))
    return Error::success();
  return refuse(conclusion.property + ": claims " +
                (conclusion.number ? print(*conclusion.number) : "no number") + ", it is " +
                print(derived));
}

/// A number; or a line in the size of the start; or, with squares, that there is some number.
Error Certifier::concludeBound(const Conclusion &conclusion) const {
  Expected<std::vector<int64_t>> places = outputs();
  if (!places)
    return places.takeError();
  double size = 0, factor = 0, add = 0;
  bool isEmbedding = true;
  for (int64_t place : *places) {
    const auto &[chain, stream] = ends.at(place);
    size = std::max(size, stream.size);
    factor = std::max(factor, stream.factor);
    add = std::max(add, stream.add);
    isEmbedding = isEmbedding && chains[chain].isEmbedding;
  }
  if (!conclusion.factor && conclusion.number)
    return compare(conclusion, size);
  if (!isEmbedding)
    return refuse(conclusion.property + ": the size of the start is no number");
  if (conclusion.factor && isNineDigitsUp(*conclusion.factor, factor))
    return compare(conclusion, add);
  bool isBounded = true;
  for (const Stack &stack : stacks)
    for (const Equation &equation : stack.equations)
      isBounded = isBounded && equation.next.isKnown();
  if (!conclusion.factor && isBounded)
    return Error::success();
  return refuse(conclusion.property + ": claims another factor than " + print(factor));
}

/// n d/(n d - 1) r^2; fewer tokens than the context have a larger factor, so of one (S70).
Expected<double> Certifier::variance() const {
  Expected<std::vector<int64_t>> places = outputs();
  if (!places)
    return places.takeError();
  double size = 0, count = infinity;
  for (int64_t place : *places) {
    const auto &[chain, stream] = ends.at(place);
    size = std::max(size, stream.size);
    count = std::min(count, static_cast<double>(chains[chain].width) *
                                static_cast<double>(std::max<int64_t>(1, document.context)));
  }
  if (!(count > 1))
    return infinity;
  return mulUp(mulUp(size, size), divUp(count, count - 1));
}

/// prod |a_k|, where the stream is one summand of each step; else 0.
double Certifier::identityPath() const {
  double product = 1;
  for (const Stack &stack : stacks)
    for (const Equation &equation : stack.equations)
      for (int64_t layer = 0; layer < stack.count; ++layer) {
        double skip = equation.skip.factor[static_cast<size_t>(layer)];
        bool isThere = equation.isPlain && skip > 0;
        product = isThere ? mulUp(product, skip) : 0;
      }
  return product;
}

/// Not below the product of the slopes, nor above what rounding each of them up makes of it.
Error Certifier::concludeSensitivity(const Conclusion &conclusion) const {
  double slack = 0;
  Expected<double> product = sensitivity(slack);
  if (!product)
    return product.takeError();
  const double claimed = conclusion.number.value_or(0), most = *product * (1 + slack);
  const bool isBetween = claimed >= *product && claimed <= most;
  if (std::isfinite(*product) && (isBetween || isNineDigitsUp(claimed, most)))
    return Error::success();
  return compare(conclusion, *product);
}

double Certifier::largestScore() const {
  double largest = 0;
  for (const auto &[place, chain] : chainOfScores) {
    const Size &scores = values[place].scores;
    double r = chain < 0 ? infinity : chains[chain].now.largest;
    size_t layers = std::max(
        {scores.one.values.size(), scores.line.values.size(), scores.square.values.size()});
    for (size_t layer = 0; layer < layers; ++layer)
      largest = std::max(largest, scores.at(layer, r));
  }
  return largest;
}

double Certifier::largestEntry() const {
  double largest = 0;
  for (const Chain &chain : chains)
    largest = std::max(
        largest, std::min(chain.now.largestPeak, mulUp(root(chain.width), chain.now.largest)));
  return largest;
}

/// Class of the largest of the last streams; absent where one is not known.
std::optional<Class> Certifier::growth() const {
  Class result;
  for (const Chain &chain : chains) {
    if (!chain.growth)
      return std::nullopt;
    result = larger(result, *chain.growth);
  }
  return result;
}

Error Certifier::conclude(const Conclusion &conclusion) const {
  const std::string &property = conclusion.property;
  auto isEvery = [&](auto holds) {
    return std::all_of(stacks.begin(), stacks.end(), [&](const Stack &stack) {
      return std::all_of(stack.equations.begin(), stack.equations.end(), holds);
    });
  };
  if (property == "forward.bound")
    return concludeBound(conclusion);
  if (conclusion.factor)
    return refuse(property + ": a factor is said of forward.bound only");
  if (!conclusion.growth.empty()) {
    std::optional<Class> known = growth();
    if (known && property == "forward.variance")
      known = productOf(*known, *known);
    std::string text = known ? print(*known) : "not known";
    bool isNamed = property == "forward.growth" || property == "forward.variance" ||
                   (property == "depth.limit" && text == "bounded");
    if (!isNamed || conclusion.growth != text)
      return refuse(property + ": claims the class " + conclusion.growth + ", it is " + text);
    if (!conclusion.number)
      return Error::success();
  }
  if (property == "forward.variance") {
    Expected<double> number = variance();
    return number ? compare(conclusion, *number) : number.takeError();
  }
  if (property == "backward.sensitivity_bound" && conclusion.number)
    return concludeSensitivity(conclusion);
  if (property == "attention.logit_bound")
    return compare(conclusion, largestScore());
  if (property == "precision.overflow" && largestEntry() < 65504) // fp16
    return compare(conclusion, largestEntry());
  if (property == "backward.identity_path" && identityPath() > 0) {
    if (!conclusion.number) // of learned factors, say
      return Error::success();
    return compare(conclusion, identityPath());
  }
  if (conclusion.number)
    return refuse(property + ": it does not follow, or has no number");
  if (property == "forward.wellposed" && isEvery([](auto &one) { return one.next.isKnown(); }))
    return Error::success();
  if (property == "backward.scale_invariance" && isEvery([](auto &one) { return one.isScaleFree; }))
    return Error::success();
  return refuse(property + ": it does not follow from these steps");
}

} // namespace lnx::certify
