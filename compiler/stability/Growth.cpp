// Growth: the ordered classes of growth in depth, their words and their products (claim S48).
// Exponents are compared to 4e-15, so that 1/3 + 1/6 and 1/2 are one class.
#include "compiler/stability/Growth.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace mlir::lnx::stability {

using Kind = Growth::Kind;

double roundUp(double bound) { return bound * (1 + 1e-12); }

/// Roundings of a few sums of exponents, which are rarely above 4.
static constexpr double slack = 4e-15;

/// The fraction with a denominator up to 16 that `value` is but for rounding, or `value` itself.
static double snap(double value) {
  for (int denominator = 1; denominator <= 16; ++denominator) {
    double numerator = std::round(value * denominator);
    if (std::abs(value - numerator / denominator) <= slack)
      return numerator / denominator;
  }
  return value;
}

Growth Growth::bounded() { return {Kind::bounded, 0, 0}; }

Growth Growth::log(double logs) { return power(0, logs); }

Growth Growth::power(double exponent, double logs) {
  exponent = snap(exponent);
  logs = snap(logs);
  if (exponent < 0 || (exponent == 0 && logs <= 0))
    return bounded();
  // A negative power of the logarithm is dropped: the class stays an upper bound.
  return {exponent == 0 ? Kind::log : Kind::power, exponent, std::max(logs, 0.0)};
}

Growth Growth::stretched(double exponent, double logs) {
  return {Kind::stretched, snap(exponent), std::max(snap(logs), 0.0)};
}

Growth Growth::exponential() { return {Kind::exponential, 0, 0}; }
Growth Growth::doubleExponential() { return {Kind::doubleExponential, 0, 0}; }
Growth Growth::unbounded() { return {Kind::unbounded, 0, 0}; }
Growth Growth::unknown() { return {Kind::unknown, 0, 0}; }

Kind Growth::kind() const { return what; }
double Growth::exponent() const { return power_; }
double Growth::logs() const { return logs_; }

/// "1/2", "3", or "0.123457" where no small fraction is meant: never another class when read again,
/// since checks compare what was printed.
static std::string printNumber(double value) {
  for (int denominator = 1; denominator <= 16; ++denominator) {
    double numerator = std::round(value * denominator);
    if (value != numerator / denominator)
      continue;
    std::string text = std::to_string(static_cast<long>(numerator));
    return denominator == 1 ? text : text + "/" + std::to_string(denominator);
  }
  char text[32];
  std::snprintf(text, sizeof text, "%.12g", value);
  if (std::abs(std::strtod(text, nullptr) - value) > slack)
    std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

static std::string printLogs(double logs) { return logs == 1 ? "log" : "log^" + printNumber(logs); }

static std::string printPower(double exponent) {
  if (exponent == 1)
    return "linear";
  return exponent == 2 ? "quadratic" : "power(" + printNumber(exponent) + ")";
}

std::string Growth::print() const {
  switch (what) {
  case Kind::bounded:
    return "bounded";
  case Kind::log:
    return printLogs(logs_);
  case Kind::power:
    return printPower(power_) + (logs_ > 0 ? "*" + printLogs(logs_) : "");
  case Kind::stretched:
    return "stretched(" + printNumber(power_) + ")" + (logs_ > 0 ? "*" + printLogs(logs_) : "");
  case Kind::exponential:
    return "exponential";
  case Kind::doubleExponential:
    return "double_exponential";
  case Kind::unbounded:
    return "unbounded";
  case Kind::unknown:
    break;
  }
  return "unknown";
}

/// "3", "1/2" or "0.25", all of the text; absent for anything else.
static std::optional<double> parseNumber(const std::string &text) {
  auto read = [](const std::string &part) -> std::optional<double> {
    if (part.empty() || part.find_first_not_of("0123456789.") != std::string::npos)
      return std::nullopt;
    char *end = nullptr;
    double value = std::strtod(part.c_str(), &end);
    return *end ? std::nullopt : std::optional(value);
  };
  size_t slash = text.find('/');
  std::optional<double> over = read(text.substr(0, slash));
  std::optional<double> under = slash == std::string::npos ? 1 : read(text.substr(slash + 1));
  if (!over || !under || *under == 0 || !std::isfinite(*over / *under))
    return std::nullopt;
  return *over / *under;
}

/// The number of "name(number)".
static std::optional<double> parseCall(const std::string &text, const std::string &name) {
  if (text.rfind(name + "(", 0) != 0 || text.back() != ')')
    return std::nullopt;
  return parseNumber(text.substr(name.size() + 1, text.size() - name.size() - 2));
}

/// 1 for "log", q for "log^q".
static std::optional<double> parseLogs(const std::string &text) {
  if (text == "log")
    return 1;
  return text.rfind("log^", 0) == 0 ? parseNumber(text.substr(4)) : std::nullopt;
}

std::optional<Growth> Growth::parse(const std::string &text) {
  size_t star = text.find('*');
  std::string head = text.substr(0, star);
  double logs = 0;
  if (star != std::string::npos) {
    std::optional<double> factor = parseLogs(text.substr(star + 1));
    if (!factor)
      return std::nullopt;
    logs = *factor;
  }
  if (std::optional<double> e = parseCall(head, "power"))
    return power(*e, logs);
  if (std::optional<double> e = parseCall(head, "stretched"); e && *e > 0 && *e < 1)
    return stretched(*e, logs);
  const std::pair<const char *, double> named[] = {{"sqrt", 0.5}, {"linear", 1}, {"quadratic", 2}};
  for (const auto &[name, exponent] : named)
    if (head == name)
      return power(exponent, logs);
  if (star != std::string::npos)
    return std::nullopt;
  if (std::optional<double> e = parseLogs(text))
    return log(*e);
  for (const Growth &word : {bounded(), exponential(), doubleExponential(), unbounded()})
    if (text == word.print())
      return word;
  return std::nullopt;
}

bool Growth::operator<=(const Growth &other) const {
  if (what == Kind::unknown || other.what == Kind::unknown)
    return false;
  if (what != other.what)
    return what < other.what;
  if (std::abs(power_ - other.power_) > slack)
    return power_ < other.power_;
  return logs_ <= other.logs_ + slack;
}

Growth Growth::maximum(const Growth &a, const Growth &b) {
  if (a.what == Kind::unbounded || b.what == Kind::unbounded)
    return unbounded();
  if (a.what == Kind::unknown || b.what == Kind::unknown)
    return unknown();
  return a <= b ? b : a;
}

Growth Growth::squared() const { return times(*this); }

Growth Growth::times(const Growth &other) const {
  if (what <= Kind::power && other.what <= Kind::power)
    return power(power_ + other.power_, logs_ + other.logs_);
  return maximum(*this, other);
}

} // namespace mlir::lnx::stability
