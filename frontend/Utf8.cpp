// Utf8: decoding and the few character classes that the language needs.
// Ranges follow Unicode 15 blocks; a whole block is taken where its exceptions do not matter.

#include "frontend/Utf8.h"

#include <algorithm>
#include <cstdio>
#include <iterator>

namespace lnx {

CodePoint decode(std::string_view text, size_t offset) {
  const auto byte = [&](size_t i) { return uint8_t(text[offset + i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80)
    return {lead, 1, true};
  const uint32_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  const CodePoint invalid = {0xfffd, 1, false};
  if (lead < 0xc2 || lead > 0xf4 || offset + length > text.size())
    return invalid;
  char32_t value = lead & (0x7f >> length);
  for (uint32_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80)
      return invalid;
    value = value << 6 | (byte(i) & 0x3f);
  }
  const char32_t smallest = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80;
  if (value < smallest || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
    return invalid;
  return {value, length, true};
}

std::string encode(char32_t value) {
  if (value < 0x80)
    return {char(value)};
  if (value < 0x800)
    return {char(0xc0 | value >> 6), char(0x80 | (value & 0x3f))};
  if (value < 0x10000)
    return {char(0xe0 | value >> 12), char(0x80 | (value >> 6 & 0x3f)),
            char(0x80 | (value & 0x3f))};
  return {char(0xf0 | value >> 18), char(0x80 | (value >> 12 & 0x3f)),
          char(0x80 | (value >> 6 & 0x3f)), char(0x80 | (value & 0x3f))};
}

namespace {
struct Range {
  char32_t first, last;
};

/// Ranges are sorted.
template <size_t N> bool contains(const Range (&ranges)[N], char32_t value) {
  const Range *r = std::lower_bound(std::begin(ranges), std::end(ranges), value,
                                    [](const Range &range, char32_t v) { return range.last < v; });
  return r != std::end(ranges) && r->first <= value;
}

// Direction marks, embeddings, overrides and isolates.
constexpr Range bidirectional[] = {
    {0x61c, 0x61c}, {0x200e, 0x200f}, {0x202a, 0x202e}, {0x2066, 0x2069}};

// Characters without ink and without width, and the fillers that look like nothing.
constexpr Range zeroWidth[] = {
    {0xad, 0xad},     {0x34f, 0x34f},   {0x115f, 0x1160}, {0x17b4, 0x17b5},   {0x180b, 0x180f},
    {0x200b, 0x200d}, {0x2060, 0x2065}, {0x206a, 0x206f}, {0x3164, 0x3164},   {0xfe00, 0xfe0f},
    {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}};

// Above ASCII, what is no letter: punctuation, arrows, operators, boxes, private use.
constexpr Range notInNames[] = {
    {0x80, 0xa9},     {0xab, 0xb4},       {0xb6, 0xb9},       {0xbb, 0xbf},     {0xd7, 0xd7},
    {0xf7, 0xf7},     {0x1680, 0x1680},   {0x2000, 0x206f},   {0x20a0, 0x20cf}, {0x2190, 0x2bff},
    {0x2e00, 0x2fff}, {0x3000, 0x3004},   {0x3008, 0x3020},   {0xd800, 0xf8ff}, {0xfd3e, 0xfd3f},
    {0xfe00, 0xfe6f}, {0xff00, 0xff0f},   {0xff1a, 0xff20},   {0xff3b, 0xff40}, {0xff5b, 0xff65},
    {0xffe0, 0xffff}, {0x1f000, 0x1faff}, {0xe0000, 0x10ffff}};

constexpr Range combining[] = {{0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},
                               {0x610, 0x61a},   {0x64b, 0x65f},   {0x1ab0, 0x1aff},
                               {0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0xfe20, 0xfe2f}};

constexpr Range wide[] = {
    {0x1100, 0x115f}, {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},  {0x4e00, 0x9fff},
    {0xa000, 0xa4cf}, {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},  {0xff00, 0xff60},
    {0xffe0, 0xffe6}, {0x1f300, 0x1f64f}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};
} // namespace

Hidden hidden(char32_t value) {
  if ((value < 0x20 && value != '\t' && value != '\n') || (value >= 0x7f && value < 0xa0) ||
      value == 0x2028 || value == 0x2029)
    return Hidden::Control;
  if (contains(bidirectional, value))
    return Hidden::Bidirectional;
  return contains(zeroWidth, value) ? Hidden::ZeroWidth : Hidden::No;
}

bool isNameStart(char32_t value) {
  if (value < 0x80)
    return (value >= 'a' && value <= 'z') || (value >= 'A' && value <= 'Z') || value == '_';
  return !contains(notInNames, value) && !contains(combining, value);
}

bool isNameContinue(char32_t value) {
  return isNameStart(value) || (value >= '0' && value <= '9') || contains(combining, value);
}

uint32_t displayWidth(char32_t value) {
  return contains(combining, value) ? 0 : contains(wide, value) ? 2 : 1;
}

std::string codePointName(char32_t value) {
  char text[16];
  std::snprintf(text, sizeof text, "U+%04X", unsigned(value));
  return text;
}

} // namespace lnx
