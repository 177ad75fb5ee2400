// Access: from the addresses of a warp to host memory, with every check of the address.
// ld, st, atom, red and cp.async go through here and nowhere else.
#ifndef LNX_TEST_EMULATOR_UNIT_ACCESS_H
#define LNX_TEST_EMULATOR_UNIT_ACCESS_H

#include "emulator/Lanes.h"

namespace emulator {

// Bits of Instruction::control for units that take an address.
enum : uint32_t {
  AccessSpace = 7,        // a Space
  AccessNarrowBase = 8,   // the base register has 32 bits
  AccessNonCoherent = 16, // .nc: nobody may write the bytes during the launch
};

struct Access {
  std::array<uint64_t, LaneCount> address; // in the space's own form; lanes off: that of the first
  std::array<uint8_t *, LaneCount> host;
  Space space = Space::Generic;
  unsigned bytes = 0;          // a lane
  bool contiguous = false;     // lane l is at lane 0 plus l times bytes
  Allocation *owner = nullptr; // of all lanes; null where they differ
};

// Resolves `base + immediate` of the instruction for the mask's lanes: defined, aligned, inside one
// allocation, and for shared memory not awaited and without a race. Counts the cost. False after a
// fault.
bool resolve(Warp &w, const Instruction &i, Slot base, unsigned bytes, Touch touch, Access &access);

// Whether the bytes at lane l were ever written; and the reverse.
bool isWritten(Warp &w, const Access &access, unsigned lane, unsigned offset, unsigned bytes);
void setWritten(Warp &w, const Access &access);

// Reads the decoder's part of an address operand: sets source[0], immediate and control.
void decodeAddress(class Decoder &d, size_t operand, Space space);

std::string hex(uint64_t value);

} // namespace emulator

#endif
