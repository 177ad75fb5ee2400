// Packed: arithmetic on bf16, bf16x2, f16 and f16x2.
// Every result is the exact one rounded once, through double rounded to odd.
#include "emulator/unit/FloatValue.h"
#include "emulator/unit/Select.h"

using namespace emulator;

namespace {

// Sums and products of narrow values are exact in double, or rounded to odd.
struct Add {
  double operator()(double a, double b) const { return addToOdd(a, b); }
};
struct Sub {
  double operator()(double a, double b) const { return addToOdd(a, -b); }
};
struct Mul {
  double operator()(double a, double b) const { return a * b; }
};
struct Fma {
  double operator()(double a, double b, double c) const { return addToOdd(a * b, c); }
};
struct Relu {
  double operator()(double a, double b, double c) const {
    double r = addToOdd(a * b, c);
    return r != r ? r : r > 0 ? r : 0.0;
  }
};
template <bool Nan> struct Min {
  double operator()(double a, double b) const { return minimum<double, Nan>(a, b); }
};
template <bool Nan> struct Max {
  double operator()(double a, double b) const { return maximum<double, Nan>(a, b); }
};
struct Ex2 {
  double operator()(double a) const { return std::exp2(a); }
};
struct Tanh {
  double operator()(double a) const { return std::tanh(a); }
};

BFloat narrow(double x, BFloat) { return toBFloat(x); }
Half narrow(double x, Half) { return toHalf(x); }

template <typename Op, typename T, typename... A> T one(A... a) {
  return narrow(Op()(double(toFloat(a))...), T());
}
template <typename T> T lowHalf(uint32_t pair) { return {static_cast<uint16_t>(pair)}; }
template <typename T> T highHalf(uint32_t pair) { return {static_cast<uint16_t>(pair >> 16)}; }

template <typename Op, typename T, typename... Pairs> uint32_t two(Pairs... p) {
  uint32_t low = one<Op, T>(lowHalf<T>(p)...).bits, high = one<Op, T>(highHalf<T>(p)...).bits;
  return high << 16 | low;
}

template <typename Op, typename T, bool Pair, unsigned N> void run(Warp &w, const Instruction &i) {
  using V = std::conditional_t<Pair, uint32_t, T>;
  auto f = [](auto... a) -> V {
    if constexpr (Pair)
      return two<Op, T>(a...);
    else
      return one<Op, T>(a...);
  };
  if constexpr (N == 1)
    apply<V, V>(w, i, f);
  else if constexpr (N == 2)
    apply<V, V, V>(w, i, f);
  else
    apply<V, V, V, V>(w, i, f);
}

template <typename Op, unsigned N> void decode(Decoder &d) {
  d.take("rn");
  Type t = d.type();
  d.out.execute = t == Type::BF16     ? run<Op, BFloat, false, N>
                  : t == Type::BF16x2 ? run<Op, BFloat, true, N>
                  : t == Type::F16    ? run<Op, Half, false, N>
                                      : run<Op, Half, true, N>;
  readOperands(d, t, N);
}

void absolute(Warp &w, const Instruction &i) {
  apply<uint32_t, uint32_t>(w, i, [](uint32_t a) { return a & 0x7fff7fff; });
}
void negate(Warp &w, const Instruction &i) {
  apply<uint32_t, uint32_t>(w, i, [](uint32_t a) { return a ^ 0x80008000; });
}
void negateOne(Warp &w, const Instruction &i) {
  apply<uint32_t, uint32_t>(w, i, [](uint32_t a) { return (a ^ 0x8000) & 0xffff; });
}

void decodeSign(Decoder &d) {
  Type t = d.type();
  d.out.execute = d.is("abs") ? absolute : bytesOf(t) == 4 ? negate : negateOne;
  readOperands(d, t, 1);
}

} // namespace

bool emulator::decodePacked(Decoder &d) {
  bool mine = d.hasType(Type::BF16) || d.hasType(Type::BF16x2) || d.hasType(Type::F16) ||
              d.hasType(Type::F16x2);
  if (!mine)
    return false;
  if (d.is("add"))
    decode<Add, 2>(d);
  else if (d.is("sub"))
    decode<Sub, 2>(d);
  else if (d.is("mul"))
    decode<Mul, 2>(d);
  else if (d.is("fma"))
    d.take("relu") ? decode<Relu, 3>(d) : decode<Fma, 3>(d);
  else if (d.is("min"))
    d.take("NaN") ? decode<Min<true>, 2>(d) : decode<Min<false>, 2>(d);
  else if (d.is("max"))
    d.take("NaN") ? decode<Max<true>, 2>(d) : decode<Max<false>, 2>(d);
  else if (d.is("abs") || d.is("neg"))
    decodeSign(d);
  else if ((d.is("ex2") || d.is("tanh")) && d.take("approx")) {
    d.take("ftz");
    d.is("ex2") ? decode<Ex2, 1>(d) : decode<Tanh, 1>(d);
  } else
    return false;
  return true;
}
