// Select: from a type of PTX to the instance of a unit's loop for the C++ type.
// Returns null for a type the operation does not have; the decoder says so.
#ifndef LNX_TEST_EMULATOR_UNIT_SELECT_H
#define LNX_TEST_EMULATOR_UNIT_SELECT_H

#include "emulator/Lanes.h"
#include "emulator/unit/Units.h"

namespace emulator {

// Loop<T>::run for the unsigned type of the same size: for operations that ignore the sign.
template <template <typename> typename Loop> Execute forBits(Type t) {
  switch (bytesOf(t)) {
  case 2:
    return Loop<uint16_t>::run;
  case 4:
    return Loop<uint32_t>::run;
  case 8:
    return Loop<uint64_t>::run;
  }
  return nullptr;
}

template <template <typename> typename Loop> Execute forInteger(Type t) {
  switch (t) {
  case Type::U16:
    return Loop<uint16_t>::run;
  case Type::S16:
    return Loop<int16_t>::run;
  case Type::U32:
    return Loop<uint32_t>::run;
  case Type::S32:
    return Loop<int32_t>::run;
  case Type::U64:
    return Loop<uint64_t>::run;
  case Type::S64:
    return Loop<int64_t>::run;
  default:
    return nullptr;
  }
}

// Sets the loop, or says that the operation has no such type.
inline void setLoop(Decoder &d, Execute loop, Type t) {
  if (!loop)
    d.fail("has no type ." + std::string(nameOf(t)));
  d.out.execute = loop;
}

// Operands of one type: destination, then `n` sources.
inline void readOperands(Decoder &d, Type t, unsigned n) {
  if (!d.expectOperands(n + 1, n + 1))
    return;
  d.out.destination = d.destination(0, t);
  if (d.out.destination == NoSlot)
    d.fail("needs a destination");
  for (unsigned i = 0; i < n; ++i)
    d.out.source[i] = d.source(i + 1, t);
}

} // namespace emulator

#endif
