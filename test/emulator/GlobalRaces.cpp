// GlobalRaces: a conflict is two accesses of the same bytes, one of them a write, unordered.
// One read is kept, preferably another CTA's: some races go unseen, but none is invented.
#include "emulator/GlobalRaces.h"

using namespace emulator;

namespace {

constexpr uint32_t MaxTime = 0x1ffff; // later moments are not told apart, hence not checked

} // namespace

GlobalTouch::GlobalTouch(uint64_t launch, uint32_t cta, unsigned warp, const Clock &clock,
                         bool nonCoherent, bool atomic, bool writes, bool fenced)
    : clock(clock), writes(writes), atomic(atomic), nonCoherent(nonCoherent), fenced(fenced) {
  uint64_t time = std::min(clock.time[warp], MaxTime);
  stamp = launch << 48 | uint64_t(nonCoherent) << 47 | uint64_t(atomic) << 46 |
          uint64_t(cta & 0xfffff) << 22 | uint64_t(warp) << 17 | time;
}

Conflict GlobalTouch::check(GlobalAccess before, uint64_t bytes) {
  GlobalAccess now{stamp};
  if (before.launch() != now.launch() || !(before.bytes() & bytes))
    return Conflict::None;
  other = before;
  if (nonCoherent || before.nonCoherent())
    return Conflict::NonCoherent;
  if (fenced || (atomic && before.atomic()))
    return Conflict::None;
  if (before.cta() != now.cta())
    return Conflict::OtherCta;
  bool ordered = before.warp() == now.warp() || before.time() == MaxTime ||
                 clock.knows(before.warp(), before.time());
  return ordered ? Conflict::None : Conflict::OtherWarp;
}

Conflict GlobalTouch::touch(GlobalWord *words, uint64_t at, unsigned size) {
  for (uint64_t word = at / 4; word * 4 < at + size; ++word) {
    uint64_t from = std::max(at, word * 4) - word * 4,
             to = std::min(at + size, word * 4 + 4) - word * 4;
    uint64_t bytes = ((1ull << (to - from)) - 1) << from;
    GlobalWord &w = words[word];
    if (Conflict c = check(w.write, bytes); c != Conflict::None)
      return c;
    if (writes)
      if (Conflict c = check(w.read, bytes); c != Conflict::None)
        return c;
    GlobalAccess &mine = writes ? w.write : w.read;
    GlobalAccess now{stamp | bytes << 42};
    if (mine.sameMoment(now))
      now.bits |= mine.bits;
    bool keep = !writes && mine.launch() == now.launch() &&
                (mine.cta() != now.cta() || mine.nonCoherent()) && (mine.bytes() & bytes) == bytes;
    if (!keep)
      mine = now;
  }
  return Conflict::None;
}
