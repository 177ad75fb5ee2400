// Convert: cvt between integers, f32, f64, bf16, f16 and their pairs.
// Integers come and go through 64 bits, floats through double; each result is rounded once.
#include "emulator/unit/FloatValue.h"
#include "emulator/unit/Select.h"

#include <limits>

using namespace emulator;

namespace {

enum class Rounding : uint8_t { Nearest, Zero, Down, Up };

double roundToInteger(double x, Rounding r) {
  switch (r) {
  case Rounding::Nearest:
    return std::nearbyint(x);
  case Rounding::Zero:
    return std::trunc(x);
  case Rounding::Down:
    return std::floor(x);
  case Rounding::Up:
    return std::ceil(x);
  }
  return x;
}

// Float to integer clamps. NaN gives 0, or the top bit where one side has 64 bits (PTX, cvt notes).
template <typename T, bool FromDouble> T clampTo(double x) {
  if (x != x)
    return FromDouble || sizeof(T) == 8 ? T(1ull << (8 * sizeof(T) - 1)) : T(0);
  constexpr double Low = double(std::numeric_limits<T>::min());
  constexpr double High = double(std::numeric_limits<T>::max()); // may round up: hence >=
  if (x <= Low)
    return std::numeric_limits<T>::min();
  if (x >= High)
    return std::numeric_limits<T>::max();
  return static_cast<T>(x);
}

template <typename T> double widen(T x) {
  if constexpr (std::is_same_v<T, BFloat> || std::is_same_v<T, Half>)
    return toFloat(x);
  else
    return x;
}

template <typename T> struct IsFloat : std::is_floating_point<T> {};
template <> struct IsFloat<BFloat> : std::true_type {};
template <> struct IsFloat<Half> : std::true_type {};

// A float narrowed with rounding toward zero: one step back where the nearest one overshot.
template <typename T> T narrowTowardZero(double x) {
  if constexpr (std::is_same_v<T, BFloat>) {
    float f = narrowTowardZero<float>(x);
    return f != f ? T{0x7fff} : T{static_cast<uint16_t>(std::bit_cast<uint32_t>(f) >> 16)};
  } else if constexpr (std::is_same_v<T, Half>) {
    Half h = toHalf(x);
    return std::fabs(double(toFloat(h))) > std::fabs(x) ? Half{static_cast<uint16_t>(h.bits - 1)}
                                                        : h;
  } else {
    T r = static_cast<T>(x);
    return std::fabs(double(r)) > std::fabs(x) ? std::nextafter(r, T(0)) : r;
  }
}

template <typename T> T narrow(double x, Rounding r) {
  if (r == Rounding::Zero)
    return narrowTowardZero<T>(x);
  if constexpr (std::is_same_v<T, BFloat>)
    return toBFloat(x);
  else if constexpr (std::is_same_v<T, Half>)
    return toHalf(x);
  else
    return canonical(static_cast<T>(x));
}

// Bits of Instruction::control.
enum : uint32_t { RoundingMask = 7, ToInteger = 8, Ftz = 16, Sat = 32, Relu = 64 };

template <typename D, typename S> D convertFloats(S s, uint32_t control) {
  double x = widen(s);
  if (control & Ftz && std::is_same_v<S, float>)
    x = flush(float(x));
  Rounding r = Rounding(control & RoundingMask);
  if (control & ToInteger)
    x = roundToInteger(x, r);
  if (control & Sat)
    x = saturate(x);
  if (control & Relu && !(x != x))
    x = x > 0 ? x : 0.0;
  D d = narrow<D>(x, control & ToInteger ? Rounding::Nearest : r);
  if constexpr (std::is_same_v<D, float>)
    return control & Ftz ? flush(d) : d;
  return d;
}

template <typename D, typename S> D convertInteger(S s, uint32_t control) {
  if constexpr (IsFloat<D>::value) {
    // Directly: through double a 64-bit integer would round twice.
    if constexpr (std::is_same_v<D, float>)
      return static_cast<float>(s);
    else
      return narrow<D>(double(s), Rounding(control & RoundingMask));
  } else if (control & Sat) {
    if constexpr (std::is_signed_v<S>) {
      if (s < 0)
        return std::is_signed_v<D> && int64_t(s) >= int64_t(std::numeric_limits<D>::min())
                   ? D(s)
                   : std::numeric_limits<D>::min();
    }
    return uint64_t(s) > uint64_t(std::numeric_limits<D>::max()) ? std::numeric_limits<D>::max()
                                                                 : D(s);
  } else {
    return D(s);
  }
}

template <typename D, typename S> D convert(S s, uint32_t control) {
  if constexpr (!IsFloat<S>::value) {
    return convertInteger<D, S>(s, control);
  } else if constexpr (IsFloat<D>::value) {
    return convertFloats<D, S>(s, control);
  } else {
    double x = widen(s);
    if (control & Ftz && std::is_same_v<S, float>)
      x = flush(float(x));
    return clampTo<D, std::is_same_v<S, double>>(
        roundToInteger(x, Rounding(control & RoundingMask)));
  }
}

template <typename D, typename S> void run(Warp &w, const Instruction &i) {
  const uint32_t control = i.control;
  apply<D, S>(w, i, [=](S s) { return convert<D, S>(s, control); });
}
// The common cases without any mode: they vectorise.
void widenBFloat(Warp &w, const Instruction &i) {
  apply<float, BFloat>(w, i, [](BFloat s) { return toFloat(s); });
}
void narrowBFloat(Warp &w, const Instruction &i) {
  apply<BFloat, float>(w, i, [](float s) { return toBFloat(s); });
}
void packBFloats(Warp &w, const Instruction &i) { // the first source is the upper half
  apply<uint32_t, float, float>(w, i, [](float high, float low) {
    return uint32_t(toBFloat(high).bits) << 16 | toBFloat(low).bits;
  });
}

template <typename D> Execute forSource(Type s) {
  switch (s) {
  case Type::U8:
    return run<D, uint8_t>;
  case Type::S8:
    return run<D, int8_t>;
  case Type::U16:
    return run<D, uint16_t>;
  case Type::S16:
    return run<D, int16_t>;
  case Type::U32:
    return run<D, uint32_t>;
  case Type::S32:
    return run<D, int32_t>;
  case Type::U64:
    return run<D, uint64_t>;
  case Type::S64:
    return run<D, int64_t>;
  case Type::F32:
    return run<D, float>;
  case Type::F64:
    return run<D, double>;
  case Type::BF16:
    return run<D, BFloat>;
  case Type::F16:
    return run<D, Half>;
  default:
    return nullptr;
  }
}
Execute forBoth(Type d, Type s) {
  switch (d) {
  case Type::U8:
    return forSource<uint8_t>(s);
  case Type::S8:
    return forSource<int8_t>(s);
  case Type::U16:
    return forSource<uint16_t>(s);
  case Type::S16:
    return forSource<int16_t>(s);
  case Type::U32:
    return forSource<uint32_t>(s);
  case Type::S32:
    return forSource<int32_t>(s);
  case Type::U64:
    return forSource<uint64_t>(s);
  case Type::S64:
    return forSource<int64_t>(s);
  case Type::F32:
    return forSource<float>(s);
  case Type::F64:
    return forSource<double>(s);
  case Type::BF16:
    return forSource<BFloat>(s);
  case Type::F16:
    return forSource<Half>(s);
  default:
    return nullptr;
  }
}

// Two f32 to a pair; the first source goes to the upper half.
template <typename T> void runPair(Warp &w, const Instruction &i) {
  const uint32_t control = i.control;
  apply<uint32_t, float, float>(w, i, [=](float high, float low) {
    uint32_t h = convert<T, float>(high, control).bits, l = convert<T, float>(low, control).bits;
    return h << 16 | l;
  });
}

// A narrow source in a 64-bit register: its low word goes to a spare row first. The loop for that
// row is in `immediate`.
void runLowWord(Warp &w, const Instruction &i) {
  Instruction inner = i;
  inner.source[0] = i.source[1];
  const uint64_t *wide = row<uint64_t>(w, i.source[0]);
  uint32_t *low = row<uint32_t>(w, inner.source[0]);
  for (unsigned l = 0; l < LaneCount; ++l)
    low[l] = static_cast<uint32_t>(wide[l]);
  poison<uint32_t>(w, inner.source[0]) = poison<uint64_t>(w, i.source[0]);
  reinterpret_cast<Execute>(i.immediate)(w, inner);
}

uint32_t takeControl(Decoder &d) {
  struct Mode {
    std::string_view name;
    Rounding rounding;
    bool integer;
  };
  constexpr Mode Modes[] = {
      {"rn", Rounding::Nearest, false}, {"rz", Rounding::Zero, false},
      {"rni", Rounding::Nearest, true}, {"rzi", Rounding::Zero, true},
      {"rmi", Rounding::Down, true},    {"rpi", Rounding::Up, true},
  };
  uint32_t control = 0;
  for (const Mode &m : Modes)
    if (d.take(m.name))
      control |= uint32_t(m.rounding) | (m.integer ? ToInteger : 0);
  control |= d.take("ftz") ? Ftz : 0;
  control |= d.take("sat") ? Sat : 0;
  control |= d.take("relu") ? Relu : 0;
  return control;
}

void decodePair(Decoder &d, Type t) {
  Type s = d.type();
  if (s != Type::F32)
    return d.fail("a pair is made of two .f32");
  uint32_t mode = d.out.control;
  d.out.execute = t == Type::F16x2 ? runPair<Half> : mode ? runPair<BFloat> : packBFloats;
  if (!d.expectOperands(3, 3))
    return;
  d.out.destination = d.destination(0, t);
  d.out.source[0] = d.source(1, s);
  d.out.source[1] = d.source(2, s);
}

} // namespace

bool emulator::decodeConvert(Decoder &d) {
  if (!d.is("cvt"))
    return false;
  d.out.control = takeControl(d);
  if (d.take("pack"))
    return d.fail("cvt.pack is not emulated"), true;
  Type to = d.type();
  if (to == Type::BF16x2 || to == Type::F16x2)
    return decodePair(d, to), true;
  Type from = d.type();
  Execute loop = forBoth(to, from);
  if (d.out.control == 0 && to == Type::F32 && from == Type::BF16)
    loop = widenBFloat;
  if (d.out.control == 0 && to == Type::BF16 && from == Type::F32)
    loop = narrowBFloat;
  setLoop(d, loop, to);
  if (!d.expectOperands(2, 2))
    return true;
  if (isInteger(from) && to == Type::F32 && d.out.control & RoundingMask)
    d.fail("integers convert to .f32 with .rn only");
  // A register wider than its type would need an extension of its own: LLVM never asks for one.
  d.out.destination = d.destination(0, to, isUnsigned(to) ? Width::AtLeast : Width::Exact);
  if (fileOf(d.registerType(d.operand(0))) != fileOf(to))
    d.fail("a 64-bit register cannot take ." + std::string(nameOf(to)));
  d.out.source[0] = d.source(1, from, Width::AtLeast);
  if (bytesOf(d.registerType(d.operand(1))) == 8 && bytesOf(from) < 8) {
    d.out.immediate = reinterpret_cast<int64_t>(d.out.execute);
    d.out.execute = runLowWord;
    d.out.source[1] = d.spareRow();
  }
  return true;
}
