// Cost: 32-byte sectors of global requests, passes of the 32 shared-memory banks.
// An access of 8 or 16 bytes a lane is served by halves or quarters of the warp.
#include "emulator/unit/Cost.h"

#include <algorithm>

using namespace emulator;

namespace {

constexpr unsigned SectorBytes = 32, Banks = 32, BankBytes = 4;

uint64_t sectors(const Access &a) {
  if (a.contiguous)
    return (a.address[0] + LaneCount * a.bytes - 1) / SectorBytes - a.address[0] / SectorBytes + 1;
  std::array<uint64_t, LaneCount> sector;
  bool sorted = true;
  for (unsigned l = 0; l < LaneCount; ++l)
    sector[l] = a.address[l] / SectorBytes;
  for (unsigned l = 1; l < LaneCount; ++l)
    sorted &= sector[l - 1] <= sector[l];
  if (!sorted)
    std::sort(sector.begin(), sector.end());
  uint64_t count = 1;
  for (unsigned l = 1; l < LaneCount; ++l)
    count += sector[l] != sector[l - 1];
  return count;
}

// Passes for the lanes of one phase: the most distinct words that any bank must deliver.
unsigned wavesOfPhase(const Access &a, uint32_t mask, unsigned from, unsigned to) {
  std::array<std::array<uint64_t, LaneCount>, Banks> words;
  std::array<uint8_t, Banks> count{};
  unsigned most = 0;
  for (unsigned l = from; l < to; ++l) {
    if (!(mask >> l & 1))
      continue;
    unsigned last = std::max(a.bytes, BankBytes) / BankBytes;
    for (unsigned k = 0; k < last; ++k) {
      uint64_t word = a.address[l] / BankBytes + k;
      auto &seen = words[word % Banks];
      uint8_t &n = count[word % Banks];
      if (std::find(seen.begin(), seen.begin() + n, word) == seen.begin() + n)
        seen[n++] = word;
      most = std::max<unsigned>(most, n);
    }
  }
  return most;
}

void countShared(Counters &c, const Access &a, uint32_t mask) {
  uint64_t differ = 0;
  for (uint64_t address : a.address)
    differ |= address ^ a.address[0];
  if (differ == 0 && a.bytes <= BankBytes) { // one word for all lanes
    c.sharedRequests += 1;
    c.sharedIdealWaves += 1;
    c.sharedWaves += 1;
    return;
  }
  unsigned phases = std::max(1u, a.bytes / BankBytes);
  unsigned lanes = LaneCount / phases;
  for (unsigned p = 0; p < phases; ++p) {
    uint32_t part = mask & (lanes == LaneCount ? AllLanes : ((1u << lanes) - 1) << (p * lanes));
    if (!part)
      continue;
    c.sharedIdealWaves += 1;
    c.sharedWaves += a.contiguous && a.bytes >= BankBytes
                         ? 1
                         : wavesOfPhase(a, part, p * lanes, (p + 1) * lanes);
  }
  c.sharedRequests += 1;
}

} // namespace

void emulator::countCost(Warp &w, const Access &a, Touch touch) {
  Counters &c = w.counters();
  if (a.space == Space::Shared)
    return countShared(c, a, w.mask);
  if (a.space != Space::Global)
    return;
  uint64_t bytes = uint64_t(a.bytes) * static_cast<unsigned>(std::popcount(w.mask));
  c.globalRequests += 1;
  c.globalSectors += sectors(a);
  c.globalLoadBytes += touch == Touch::Write ? 0 : bytes;
  c.globalStoreBytes += touch == Touch::Read ? 0 : bytes;
}
