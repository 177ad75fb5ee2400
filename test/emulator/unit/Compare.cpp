// Compare: setp, set, selp, testp.
// A predicate is one word a warp; a comparison makes it in one loop.
#include "emulator/unit/FloatValue.h"
#include "emulator/unit/Select.h"

using namespace emulator;

namespace {

enum class Order : uint8_t {
  Eq,
  Ne,
  Lt,
  Le,
  Gt,
  Ge,
  Equ,
  Neu,
  Ltu,
  Leu,
  Gtu,
  Geu,
  Num,
  Nan,
  Count
};

struct OrderName {
  std::string_view name;
  Order order;
};
// lo, ls, hi, hs are the unsigned forms; the type decides them.
constexpr OrderName OrderNames[] = {
    {"eq", Order::Eq},   {"ne", Order::Ne},   {"lt", Order::Lt},   {"le", Order::Le},
    {"gt", Order::Gt},   {"ge", Order::Ge},   {"lo", Order::Lt},   {"ls", Order::Le},
    {"hi", Order::Gt},   {"hs", Order::Ge},   {"equ", Order::Equ}, {"neu", Order::Neu},
    {"ltu", Order::Ltu}, {"leu", Order::Leu}, {"gtu", Order::Gtu}, {"geu", Order::Geu},
    {"num", Order::Num}, {"nan", Order::Nan},
};

template <Order O, typename T> bool holds(T a, T b) {
  constexpr auto Ordered = O >= Order::Equ && O <= Order::Geu ? Order(int(O) - int(Order::Equ)) : O;
  if constexpr (O == Order::Num || O == Order::Nan) {
    bool number = a == a && b == b;
    return O == Order::Num ? number : !number;
  } else if constexpr (std::is_floating_point_v<T>) {
    if (a != a || b != b)
      return O >= Order::Equ;
  }
  switch (Ordered) {
  case Order::Eq:
    return a == b;
  case Order::Ne:
    return a != b;
  case Order::Lt:
    return a < b;
  case Order::Le:
    return a <= b;
  case Order::Gt:
    return a > b;
  default:
    return a >= b;
  }
}

// Narrow floats compare as the floats they stand for.
template <typename T> T wide(T x) { return x; }
float wide(BFloat x) { return toFloat(x); }
float wide(Half x) { return toFloat(x); }
template <typename T> constexpr bool IsFloat = std::is_floating_point_v<decltype(wide(T()))>;

// The lanes where the comparison holds.
template <Order O, typename T, bool Ftz> uint32_t compare(Warp &w, const Instruction &i) {
  const Cell<T> *a = row<T>(w, i.source[0]), *b = row<T>(w, i.source[1]);
  uint32_t result = 0;
  for (unsigned l = 0; l < LaneCount; ++l) {
    auto x = wide(get<T>(a[l])), y = wide(get<T>(b[l]));
    if constexpr (Ftz) {
      x = flush(x);
      y = flush(y);
    }
    result |= uint32_t(holds<O>(x, y)) << l;
  }
  return result;
}

// Bits of Instruction::control.
enum : uint32_t { And = 1, Or = 2, Xor = 3, BoolMask = 3, InvertThird = 4, FloatResult = 8 };

uint32_t combine(uint32_t control, uint32_t a, uint32_t c) {
  switch (control & BoolMask) {
  case And:
    return a & c;
  case Or:
    return a | c;
  case Xor:
    return a ^ c;
  }
  return a;
}

void setPredicate(Warp &w, Slot slot, uint32_t value, uint32_t poisoned) {
  if (slot == NoSlot)
    return;
  w.predicate[slot] = (w.predicate[slot] & ~w.mask) | (value & w.mask);
  w.predicatePoison[slot] = (w.predicatePoison[slot] & ~w.mask) | (poisoned & w.mask);
}

template <Order O, typename T, bool Ftz> void setp(Warp &w, const Instruction &i) {
  uint32_t result = compare<O, T, Ftz>(w, i);
  uint32_t poisoned = poison<T>(w, i.source[0]) | poison<T>(w, i.source[1]);
  uint32_t third = 0;
  if (i.source[2] != NoSlot) {
    third = w.predicate[i.source[2]] ^ (i.control & InvertThird ? ~0u : 0);
    poisoned |= w.predicatePoison[i.source[2]];
  }
  setPredicate(w, i.destination, combine(i.control, result, third), poisoned);
  setPredicate(w, i.source[3], combine(i.control, ~result, third), poisoned);
}

template <Order O, typename T, bool Ftz> void set(Warp &w, const Instruction &i) {
  uint32_t result = compare<O, T, Ftz>(w, i), yes = i.control & FloatResult ? 0x3f800000 : ~0u;
  uint32_t poisoned = poison<T>(w, i.source[0]) | poison<T>(w, i.source[1]);
  uint32_t *d = row<uint32_t>(w, i.destination);
  for (unsigned l = 0; l < LaneCount; ++l)
    d[l] = w.mask >> l & 1 ? (result >> l & 1 ? yes : 0) : d[l];
  uint32_t &p = poison<uint32_t>(w, i.destination);
  p = (p & ~w.mask) | (poisoned & w.mask);
}

struct Pair {
  Execute setp, set;
};
template <typename T, bool Ftz, Order O = Order::Eq> Pair pick(Order order) {
  if constexpr (O == Order::Count)
    return {};
  else if constexpr (!IsFloat<T> && O >= Order::Equ)
    return {};
  else
    return order == O ? Pair{setp<O, T, Ftz>, set<O, T, Ftz>}
                      : pick<T, Ftz, Order(int(O) + 1)>(order);
}
Pair pickFor(Type t, Order order, bool ftz) {
  switch (t) {
  case Type::B16:
  case Type::U16:
    return pick<uint16_t, false>(order);
  case Type::S16:
    return pick<int16_t, false>(order);
  case Type::B32:
  case Type::U32:
    return pick<uint32_t, false>(order);
  case Type::S32:
    return pick<int32_t, false>(order);
  case Type::B64:
  case Type::U64:
    return pick<uint64_t, false>(order);
  case Type::S64:
    return pick<int64_t, false>(order);
  case Type::BF16:
    return pick<BFloat, false>(order);
  case Type::F16:
    return pick<Half, false>(order);
  case Type::F32:
    return ftz ? pick<float, true>(order) : pick<float, false>(order);
  case Type::F64:
    return pick<double, false>(order);
  default:
    return {};
  }
}

void decodeThird(Decoder &d) {
  uint32_t op = d.take("and") ? And : d.take("or") ? Or : d.take("xor") ? Xor : 0;
  d.out.control |= op;
  if (!d.expectOperands(op ? 4 : 3, op ? 4 : 3) || !op)
    return;
  d.out.source[2] = d.source(3, Type::Pred);
  if (d.operand(3).negated)
    d.out.control |= InvertThird;
}

void decodeCompareOp(Decoder &d) {
  std::optional<Order> order;
  for (const OrderName &n : OrderNames)
    if (!order && d.take(n.name))
      order = n.order;
  bool ftz = d.take("ftz");
  Type result = d.is("set") ? d.type() : Type::Pred;
  Type t = d.type();
  if (!order)
    return d.fail("needs a comparison");
  Pair pair = pickFor(t, *order, ftz);
  setLoop(d, d.is("set") ? pair.set : pair.setp, t);
  if (result == Type::F32)
    d.out.control |= FloatResult;
  decodeThird(d);
  if (d.failed())
    return;
  d.out.destination = d.destination(0, result);
  if (!d.operand(0).second.empty())
    d.out.source[3] = d.predicate(d.operand(0).second);
  d.out.source[0] = d.source(1, t);
  d.out.source[1] = d.source(2, t);
}

template <typename T> struct SelpLoop {
  static void run(Warp &w, const Instruction &i) {
    const uint32_t choice = w.predicate[i.source[2]], mask = w.mask;
    Cell<T> *d = row<T>(w, i.destination);
    const Cell<T> *a = row<T>(w, i.source[0]), *b = row<T>(w, i.source[1]);
    EMULATOR_LANES
    for (unsigned l = 0; l < LaneCount; ++l) {
      Cell<T> value = choice >> l & 1 ? a[l] : b[l];
      d[l] = mask >> l & 1 ? value : d[l];
    }
    uint32_t pa = poison<T>(w, i.source[0]), pb = poison<T>(w, i.source[1]);
    uint32_t p = (pa & choice) | (pb & ~choice) | w.predicatePoison[i.source[2]];
    uint32_t &pd = poison<T>(w, i.destination);
    pd = (pd & ~mask) | (p & mask);
  }
};

void decodeSelect(Decoder &d) {
  Type t = d.type();
  setLoop(d, forBits<SelpLoop>(t), t);
  if (!d.expectOperands(4, 4))
    return;
  d.out.destination = d.destination(0, t);
  d.out.source[0] = d.source(1, t);
  d.out.source[1] = d.source(2, t);
  d.out.source[2] = d.source(3, Type::Pred);
}

constexpr std::string_view Tests[] = {"finite",     "infinite", "number",
                                      "notanumber", "normal",   "subnormal"};

void testp(Warp &w, const Instruction &i) {
  const uint32_t *a = row<float>(w, i.source[0]);
  uint32_t result = 0;
  for (unsigned l = 0; l < LaneCount; ++l) {
    uint32_t exponent = a[l] & 0x7f800000, fraction = a[l] & 0x7fffff;
    bool top = exponent == 0x7f800000;
    bool is[] = {!top,
                 top && !fraction,
                 !(top && fraction),
                 top && fraction,
                 !top && exponent,
                 !exponent && fraction};
    result |= uint32_t(is[i.control]) << l;
  }
  setPredicate(w, i.destination, result, poison<float>(w, i.source[0]));
}

void decodeTest(Decoder &d) {
  for (uint32_t k = 0; k < std::size(Tests); ++k)
    if (d.take(Tests[k]))
      d.out.control = k;
  Type t = d.type();
  setLoop(d, t == Type::F32 ? testp : nullptr, t);
  if (!d.expectOperands(2, 2))
    return;
  d.out.destination = d.destination(0, Type::Pred);
  d.out.source[0] = d.source(1, t);
}

} // namespace

bool emulator::decodeCompare(Decoder &d) {
  if (d.is("setp") || d.is("set"))
    decodeCompareOp(d);
  else if (d.is("selp"))
    decodeSelect(d);
  else if (d.is("testp"))
    decodeTest(d);
  else
    return false;
  return true;
}
