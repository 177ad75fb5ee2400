// Atomic: atom and red on global and shared memory, one lane after the other in lane order.
// Floating-point sums are added in that order; the hardware's order is open.
#include "emulator/unit/Access.h"
#include "emulator/unit/FloatValue.h"
#include "emulator/unit/Select.h"

#include <cstring>

using namespace emulator;

namespace {

enum class Update : uint8_t { Add, Min, Max, Inc, Dec, And, Or, Xor, Exchange, CompareSwap, Count };
constexpr std::string_view UpdateNames[] = {"add", "min", "max", "inc",  "dec",
                                            "and", "or",  "xor", "exch", "cas"};

template <typename T> T plus(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return canonical(a + b);
  } else if constexpr (std::is_same_v<T, BFloat>) {
    return toBFloat(addToOdd(toFloat(a), toFloat(b)));
  } else if constexpr (std::is_same_v<T, Half>) {
    return toHalf(addToOdd(toFloat(a), toFloat(b)));
  } else {
    return T(std::make_unsigned_t<T>(a) + std::make_unsigned_t<T>(b));
  }
}

template <Update U, typename T> T updated(T old, T b, T c) {
  if constexpr (U == Update::Add)
    return plus(old, b);
  else if constexpr (U == Update::Exchange)
    return b;
  else if constexpr (U == Update::CompareSwap)
    return std::memcmp(&old, &b, sizeof(T)) == 0 ? c : old;
  else if constexpr (std::is_integral_v<T>) {
    if constexpr (U == Update::Min)
      return std::min(old, b);
    else if constexpr (U == Update::Max)
      return std::max(old, b);
    else if constexpr (U == Update::Inc)
      return old >= b ? T(0) : T(old + 1);
    else if constexpr (U == Update::Dec)
      return old == 0 || old > b ? b : T(old - 1);
    else if constexpr (U == Update::And)
      return old & b;
    else if constexpr (U == Update::Or)
      return old | b;
    else
      return old ^ b;
  } else {
    return old;
  }
}

// `count` elements a lane: vectors update each element on its own.
template <Update U, typename T> void update(Warp &w, const Instruction &i) {
  const unsigned n = i.count;
  for (unsigned k = 0; k < n * (U == Update::CompareSwap ? 2 : 1); ++k)
    if (uint32_t bad = poison<T>(w, w.kernel->slots[i.list + k]) & w.mask)
      return w.fault(firstLane(bad), "the operand of the update was never initialised",
                     "define it on every path");
  Access a;
  bool changed = false;
  if (!resolve(w, i, i.source[0], n * sizeof(T), Touch::Atomic, a))
    return;
  for (unsigned l = 0; l < LaneCount; ++l) {
    if (!(w.mask >> l & 1))
      continue;
    if (U != Update::Exchange && !isWritten(w, a, l, 0, a.bytes))
      return w.fault(static_cast<int>(l), "updates memory that was never initialised",
                     "fill it before the launch");
    for (unsigned e = 0; e < n; ++e) {
      T old;
      std::memcpy(&old, a.host[l] + e * sizeof(T), sizeof(T));
      T b = get<T>(row<T>(w, w.kernel->slots[i.list + e])[l]);
      T c = U == Update::CompareSwap ? get<T>(row<T>(w, w.kernel->slots[i.list + n + e])[l]) : b;
      T fresh = updated<U, T>(old, b, c);
      std::memcpy(a.host[l] + e * sizeof(T), &fresh, sizeof(T));
      changed |= std::memcmp(&old, &fresh, sizeof(T)) != 0;
      if (i.destination != NoSlot) {
        row<T>(w, i.destination)[l] = put<T>(old);
        poison<T>(w, i.destination) &= ~(1u << l);
      }
    }
  }
  setWritten(w, a);
  if (changed) // a lock that is never free stays as it is
    w.madeProgress();
}

template <typename T, Update U = Update::Add> Execute pick(Update update_) {
  if constexpr (U == Update::Count)
    return nullptr;
  else
    return update_ == U ? update<U, T> : pick<T, Update(int(U) + 1)>(update_);
}
template <typename T> Execute pickFloat(Update u) {
  return u == Update::Add ? update<Update::Add, T> : nullptr;
}

Execute loopFor(Type t, Update u) {
  bool bitwise = u >= Update::And;
  switch (t) {
  case Type::U32:
    return pick<uint32_t>(u);
  case Type::S32:
    return pick<int32_t>(u);
  case Type::U64:
    return pick<uint64_t>(u);
  case Type::S64:
    return pick<int64_t>(u);
  case Type::B32:
    return bitwise ? pick<uint32_t>(u) : nullptr;
  case Type::B64:
    return bitwise ? pick<uint64_t>(u) : nullptr;
  case Type::F32:
    return pickFloat<float>(u);
  case Type::F64:
    return pickFloat<double>(u);
  case Type::BF16:
    return pickFloat<BFloat>(u);
  case Type::F16:
    return pickFloat<Half>(u);
  default:
    return nullptr;
  }
}

void takeOrders(Decoder &d) {
  constexpr std::string_view Words[] = {"relaxed", "acquire", "release", "acq_rel", "cta",
                                        "cluster", "gpu",     "sys",     "noftz"};
  for (std::string_view word : Words)
    d.take(word);
}

std::optional<Update> takeUpdate(Decoder &d) {
  for (size_t k = 0; k < std::size(UpdateNames); ++k)
    if (d.take(UpdateNames[k]))
      return Update(k);
  d.fail("names no operation");
  return std::nullopt;
}

void readValues(Decoder &d, size_t first, Type t, size_t elements, bool swap) {
  std::vector<Slot> slots;
  for (size_t k = first; k < first + (swap ? 2 : 1); ++k) {
    const Operand &o = d.operand(k);
    if (elements == 1)
      slots.push_back(d.source(o, t));
    else if (o.elements.size() != elements)
      return d.fail("the vector has " + std::to_string(o.elements.size()) + " elements");
    else
      for (const Operand &e : o.elements)
        slots.push_back(d.source(e, t));
  }
  d.list(slots);
  d.out.count = static_cast<uint32_t>(elements);
}

void decodeUpdate(Decoder &d, bool returns) {
  takeOrders(d);
  Space space = d.take("global")                            ? Space::Global
                : d.take("shared") || d.take("shared::cta") ? Space::Shared
                                                            : Space::Generic;
  std::optional<Update> update = takeUpdate(d);
  size_t elements = d.take("v2") ? 2 : d.take("v4") ? 4 : 1;
  Type t = d.type();
  if (!update)
    return;
  bool swap = *update == Update::CompareSwap;
  size_t operands = 2 + (returns ? 1 : 0) + (swap ? 1 : 0);
  if (!d.expectOperands(operands, operands))
    return;
  setLoop(d, loopFor(t, *update), t);
  size_t next = 0;
  if (returns && elements > 1)
    return d.fail("a vector update that returns the old values is not emulated");
  if (returns)
    d.out.destination = d.destination(next++, t);
  decodeAddress(d, next++, space);
  readValues(d, next, t, elements, swap);
}

} // namespace

bool emulator::decodeAtomic(Decoder &d) {
  if (!d.is("atom") && !d.is("red"))
    return false;
  decodeUpdate(d, d.is("atom"));
  return true;
}
