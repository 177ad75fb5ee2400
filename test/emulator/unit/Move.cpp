// Move: mov with its packed and unpacked forms, cvta, isspacep.
// Moving an undefined value is no use of it; the mark moves along.
#include "emulator/unit/Select.h"

using namespace emulator;

namespace {

template <typename T> struct MoveLoop {
  static void run(Warp &w, const Instruction &i) {
    apply<T, T>(w, i, [](T a) { return a; });
  }
};

void movePredicate(Warp &w, const Instruction &i) {
  uint32_t &d = w.predicate[i.destination], &p = w.predicatePoison[i.destination];
  d = (d & ~w.mask) | (w.predicate[i.source[0]] & w.mask);
  p = (p & ~w.mask) | (w.predicatePoison[i.source[0]] & w.mask);
}

// {a, b, ...} to one register: the first element is the lowest.
template <typename R, typename E> void pack(Warp &w, const Instruction &i) {
  constexpr unsigned N = sizeof(R) / sizeof(E);
  Cell<R> value[LaneCount] = {};
  uint32_t poisoned = 0;
  for (unsigned e = 0; e < N; ++e) {
    Slot slot = w.kernel->slots[i.list + e];
    const Cell<E> *s = row<E>(w, slot);
    poisoned |= poison<E>(w, slot);
    for (unsigned l = 0; l < LaneCount; ++l)
      value[l] |= Cell<R>(static_cast<E>(s[l])) << (8 * sizeof(E) * e);
  }
  Cell<R> *d = row<R>(w, i.destination);
  for (unsigned l = 0; l < LaneCount; ++l)
    d[l] = w.mask >> l & 1 ? value[l] : d[l];
  uint32_t &p = poison<R>(w, i.destination);
  p = (p & ~w.mask) | (poisoned & w.mask);
}

template <typename R, typename E> void unpack(Warp &w, const Instruction &i) {
  constexpr unsigned N = sizeof(R) / sizeof(E);
  Cell<R> value[LaneCount];
  std::copy_n(row<R>(w, i.source[0]), LaneCount, value);
  uint32_t poisoned = poison<R>(w, i.source[0]);
  for (unsigned e = 0; e < N; ++e) {
    Slot slot = w.kernel->slots[i.list + e];
    if (slot == NoSlot)
      continue;
    Cell<E> *d = row<E>(w, slot);
    for (unsigned l = 0; l < LaneCount; ++l)
      d[l] = w.mask >> l & 1 ? Cell<E>(static_cast<E>(value[l] >> (8 * sizeof(E) * e))) : d[l];
    uint32_t &p = poison<E>(w, slot);
    p = (p & ~w.mask) | (poisoned & w.mask);
  }
}

Type elementType(Type whole, size_t n) {
  unsigned bytes = bytesOf(whole) / static_cast<unsigned>(n);
  return bytes == 4 ? Type::B32 : bytes == 2 ? Type::B16 : Type::B8;
}

void decodePack(Decoder &d, Type t, bool packs) {
  const Operand &vector = d.operand(packs ? 1 : 0);
  size_t n = vector.elements.size();
  unsigned each = n ? bytesOf(t) / static_cast<unsigned>(n) : 0;
  if (each < 2 || each * n != bytesOf(t))
    return d.fail("cannot split ." + std::string(nameOf(t)) + " into " + std::to_string(n));
  std::vector<Slot> slots;
  for (const Operand &o : vector.elements)
    slots.push_back(packs ? d.source(o, elementType(t, n)) : d.destination(o, elementType(t, n)));
  d.list(slots);
  bool wide = bytesOf(t) == 8;
  if (packs) {
    d.out.destination = d.destination(0, t);
    d.out.execute = !wide       ? pack<uint32_t, uint16_t>
                    : each == 4 ? pack<uint64_t, uint32_t>
                                : pack<uint64_t, uint16_t>;
  } else {
    d.out.source[0] = d.source(1, t);
    d.out.execute = !wide       ? unpack<uint32_t, uint16_t>
                    : each == 4 ? unpack<uint64_t, uint32_t>
                                : unpack<uint64_t, uint16_t>;
  }
}

void decodeMov(Decoder &d) {
  Type t = d.type();
  if (!d.expectOperands(2, 2))
    return;
  if (d.operand(0).kind == Operand::Kind::Vector)
    return decodePack(d, t, false);
  if (d.operand(1).kind == Operand::Kind::Vector)
    return decodePack(d, t, true);
  if (t == Type::Pred)
    d.out.execute = movePredicate;
  else
    setLoop(d, forBits<MoveLoop>(t), t);
  readOperands(d, t, 1);
}

// Generic addresses differ from those of a space by the start of its window.
void addWindow(Warp &w, const Instruction &i) {
  apply<uint64_t, uint64_t>(w, i, [&](uint64_t a) { return a + uint64_t(i.immediate); });
}

void decodeCvta(Decoder &d) {
  bool to = d.take("to");
  uint64_t window = 0;
  if (d.take("shared") || d.take("shared::cta"))
    window = SharedWindow;
  else if (d.take("param"))
    window = ParamWindow;
  else if (!d.take("global") && !d.take("const"))
    d.fail("needs .global, .shared, .const or .param");
  Type t = d.type();
  if (bytesOf(t) != 8)
    d.fail("addresses have 64 bits here");
  d.out.immediate = static_cast<int64_t>(to ? 0 - window : window);
  d.out.execute = addWindow;
  readOperands(d, t, 1);
}

void isspacep(Warp &w, const Instruction &i) {
  const uint64_t *a = row<uint64_t>(w, i.source[0]);
  uint32_t result = 0;
  for (unsigned l = 0; l < LaneCount; ++l) {
    Space space = a[l] - SharedWindow < WindowBytes  ? Space::Shared
                  : a[l] - ParamWindow < WindowBytes ? Space::Param
                                                     : Space::Global;
    result |= uint32_t(uint32_t(space) == i.control) << l;
  }
  uint32_t &d = w.predicate[i.destination], &p = w.predicatePoison[i.destination];
  d = (d & ~w.mask) | (result & w.mask);
  p = (p & ~w.mask) | (poison<uint64_t>(w, i.source[0]) & w.mask);
}

void decodeIsspacep(Decoder &d) {
  Space space = d.take("shared") || d.take("shared::cta") ? Space::Shared
                : d.take("param")                         ? Space::Param
                                                          : Space::Global;
  if (space == Space::Global && !d.take("global"))
    d.fail("needs .global, .shared or .param");
  if (!d.expectOperands(2, 2))
    return;
  d.out.control = static_cast<uint32_t>(space);
  d.out.execute = isspacep;
  d.out.destination = d.destination(0, Type::Pred);
  d.out.source[0] = d.source(1, Type::B64);
}

} // namespace

bool emulator::decodeMove(Decoder &d) {
  if (d.is("mov"))
    decodeMov(d);
  else if (d.is("cvta"))
    decodeCvta(d);
  else if (d.is("isspacep"))
    decodeIsspacep(d);
  else
    return false;
  return true;
}
