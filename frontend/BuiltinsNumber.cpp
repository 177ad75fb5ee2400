// BuiltinsNumber: functions of one value, of numbers and of tensors, and the initialisers.
// The table of all builtins is at the end.
#include "frontend/Builtins.h"

#include <cmath>

namespace lnx::spec {
namespace {
using Kind = Initialiser::Kind;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double gelu(double x) {
  return x * sigmoid(2 * std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x));
}

Scalar inexact(double (*f)(double), const Scalar &x) { return Scalar::inexact(f(x.value())); }

Scalar ofScalar(const std::string &name, const Scalar &x) {
  if (name == "sqrt")
    return power(x, Scalar::fraction(1, 2));
  if (name == "rsqrt")
    return power(x, Scalar::fraction(-1, 2));
  if (name == "abs")
    return x.value() < 0 ? -x : x;
  if (name == "floor")
    return floor(x);
  if (name == "ceil")
    return ceil(x);
  if (name == "round") // half away from zero
    return x.value() < 0 ? -floor(-x + Scalar::fraction(1, 2)) : floor(x + Scalar::fraction(1, 2));
  if (name == "relu")
    return x.value() > 0 ? x : Scalar(0);
  return inexact(name == "exp"       ? +[](double v) { return std::exp(v); }
                 : name == "log"     ? +[](double v) { return std::log(v); }
                 : name == "tanh"    ? +[](double v) { return std::tanh(v); }
                 : name == "sigmoid" ? sigmoid
                 : name == "silu"    ? +[](double v) { return v * sigmoid(v); }
                                     : gelu,
                 x);
}

/// What ofScalar gives at other depths.
Schedule ofSchedule(const std::string &name, const Schedule &x) {
  const Schedule one = Schedule::constant(1);
  if (name == "sqrt" || name == "rsqrt")
    return power(x, Schedule::constant(Scalar::fraction(name == "sqrt" ? 1 : -1, 2)));
  if (name == "abs")
    return abs(x);
  if (name == "floor")
    return floor(x);
  if (name == "ceil")
    return ceil(x);
  if (name == "round")
    return round(x);
  if (name == "relu")
    return maximum(x, Schedule::constant(0));
  if (name == "exp")
    return exp(x);
  if (name == "log")
    return log(x);
  if (name == "tanh")
    return maximum(minimum(contracted(x), one), -one);
  if (name == "sigmoid")
    return Schedule::between(0, 1);
  return contracted(x); // silu and gelu lie between 0 and x
}

/// A null result: not a function of tensors.
mlir::Value ofTensor(const std::string &name, mlir::OpBuilder &b, mlir::Location at,
                     mlir::Value x) {
  if (name == "sqrt")
    return ir::SqrtOp::create(b, at, x);
  if (name == "rsqrt")
    return ir::RsqrtOp::create(b, at, x);
  if (name == "abs")
    return ir::AbsOp::create(b, at, x);
  if (name == "relu")
    return ir::ReluOp::create(b, at, x);
  if (name == "exp")
    return ir::ExpOp::create(b, at, x);
  if (name == "log")
    return ir::LogOp::create(b, at, x);
  if (name == "tanh")
    return ir::TanhOp::create(b, at, x);
  if (name == "sigmoid")
    return ir::SigmoidOp::create(b, at, x);
  if (name == "silu")
    return ir::SiluOp::create(b, at, x);
  if (name == "gelu")
    return ir::GeluOp::create(b, at, x);
  return {};
}

Value applyUnary(Elaborator &e, BuiltinCall &call) {
  const Argument &x = *call.args[0];
  const std::string name = call.builtin.name;
  if (const Number *number = x.value.as<Number>()) {
    Number result = number->map([&](const Scalar &s) { return ofScalar(name, s); },
                                [&](const Schedule &s) { return ofSchedule(name, s); });
    if (!result.any([](const Scalar &s) { return !s.isFinite(); }))
      return Value(std::move(result), call.location);
    e.error(x.location, "'" + name + "' of " + format(*number) + " is not a finite number");
    return {};
  }
  const mlir::Value tensor = e.operandOf(x, call.builtin.name);
  if (!tensor)
    return {};
  if (mlir::Value result = ofTensor(name, e.ops(), e.place(call.location), tensor))
    return Value(result, call.location);
  e.error(x.location,
          "'" + name + "' is for numbers known when compiling, this is " + describe(x.value));
  return {};
}

Value applyId(Elaborator &, BuiltinCall &call) { return call.args[0]->value; }

Value applyExtremum(Elaborator &e, BuiltinCall &call) {
  const bool isMax = std::string_view(call.builtin.name) == "max";
  const Number *a = call.args[0]->value.as<Number>(), *b = call.args[1]->value.as<Number>();
  if (a && b)
    return Value(Number::map(
                     *a, *b,
                     [&](const Scalar &x, const Scalar &y) {
                       return (Scalar::compare(x, y) > 0) == isMax ? x : y;
                     },
                     [&](const Schedule &x, const Schedule &y) {
                       return isMax ? maximum(x, y) : minimum(x, y);
                     }),
                 call.location);
  const mlir::Value x = e.operandOf(*call.args[0], call.builtin.name);
  const mlir::Value y = x ? e.operandOf(*call.args[1], call.builtin.name) : mlir::Value();
  if (!y)
    return {};
  if (mlir::failed(ir::broadcastTypes({x.getType(), y.getType()}))) {
    e.error(call.location, "shapes " + shapeText(Tensor{x}.features()) + " and " +
                               shapeText(Tensor{y}.features()) + " do not fit in '" +
                               call.builtin.name + "'");
    return {};
  }
  const mlir::Location at = e.place(call.location);
  if (isMax)
    return Value(ir::MaximumOp::create(e.ops(), at, x, y), call.location);
  return Value(ir::MinimumOp::create(e.ops(), at, x, y), call.location);
}

/// mean and sum, over the features.
Value applyReduction(Elaborator &e, BuiltinCall &call) {
  const Argument &x = *call.args[0];
  if (x.value.as<Number>())
    return x.value;
  const mlir::Value tensor = e.operandOf(x, call.builtin.name);
  if (!tensor)
    return {};
  if (Tensor{tensor}.features().empty())
    return x.value;
  const mlir::Location at = e.place(call.location);
  if (std::string_view(call.builtin.name) == "mean")
    return Value(ir::MeanOp::create(e.ops(), at, tensor), call.location);
  return Value(ir::SumOp::create(e.ops(), at, tensor), call.location);
}

Value applyInitialiser(Elaborator &e, BuiltinCall &call) {
  const std::string_view name = call.builtin.name;
  Initialiser init{name == "normal"   ? Kind::Normal
                   : name == "xavier" ? Kind::Xavier
                   : name == "const"  ? Kind::Const
                                      : Kind::Uniform,
                   {},
                   {}};
  Number *const slots[] = {&init.a, &init.b};
  for (size_t i = 0; i < call.args.size(); ++i) {
    const std::optional<Number> number =
        e.numberOf(*call.args[i], "an argument of '" + std::string(name) + "'");
    if (!number)
      return {};
    *slots[i] = *number;
  }
  if (init.kind == Kind::Normal && init.a.any([](const Scalar &s) { return s.value() < 0; })) {
    e.error(call.args[0]->location,
            "a standard deviation is not negative, this is " + format(init.a));
    return {};
  }
  if (init.kind == Kind::Uniform)
    for (size_t i = 0; i < std::max(init.a.size(), init.b.size()); ++i)
      if (Scalar::compare(init.a.at(i), init.b.at(i)) > 0) {
        e.error(call.location, "uniform goes from the smaller to the larger, this is " +
                                   format(init.a.at(i)) + " to " + format(init.b.at(i)));
        return {};
      }
  return Value(std::move(init), call.location);
}

constexpr Builtin table[] = {
    {"sqrt", "x", applyUnary},
    {"rsqrt", "x", applyUnary},
    {"exp", "x", applyUnary},
    {"log", "x", applyUnary},
    {"abs", "x", applyUnary},
    {"tanh", "x", applyUnary},
    {"sigmoid", "x", applyUnary},
    {"relu", "x", applyUnary},
    {"gelu", "x", applyUnary},
    {"silu", "x", applyUnary},
    {"ceil", "x", applyUnary},
    {"floor", "x", applyUnary},
    {"round", "x", applyUnary},
    {"id", "x", applyId},
    {"min", "a b", applyExtremum},
    {"max", "a b", applyExtremum},
    {"mean", "x", applyReduction},
    {"sum", "x", applyReduction},
    {"dim", "x", applyDim},
    {"transpose", "x", applyTranspose},
    {"attend", "q k v heads kv_heads? causal? scale? softcap?", applyAttend},
    {"split_heads", "x heads", applySplitHeads},
    {"join_heads", "x", applyJoinHeads},
    {"mix", "A X", applyMix},
    {"outer", "b y", applyOuter},
    {"normal", "std", applyInitialiser},
    {"xavier", "gain", applyInitialiser},
    {"uniform", "a b", applyInitialiser},
    {"const", "value", applyInitialiser},
};
} // namespace

std::span<const Builtin> builtins() { return table; }

const Builtin *findBuiltin(std::string_view name) {
  for (const Builtin &builtin : table)
    if (name == builtin.name)
      return &builtin;
  return nullptr;
}

} // namespace lnx::spec
