// Number: checked 128-bit fractions, and doubles where they end.
#include "frontend/Number.h"

#include <cassert>
#include <cmath>
#include <cstdio>

namespace lnx::spec {
Number::Number(std::vector<Scalar> values) {
  assert(!values.empty() && "a repeat has layers");
  single = values.front();
  for (const Scalar &value : values)
    if (!(value == single) || value.isExact() != single.isExact()) {
      layers = std::make_shared<const std::vector<Scalar>>(std::move(values));
      return;
    }
}

std::vector<double> Number::values() const {
  std::vector<double> result;
  for (size_t i = 0; i < size(); ++i)
    result.push_back(at(i).value());
  return result;
}

Schedule Number::schedule() const {
  return formula       ? *formula
         : isUniform() ? Schedule::constant(single)
                       : Schedule::unknown(/*ofLayer=*/true);
}

Number Number::with(const Schedule &schedule) const {
  Number result = *this;
  const std::optional<Scalar> constant = schedule.asConstant();
  const bool isSame = isUniform() && constant && *constant == single;
  result.formula = isSame ? nullptr : std::make_shared<const Schedule>(schedule);
  return result;
}

Number Number::map(const std::function<Scalar(const Scalar &)> &f,
                   const std::function<Schedule(const Schedule &)> &g) const {
  std::vector<Scalar> values;
  values.reserve(size());
  for (size_t i = 0; i < size(); ++i)
    values.push_back(f(at(i)));
  Number result(std::move(values));
  return formula ? result.with(g(*formula)) : result;
}

Number Number::map(const Number &a, const Number &b,
                   const std::function<Scalar(const Scalar &, const Scalar &)> &f,
                   const std::function<Schedule(const Schedule &, const Schedule &)> &g) {
  assert((a.isUniform() || b.isUniform() || a.size() == b.size()) && "numbers of one repeat");
  std::vector<Scalar> values;
  const size_t count = std::max(a.size(), b.size());
  values.reserve(count);
  for (size_t i = 0; i < count; ++i)
    values.push_back(f(a.at(i), b.at(i)));
  Number result(std::move(values));
  return a.formula || b.formula ? result.with(g(a.schedule(), b.schedule())) : result;
}

bool Number::any(const std::function<bool(const Scalar &)> &f) const {
  for (size_t i = 0; i < size(); ++i)
    if (f(at(i)))
      return true;
  return false;
}

bool Number::operator==(const Number &other) const {
  for (size_t i = 0; i < std::max(size(), other.size()); ++i)
    if (!(at(i) == other.at(i)))
      return false;
  return true;
}

std::string format(double value) {
  char text[64];
  if (std::fabs(value) < 1e15 && value == std::floor(value))
    std::snprintf(text, sizeof text, "%.0f", value);
  else
    std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::string format(const Scalar &value) {
  if (const std::optional<int64_t> whole = value.whole())
    return std::to_string(*whole);
  return format(value.value());
}

std::string format(const Number &value) { return format(value.front()); }

} // namespace lnx::spec
