// def.h: definitions and their statements as C++.
//
//   const Def unit("unit", {"x", {"eps", 1e-5}}, [](Expr x, Num eps) {
//     Expr g = param("g", {dim(x)}, ones());
//     return g * x / sqrt(mean(x * x) + eps);
//   });
//
// The body runs once, when the Def is made, and writes down what it does: the functions below act
// on the definition or model whose body is running in this thread. A mistake (a parameter outside a
// body, a name that is none) is reported when a model with it is built.
#ifndef LNX_DEF_H
#define LNX_DEF_H

#include "lnx/builtins.h"

#include <functional>
#include <initializer_list>
#include <optional>
#include <span>

namespace lnx {

/// An argument that a definition or a model takes, with its default.
struct Formal {
  Formal(const char *name, Place where = Place::current()) : name(name), where(where) {}
  Formal(const char *name, const Operand &init, Place where = Place::current())
      : name(name), init(init), where(where) {}

  std::string name;
  std::optional<Operand> init;
  Place where;
};

/// A residual stream: a name whose value steps update.
class Stream {
public:
  explicit Stream(Expr name) : self(std::move(name)) {}
  operator Expr() const { return self; }
  /// x <- value: one residual step.
  Stream &operator<<=(const Operand &value);

private:
  Expr self;
};

/// The arguments by name, for a body that takes many: `[](const Formals &with) { with["depth"]; }`.
class Formals {
public:
  explicit Formals(std::span<const Expr> values, std::span<const Formal> formals)
      : values(values), formals(formals) {}
  Num operator[](const std::string &name) const;

private:
  std::span<const Expr> values;
  std::span<const Formal> formals;
};

//===-- statements ------------------------------------------------------------===//

/// param name : [shape] ~ init. The value is the parameter.
Expr param(const std::string &name, const std::vector<Operand> &shape, const Operand &init,
           Place where = Place::current());
/// name = value: computed once, whatever uses it. The value is the name.
Expr let(const std::string &name, const Operand &value, Place where = Place::current());
/// name = value, to be updated by steps.
Stream stream(const std::string &name, const Operand &value, Place where = Place::current());
/// if condition { then } else { otherwise }: decided for each layer when compiling.
void when(const Condition &condition, const std::function<void()> &then,
          const std::function<void()> &otherwise = {}, Place where = Place::current());
/// repeat index in first..last { body }.
void repeat(const std::string &index, const Operand &first, const Operand &last,
            const std::function<void(Num)> &body, Place where = Place::current());
/// return value, before the end of a body; what the body itself returns is its last one.
void give(const Operand &value, Place where = Place::current());

/// The comparison of a law, an assumption or a check.
struct Limit {
  enum class Op { atMost, atLeast, exactly } op;
  Operand value;
};
inline Limit atMost(const Operand &value) { return {Limit::Op::atMost, value}; }
inline Limit atLeast(const Operand &value) { return {Limit::Op::atLeast, value}; }
inline Limit exactly(const Operand &value) { return {Limit::Op::exactly, value}; }
/// A class of growth: atMost("linear"). An array, as a pointer could be the number 0.
template <size_t N> Limit atMost(const char (&word)[N], Place where = Place::current()) {
  return {Limit::Op::atMost, name(word, where)};
}

/// law name <= value: trusted, and listed by every verdict that rests on it.
void law(const std::string &name, const Limit &limit, Place where = Place::current());
/// assume path <= value: assume("norm.gain", atMost(1.5)).
void assume(const std::string &path, const Limit &limit, Place where = Place::current());
/// assume path(arguments), perhaps with a limit: assume("spectral", {name("W_O")}, atMost(1)).
void assume(const std::string &path, const std::vector<Argument> &arguments,
            const std::optional<Limit> &limit = {}, Place where = Place::current());
/// check path, perhaps with a limit: check("growth", atMost("linear")).
void check(const std::string &path, const std::optional<Limit> &limit = {},
           Place where = Place::current());

//===-- definitions -----------------------------------------------------------===//

namespace detail {
/// A body with its arguments' names filled in.
using Body = std::function<Expr(std::span<const Expr>, std::span<const Formal>)>;

template <typename F> struct Signature : Signature<decltype(&F::operator())> {};
template <typename F, typename R, typename... Args> struct Signature<R (F::*)(Args...) const> {
  static constexpr size_t count = sizeof...(Args);
  template <size_t... I>
  static Expr call(const F &f, std::span<const Expr> values, std::index_sequence<I...>) {
    return f(std::remove_cvref_t<Args>(values[I])...);
  }
};
template <typename F, typename R> struct Signature<R (F::*)(const Formals &) const> {
  static constexpr size_t count = size_t(-1);
};

/// Null where the body takes another number of arguments than are named.
template <typename F> Body bodyOf(F body, size_t named) {
  constexpr size_t count = Signature<F>::count;
  if constexpr (count == size_t(-1)) {
    return [body](std::span<const Expr> values, std::span<const Formal> formals) -> Expr {
      return body(Formals(values, formals));
    };
  } else {
    if (named != count)
      return nullptr;
    return [body](std::span<const Expr> values, std::span<const Formal>) -> Expr {
      return Signature<F>::call(body, values, std::make_index_sequence<count>());
    };
  }
}
} // namespace detail

/// def name(formals) { body }; a body without statements gives def name(formals) = value.
class Def {
public:
  template <typename F>
  Def(const std::string &name, const std::vector<Formal> &formals, F body,
      Place where = Place::current())
      : Def(name, formals, detail::bodyOf(std::move(body), formals.size()), where) {}
  /// The usual names: x, y, z.
  template <typename F>
  Def(const std::string &name, F body, Place where = Place::current())
      : Def(name, usualFormals(detail::Signature<F>::count, where), std::move(body), where) {}

  operator Expr() const { return self; }
  /// As Expr's.
  Expr operator()(Argument a = {}, Argument b = {}, Argument c = {}, Argument d = {},
                  Argument e = {}, Argument f = {}, Argument g = {}, Argument h = {},
                  Argument i = {}, Argument j = {}, Argument k = {}, Argument l = {},
                  Argument m = {}, Argument n = {}, Argument o = {}, Argument p = {},
                  Place where = Place::current()) const {
    return self(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, where);
  }
  /// As it would stand in a .lnx file.
  std::string print() const;

private:
  Def(const std::string &name, const std::vector<Formal> &formals, const detail::Body &body,
      Place where);
  static std::vector<Formal> usualFormals(size_t count, Place where);

  Expr self;
};

} // namespace lnx

#endif
