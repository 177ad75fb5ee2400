// Growth: exponents of schedules, and the table of S49.
#include "compiler/certify/Growth.h"
#include <cmath>
#include <cstdlib>
#include <tuple>

namespace lnx::certify {

Rate sumOf(const Rate &x, const Rate &y) {
  if (!x || !y)
    return std::nullopt;
  Rate sum = x;
  sum->insert(sum->end(), y->begin(), y->end());
  return sum;
}

Rate productOf(const Rate &x, const Rate &y) {
  if (!x || !y || x->size() * y->size() > 1000)
    return std::nullopt;
  Rate product = std::vector<Monomial>();
  for (const Monomial &a : *x)
    for (const Monomial &b : *y)
      product->push_back({a.p + b.p, a.s + b.s, a.q + b.q});
  return product;
}

//===-- schedules ----------------------------------------------------------------===//

/// "-1/2", "0.25": all of the text.
static std::optional<double> numberOf(std::string text) {
  size_t slash = text.find('/');
  double under = 1;
  char *end = nullptr;
  if (slash != std::string::npos) {
    under = std::strtod(text.c_str() + slash + 1, &end);
    if (end == text.c_str() + slash + 1 || *end || under == 0)
      return std::nullopt;
    text.resize(slash);
  }
  double over = std::strtod(text.c_str(), &end);
  return end == text.c_str() || *end ? std::nullopt : std::optional(over / under);
}

/// "1/2*l^-1*N^-1/2": every factor but the number has a name and an exponent.
static std::optional<Monomial> monomialOf(const std::string &text) {
  Monomial result;
  for (size_t at = 0; at <= text.size();) {
    size_t end = std::min(text.find('*', at), text.size()), caret = text.find('^', at);
    std::string factor = text.substr(at, end - at);
    std::string name = factor.substr(0, std::min(caret, end) - at);
    double *exponent = name == "l"        ? &result.p
                       : name == "N"      ? &result.s
                       : name == "log(N)" ? &result.q
                                          : nullptr;
    std::string number = factor.substr(!factor.empty() && factor[0] == '~' ? 1 : 0);
    if (exponent)
      number = caret < end ? text.substr(caret + 1, end - caret - 1) : "1";
    std::optional<double> value = numberOf(number);
    if (!value)
      return std::nullopt;
    if (exponent)
      *exponent += *value;
    at = end + 1;
  }
  return result;
}

Rate rateOf(const std::string &schedule) {
  std::vector<Monomial> result;
  std::string text = schedule;
  // A value between two sums is at most both of them together; signs do not matter.
  for (const char *separator : {" .. ", " - "})
    for (size_t at; (at = text.find(separator)) != std::string::npos;)
      text.replace(at, std::string(separator).size(), " + ");
  for (size_t at = 0; at <= text.size();) {
    size_t end = std::min(text.find(" + ", at), text.size());
    std::string term = text.substr(at, end - at);
    std::optional<Monomial> one = monomialOf(term.substr(!term.empty() && term[0] == '-' ? 1 : 0));
    if (!one)
      return std::nullopt;
    result.push_back(*one);
    at = end + 3;
  }
  return result;
}

//===-- classes --------------------------------------------------------------------===//

static constexpr double same = 1e-9; // exponents are fractions of small numbers

static Class classOf(double power, double logs) {
  if (power < -same || (power < same && logs < same))
    return {};
  return {Class::polynomial, power < same ? 0 : power, std::max(logs, 0.0)};
}

Class larger(const Class &x, const Class &y) {
  auto order = [](const Class &one) { return std::tuple(one.kind, one.power, one.logs); };
  return order(x) < order(y) ? y : x;
}

Class classOfSum(const std::vector<Monomial> &x) {
  Class result;
  for (const Monomial &one : x) {
    bool isHarmonic = std::abs(one.p + 1) < same;
    double power = one.s + (one.p > -1 + same ? one.p + 1 : 0);
    result = larger(result, classOf(power, one.q + (isHarmonic ? 1 : 0)));
  }
  return result;
}

Class classOfLargest(const std::vector<Monomial> &x) {
  Class result;
  for (const Monomial &one : x)
    result = larger(result, classOf(one.s + std::max(one.p, 0.0), one.q));
  return result;
}

static std::string fractionOf(double value) {
  for (int under = 1; under <= 16; ++under)
    if (double over = std::round(value * under); std::abs(value * under - over) < same * under)
      return std::to_string(static_cast<long>(over)) +
             (under > 1 ? "/" + std::to_string(under) : "");
  return std::to_string(value);
}

std::string print(const Class &x) {
  if (x.kind != Class::polynomial)
    return x.kind == Class::exponential ? "exponential" : "double_exponential";
  std::string logs = x.logs == 0 ? "" : x.logs == 1 ? "log" : "log^" + fractionOf(x.logs);
  std::string power = fractionOf(x.power);
  if (power == "0")
    return logs.empty() ? "bounded" : logs;
  power = power == "1" ? "linear" : power == "2" ? "quadratic" : "power(" + power + ")";
  return power + (logs.empty() ? "" : "*" + logs);
}

} // namespace lnx::certify
