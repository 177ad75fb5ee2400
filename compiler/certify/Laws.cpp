// Laws: what the author of a definition declares of its value. It is believed, and a step of the
// program, so that everybody sees it (S7).
#include "compiler/certify/Parts.h"

namespace lnx::certify {

/// Whether `value` is computed from `input`, parameters and numbers only.
static bool isFunctionOf(const Document &document, int64_t value, int64_t input) {
  std::vector<int64_t> pending = {value};
  std::vector<bool> isSeen(document.program.size());
  while (!pending.empty()) {
    int64_t place = pending.back();
    const Step &step = document.program[place];
    pending.pop_back();
    if (place == input || isSeen[place])
      continue;
    isSeen[place] = true;
    if (step.op == "step" || step.op == "repeat" || step.op == "end" ||
        (step.of.empty() && step.hasRows))
      return false;
    pending.insert(pending.end(), step.of.begin(), step.of.end());
  }
  return true;
}

/// The same value, of which its definition's author declares a size, a peak, and as a function f of
/// one input that f(c x) = c^k f(x) or |f(x) - f(y)| <= c |x - y| (S7).
Derived lawRule(const Site &site) {
  const Step &step = site.step();
  Derived result = copied(site.of(0));
  result.share = 0.0; // what is declared is about the whole
  std::vector<Value> declared = {site.of(0)};
  auto declare = [&](const Size &size) {
    Value value;
    value.bound[rms] = size;
    value.bound[peak] = Series(root(step.count())) * size;
    declared.push_back(value);
  };
  for (const auto &[name, number] : step.with)
    if (!(number >= 0))
      result.problem = "its law '" + name + "' is negative";
  if (std::optional<double> size = step.number("size"))
    declare(Size::constant(*size));
  std::optional<double> slope = step.number("slope"), degree = step.number("degree");
  if (slope || degree) {
    if (step.of.size() != 2 || !isFunctionOf(site.document, step.of[0], step.of[1]) ||
        (degree && *degree != std::round(*degree)) || degree.value_or(0) > 8)
      result.problem = "its law is not about a function of one value";
    else if (slope && degree.value_or(0) > 0) // nothing gives nothing
      declare(Series(*slope) * site.of(1)[rms]);
    if (result.problem.empty() && degree)
      for (const auto &[key, of] : site.of(1).degrees)
        if (int k = static_cast<int>(*degree); of.isPure() && !result.degreeIn(key).isPure())
          result.degrees[key] = {k * of.low, k * of.high, false};
  }
  for (const Value &value : declared) {
    result.bounds[rms].push_back(value[rms]);
    result.bounds[peak].push_back(value[peak]);
    for (const Size &size : partsOf(value, step, site.block()))
      result.bounds[part].push_back(size);
  }
  if (std::optional<double> number = step.number("peak"))
    for (std::vector<Size> &bounds : result.bounds)
      bounds.push_back(Size::constant(*number));
  return result;
}

} // namespace lnx::certify
