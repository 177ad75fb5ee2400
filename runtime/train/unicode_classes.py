#!/usr/bin/env python3
# unicode_classes.py: writes UnicodeClasses.cpp, the ranges of letters and numbers.
# Run by hand when Python's Unicode version changes: ./unicode_classes.py > UnicodeClasses.cpp
import unicodedata


def ranges(letter):
    first = None
    for code in range(0x110001):
        inside = code < 0x110000 and unicodedata.category(chr(code))[0] == letter
        if inside and first is None:
            first = code
        if not inside and first is not None:
            yield f"{{0x{first:x}, 0x{code - 1:x}}}"
            first = None


def table(name, letter):
    print(f"static const Range {name}[] = {{")
    line = "   "
    for item in ranges(letter):
        if len(line) + len(item) + 2 > 100:
            print(line)
            line = "   "
        line += " " + item + ","
    print(line.rstrip(",") + "};\n")


print(
    f"""// UnicodeClasses.cpp: which code points are letters, numbers and white space.
// Written by unicode_classes.py from Unicode {unicodedata.unidata_version}; not edited by hand.
#include "runtime/train/UnicodeClasses.h"

#include <algorithm>
#include <iterator>

namespace lnx {{

namespace {{
struct Range {{
  uint32_t first, last;
}};
}} // namespace

// clang-format off"""
)
table("letters", "L")
table("numbers", "N")
print(
    """// The property White_Space, which is what \\s means in the GPT-2 pattern.
static const Range spaces[] = {
    {0x9, 0xd}, {0x20, 0x20}, {0x85, 0x85}, {0xa0, 0xa0}, {0x1680, 0x1680}, {0x2000, 0x200a},
    {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}};
// clang-format on

template <size_t n> static bool contains(const Range (&ranges)[n], uint32_t code) {
  const Range *after = std::upper_bound(std::begin(ranges), std::end(ranges), code,
                                        [](uint32_t c, const Range &r) { return c < r.first; });
  return after != std::begin(ranges) && code <= std::prev(after)->last;
}

CharacterClass classOf(uint32_t code) {
  if (contains(letters, code))
    return CharacterClass::letter;
  if (contains(spaces, code))
    return CharacterClass::space;
  return contains(numbers, code) ? CharacterClass::number : CharacterClass::other;
}

} // namespace lnx"""
)
