// Integer: add, sub, mul, mad, div, rem, abs, neg, min, max.
// Wraps as PTX says; a division by zero, whose result PTX leaves open, is an undefined value.
#include "emulator/unit/Select.h"

#include <limits>

using namespace emulator;

namespace {

template <typename T> using Unsigned = std::make_unsigned_t<T>;
template <typename T> struct Wider;
template <> struct Wider<uint16_t> {
  using type = uint32_t;
};
template <> struct Wider<int16_t> {
  using type = int32_t;
};
template <> struct Wider<uint32_t> {
  using type = uint64_t;
};
template <> struct Wider<int32_t> {
  using type = int64_t;
};
template <> struct Wider<uint64_t> {
  using type = unsigned __int128;
};
template <> struct Wider<int64_t> {
  using type = __int128;
};

// Unsigned arithmetic of at least 32 bits: small types would promote to int and overflow.
template <typename T> using Wrapping = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

template <typename T> struct AddLoop {
  static void run(Warp &w, const Instruction &i) {
    apply<T, T, T>(w, i, [](T a, T b) { return T(Wrapping<T>(a) + Wrapping<T>(b)); });
  }
};
template <typename T> struct SubLoop {
  static void run(Warp &w, const Instruction &i) {
    apply<T, T, T>(w, i, [](T a, T b) { return T(Wrapping<T>(a) - Wrapping<T>(b)); });
  }
};
template <typename T> struct MulLowLoop {
  static void run(Warp &w, const Instruction &i) {
    apply<T, T, T>(w, i, [](T a, T b) { return T(Wrapping<T>(a) * Wrapping<T>(b)); });
  }
};
template <typename T> struct MadLowLoop {
  static void run(Warp &w, const Instruction &i) {
    apply<T, T, T, T>(
        w, i, [](T a, T b, T c) { return T(Wrapping<T>(a) * Wrapping<T>(b) + Wrapping<T>(c)); });
  }
};
template <typename T> T mulHigh(T a, T b) {
  using W = typename Wider<T>::type;
  return T((W(a) * W(b)) >> (8 * sizeof(T)));
}
template <typename T> struct MulHighLoop {
  static void run(Warp &w, const Instruction &i) {
    apply<T, T, T>(w, i, [](T a, T b) { return mulHigh(a, b); });
  }
};
template <typename T> struct MadHighLoop {
  static void run(Warp &w, const Instruction &i) {
    apply<T, T, T, T>(w, i,
                      [](T a, T b, T c) { return T(Wrapping<T>(mulHigh(a, b)) + Wrapping<T>(c)); });
  }
};
// The product of two 16- or 32-bit values at twice the width.
template <typename T> struct MulWideLoop {
  static void run(Warp &w, const Instruction &i) {
    using W = typename Wider<T>::type;
    apply<W, T, T>(w, i, [](T a, T b) { return W(Unsigned<W>(W(a)) * Unsigned<W>(W(b))); });
  }
};
template <typename T> struct MadWideLoop {
  static void run(Warp &w, const Instruction &i) {
    using W = typename Wider<T>::type;
    apply<W, T, T, W>(w, i, [](T a, T b, W c) {
      return W(Unsigned<W>(W(a)) * Unsigned<W>(W(b)) + Unsigned<W>(c));
    });
  }
};
template <typename T> struct MinLoop {
  static void run(Warp &w, const Instruction &i) {
    apply<T, T, T>(w, i, [](T a, T b) { return a < b ? a : b; });
  }
};
template <typename T> struct MaxLoop {
  static void run(Warp &w, const Instruction &i) {
    apply<T, T, T>(w, i, [](T a, T b) { return a < b ? b : a; });
  }
};
template <typename T> struct AbsLoop {
  static void run(Warp &w, const Instruction &i) {
    apply<T, T>(w, i, [](T a) { return a < 0 ? T(0 - Wrapping<T>(a)) : a; });
  }
};
template <typename T> struct NegLoop {
  static void run(Warp &w, const Instruction &i) {
    apply<T, T>(w, i, [](T a) { return T(0 - Wrapping<T>(a)); });
  }
};

template <typename T> uint32_t zeroLanes(Warp &w, const Instruction &i) {
  const Cell<T> *b = row<T>(w, i.source[1]);
  uint32_t zeros = 0;
  for (unsigned l = 0; l < LaneCount; ++l)
    zeros |= uint32_t(get<T>(b[l]) == 0) << l;
  return zeros & w.mask;
}
template <typename T, bool Remainder> T divide(T a, T b) {
  if (b == 0)
    return std::numeric_limits<T>::max();
  if constexpr (std::is_signed_v<T>)
    if (b == T(-1))
      return Remainder ? T(0) : T(0 - Wrapping<T>(a));
  return Remainder ? T(a % b) : T(a / b);
}
template <typename T> struct DivLoop {
  static void run(Warp &w, const Instruction &i) {
    uint32_t zeros = zeroLanes<T>(w, i);
    apply<T, T, T>(w, i, [](T a, T b) { return divide<T, false>(a, b); });
    poison<T>(w, i.destination) |= zeros;
  }
};
template <typename T> struct RemLoop {
  static void run(Warp &w, const Instruction &i) {
    uint32_t zeros = zeroLanes<T>(w, i);
    apply<T, T, T>(w, i, [](T a, T b) { return divide<T, true>(a, b); });
    poison<T>(w, i.destination) |= zeros;
  }
};

template <typename T> int32_t saturate(int64_t value) {
  return static_cast<int32_t>(std::min<int64_t>(std::max<int64_t>(value, INT32_MIN), INT32_MAX));
}
void addSaturating(Warp &w, const Instruction &i) {
  apply<int32_t, int32_t, int32_t>(
      w, i, [](int32_t a, int32_t b) { return saturate<int32_t>(int64_t(a) + b); });
}
void subSaturating(Warp &w, const Instruction &i) {
  apply<int32_t, int32_t, int32_t>(
      w, i, [](int32_t a, int32_t b) { return saturate<int32_t>(int64_t(a) - b); });
}

Type twice(Type t) {
  switch (t) {
  case Type::U16:
    return Type::U32;
  case Type::S16:
    return Type::S32;
  case Type::U32:
    return Type::U64;
  case Type::S32:
    return Type::S64;
  default:
    return Type::None;
  }
}

void decodeWide(Decoder &d, Type t, bool add) {
  Type w = twice(t);
  if (w == Type::None)
    return d.fail("has no type ." + std::string(nameOf(t)));
  if (!d.expectOperands(add ? 4 : 3, add ? 4 : 3))
    return;
  d.out.destination = d.destination(0, w);
  d.out.source[0] = d.source(1, t);
  d.out.source[1] = d.source(2, t);
  if (add)
    d.out.source[2] = d.source(3, w);
  auto pick = [&]<template <typename> typename Loop>() -> Execute {
    switch (t) {
    case Type::U16:
      return Loop<uint16_t>::run;
    case Type::S16:
      return Loop<int16_t>::run;
    case Type::U32:
      return Loop<uint32_t>::run;
    default:
      return Loop<int32_t>::run;
    }
  };
  d.out.execute = add ? pick.operator()<MadWideLoop>() : pick.operator()<MulWideLoop>();
}

void decodeMultiply(Decoder &d, Type t, bool add) {
  if (d.take("wide"))
    return decodeWide(d, t, add);
  bool high = d.take("hi");
  if (!high && !d.take("lo"))
    d.fail("needs .lo, .hi or .wide");
  if (high)
    setLoop(d, add ? forInteger<MadHighLoop>(t) : forInteger<MulHighLoop>(t), t);
  else
    setLoop(d, add ? forBits<MadLowLoop>(t) : forBits<MulLowLoop>(t), t);
  readOperands(d, t, add ? 3 : 2);
}

} // namespace

bool emulator::decodeInteger(Decoder &d) {
  constexpr std::string_view Opcodes[] = {"add", "sub", "mul", "mad", "div",
                                          "rem", "min", "max", "abs", "neg"};
  bool mine = false;
  for (std::string_view opcode : Opcodes)
    mine |= d.is(opcode);
  if (!mine || d.hasType(Type::F32) || d.hasType(Type::F64))
    return false;
  Type t = d.type();
  if (!isInteger(t))
    return d.fail("has no type ." + std::string(nameOf(t))), true;
  if (d.is("mul") || d.is("mad"))
    return decodeMultiply(d, t, d.is("mad")), true;
  bool saturating = (d.is("add") || d.is("sub")) && d.take("sat");
  Execute loop = nullptr;
  if (saturating)
    loop = t != Type::S32 ? nullptr : d.is("add") ? addSaturating : subSaturating;
  else if (d.is("add"))
    loop = forBits<AddLoop>(t);
  else if (d.is("sub"))
    loop = forBits<SubLoop>(t);
  else if (d.is("div"))
    loop = forInteger<DivLoop>(t);
  else if (d.is("rem"))
    loop = forInteger<RemLoop>(t);
  else if (d.is("min"))
    loop = forInteger<MinLoop>(t);
  else if (d.is("max"))
    loop = forInteger<MaxLoop>(t);
  else
    loop = d.is("abs") ? forInteger<AbsLoop>(t) : forInteger<NegLoop>(t);
  setLoop(d, loop, t);
  readOperands(d, t, d.is("abs") || d.is("neg") ? 1 : 2);
  return true;
}
