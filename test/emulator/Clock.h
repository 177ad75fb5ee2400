// Clock: vector clocks, one component a warp of the CTA.
// A barrier joins them; the race check compares an access with the clock of its warp.
#ifndef LNX_TEST_EMULATOR_CLOCK_H
#define LNX_TEST_EMULATOR_CLOCK_H

#include <algorithm>
#include <array>
#include <cstdint>

namespace emulator {

inline constexpr unsigned MaxWarps = 32; // 1024 threads

// What a warp knows of the progress of every warp of its CTA (Mattern 1989). Component w of warp
// w's own clock counts its releases, starting at 1.
struct Clock {
  std::array<uint32_t, MaxWarps> time{};

  void join(const Clock &other) {
    for (unsigned w = 0; w < MaxWarps; ++w)
      time[w] = std::max(time[w], other.time[w]);
  }
  bool knows(unsigned warp, uint32_t when) const { return when <= time[warp]; }
};

} // namespace emulator

#endif
