// expr.h: expressions of the language as C++ values.
//
//   Expr x = name("x");
//   Expr y = 2 * x / sqrt(mean(x * x) + 1e-5);
//
// An Expr is immutable and cheap to copy. Every operand records where it is written, so an error in
// an embedded model points into the user's C++. Sees the standard library only.
#ifndef LNX_EXPR_H
#define LNX_EXPR_H

#include <concepts>
#include <memory>
#include <source_location>
#include <string>
#include <vector>

namespace lnx {

namespace ast {
struct Expr;
}

/// What an expression was made of besides its tree: definitions that it calls, and mistakes that
/// the model's construction reports.
struct Origin;

class Expr;
struct Operand;
using Place = std::source_location;

/// One argument of a call, or none.
struct Argument {
  Argument() = default;
  template <typename T>
    requires std::convertible_to<const T &, Expr>
  Argument(const T &value, Place where = Place::current())
      : value(std::make_shared<const Operand>(value, where)) {}
  Argument(const Operand &value);
  Argument(std::string name, const Operand &value);

  std::string name; ///< empty for a positional one
  std::shared_ptr<const Operand> value;
};

/// A tensor, a number, an initialiser or a definition: what an expression of a .lnx file can be.
class Expr {
public:
  /// A literal. Infinity and nan are reported when the model is built.
  template <typename T>
    requires std::integral<T> || std::floating_point<T>
  Expr(T value, Place where = Place::current()) : Expr(literal(double(value), where)) {}

  /// Calls what this expression stands for: `norm(x)`, `attn(x, heads, arg("causal", 0))`.
  Expr operator()(Argument a = {}, Argument b = {}, Argument c = {}, Argument d = {},
                  Argument e = {}, Argument f = {}, Argument g = {}, Argument h = {},
                  Argument i = {}, Argument j = {}, Argument k = {}, Argument l = {},
                  Argument m = {}, Argument n = {}, Argument o = {}, Argument p = {},
                  Place where = Place::current()) const;
  /// Row `index` of a parameter, or the rows of a table that token ids or positions name.
  Expr operator[](const Operand &index) const;

  /// As it would stand in a .lnx file, on one line.
  std::string print() const;

  // For the library: the tree and what comes with it.
  Expr(std::shared_ptr<const ast::Expr> tree, std::shared_ptr<const Origin> origin);
  const std::shared_ptr<const ast::Expr> &tree() const { return node; }
  const std::shared_ptr<const Origin> &origin() const { return made; }

private:
  static Expr literal(double value, Place where);

  std::shared_ptr<const ast::Expr> node;
  std::shared_ptr<const Origin> made; // null: nothing to remember
};

/// An expression that is a number when compiling: `l`, `depth`, `dt`. Only these can be compared.
class Num : public Expr {
public:
  template <typename T>
    requires std::integral<T> || std::floating_point<T>
  Num(T value, Place where = Place::current()) : Expr(value, where) {}
  Num(const Expr &expr) : Expr(expr) {}
};

/// An expression where it is used.
struct Operand {
  template <typename T>
    requires std::convertible_to<const T &, Expr>
  Operand(const T &value, Place where = Place::current())
      : value(here(value, where)), where(where) {}

  Expr value;
  Place where;

private:
  template <typename T> static Expr here(const T &value, Place where) {
    if constexpr (std::is_arithmetic_v<T>)
      return Expr(value, where);
    else
      return place(value, where);
  }
  static Expr place(const Expr &value, Place where); // a name is placed where it is used
};

/// `name = value` in a call.
inline Argument arg(std::string name, const Operand &value) { return {std::move(name), value}; }

/// Whatever has this name where it is used: a formal, a definition of the prelude, `tokens`. In the
/// arguments of `assume` it may be a parameter's path, "7.attn.q.W".
Expr name(const std::string &text, Place where = Place::current());
/// callee(arguments); absent arguments are skipped.
Expr call(const std::string &callee, const std::vector<Argument> &arguments, Place where);

Expr operator-(const Operand &x);
Expr operator+(const Operand &x, const Operand &y);
Expr operator-(const Operand &x, const Operand &y);
Expr operator*(const Operand &x, const Operand &y);
Expr operator/(const Operand &x, const Operand &y);
/// x @ y.
Expr matmul(const Operand &x, const Operand &y);
/// x ^ y, written so because C++ gives ^ the precedence of a bit operation.
Expr pow(const Operand &x, const Operand &y);

/// A comparison of numbers, for `when`.
struct Condition {
  enum class Op { less, lessEqual, greater, greaterEqual, equal, notEqual } op;
  Operand lhs, rhs;
};
inline Condition operator<(const Num &x, const Operand &y) { return {Condition::Op::less, x, y}; }
inline Condition operator<=(const Num &x, const Operand &y) {
  return {Condition::Op::lessEqual, x, y};
}
inline Condition operator>(const Num &x, const Operand &y) {
  return {Condition::Op::greater, x, y};
}
inline Condition operator>=(const Num &x, const Operand &y) {
  return {Condition::Op::greaterEqual, x, y};
}
inline Condition operator==(const Num &x, const Operand &y) { return {Condition::Op::equal, x, y}; }
inline Condition operator!=(const Num &x, const Operand &y) {
  return {Condition::Op::notEqual, x, y};
}

} // namespace lnx

#endif
