// Ast: making nodes, spelling operators and comparing trees.
// Comparison ignores places and one-line marks, so that a printed and re-parsed tree is equal.

#include "frontend/Ast.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cmath>

namespace lnx::ast {

const char *spelling(BinaryOp op) {
  switch (op) {
  case BinaryOp::Add:
    return "+";
  case BinaryOp::Sub:
    return "-";
  case BinaryOp::Mul:
    return "*";
  case BinaryOp::Div:
    return "/";
  case BinaryOp::MatMul:
    return "@";
  case BinaryOp::Pow:
    return "^";
  }
  return "";
}

const char *spelling(CompareOp op) {
  switch (op) {
  case CompareOp::Less:
    return "<";
  case CompareOp::LessEqual:
    return "<=";
  case CompareOp::Greater:
    return ">";
  case CompareOp::GreaterEqual:
    return ">=";
  case CompareOp::Equal:
    return "==";
  case CompareOp::NotEqual:
    return "!=";
  }
  return "";
}

std::string Path::text() const {
  std::string result;
  for (const Ident &part : parts)
    result += (result.empty() ? "" : ".") + part.text;
  return result;
}

ExprPtr makeExpr(decltype(Expr::node) node, Location location) {
  const auto made = std::make_shared<Expr>();
  Expr &e = *made;
  e.node = std::move(node);
  e.location = location;
  const auto below = [&](const ExprPtr &child) {
    e.height = std::max(e.height, child->height + 1);
  };
  std::visit(Match{
                 [](const Number &) {},
                 [](const Name &) {},
                 [&](const Negate &n) { below(n.operand); },
                 [&](const Binary &b) { below(b.lhs), below(b.rhs); },
                 [&](const Call &c) {
                   below(c.callee);
                   for (const Arg &arg : c.args)
                     below(arg.value);
                 },
                 [&](const Index &i) { below(i.base), below(i.index); },
             },
             e.node);
  return made;
}

ExprPtr inBrackets(ExprPtr fresh, Location location) {
  assert(fresh.use_count() == 1 && "only a node that nobody else has seen may change");
  std::const_pointer_cast<Expr>(fresh)->location = location;
  return fresh;
}

namespace {
/// The digits and the power of ten of a literal, when they fit.
std::optional<Decimal> exactly(std::string_view spelling) {
  Decimal d;
  bool isBehindPoint = false;
  size_t i = 0;
  for (; i < spelling.size() && spelling[i] != 'e' && spelling[i] != 'E'; ++i) {
    if (spelling[i] == '.') {
      isBehindPoint = true;
      continue;
    }
    if (__builtin_mul_overflow(d.digits, uint64_t(10), &d.digits) ||
        __builtin_add_overflow(d.digits, uint64_t(spelling[i] - '0'), &d.digits))
      return std::nullopt;
    d.exponent -= isBehindPoint;
  }
  if (i < spelling.size()) {
    int32_t power = 0;
    const char *begin = spelling.data() + i + 1 + (spelling[i + 1] == '+');
    if (std::from_chars(begin, spelling.data() + spelling.size(), power).ec != std::errc() ||
        __builtin_add_overflow(d.exponent, power, &d.exponent))
      return std::nullopt;
  }
  return d;
}
} // namespace

ExprPtr makeNumber(std::string spelling, Location location) {
  Number n;
  std::from_chars(spelling.data(), spelling.data() + spelling.size(), n.value);
  n.exact = exactly(spelling);
  n.spelling = std::move(spelling);
  return makeExpr(std::move(n), location);
}

ExprPtr makeNumber(double value, Location location) {
  if (std::signbit(value))
    return makeExpr(Negate{makeNumber(-value, location)}, location);
  char text[32];
  // Shortest form that reads back as the same value, 1e-5 rather than 1e-05.
  std::string spelling(text, std::to_chars(text, text + sizeof text, value).ptr);
  if (const size_t e = spelling.find('e'); e != std::string::npos) {
    const size_t digits = spelling.find_first_of("123456789", e);
    spelling.replace(e + 1, digits - e - 1, spelling[e + 1] == '-' ? "-" : "");
  }
  return makeNumber(std::move(spelling), location);
}

namespace {
bool equal(const ExprPtr &a, const ExprPtr &b) { return a && b ? ast::equal(*a, *b) : a == b; }

bool equal(const Ident &a, const Ident &b) { return a.text == b.text; }

bool equal(const Arg &a, const Arg &b) { return equal(a.name, b.name) && equal(a.value, b.value); }

bool equal(const Formal &a, const Formal &b) {
  return equal(a.name, b.name) && equal(a.init, b.init);
}

bool equal(const StmtPtr &a, const StmtPtr &b) { return ast::equal(*a, *b); }

template <class T> bool equal(const std::vector<T> &a, const std::vector<T> &b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const T &x, const T &y) { return equal(x, y); });
}

bool equal(const Bound &a, const Bound &b) { return a.op == b.op && equal(a.value, b.value); }

bool equal(const Sig &a, const Sig &b) { return equal(a.formals, b.formals); }

bool equal(const Condition &a, const Condition &b) {
  return a.op == b.op && equal(a.lhs, b.lhs) && equal(a.rhs, b.rhs);
}

bool equal(const Body &a, const Body &b) {
  return equal(a.stmts, b.stmts) && a.opening == b.opening && a.closing == b.closing;
}

template <class T> bool equal(const std::optional<T> &a, const std::optional<T> &b) {
  return a && b ? equal(*a, *b) : a.has_value() == b.has_value();
}

bool equal(const Number &a, const Number &b) { return a.spelling == b.spelling; }
bool equal(const Name &a, const Name &b) { return a.text == b.text; }
bool equal(const Negate &a, const Negate &b) { return equal(a.operand, b.operand); }
bool equal(const Binary &a, const Binary &b) {
  return a.op == b.op && equal(a.lhs, b.lhs) && equal(a.rhs, b.rhs);
}
bool equal(const Call &a, const Call &b) {
  return equal(a.callee, b.callee) && equal(a.args, b.args);
}
bool equal(const Index &a, const Index &b) {
  return equal(a.base, b.base) && equal(a.index, b.index);
}

bool equal(const Assign &a, const Assign &b) {
  return equal(a.target, b.target) && equal(a.value, b.value);
}
bool equal(const Step &a, const Step &b) {
  return equal(a.stream, b.stream) && equal(a.value, b.value);
}
bool equal(const Param &a, const Param &b) {
  return equal(a.name, b.name) && equal(a.shape, b.shape) && equal(a.init, b.init);
}
bool equal(const Repeat &a, const Repeat &b) {
  return equal(a.index, b.index) && equal(a.first, b.first) && equal(a.last, b.last) &&
         equal(a.body, b.body);
}
bool equal(const If &a, const If &b) {
  return equal(a.condition, b.condition) && equal(a.then, b.then) &&
         equal(a.otherwise, b.otherwise) && a.isChained == b.isChained;
}
bool equal(const Return &a, const Return &b) { return equal(a.value, b.value); }
bool equal(const Law &a, const Law &b) { return equal(a.name, b.name) && equal(a.bound, b.bound); }
bool equal(const Assume &a, const Assume &b) {
  return equal(a.path.parts, b.path.parts) && equal(a.args, b.args) && equal(a.bound, b.bound);
}
bool equal(const Check &a, const Check &b) {
  return equal(a.path.parts, b.path.parts) && equal(a.bound, b.bound);
}

template <class... Ts> bool equal(const std::variant<Ts...> &a, const std::variant<Ts...> &b) {
  return a.index() == b.index() &&
         std::visit([&](const auto &x) { return equal(x, std::get<std::decay_t<decltype(x)>>(b)); },
                    a);
}
} // namespace

bool equal(const Expr &a, const Expr &b) { return equal(a.node, b.node); }

bool equal(const Stmt &a, const Stmt &b) {
  return a.comments == b.comments && equal(a.node, b.node);
}

bool equal(const Decl &a, const Decl &b) {
  return a.kind == b.kind && equal(a.name, b.name) && equal(a.sig, b.sig) &&
         equal(a.body, b.body) && equal(a.value, b.value) && a.comments == b.comments;
}

bool equal(const File &a, const File &b) {
  return std::equal(a.decls.begin(), a.decls.end(), b.decls.begin(), b.decls.end(),
                    [](const DeclPtr &x, const DeclPtr &y) { return equal(*x, *y); }) &&
         a.closing == b.closing;
}

} // namespace lnx::ast
