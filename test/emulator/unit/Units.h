// Units: one function a family of instructions. Each decodes the opcodes it knows.
// A new family is a file here and a line in this list.
#ifndef LNX_TEST_EMULATOR_UNIT_UNITS_H
#define LNX_TEST_EMULATOR_UNIT_UNITS_H

#include "emulator/Decoder.h"

namespace emulator {

// True where the opcode belongs to the family; what is wrong with it goes to Decoder::fail.
bool decodeInteger(Decoder &d);
bool decodeBits(Decoder &d);
bool decodeFloat(Decoder &d);
bool decodeApproximate(Decoder &d);
bool decodePacked(Decoder &d);
bool decodeCompare(Decoder &d);
bool decodeConvert(Decoder &d);
bool decodeMove(Decoder &d);
bool decodeMemory(Decoder &d);
bool decodeAtomic(Decoder &d);
bool decodeAsyncCopy(Decoder &d);
bool decodeControl(Decoder &d);
bool decodeShuffle(Decoder &d);
bool decodeBarrier(Decoder &d);

inline constexpr bool (*Families[])(Decoder &) = {
    decodePacked,  decodeInteger, decodeBits,    decodeFloat,     decodeApproximate,
    decodeCompare, decodeConvert, decodeMove,    decodeMemory,    decodeAtomic,
    decodeControl, decodeShuffle, decodeBarrier, decodeAsyncCopy,
};

} // namespace emulator

#endif
