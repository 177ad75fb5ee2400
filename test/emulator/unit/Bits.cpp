// Bits: and, or, xor, not, cnot, shl, shr, shf, lop3, popc, clz, brev, bfind, bfe, bfi, prmt.
// Shift counts clamp at the width, as PTX says.
#include "emulator/unit/Select.h"

#include <bit>

using namespace emulator;

namespace {

template <typename T> struct AndLoop {
  static void run(Warp &w, const Instruction &i) {
    apply<T, T, T>(w, i, [](T a, T b) { return T(a & b); });
  }
};
template <typename T> struct OrLoop {
  static void run(Warp &w, const Instruction &i) {
    apply<T, T, T>(w, i, [](T a, T b) { return T(a | b); });
  }
};
template <typename T> struct XorLoop {
  static void run(Warp &w, const Instruction &i) {
    apply<T, T, T>(w, i, [](T a, T b) { return T(a ^ b); });
  }
};
template <typename T> struct NotLoop {
  static void run(Warp &w, const Instruction &i) {
    apply<T, T>(w, i, [](T a) { return T(~a); });
  }
};
template <typename T> struct CnotLoop {
  static void run(Warp &w, const Instruction &i) {
    apply<T, T>(w, i, [](T a) { return T(a == 0); });
  }
};
template <typename T> struct ShlLoop {
  static void run(Warp &w, const Instruction &i) {
    apply<T, T, uint32_t>(w, i, [](T a, uint32_t n) {
      return n >= 8 * sizeof(T) ? T(0) : T(a << (n & (8 * sizeof(T) - 1)));
    });
  }
};
template <typename T> struct ShrLoop {
  static void run(Warp &w, const Instruction &i) {
    apply<T, T, uint32_t>(w, i, [](T a, uint32_t n) {
      constexpr uint32_t Bits = 8 * sizeof(T);
      if constexpr (std::is_signed_v<T>)
        return T(a >> (n >= Bits ? Bits - 1 : n));
      else
        return n >= Bits ? T(0) : T(a >> (n & (Bits - 1)));
    });
  }
};
template <typename T> struct PopcLoop {
  static void run(Warp &w, const Instruction &i) {
    apply<uint32_t, T>(w, i, [](T a) { return uint32_t(std::popcount(a)); });
  }
};
template <typename T> struct ClzLoop {
  static void run(Warp &w, const Instruction &i) {
    apply<uint32_t, T>(w, i, [](T a) { return uint32_t(std::countl_zero(a)); });
  }
};
template <typename T> struct BrevLoop {
  static void run(Warp &w, const Instruction &i) {
    apply<T, T>(w, i, [](T a) {
      T r = 0;
      for (unsigned b = 0; b < 8 * sizeof(T); ++b)
        r |= (a >> b & 1) << (8 * sizeof(T) - 1 - b);
      return r;
    });
  }
};
// The highest bit that differs from the sign; with Shift its distance from the top.
template <typename T, bool Shift> struct Bfind {
  static void run(Warp &w, const Instruction &i) {
    apply<uint32_t, T>(w, i, [](T a) {
      using U = std::make_unsigned_t<T>;
      constexpr uint32_t Bits = 8 * sizeof(T);
      U u = U(std::is_signed_v<T> && a < 0 ? T(~a) : a);
      if (u == 0)
        return ~0u;
      uint32_t zeros = static_cast<uint32_t>(std::countl_zero(u));
      return Shift ? zeros : Bits - 1 - zeros;
    });
  }
};
template <typename T> using BfindLoop = Bfind<T, false>;
template <typename T> using BfindShiftLoop = Bfind<T, true>;

template <typename T> struct BfeLoop {
  static void run(Warp &w, const Instruction &i) {
    apply<T, T, uint32_t, uint32_t>(w, i, [](T a, uint32_t position, uint32_t length) {
      using U = std::make_unsigned_t<T>;
      constexpr uint32_t Bits = 8 * sizeof(T);
      uint32_t pos = position & 0xff, len = length & 0xff;
      if (len == 0)
        return T(0);
      // Bits beyond the top are the sign for signed types, else zero.
      U field = pos >= Bits ? (std::is_signed_v<T> && a < 0 ? U(~U(0)) : U(0)) : U(a >> pos);
      if (!std::is_signed_v<T> && len < Bits)
        return T(field & ((U(1) << len) - 1));
      uint32_t top = std::min(pos + len - 1, Bits - 1);
      if (len < Bits) {
        bool sign = std::is_signed_v<T> && (U(a) >> top & 1);
        U low = (U(1) << len) - 1;
        field = sign ? U(field | ~low) : U(field & low);
      }
      return T(field);
    });
  }
};
template <typename T> struct BfiLoop {
  static void run(Warp &w, const Instruction &i) {
    apply<T, T, T, uint32_t, uint32_t>(w, i, [](T a, T b, uint32_t position, uint32_t length) {
      constexpr uint32_t Bits = 8 * sizeof(T);
      uint32_t pos = position & 0xff, len = length & 0xff;
      if (pos >= Bits || len == 0)
        return b;
      T field = len >= Bits ? T(~T(0)) : T((T(1) << len) - 1);
      T mask = T(field << pos);
      return T((b & ~mask) | ((a << pos) & mask));
    });
  }
};

template <bool Left, bool Wrap> void funnel(Warp &w, const Instruction &i) {
  apply<uint32_t, uint32_t, uint32_t, uint32_t>(w, i, [](uint32_t low, uint32_t high, uint32_t c) {
    uint32_t n = Wrap ? c & 31 : std::min(c, 32u);
    uint64_t both = uint64_t(high) << 32 | low;
    return Left ? uint32_t(both << n >> 32) : uint32_t(both >> n);
  });
}

void lop3(Warp &w, const Instruction &i) {
  const uint32_t table = i.control;
  apply<uint32_t, uint32_t, uint32_t, uint32_t>(w, i, [=](uint32_t a, uint32_t b, uint32_t c) {
    uint32_t r = 0;
    for (unsigned k = 0; k < 8; ++k)
      if (table >> k & 1)
        r |= (k & 4 ? a : ~a) & (k & 2 ? b : ~b) & (k & 1 ? c : ~c);
    return r;
  });
}

// Each selector nibble picks a byte of {b, a}; its top bit replicates that byte's sign.
uint32_t permute(uint32_t a, uint32_t b, uint32_t selectors) {
  uint64_t both = uint64_t(b) << 32 | a;
  uint32_t r = 0;
  for (unsigned k = 0; k < 4; ++k) {
    uint32_t s = selectors >> (4 * k) & 15;
    uint32_t byte = both >> (8 * (s & 7)) & 0xff;
    if (s & 8)
      byte = byte & 0x80 ? 0xff : 0;
    r |= byte << (8 * k);
  }
  return r;
}
// The modes of prmt as selectors, by the two low bits of the third operand.
constexpr uint32_t ModeSelectors[6][4] = {
    {0x3210, 0x4321, 0x5432, 0x6543}, // f4e
    {0x5670, 0x6701, 0x7012, 0x0123}, // b4e
    {0x0000, 0x1111, 0x2222, 0x3333}, // rc8
    {0x3210, 0x3211, 0x3222, 0x3333}, // ecl
    {0x0000, 0x1110, 0x2210, 0x3210}, // ecr
    {0x1010, 0x3232, 0x1010, 0x3232}, // rc16
};
void prmt(Warp &w, const Instruction &i) {
  apply<uint32_t, uint32_t, uint32_t, uint32_t>(w, i, permute);
}
void prmtMode(Warp &w, const Instruction &i) {
  const uint32_t *selectors = ModeSelectors[i.control];
  apply<uint32_t, uint32_t, uint32_t, uint32_t>(
      w, i, [=](uint32_t a, uint32_t b, uint32_t c) { return permute(a, b, selectors[c & 3]); });
}

// Predicates are one word a warp.
template <typename F> void logical(Warp &w, const Instruction &i, F f) {
  uint32_t a = w.predicate[i.source[0]];
  uint32_t b = i.source[1] == NoSlot ? 0 : w.predicate[i.source[1]];
  uint32_t pb = i.source[1] == NoSlot ? 0 : w.predicatePoison[i.source[1]];
  uint32_t p = w.predicatePoison[i.source[0]] | pb;
  uint32_t &d = w.predicate[i.destination], &dp = w.predicatePoison[i.destination];
  d = (d & ~w.mask) | (f(a, b) & w.mask);
  dp = (dp & ~w.mask) | (p & w.mask);
}
void andPredicate(Warp &w, const Instruction &i) {
  logical(w, i, [](uint32_t a, uint32_t b) { return a & b; });
}
void orPredicate(Warp &w, const Instruction &i) {
  logical(w, i, [](uint32_t a, uint32_t b) { return a | b; });
}
void xorPredicate(Warp &w, const Instruction &i) {
  logical(w, i, [](uint32_t a, uint32_t b) { return a ^ b; });
}
void notPredicate(Warp &w, const Instruction &i) {
  logical(w, i, [](uint32_t a, uint32_t) { return ~a; });
}

void decodeLogic(Decoder &d) {
  Type t = d.type();
  bool one = d.is("not") || d.is("cnot");
  if (t == Type::Pred)
    d.out.execute = d.is("and")   ? andPredicate
                    : d.is("or")  ? orPredicate
                    : d.is("xor") ? xorPredicate
                                  : notPredicate;
  else
    setLoop(d,
            d.is("and")   ? forBits<AndLoop>(t)
            : d.is("or")  ? forBits<OrLoop>(t)
            : d.is("xor") ? forBits<XorLoop>(t)
            : d.is("not") ? forBits<NotLoop>(t)
                          : forBits<CnotLoop>(t),
            t);
  readOperands(d, t, one ? 1 : 2);
}

void decodeShift(Decoder &d) {
  Type t = d.type();
  bool arithmetic = d.is("shr") && isSigned(t);
  Type same = t == Type::B16   ? Type::U16
              : t == Type::B32 ? Type::U32
              : t == Type::B64 ? Type::U64
                               : t;
  setLoop(d,
          d.is("shl")  ? forBits<ShlLoop>(t)
          : arithmetic ? forInteger<ShrLoop>(t)
                       : forInteger<ShrLoop>(same),
          t);
  if (!d.expectOperands(3, 3))
    return;
  d.out.destination = d.destination(0, t);
  d.out.source[0] = d.source(1, t);
  d.out.source[1] = d.source(2, Type::U32);
}

// popc, clz, bfind: the result has 32 bits.
void decodeCount(Decoder &d) {
  bool shift = d.is("bfind") && d.take("shiftamt");
  Type t = d.type();
  setLoop(d,
          d.is("popc")  ? forBits<PopcLoop>(t)
          : d.is("clz") ? forBits<ClzLoop>(t)
          : shift       ? forInteger<BfindShiftLoop>(t)
                        : forInteger<BfindLoop>(t),
          t);
  if (!d.expectOperands(2, 2))
    return;
  d.out.destination = d.destination(0, Type::U32);
  d.out.source[0] = d.source(1, t);
}

void decodeField(Decoder &d) {
  Type t = d.type();
  bool insert = d.is("bfi");
  setLoop(d, insert ? forBits<BfiLoop>(t) : forInteger<BfeLoop>(t), t);
  if (!d.expectOperands(insert ? 5 : 4, insert ? 5 : 4))
    return;
  size_t next = 1;
  d.out.destination = d.destination(0, t);
  d.out.source[0] = d.source(next++, t);
  if (insert)
    d.out.source[1] = d.source(next++, t);
  d.out.source[next - 1] = d.source(next, Type::U32);
  d.out.source[next] = d.source(next + 1, Type::U32);
}

void decodeFunnel(Decoder &d) {
  bool left = d.take("l"), wrap = d.take("wrap");
  if ((!left && !d.take("r")) || (!wrap && !d.take("clamp")))
    d.fail("needs .l or .r and .wrap or .clamp");
  Type t = d.type();
  d.out.execute = left ? (wrap ? funnel<true, true> : funnel<true, false>)
                       : (wrap ? funnel<false, true> : funnel<false, false>);
  readOperands(d, t, 3);
}

void decodePermute(Decoder &d) {
  constexpr std::string_view Modes[] = {"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"};
  Type t = d.type();
  d.out.execute = prmt;
  for (uint32_t m = 0; m < std::size(Modes); ++m)
    if (d.take(Modes[m])) {
      d.out.execute = prmtMode;
      d.out.control = m;
    }
  readOperands(d, t, 3);
}

void decodeLop3(Decoder &d) {
  Type t = d.type();
  if (!d.expectOperands(5, 5))
    return;
  d.out.execute = lop3;
  d.out.destination = d.destination(0, t);
  for (unsigned k = 0; k < 3; ++k)
    d.out.source[k] = d.source(k + 1, t);
  d.out.control = static_cast<uint32_t>(d.literal(4));
}

} // namespace

bool emulator::decodeBits(Decoder &d) {
  if (d.is("and") || d.is("or") || d.is("xor") || d.is("not") || d.is("cnot"))
    decodeLogic(d);
  else if (d.is("shl") || d.is("shr"))
    decodeShift(d);
  else if (d.is("popc") || d.is("clz") || d.is("bfind"))
    decodeCount(d);
  else if (d.is("bfe") || d.is("bfi"))
    decodeField(d);
  else if (d.is("shf"))
    decodeFunnel(d);
  else if (d.is("prmt"))
    decodePermute(d);
  else if (d.is("lop3"))
    decodeLop3(d);
  else if (d.is("brev")) {
    Type t = d.type();
    setLoop(d, bytesOf(t) == 4 ? BrevLoop<uint32_t>::run : BrevLoop<uint64_t>::run, t);
    readOperands(d, t, 1);
  } else
    return false;
  return true;
}
