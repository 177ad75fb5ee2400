// Approximate: ex2, lg2, rcp, rsqrt, sqrt, tanh, sin, cos, div with .approx or .full.
// Correctly rounded from double, unless the launch asks for an error of a few units in the last
// place: a kernel must not depend on which.
#include "emulator/unit/FloatValue.h"
#include "emulator/unit/Select.h"

using namespace emulator;

namespace {

struct Ex2 {
  double operator()(double a) const { return std::exp2(a); }
};
struct Lg2 {
  double operator()(double a) const { return std::log2(a); }
};
struct Rcp {
  double operator()(double a) const { return 1 / a; }
};
struct Rsqrt {
  double operator()(double a) const { return 1 / std::sqrt(a); }
};
struct Sqrt {
  double operator()(double a) const { return std::sqrt(a); }
};
// The one coarse operation: its relative error may be 2^-11 (PTX, tanh).
struct Tanh {
  static constexpr int Coarseness = 2048;
  double operator()(double a) const { return std::tanh(a); }
};
struct Sin {
  double operator()(double a) const { return std::sin(a); }
};
struct Cos {
  double operator()(double a) const { return std::cos(a); }
};
// .approx and .full give 0 where the divisor is above 2^126; the quotient itself is within 2 ulp.
struct Div {
  double operator()(double a, double b) const {
    if (std::fabs(b) > 0x1p126 && std::isfinite(b))
      return std::isfinite(a) ? std::copysign(0.0, a) * std::copysign(1.0, b) : a / HUGE_VAL;
    return a / b;
  }
};

// The perturbation of a lane: between -n and n units, from the seed and the place.
int perturbation(Warp &w, unsigned n) {
  return static_cast<int>(w.cta->grid->nextRandom() >> 33) % static_cast<int>(2 * n + 1) -
         static_cast<int>(n);
}
float perturbed(float x, int units) {
  uint32_t bits = std::bit_cast<uint32_t>(x);
  uint32_t magnitude = bits & 0x7fffffff;
  // Exact cases of the hardware stay: zero, one, infinity and NaN.
  if (magnitude == 0 || magnitude >= 0x7f800000 || magnitude == 0x3f800000)
    return x;
  int64_t moved = std::clamp<int64_t>(int64_t(magnitude) + units, 1, 0x7f7fffff);
  return std::bit_cast<float>((bits & 0x80000000) | static_cast<uint32_t>(moved));
}

// Units of the last place that one unit of the launch's option means for an operation.
template <typename Op> constexpr int coarseness() {
  if constexpr (requires { Op::Coarseness; })
    return Op::Coarseness;
  else
    return 1;
}

template <typename Op, bool Ftz, unsigned N> void run(Warp &w, const Instruction &i) {
  auto one = [](auto... a) {
    float r = canonical(float(Op()(double(Ftz ? flush(a) : a)...)));
    return Ftz ? flush(r) : r;
  };
  if constexpr (N == 1)
    apply<float, float>(w, i, one);
  else
    apply<float, float, float>(w, i, one);
  if (unsigned ulps = w.cta->grid->options.perturbUlps) {
    uint32_t *d = row<float>(w, i.destination);
    for (unsigned l = 0; l < LaneCount; ++l)
      if (w.mask >> l & 1)
        d[l] = put(perturbed(get<float>(d[l]), perturbation(w, ulps) * coarseness<Op>()));
  }
}

template <typename Op, unsigned N = 1> void decode(Decoder &d) {
  bool ftz = d.take("ftz");
  if (!d.take("approx") && !d.take("full"))
    d.fail("needs .approx");
  Type t = d.type();
  // rcp.approx.ftz.f64 and its like have no user.
  setLoop(d, t != Type::F32 ? nullptr : ftz ? run<Op, true, N> : run<Op, false, N>, t);
  readOperands(d, t, N);
}

} // namespace

bool emulator::decodeApproximate(Decoder &d) {
  if (d.is("ex2"))
    decode<Ex2>(d);
  else if (d.is("lg2"))
    decode<Lg2>(d);
  else if (d.is("rcp"))
    decode<Rcp>(d);
  else if (d.is("rsqrt"))
    decode<Rsqrt>(d);
  else if (d.is("sqrt"))
    decode<Sqrt>(d);
  else if (d.is("tanh"))
    decode<Tanh>(d);
  else if (d.is("sin"))
    decode<Sin>(d);
  else if (d.is("cos"))
    decode<Cos>(d);
  else if (d.is("div"))
    decode<Div, 2>(d);
  else
    return false;
  return true;
}
