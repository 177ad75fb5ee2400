// Parser: PTX text to Program.
// Knows the grammar and no opcode; an unknown directive is an error, not something to skip.
#ifndef LNX_TEST_EMULATOR_PARSER_H
#define LNX_TEST_EMULATOR_PARSER_H

#include "emulator/Syntax.h"

#include <string_view>

namespace emulator {

struct Parsed {
  Program program;
  std::string error; // empty, or "line N: what is wrong"
};

Parsed parse(std::string_view text);

} // namespace emulator

#endif
