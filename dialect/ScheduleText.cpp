// ScheduleText.cpp: schedules as attributes show them, and back: "1/4*l^-1*N^-1/2 + 1e-13".
// Numbers that are not exact begin with '~'; a bound that is not known is '?'.
#include "dialect/Schedule.h"
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace mlir::lnx {

//===-- numbers --------------------------------------------------------------===//

/// Digits of a number that fits 126 bits.
static std::optional<Scalar> parseWhole(std::string_view text) {
  constexpr Scalar::Int most = Scalar::Int(1) << 122;
  Scalar::Int whole = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9' || whole > most)
      return std::nullopt;
    whole = 10 * whole + (digit - '0');
  }
  return text.empty() ? std::nullopt : std::optional(Scalar::fraction(whole, 1));
}

static std::optional<Scalar> parseDecimal(std::string_view text) {
  const size_t e = text.find('e');
  std::string digits(text.substr(0, e));
  int32_t exponent = 0;
  if (e != std::string_view::npos) {
    std::string_view power = text.substr(e + 1);
    power.remove_prefix(power.starts_with('+'));
    const auto [end, error] = std::from_chars(power.begin(), power.end(), exponent);
    if (error != std::errc() || end != power.end() || std::abs(exponent) > 400)
      return std::nullopt;
  }
  if (const size_t point = digits.find('.'); point != std::string::npos) {
    digits.erase(point, 1);
    exponent -= static_cast<int32_t>(digits.size() - point);
  }
  const std::optional<Scalar> whole = parseWhole(digits);
  return whole ? std::optional(*whole * power(Scalar(10), Scalar(exponent))) : std::nullopt;
}

/// Of a number that is not negative.
static std::optional<Scalar> parseNumber(std::string_view text) {
  if (text.starts_with('~')) {
    const std::string copy(text.substr(1));
    char *end = nullptr;
    const double value = std::strtod(copy.c_str(), &end);
    return copy.empty() || *end || !(value >= 0) ? std::nullopt
                                                 : std::optional(Scalar::inexact(value));
  }
  const size_t slash = text.find('/');
  const std::optional<Scalar> over = parseDecimal(text.substr(0, slash));
  if (slash == std::string_view::npos || !over)
    return over;
  const std::optional<Scalar> under = parseDecimal(text.substr(slash + 1));
  return under && !under->isZero() ? std::optional(*over / *under) : std::nullopt;
}

static std::optional<Scalar> parseSigned(std::string_view text) {
  if (!text.starts_with('-'))
    return parseNumber(text);
  const std::optional<Scalar> positive = parseNumber(text.substr(1));
  return positive ? std::optional(-*positive) : std::nullopt;
}

static std::string printWhole(Scalar::Int value) {
  std::string text;
  for (; value > 0; value /= 10)
    text.insert(text.begin(), static_cast<char>('0' + static_cast<int>(value % 10)));
  return text.empty() ? "0" : text;
}

/// Of a number that is not negative.
static std::string printNumber(const Scalar &value) {
  char text[40];
  if (!value.isExact()) {
    std::snprintf(text, sizeof text, "~%.17g", value.value());
    return text;
  }
  std::snprintf(text, sizeof text, "%.15g", value.value());
  const std::optional<Scalar> decimal = parseNumber(text);
  if (decimal && decimal->isExact() && *decimal == value)
    return text;
  return printWhole(value.numerator()) + "/" + printWhole(value.denominator());
}

static std::string printSigned(const Scalar &value) {
  return Scalar::compare(value, 0) < 0 ? "-" + printNumber(-value) : printNumber(value);
}

//===-- sums -----------------------------------------------------------------===//

static std::string printTerm(Monomial term) {
  std::string text;
  for (const auto &[name, exponent] :
       {std::pair("l", &term.p), std::pair("N", &term.s), std::pair("log(N)", &term.q)})
    if (!exponent->isZero())
      text += (text.empty() ? "" : "*") + std::string(name) +
              (*exponent == 1 ? "" : "^" + printSigned(*exponent));
  if (text.empty())
    return printNumber(term.c);
  return term.c == 1 ? text : printNumber(term.c) + "*" + text;
}

static std::string printSum(const std::optional<Sum> &sum) {
  if (!sum)
    return "?";
  std::string text;
  for (Monomial term : *sum) {
    const bool isNegative = Scalar::compare(term.c, 0) < 0;
    if (isNegative)
      term.c = -term.c;
    text += text.empty() ? (isNegative ? "-" : "") : isNegative ? " - " : " + ";
    text += printTerm(term);
  }
  return text.empty() ? "0" : text;
}

std::string Schedule::print() const {
  return exact || (!low && !high) ? printSum(low) : printSum(low) + " .. " + printSum(high);
}

static std::optional<Monomial> parseTerm(std::string_view text) {
  Monomial term;
  if (text.starts_with('-')) {
    term.c = -1;
    text.remove_prefix(1);
  }
  if (text.empty() || text.ends_with('*'))
    return std::nullopt;
  while (!text.empty()) {
    const std::string_view factor = text.substr(0, text.find('*'));
    text.remove_prefix(std::min(text.size(), factor.size() + 1));
    const size_t caret = factor.find('^');
    const std::string_view name = factor.substr(0, caret);
    Scalar *const exponent = name == "l"        ? &term.p
                             : name == "N"      ? &term.s
                             : name == "log(N)" ? &term.q
                                                : nullptr;
    const std::optional<Scalar> number = !exponent ? parseNumber(factor)
                                         : caret == std::string_view::npos
                                             ? std::optional(Scalar(1))
                                             : parseSigned(factor.substr(caret + 1));
    if (!number)
      return std::nullopt;
    if (exponent)
      *exponent = *exponent + *number;
    else
      term.c = term.c * *number;
  }
  return term;
}

static std::optional<Sum> parseSum(std::string_view text) {
  Sum sum;
  bool isNegative = false;
  while (true) {
    const size_t end = std::min(text.find(" + "), text.find(" - "));
    std::optional<Monomial> term = parseTerm(text.substr(0, end));
    if (!term || text.substr(0, end).empty())
      return std::nullopt;
    if (isNegative)
      term->c = -term->c;
    add(sum, *term, Toward::above);
    if (end == std::string_view::npos)
      return sum;
    isNegative = text[end + 1] == '-';
    text.remove_prefix(end + 3);
  }
}

std::optional<Schedule> Schedule::parse(std::string_view text) {
  const size_t dots = text.find(" .. ");
  const std::string_view below = text.substr(0, dots);
  const std::string_view above = dots == std::string_view::npos ? below : text.substr(dots + 4);
  const std::optional<Sum> low = below == "?" ? std::nullopt : parseSum(below);
  const std::optional<Sum> high = above == "?" ? std::nullopt : parseSum(above);
  if ((below != "?" && !low) || (above != "?" && !high))
    return std::nullopt;
  Schedule like;
  for (const std::optional<Sum> *sum : {&low, &high})
    if (*sum)
      for (const Monomial &term : **sum)
        like.ofLayer |= !term.p.isZero();
  return between(low, high, like);
}

} // namespace mlir::lnx
