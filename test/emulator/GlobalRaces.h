// GlobalRaces: who touched a word of global memory last, within one launch.
// CTAs of a launch are ordered by nothing but fences: without one, a conflict between two CTAs is a
// race whatever the schedule, although CTAs run in order here.
#ifndef LNX_TEST_EMULATOR_GLOBALRACES_H
#define LNX_TEST_EMULATOR_GLOBALRACES_H

#include "emulator/Clock.h"

#include <cstdint>

namespace emulator {

// One access as a word; 0 where there was none. Fields from the top: launch 16 bits, non-coherent
// 1, atomic 1, bytes of the word 4, CTA 20, warp 5, time 17.
struct GlobalAccess {
  uint64_t bits = 0;

  uint64_t launch() const { return bits >> 48; }
  bool nonCoherent() const { return bits >> 47 & 1; }
  bool atomic() const { return bits >> 46 & 1; }
  uint64_t bytes() const { return bits >> 42 & 15; }
  uint32_t cta() const { return static_cast<uint32_t>(bits >> 22 & 0xfffff); }
  unsigned warp() const { return static_cast<unsigned>(bits >> 17 & 31); }
  uint32_t time() const { return static_cast<uint32_t>(bits & 0x1ffff); }
  // The same instant of the same warp: only the bytes may differ.
  bool sameMoment(GlobalAccess o) const {
    constexpr uint64_t Bytes = 15ull << 42;
    return (bits & ~Bytes) == (o.bits & ~Bytes);
  }
};

// The last write and one of the reads since.
struct GlobalWord {
  GlobalAccess write, read;
};

enum class Conflict : uint8_t { None, NonCoherent, OtherCta, OtherWarp };

// One access to the words from `word` on and what it found.
class GlobalTouch {
public:
  // `fenced`: the kernel orders memory itself, so only non-coherent loads are checked.
  GlobalTouch(uint64_t launch, uint32_t cta, unsigned warp, const Clock &clock, bool nonCoherent,
              bool atomic, bool writes, bool fenced);
  // Checks and records `size` bytes at byte `at` of the allocation.
  Conflict touch(GlobalWord *words, uint64_t at, unsigned size);
  // Whom the last conflict was with.
  GlobalAccess other;

private:
  Conflict check(GlobalAccess before, uint64_t bytes);
  const Clock &clock;
  uint64_t stamp; // without bytes
  bool writes, atomic, nonCoherent, fenced;
};

} // namespace emulator

#endif
