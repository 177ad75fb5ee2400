// Float: add, sub, mul, fma, div, rcp, sqrt, min, max, abs, neg, copysign on f32 and f64, all
// exact. Rounding is to nearest; the other modes have no user and are refused.
#include "emulator/unit/FloatValue.h"
#include "emulator/unit/Select.h"

#include <limits>

using namespace emulator;

namespace {

struct Add {
  template <typename T> T operator()(T a, T b) const { return a + b; }
};
struct Sub {
  template <typename T> T operator()(T a, T b) const { return a - b; }
};
struct Mul {
  template <typename T> T operator()(T a, T b) const { return a * b; }
};
struct Div {
  template <typename T> T operator()(T a, T b) const { return a / b; }
};
struct Fma {
  template <typename T> T operator()(T a, T b, T c) const {
    if constexpr (std::is_same_v<T, float>)
      return __builtin_fmaf(a, b, c);
    else
      return __builtin_fma(a, b, c);
  }
};
struct Rcp {
  template <typename T> T operator()(T a) const { return T(1) / a; }
};
struct Sqrt {
  template <typename T> T operator()(T a) const { return std::sqrt(a); }
};
template <bool Nan> struct Min {
  template <typename T> T operator()(T a, T b) const { return minimum<T, Nan>(a, b); }
};
template <bool Nan> struct Max {
  template <typename T> T operator()(T a, T b) const { return maximum<T, Nan>(a, b); }
};

template <typename Op, typename T, bool Ftz, bool Sat> struct Rounded {
  template <typename... A> T operator()(A... a) const {
    T r = canonical(Op()((Ftz ? flush(a) : a)...));
    if constexpr (Ftz)
      r = flush(r);
    return Sat ? saturate(r) : r;
  }
};

template <typename Op, typename T, bool Ftz, bool Sat, unsigned N>
void run(Warp &w, const Instruction &i) {
  if constexpr (N == 1)
    apply<T, T>(w, i, Rounded<Op, T, Ftz, Sat>());
  else if constexpr (N == 2)
    apply<T, T, T>(w, i, Rounded<Op, T, Ftz, Sat>());
  else
    apply<T, T, T, T>(w, i, Rounded<Op, T, Ftz, Sat>());
}

enum class Direction : uint8_t { Zero, Down, Up };

// The sum or product in double, rounded to odd where inexact: it shows on which side f32 lies.
template <typename Op> double toOdd(float a, float b) {
  if constexpr (std::is_same_v<Op, Mul>)
    return double(a) * b;
  else
    return addToOdd(a, std::is_same_v<Op, Sub> ? -b : b);
}
template <typename Op> double toOdd(float a, float b, float c) {
  return addToOdd(double(a) * b, c);
}

template <Direction D> float directed(double exact) {
  float f = static_cast<float>(exact);
  if (!(exact == exact) || std::isinf(exact))
    return canonical(f);
  bool high = double(f) > exact, low = double(f) < exact;
  bool towardZero = exact > 0 ? high : low;
  constexpr float Inf = std::numeric_limits<float>::infinity();
  if (D == Direction::Zero ? towardZero : D == Direction::Down ? high : low)
    return std::nextafter(f, D == Direction::Zero ? 0.0f : D == Direction::Down ? -Inf : Inf);
  return f;
}

template <typename Op, Direction D, unsigned N> void runDirected(Warp &w, const Instruction &i) {
  auto one = [](auto... a) { return directed<D>(toOdd<Op>(a...)); };
  if constexpr (N == 2)
    apply<float, float, float>(w, i, one);
  else
    apply<float, float, float, float>(w, i, one);
}

// True where the statement asks for a rounding that is not to nearest.
template <typename Op, unsigned N> bool decodeDirected(Decoder &d) {
  Execute loop = d.take("rz")   ? runDirected<Op, Direction::Zero, N>
                 : d.take("rm") ? runDirected<Op, Direction::Down, N>
                 : d.take("rp") ? runDirected<Op, Direction::Up, N>
                                : nullptr;
  if (!loop)
    return false;
  Type t = d.type();
  setLoop(d, t == Type::F32 ? loop : nullptr, t);
  readOperands(d, t, N);
  return true;
}

template <typename Op, unsigned N> void decodeRounded(Decoder &d, bool saturates) {
  if constexpr (std::is_same_v<Op, Add> || std::is_same_v<Op, Sub> || std::is_same_v<Op, Mul> ||
                std::is_same_v<Op, Fma>)
    if (decodeDirected<Op, N>(d))
      return;
  bool ftz = d.take("ftz"), sat = saturates && d.take("sat");
  d.take("rn");
  Type t = d.type();
  if (t == Type::F32)
    d.out.execute = ftz ? (sat ? run<Op, float, true, true, N> : run<Op, float, true, false, N>)
                        : (sat ? run<Op, float, false, true, N> : run<Op, float, false, false, N>);
  else if (!ftz && !sat)
    setLoop(d, t == Type::F64 ? run<Op, double, false, false, N> : nullptr, t);
  else
    d.fail("has no .ftz or .sat for ." + std::string(nameOf(t)));
  readOperands(d, t, N);
}

// Sign operations leave NaN payloads alone.
template <typename T> struct AbsLoop {
  static void run(Warp &w, const Instruction &i) {
    apply<T, T>(w, i, [](T a) { return T(a & (T(~T(0)) >> 1)); });
  }
};
template <typename T> struct NegLoop {
  static void run(Warp &w, const Instruction &i) {
    apply<T, T>(w, i, [](T a) { return T(a ^ ~(T(~T(0)) >> 1)); });
  }
};
template <typename T> struct CopysignLoop { // the sign of the first, the rest of the second
  static void run(Warp &w, const Instruction &i) {
    constexpr T Magnitude = T(~T(0)) >> 1;
    apply<T, T, T>(w, i, [](T a, T b) { return T((a & ~Magnitude) | (b & Magnitude)); });
  }
};
void absFlushed(Warp &w, const Instruction &i) {
  apply<float, float>(w, i, [](float a) { return std::fabs(flush(a)); });
}
void negFlushed(Warp &w, const Instruction &i) {
  apply<float, float>(w, i, [](float a) { return -flush(a); });
}

void decodeSign(Decoder &d) {
  bool ftz = d.take("ftz");
  Type t = d.type();
  if (ftz)
    d.out.execute = d.is("abs") ? absFlushed : negFlushed;
  else
    setLoop(d,
            d.is("abs")   ? forBits<AbsLoop>(t)
            : d.is("neg") ? forBits<NegLoop>(t)
                          : forBits<CopysignLoop>(t),
            t);
  readOperands(d, t, d.is("copysign") ? 2 : 1);
}

} // namespace

bool emulator::decodeFloat(Decoder &d) {
  if (!(d.hasType(Type::F32) || d.hasType(Type::F64)))
    return false;
  if (d.is("abs") || d.is("neg") || d.is("copysign"))
    decodeSign(d);
  else if (d.is("add"))
    decodeRounded<Add, 2>(d, true);
  else if (d.is("sub"))
    decodeRounded<Sub, 2>(d, true);
  else if (d.is("mul"))
    decodeRounded<Mul, 2>(d, true);
  else if (d.is("fma") || d.is("mad"))
    decodeRounded<Fma, 3>(d, true);
  else if (d.is("min"))
    d.take("NaN") ? decodeRounded<Min<true>, 2>(d, false) : decodeRounded<Min<false>, 2>(d, false);
  else if (d.is("max"))
    d.take("NaN") ? decodeRounded<Max<true>, 2>(d, false) : decodeRounded<Max<false>, 2>(d, false);
  else if (d.hasModifier("approx") || d.hasModifier("full"))
    return false;
  else if (d.is("div"))
    decodeRounded<Div, 2>(d, false);
  else if (d.is("rcp"))
    decodeRounded<Rcp, 1>(d, false);
  else if (d.is("sqrt"))
    decodeRounded<Sqrt, 1>(d, false);
  else
    return false;
  return true;
}
