// Access: address checks in the order in which a kernel's author wants to hear of them.
// Undefined, then misaligned, then out of bounds, then awaited, then a race.
#include "emulator/unit/Access.h"

#include "emulator/Decoder.h"
#include "emulator/unit/Cost.h"

using namespace emulator;

std::string emulator::hex(uint64_t value) {
  char text[20];
  snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

namespace {

void computeAddresses(Warp &w, const Instruction &i, Slot base, Access &a) {
  const uint64_t offset = static_cast<uint64_t>(i.immediate);
  if (i.control & AccessNarrowBase) {
    const uint32_t *b = row<uint32_t>(w, base);
    for (unsigned l = 0; l < LaneCount; ++l)
      a.address[l] = uint32_t(b[l] + uint32_t(offset));
  } else {
    const uint64_t *b = row<uint64_t>(w, base);
    for (unsigned l = 0; l < LaneCount; ++l)
      a.address[l] = b[l] + offset;
  }
  if (w.mask == AllLanes)
    return;
  uint64_t first = a.address[firstLane(w.mask)];
  for (unsigned l = 0; l < LaneCount; ++l)
    a.address[l] = w.mask >> l & 1 ? a.address[l] : first;
}

Space spaceOf(uint64_t address) {
  return address - SharedWindow < WindowBytes  ? Space::Shared
         : address - ParamWindow < WindowBytes ? Space::Param
                                               : Space::Global;
}

bool fromGeneric(Warp &w, Access &a) {
  a.space = spaceOf(a.address[firstLane(w.mask)]);
  for (unsigned l = 0; l < LaneCount; ++l)
    if (spaceOf(a.address[l]) != a.space) {
      w.fault(static_cast<int>(l), "lanes of one generic access are in different spaces",
              "let all lanes of a warp access the same space, or name the space");
      return false;
    }
  if (a.space != Space::Global)
    for (uint64_t &address : a.address)
      address -= a.space == Space::Shared ? SharedWindow : ParamWindow;
  return true;
}

bool aligned(Warp &w, const Access &a) {
  uint64_t bits = 0;
  for (uint64_t address : a.address)
    bits |= address;
  if (!(bits & (a.bytes - 1)))
    return true;
  for (unsigned l = 0; l < LaneCount; ++l)
    if (a.address[l] & (a.bytes - 1)) {
      w.fault(static_cast<int>(l),
              "address " + hex(a.address[l]) + " is no multiple of " + std::to_string(a.bytes) +
                  ", the size of the access",
              "align the base and make every offset a multiple of the vector's size");
      return false;
    }
  return true;
}

bool inGlobalLane(Warp &w, Access &a, Touch touch, unsigned l, Allocation *owner) {
  if (!owner || !owner->contains(a.address[l], a.bytes)) {
    w.fault(static_cast<int>(l), w.cta->grid->memory.explain(a.address[l], a.bytes),
            "guard the access, or allocate what the kernel reaches");
    return false;
  }
  if (touch != Touch::Read && owner->readOnly) {
    w.fault(static_cast<int>(l), "address " + hex(a.address[l]) + " is constant memory",
            "write to global memory");
    return false;
  }
  a.host[l] = owner->at(a.address[l]);
  return true;
}

bool inGlobal(Warp &w, Access &a, Touch touch) {
  GlobalMemory &memory = w.cta->grid->memory;
  a.owner = memory.find(a.address[firstLane(w.mask)]);
  bool same = a.owner != nullptr;
  if (same) {
    uint64_t outside = 0, last = a.owner->bytes - std::min<uint64_t>(a.bytes, a.owner->bytes);
    const uint64_t base = a.owner->base;
    for (uint64_t address : a.address)
      outside |= address - base > last;
    same = !outside && a.owner->bytes >= a.bytes;
  }
  if (same && (touch == Touch::Read || !a.owner->readOnly)) {
    uint8_t *data = a.owner->at(a.owner->base);
    const uint64_t base = a.owner->base;
    for (unsigned l = 0; l < LaneCount; ++l)
      a.host[l] = data + (a.address[l] - base);
    return true;
  }
  for (unsigned l = 0; l < LaneCount; ++l)
    if (!inGlobalLane(w, a, touch, l, memory.find(a.address[l])))
      return false;
  if (!same)
    a.owner = nullptr;
  return true;
}

bool raceFree(Warp &w, const Instruction &i, const Access &a, Touch touch) {
  SharedMemory &shared = w.cta->shared;
  uint64_t before = ~0ull;
  for (unsigned l = 0; l < LaneCount; ++l) {
    if (a.address[l] == before)
      continue;
    before = a.address[l];
    Race race = shared.touch(before, a.bytes, touch, w.index, w.clock, i.line);
    if (!race.found)
      continue;
    std::string verb = race.touch == Touch::Read ? "reads" : "writes";
    w.fault(static_cast<int>(l),
            std::string("race in shared memory: this ") +
                (touch == Touch::Read ? "reads" : "writes") + " " + hex(before) + ", which warp " +
                std::to_string(race.warp) + " " + verb + " at PTX line " +
                std::to_string(race.line) + " with no barrier between the two",
            "put a barrier that both warps reach between the two accesses");
    return false;
  }
  return true;
}

void reportGlobalRace(Warp &w, unsigned lane, uint64_t address, Touch touch, Conflict conflict,
                      GlobalAccess other) {
  std::string mine = touch == Touch::Read ? "reads " : "writes ";
  if (conflict == Conflict::NonCoherent)
    return w.fault(static_cast<int>(lane),
                   "this " + mine + hex(address) +
                       ", which the launch both writes and reads by "
                       "ld.global.nc",
                   "let the kernel's argument be neither readonly nor noalias: .nc promises that "
                   "nobody writes while the kernel runs");
  bool ctas = conflict == Conflict::OtherCta;
  w.fault(static_cast<int>(lane),
          "race in global memory: this " + mine + hex(address) + ", which " +
              (ctas ? "CTA number " + std::to_string(other.cta())
                    : "warp " + std::to_string(other.warp())) +
              " also touches, and nothing orders the two",
          ctas ? "give every CTA its own part, or split the kernel in two"
               : "put a barrier that both warps reach between the two accesses");
}

bool globalRaceFree(Warp &w, const Instruction &i, const Access &a, Touch touch) {
  const Grid &grid = *w.cta->grid;
  if (!grid.options.globalRaces)
    return true;
  GlobalTouch record(grid.launch, w.cta->number, w.index, w.clock, i.control & AccessNonCoherent,
                     touch == Touch::Atomic, touch != Touch::Read, w.kernel->ordersMemory);
  uint64_t before = ~0ull;
  for (unsigned l = 0; l < LaneCount; ++l) {
    if (a.address[l] == before)
      continue;
    before = a.address[l];
    Allocation *owner = a.owner ? a.owner : w.cta->grid->memory.find(before);
    Conflict conflict = record.touch(owner->history(), before - owner->base, a.bytes);
    if (conflict != Conflict::None) {
      reportGlobalRace(w, l, before, touch, conflict, record.other);
      return false;
    }
  }
  return true;
}

bool inShared(Warp &w, const Instruction &i, Access &a, Touch touch) {
  SharedMemory &shared = w.cta->shared;
  for (unsigned l = 0; l < LaneCount; ++l) {
    if (!shared.contains(a.address[l], a.bytes)) {
      w.fault(static_cast<int>(l),
              "shared address " + hex(a.address[l]) + " is outside the " +
                  std::to_string(shared.size()) + " bytes of the CTA, which begin at " +
                  hex(SharedBase),
              "launch with more dynamic shared memory, or mend the index");
      return false;
    }
    if (shared.anyInFlight() && shared.isInFlight(a.address[l], a.bytes)) {
      w.fault(static_cast<int>(l),
              "shared address " + hex(a.address[l]) +
                  " is the target of an asynchronous copy that nothing has waited for",
              "wait with cp.async.wait_group, then synchronise, before the bytes are touched");
      return false;
    }
    a.host[l] = shared.at(a.address[l]);
  }
  return raceFree(w, i, a, touch);
}

bool inParameters(Warp &w, Access &a, Touch touch) {
  std::span<const uint8_t> block = w.cta->grid->parameters;
  for (unsigned l = 0; l < LaneCount; ++l) {
    if (touch != Touch::Read || a.address[l] > block.size() ||
        block.size() - a.address[l] < a.bytes) {
      w.fault(static_cast<int>(l),
              touch != Touch::Read ? "parameters cannot be written"
                                   : "offset " + std::to_string(a.address[l]) +
                                         " is outside the parameter block of " +
                                         std::to_string(block.size()) + " bytes",
              "read parameters by their names");
      return false;
    }
    a.host[l] = const_cast<uint8_t *>(block.data()) + a.address[l];
  }
  return true;
}

} // namespace

bool emulator::resolve(Warp &w, const Instruction &i, Slot base, unsigned bytes, Touch touch,
                       Access &a) {
  uint32_t undefined =
      w.mask & (i.control & AccessNarrowBase ? w.narrowPoison[base] : w.widePoison[base]);
  if (undefined) {
    w.fault(firstLane(undefined), "the address was never initialised",
            "define the register on every path that leads here");
    return false;
  }
  a.space = Space(i.control & AccessSpace);
  a.bytes = bytes;
  computeAddresses(w, i, base, a);
  if (a.space == Space::Generic && !fromGeneric(w, a))
    return false;
  if (!aligned(w, a))
    return false;
  uint64_t strided = 0;
  for (unsigned l = 0; l < LaneCount; ++l)
    strided |= a.address[l] ^ (a.address[0] + uint64_t(l) * bytes);
  a.contiguous = strided == 0 && w.mask == AllLanes;
  bool inside = a.space == Space::Shared  ? inShared(w, i, a, touch)
                : a.space == Space::Param ? inParameters(w, a, touch)
                                          : inGlobal(w, a, touch) && globalRaceFree(w, i, a, touch);
  if (inside)
    countCost(w, a, touch);
  return inside;
}

bool emulator::isWritten(Warp &w, const Access &a, unsigned lane, unsigned offset, unsigned bytes) {
  uint64_t address = a.address[lane] + offset;
  if (a.space == Space::Shared)
    return w.cta->shared.isWritten(address, bytes);
  if (a.space == Space::Param)
    return true;
  Allocation *owner = a.owner ? a.owner : w.cta->grid->memory.find(address);
  return bytes <= 8 ? owner->isWrittenAligned(address, bytes) : owner->isWritten(address, bytes);
}

void emulator::setWritten(Warp &w, const Access &a) {
  if (a.contiguous && a.owner)
    return a.owner->setWritten(a.address[0], uint64_t(a.bytes) * LaneCount);
  for (unsigned l = 0; l < LaneCount; ++l)
    if (w.mask >> l & 1) {
      if (a.space == Space::Shared)
        w.cta->shared.setWritten(a.address[l], a.bytes);
      else
        (a.owner ? a.owner : w.cta->grid->memory.find(a.address[l]))
            ->setWritten(a.address[l], a.bytes);
    }
}

void emulator::decodeAddress(Decoder &d, size_t operand, Space space) {
  Slot base = 0;
  bool wide = d.address(operand, base);
  if (!wide && space != Space::Shared)
    d.fail("only shared addresses may have 32 bits");
  d.out.source[0] = base;
  d.out.control |= static_cast<uint32_t>(space) | (wide ? 0 : AccessNarrowBase);
}
