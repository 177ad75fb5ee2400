// Float: add, sub, mul, fma, div, rcp, sqrt, min, max, abs, neg, copysign on f32 and f64, all
// exact. Rounding is to nearest; the other modes have no user and are refused.
#include "emulator/unit/FloatValue.h"
#include "emulator/unit/Select.h"

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

template <typename Op, unsigned N> void decodeRounded(Decoder &d, bool saturates) {
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
