// AsyncCopy: cp.async and its groups.
// A copy lands at the wait that covers it and no sooner, so that a missing wait shows.
#include "emulator/unit/Access.h"
#include "emulator/unit/Select.h"

#include <cstring>

using namespace emulator;

namespace {

// Copies one piece; a byte the source never had stays unwritten.
bool land(Warp &w, const AsyncCopy &copy) {
  SharedMemory &shared = w.cta->shared;
  Allocation *owner = copy.provided ? w.cta->grid->memory.find(copy.source) : nullptr;
  shared.setWritten(copy.target, copy.bytes);
  std::memset(shared.at(copy.target), 0, copy.bytes);
  if (owner)
    std::memcpy(shared.at(copy.target), owner->at(copy.source), copy.provided);
  for (unsigned b = 0; b < copy.provided; ++b)
    if (!owner->isWritten(copy.source + b, 1))
      shared.setUnwritten(copy.target + b);
  Race race = shared.touch(copy.target, copy.bytes, Touch::Write, w.index, w.clock, copy.by->line);
  if (race.found)
    w.fault(copy.lane,
            "race in shared memory: the asynchronous copy of PTX line " +
                std::to_string(copy.by->line) + " lands where warp " + std::to_string(race.warp) +
                " accessed shared memory at PTX line " + std::to_string(race.line),
            "put a barrier between the last use of a stage and the copy that refills it");
  return !race.found;
}

// The lanes that copy less than a whole piece; only what they read must exist.
bool resolvePartial(Warp &w, const Instruction &i, uint32_t lanes,
                    const std::array<uint32_t, LaneCount> &provided, Access &source) {
  const unsigned bytes = i.source[3];
  for (unsigned l = 0; l < LaneCount; ++l) {
    if (!(lanes >> l & 1))
      continue;
    uint64_t address = row<uint64_t>(w, i.source[1])[l] + int64_t(static_cast<int32_t>(i.count));
    Allocation *owner = w.cta->grid->memory.find(address);
    source.address[l] = address;
    std::string bad = provided[l] > bytes ? "copies " + std::to_string(provided[l]) + " of " +
                                                std::to_string(bytes) + " bytes"
                      : address % bytes   ? "address " + hex(address) + " is no multiple of " +
                                                std::to_string(bytes) + ", the size of the copy"
                      : provided[l] && !(owner && owner->contains(address, provided[l]))
                          ? w.cta->grid->memory.explain(address, provided[l])
                          : "";
    if (!bad.empty()) {
      w.fault(static_cast<int>(l), bad, "mend the address or the size of the source");
      return false;
    }
  }
  return true;
}

void issue(Warp &w, const Instruction &i) {
  const unsigned bytes = i.source[3]; // the size is fixed by the instruction
  Access target, source;
  if (!resolve(w, i, i.source[0], bytes, Touch::Write, target))
    return;
  std::array<uint32_t, LaneCount> provided;
  provided.fill(bytes);
  if (i.source[2] != NoSlot) {
    if (uint32_t bad = w.narrowPoison[i.source[2]] & w.mask)
      return w.fault(firstLane(bad), "the size of the source was never initialised", "define it");
    std::copy_n(row<uint32_t>(w, i.source[2]), LaneCount, provided.begin());
  }
  Instruction from = i;
  from.control = static_cast<uint32_t>(Space::Global);
  from.immediate = static_cast<int32_t>(i.count);
  uint32_t mask = w.mask, full = 0;
  for (unsigned l = 0; l < LaneCount; ++l)
    full |= mask >> l & 1 && provided[l] == bytes ? 1u << l : 0;
  w.mask = full;
  bool fine = full == 0 || resolve(w, from, i.source[1], bytes, Touch::Read, source);
  w.mask = mask;
  if (!fine || !resolvePartial(w, i, mask & ~full, provided, source))
    return;
  for (unsigned l = 0; l < LaneCount; ++l) {
    if (!(mask >> l & 1))
      continue;
    AsyncCopy copy{static_cast<uint32_t>(target.address[l]),
                   provided[l] ? source.address[l] : 0,
                   static_cast<uint8_t>(bytes),
                   static_cast<uint8_t>(provided[l]),
                   static_cast<uint8_t>(l),
                   &i};
    w.counters().asyncCopyBytes += provided[l];
    if (w.cta->grid->options.eagerCopies) {
      if (!land(w, copy))
        return;
      continue;
    }
    w.cta->shared.setInFlight(copy.target, bytes);
    w.openCopies.push_back(copy);
  }
  w.madeProgress();
}

void commit(Warp &w, const Instruction &) {
  if (!w.converged())
    return;
  w.copyGroups.push_back(std::move(w.openCopies));
  w.openCopies.clear();
}

void landOldest(Warp &w) {
  for (const AsyncCopy &copy : w.copyGroups.front()) {
    w.cta->shared.landed();
    if (!land(w, copy))
      return;
  }
  w.copyGroups.pop_front();
}

void waitGroup(Warp &w, const Instruction &i) {
  if (!w.converged())
    return;
  while (!w.failed() && w.copyGroups.size() > static_cast<size_t>(i.immediate))
    landOldest(w);
}

void waitAll(Warp &w, const Instruction &i) {
  commit(w, i);
  while (!w.failed() && !w.copyGroups.empty())
    landOldest(w);
}

void decodeCopy(Decoder &d) {
  for (std::string_view word : {"ca", "cg", "L2::64B", "L2::128B", "L2::256B"})
    d.take(word);
  if (!(d.take("shared") || d.take("shared::cta")) || !d.take("global"))
    return d.fail("needs .shared.global");
  if (!d.expectOperands(3, 4))
    return;
  decodeAddress(d, 1, Space::Global);
  d.out.source[1] = d.out.source[0];
  int64_t sourceOffset = d.out.immediate;
  d.out.control = 0;
  decodeAddress(d, 0, Space::Shared);
  d.out.count = static_cast<uint32_t>(static_cast<int32_t>(sourceOffset));
  int64_t bytes = d.literal(2);
  if (bytes != 4 && bytes != 8 && bytes != 16)
    d.fail("copies 4, 8 or 16 bytes");
  d.out.source[3] = static_cast<Slot>(bytes);
  if (d.count() == 4)
    d.out.source[2] = d.source(3, Type::U32);
  d.out.execute = issue;
}

} // namespace

bool emulator::decodeAsyncCopy(Decoder &d) {
  if (!d.is("cp") || !d.take("async"))
    return false;
  if (d.take("commit_group")) {
    d.expectOperands(0, 0);
    d.out.execute = commit;
  } else if (d.take("wait_group")) {
    d.expectOperands(1, 1);
    d.out.immediate = d.literal(0);
    d.out.execute = waitGroup;
  } else if (d.take("wait_all")) {
    d.expectOperands(0, 0);
    d.out.execute = waitAll;
  } else
    decodeCopy(d);
  return true;
}
