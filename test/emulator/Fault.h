// Fault: why a launch stopped, in words that name the place.
// Every check ends here; the driver look-alike prints text() in its log.
#ifndef LNX_TEST_EMULATOR_FAULT_H
#define LNX_TEST_EMULATOR_FAULT_H

#include <array>
#include <cstdint>
#include <string>

namespace emulator {

struct Place {
  std::string kernel;
  uint32_t line = 0;     // of the PTX text; 0 where no instruction is to blame
  std::string statement; // that line
  std::array<uint32_t, 3> cta{};
  int warp = -1; // -1: no single warp
  int lane = -1; // -1: no single lane
};

struct Fault {
  Place place;
  std::string what;   // what was found and what was expected
  std::string remedy; // what to do
  std::string text() const;
};

} // namespace emulator

#endif
