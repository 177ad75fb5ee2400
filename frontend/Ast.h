// Ast: a parsed .lnx file, or the same built from C++ values; immutable.
// Expressions and statements are shared; walk them with std::visit and Match.
#pragma once

#include "frontend/Diagnostics.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace lnx::ast {

/// Overloads for std::visit:  std::visit(Match{[](const Number &n) {...}, ...}, expr->node)
template <class... Fs> struct Match : Fs... {
  using Fs::operator()...;
};
template <class... Fs> Match(Fs...) -> Match<Fs...>;

/// A name where it is written.
struct Ident {
  std::string text;
  Location location;
};

struct Expr;
using ExprPtr = std::shared_ptr<const Expr>;

/// digits * 10^exponent, exactly.
struct Decimal {
  uint64_t digits = 0;
  int32_t exponent = 0;
  bool operator==(const Decimal &) const = default;
};

/// A literal, never negative. `exact` is absent when its digits do not fit 64 bits.
struct Number {
  std::string spelling;
  double value = 0;
  std::optional<Decimal> exact;
};

/// A name. In the arguments of `assume` it may be a path of a parameter: `attn.q.W`, `7.attn.q.W`.
struct Name {
  std::string text;
};

struct Negate {
  ExprPtr operand;
};

enum class BinaryOp { Add, Sub, Mul, Div, MatMul, Pow };
const char *spelling(BinaryOp op);

struct Binary {
  BinaryOp op;
  ExprPtr lhs, rhs;
  Location opLocation;
};

/// One argument of a call; `name.text` is empty for a positional one.
struct Arg {
  Ident name;
  ExprPtr value;
  bool isNamed() const { return !name.text.empty(); }
};

struct Call {
  ExprPtr callee; // nearly always a Name
  std::vector<Arg> args;
};

struct Index {
  ExprPtr base, index;
};

/// Parentheses are not kept: the tree says what they said, and `location` includes them.
struct Expr {
  std::variant<Number, Name, Negate, Binary, Call, Index> node;
  Location location;
  /// Operations on the longest way down, 1 for a leaf. The parser keeps it at most `maxHeight`, so
  /// recursive walks are safe.
  uint32_t height = 1;

  static constexpr uint32_t maxHeight = 1024;

  template <class T> const T *as() const { return std::get_if<T>(&node); }
  /// The name if this is one, else null.
  const std::string *name() const {
    const Name *n = as<Name>();
    return n ? &n->text : nullptr;
  }
};

/// Builds a node and its height. The only way expressions are made, by the parser and from C++.
ExprPtr makeExpr(decltype(Expr::node) node, Location location);
/// A node just made, with brackets around it.
ExprPtr inBrackets(ExprPtr fresh, Location location);
/// From a spelling that the lexer accepts.
ExprPtr makeNumber(std::string spelling, Location location);
/// From a finite value; the literal of a negative one is negated.
ExprPtr makeNumber(double value, Location location);

/// The comments of a statement or declaration, with their `#`. In `before`, an empty string is a
/// blank line.
struct Comments {
  std::vector<std::string> before;
  std::string after;
  bool operator==(const Comments &) const = default;
};

struct Stmt;
using StmtPtr = std::shared_ptr<const Stmt>;

struct Body {
  std::vector<StmtPtr> stmts;
  Location location;                // with its braces
  std::string opening;              // comment behind '{'
  std::vector<std::string> closing; // comments before '}'
  bool onOneLine = false;           // as the user wrote it; only with one plain statement
};

struct Assign { // name = value
  Ident target;
  ExprPtr value;
};

struct Step { // stream <- value: one residual step
  Ident stream;
  ExprPtr value;
};

struct Param { // param name : [shape] ~ init
  Ident name;
  std::vector<ExprPtr> shape;
  Location shapeLocation; // with its brackets
  ExprPtr init;           // a Name or a Call of a Name
};

struct Repeat { // repeat index in first..last body
  Ident index;
  ExprPtr first, last;
  Body body;
};

enum class CompareOp { Less, LessEqual, Greater, GreaterEqual, Equal, NotEqual };
const char *spelling(CompareOp op);

struct Condition {
  CompareOp op;
  ExprPtr lhs, rhs;
  Location opLocation;
  Location location;
};

struct If {
  Condition condition;
  Body then;
  std::optional<Body> otherwise; // `else if` is a body that holds one If, with isChained
  bool isChained = false;
};

struct Return {
  ExprPtr value;
};

/// A dotted name: `norm.bias.rms`.
struct Path {
  std::vector<Ident> parts;
  Location location;
  std::string text() const;
};

/// The comparison of a law, assume or check. Only `=`, `<=` and `>=` where the grammar has them.
struct Bound {
  CompareOp op;
  ExprPtr value;
};

struct Law { // law name <= value, law name = value (CompareOp::Equal)
  Ident name;
  Bound bound;
};

struct Assume {
  Path path;
  std::optional<std::vector<Arg>> args;
  std::optional<Bound> bound;
};

struct Check {
  Path path;
  std::optional<Bound> bound;
};

struct Stmt {
  std::variant<Assign, Step, Param, Repeat, If, Return, Law, Assume, Check> node;
  Location location;
  Comments comments;

  template <class T> const T *as() const { return std::get_if<T>(&node); }
};

/// A parameter of a model or def; `init` is its default, or null.
struct Formal {
  Ident name;
  ExprPtr init;
};

struct Sig {
  std::vector<Formal> formals;
  Location location; // with its brackets
};

enum class DeclKind { Model, Def };

/// model NAME sig body | model NAME [sig] = NAME args | def NAME sig = expr | def NAME sig body
struct Decl {
  DeclKind kind = DeclKind::Def;
  Ident name;
  std::optional<Sig> sig;   // always there for a def and for a model with a body
  std::optional<Body> body; // either the body
  ExprPtr value;            // or what stands behind '='; for a model a Call of a Name
  Location location;
  Comments comments;
  SourcePtr source; // keeps the text alive; null for a declaration made in C++

  bool isModel() const { return kind == DeclKind::Model; }
};
using DeclPtr = std::shared_ptr<const Decl>;

struct File {
  SourcePtr source;
  std::vector<DeclPtr> decls;
  std::vector<std::string> closing; // comments behind the last declaration
};
using FilePtr = std::shared_ptr<const File>;

/// Same tree with the same comments and layout marks; locations are not compared.
bool equal(const Expr &a, const Expr &b);
bool equal(const Stmt &a, const Stmt &b);
bool equal(const Decl &a, const Decl &b);
bool equal(const File &a, const File &b);

} // namespace lnx::ast
