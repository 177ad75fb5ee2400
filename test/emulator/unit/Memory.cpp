// Memory: ld, ldu, st and prefetch, scalar and vector.
// A load marks what it found unwritten; a store refuses what is undefined.
#include "emulator/unit/Access.h"
#include "emulator/unit/Select.h"

#include <cstring>

using namespace emulator;

namespace {

// The lanes whose element at `offset` was never written.
uint32_t unwrittenLanes(Warp &w, const Access &a, unsigned offset, unsigned bytes) {
  uint32_t lanes = 0;
  for (unsigned l = 0; l < LaneCount; ++l)
    if (w.mask >> l & 1 && !isWritten(w, a, l, offset, bytes))
      lanes |= 1u << l;
  return lanes;
}
bool allWritten(Warp &w, const Access &a) {
  if (a.space == Space::Param)
    return true;
  if (a.contiguous && a.owner)
    return a.owner->isWritten(a.address[0], uint64_t(a.bytes) * LaneCount);
  return unwrittenLanes(w, a, 0, a.bytes) == 0;
}

// One element of every lane from memory type T to a register of type R: signed ones extend.
template <typename T, typename R>
void loadElement(Warp &w, const Access &a, unsigned offset, Slot slot) {
  Cell<R> *d = row<R>(w, slot);
  const uint32_t mask = w.mask;
  if (a.contiguous) {
    const uint8_t *from = a.host[0] + offset;
    for (unsigned l = 0; l < LaneCount; ++l) {
      T value;
      std::memcpy(&value, from + l * a.bytes, sizeof(T));
      d[l] = put<R>(static_cast<R>(value));
    }
    return;
  }
  for (unsigned l = 0; l < LaneCount; ++l) {
    T value;
    std::memcpy(&value, a.host[l] + offset, sizeof(T));
    Cell<R> cell = put<R>(static_cast<R>(value));
    d[l] = mask >> l & 1 ? cell : d[l];
  }
}

template <typename T, typename R> void load(Warp &w, const Instruction &i) {
  Access a;
  const unsigned count = i.count;
  if (!resolve(w, i, i.source[0], count * sizeof(T), Touch::Read, a))
    return;
  bool defined = allWritten(w, a);
  for (unsigned e = 0; e < count; ++e) {
    Slot slot = w.kernel->slots[i.list + e];
    if (slot == NoSlot)
      continue;
    loadElement<T, R>(w, a, e * sizeof(T), slot);
    uint32_t bad = defined ? 0 : unwrittenLanes(w, a, e * sizeof(T), sizeof(T));
    uint32_t &p = poison<R>(w, slot);
    p = (p & ~w.mask) | bad;
  }
}

// Two lanes that store different values to one place: which one stays is open.
bool agree(Warp &w, const Access &a, const uint8_t *values) {
  for (unsigned l = 0; l < LaneCount; ++l)
    if (w.mask >> l & 1 && std::memcmp(a.host[l], values + l * a.bytes, a.bytes) != 0) {
      w.fault(static_cast<int>(l),
              "another lane of this instruction stores a different value to the same address " +
                  hex(a.address[l]),
              "let one lane store, or give every lane its own address");
      return false;
    }
  return true;
}

template <typename T, typename R> void store(Warp &w, const Instruction &i) {
  const unsigned count = i.count;
  for (unsigned e = 0; e < count; ++e)
    if (uint32_t bad = poison<R>(w, w.kernel->slots[i.list + e]) & w.mask) {
      w.fault(
          firstLane(bad),
          "the value stored was never initialised" +
              (count > 1 ? " (element " + std::to_string(e) + " of the vector)" : std::string()),
          "define it on every path: it comes from a register or from memory that nothing wrote");
      return;
    }
  Access a;
  if (!resolve(w, i, i.source[0], count * sizeof(T), Touch::Write, a))
    return;
  alignas(16) uint8_t values[LaneCount * 32];
  for (unsigned e = 0; e < count; ++e) {
    const Cell<R> *s = row<R>(w, w.kernel->slots[i.list + e]);
    for (unsigned l = 0; l < LaneCount; ++l) {
      T value = static_cast<T>(s[l]);
      std::memcpy(values + l * a.bytes + e * sizeof(T), &value, sizeof(T));
    }
  }
  if (a.contiguous && (a.owner || a.space == Space::Shared))
    std::memcpy(a.host[0], values, a.bytes * LaneCount);
  else
    for (unsigned l = 0; l < LaneCount; ++l)
      if (w.mask >> l & 1)
        std::memcpy(a.host[l], values + l * a.bytes, a.bytes);
  setWritten(w, a);
  w.madeProgress();
  if (!a.contiguous)
    agree(w, a, values);
}

// Loops by memory type and register width (2, 4 or 8 bytes).
template <typename T> Execute loadTo(unsigned registerBytes) {
  if (registerBytes < sizeof(T))
    return nullptr;
  if (registerBytes == 2)
    return load<T, uint16_t>;
  return registerBytes == 4 ? load<T, uint32_t> : load<T, uint64_t>;
}
Execute loadFor(Type t, unsigned registerBytes) {
  switch (t) {
  case Type::S8:
    return loadTo<int8_t>(registerBytes);
  case Type::S16:
    return loadTo<int16_t>(registerBytes);
  case Type::S32:
    return loadTo<int32_t>(registerBytes);
  default:
    break;
  }
  switch (bytesOf(t)) {
  case 1:
    return loadTo<uint8_t>(registerBytes);
  case 2:
    return loadTo<uint16_t>(registerBytes);
  case 4:
    return loadTo<uint32_t>(registerBytes);
  default:
    return loadTo<uint64_t>(registerBytes);
  }
}
template <typename T> Execute storeFrom(unsigned registerBytes) {
  return registerBytes == 8 ? store<T, uint64_t> : store<T, uint32_t>;
}
Execute storeFor(Type t, unsigned registerBytes) {
  switch (bytesOf(t)) {
  case 1:
    return storeFrom<uint8_t>(registerBytes);
  case 2:
    return storeFrom<uint16_t>(registerBytes);
  case 4:
    return storeFrom<uint32_t>(registerBytes);
  default:
    return storeFrom<uint64_t>(registerBytes);
  }
}

// Orders, scopes, caches and prefetches: warps of a launch see every write at once, so these have
// nothing left to do here.
void takeOrders(Decoder &d) {
  constexpr std::string_view Ignored[] = {"weak",
                                          "relaxed",
                                          "acquire",
                                          "release",
                                          "volatile",
                                          "cta",
                                          "gpu",
                                          "sys",
                                          "cluster",
                                          "ca",
                                          "cg",
                                          "cs",
                                          "cv",
                                          "lu",
                                          "wb",
                                          "wt",
                                          "L1::evict_normal",
                                          "L1::evict_unchanged",
                                          "L1::evict_first",
                                          "L1::evict_last",
                                          "L1::no_allocate",
                                          "L2::64B",
                                          "L2::128B",
                                          "L2::256B",
                                          "L2::evict_first",
                                          "L2::evict_last",
                                          "L2::evict_normal",
                                          "mmio"};
  for (std::string_view word : Ignored)
    d.take(word);
}

Space takeSpace(Decoder &d) {
  if (d.take("global"))
    return Space::Global;
  if (d.take("shared") || d.take("shared::cta"))
    return Space::Shared;
  if (d.take("param"))
    return Space::Param;
  if (d.take("const"))
    return Space::Const;
  return Space::Generic;
}

void decodeAccess(Decoder &d, bool loads) {
  if (d.take("nc"))
    d.out.control |= AccessNonCoherent;
  takeOrders(d);
  Space space = takeSpace(d);
  size_t elements = d.take("v2") ? 2 : d.take("v4") ? 4 : d.take("v8") ? 8 : 1;
  Type t = d.type();
  if (!d.expectOperands(2, 2))
    return;
  decodeAddress(d, loads ? 1 : 0, space == Space::Const ? Space::Global : space);
  const Operand &value = d.operand(loads ? 0 : 1);
  bool vector = value.kind == Operand::Kind::Vector;
  if ((vector ? value.elements.size() : 1) != elements)
    return d.fail("the vector has " + std::to_string(value.elements.size()) +
                  " elements, expected " + std::to_string(elements));
  std::vector<Slot> slots;
  unsigned registerBytes = 0;
  for (size_t e = 0; e < elements; ++e) {
    const Operand &o = vector ? value.elements[e] : value;
    slots.push_back(loads ? d.destination(o, t, Width::AtLeast) : d.source(o, t, Width::AtLeast));
    if (unsigned bytes = bytesOf(d.registerType(o)))
      registerBytes = bytes;
  }
  if (registerBytes == 0) // sinks or constants only
    registerBytes = std::max(4u, bytesOf(t));
  if (elements * bytesOf(t) > 16)
    return d.fail("accesses more than 16 bytes a lane");
  d.list(slots);
  setLoop(d, loads ? loadFor(t, registerBytes) : storeFor(t, registerBytes), t);
}

void nothing(Warp &, const Instruction &) {}

} // namespace

bool emulator::decodeMemory(Decoder &d) {
  if (d.is("ld") || d.is("ldu"))
    decodeAccess(d, true);
  else if (d.is("st"))
    decodeAccess(d, false);
  else if (d.is("prefetch") || d.is("prefetchu")) {
    takeOrders(d);
    takeSpace(d);
    d.take("L1");
    d.take("L2");
    d.out.execute = nothing;
  } else
    return false;
  return true;
}
