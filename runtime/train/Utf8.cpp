// Utf8.cpp: strict UTF-8: no surrogates, no overlong forms, nothing past U+10FFFF.
// Used by every tokenizer that reads characters.
#include "runtime/train/UnicodeClasses.h"

namespace lnx {

Character characterAt(std::string_view text, size_t at) {
  auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(text[i])); };
  uint32_t lead = byte(at);
  if (lead < 0x80)
    return {lead, 1, true};
  Character invalid{lead, 1, false};
  size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() - at < length)
    return invalid;
  uint32_t code = lead & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80)
      return invalid;
    code = code << 6 | (byte(at + i) & 0x3f);
  }
  static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
    return invalid;
  return {code, length, true};
}

void appendUtf8(std::string &text, uint32_t code) {
  if (code < 0x80) {
    text += static_cast<char>(code);
    return;
  }
  int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  static const uint32_t leads[] = {0, 0xc0, 0xe0, 0xf0};
  text += static_cast<char>(leads[more] | code >> (6 * more));
  while (more-- > 0)
    text += static_cast<char>(0x80 | (code >> (6 * more) & 0x3f));
}

} // namespace lnx
