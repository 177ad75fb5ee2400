// TokenCursor: literals. 0f and 0d constants are bit patterns and stay so.
// Negation of a float flips its sign bit.
#include "emulator/TokenCursor.h"

#include <bit>
#include <charconv>
#include <cstdlib>

using namespace emulator;

uint64_t TokenCursor::magnitude(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  }
  if (text.ends_with('U') || text.ends_with('u'))
    text.remove_suffix(1);
  uint64_t value = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (failed != std::errc() || end != text.data() + text.size())
    fail("'" + std::string(text) + "' is not a number");
  return value;
}

int64_t TokenCursor::integer() {
  bool negative = take("-");
  if (peek().kind != Token::Kind::Number)
    fail("expected a number, found '" + std::string(peek().text) + "'");
  uint64_t value = magnitude(tokens[advance()].text);
  return static_cast<int64_t>(negative ? 0 - value : value);
}

Operand TokenCursor::number(bool negative) {
  std::string_view text = tokens[advance()].text;
  Operand operand;
  bool single = text.starts_with("0f") || text.starts_with("0F");
  if (single || text.starts_with("0d") || text.starts_with("0D")) {
    uint64_t bits = 0;
    std::from_chars(text.data() + 2, text.data() + text.size(), bits, 16);
    operand.kind = single ? Operand::Kind::Float32 : Operand::Kind::Float64;
    operand.bits = bits ^ (negative ? 1ull << (single ? 31 : 63) : 0);
  } else if (text.find('.') != std::string_view::npos) {
    double value = std::strtod(std::string(text).c_str(), nullptr);
    operand.kind = Operand::Kind::Float64;
    operand.bits = std::bit_cast<uint64_t>(negative ? -value : value);
  } else {
    operand.kind = Operand::Kind::Integer;
    uint64_t value = magnitude(text);
    operand.bits = negative ? 0 - value : value;
  }
  return operand;
}
