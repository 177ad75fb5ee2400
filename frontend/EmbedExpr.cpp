// EmbedExpr: expressions of the public headers as trees with places in the user's C++.
// A mistake travels with the expression until a model is built, where it is reported once.
#include "frontend/Embed.h"
#include "frontend/Lexer.h"
#include "frontend/Printer.h"
#include "frontend/Utf8.h"

#include <algorithm>
#include <cmath>

namespace lnx {

void Origin::add(const OriginPtr &other) {
  if (!other)
    return;
  for (const auto &definition : other->definitions)
    if (std::ranges::find(definitions, definition) == definitions.end())
      definitions.push_back(definition);
  for (const Mistake &one : other->mistakes)
    if (std::ranges::find(mistakes, one) == mistakes.end())
      mistakes.push_back(one);
}

OriginPtr join(const OriginPtr &a, const OriginPtr &b) {
  if (!a || !b || a == b)
    return a ? a : b;
  const auto both = std::make_shared<Origin>(*a);
  both->add(b);
  return both;
}

OriginPtr mistake(Place where, std::string message) {
  const auto made = std::make_shared<Origin>();
  made->mistakes.push_back({locate(where), std::move(message)});
  return made;
}

bool isName(std::string_view text) {
  const std::vector<std::string> reserved = keywords();
  if (text.empty() || std::ranges::find(reserved, text) != reserved.end())
    return false;
  bool isFirst = true;
  for (size_t i = 0; i < text.size();) {
    const CodePoint c = decode(text, i);
    if (!c.isValid || !(isFirst ? isNameStart(c.value) : isNameContinue(c.value)))
      return false;
    isFirst = false;
    i += c.length;
  }
  return true;
}

/// A part of a parameter's path may be the number of a layer.
bool isPath(std::string_view text) {
  while (true) {
    const size_t dot = text.find('.');
    const std::string_view part = text.substr(0, dot);
    const bool isNumber =
        !part.empty() && std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
    if (!isNumber && !isName(part))
      return false;
    if (dot == std::string_view::npos)
      return true;
    text.remove_prefix(dot + 1);
  }
}

namespace {
Expr made(decltype(ast::Expr::node) node, Place where, OriginPtr origin) {
  ast::ExprPtr tree = ast::makeExpr(std::move(node), locate(where));
  if (tree->height <= ast::Expr::maxHeight)
    return Expr(std::move(tree), std::move(origin));
  // Recursive walks over it would not be safe.
  origin = join(origin, mistake(where, "an expression has more than " +
                                           std::to_string(ast::Expr::maxHeight) +
                                           " operations inside one another"));
  return Expr(ast::makeExpr(ast::Name{"?"}, locate(where)), std::move(origin));
}

Expr binary(ast::BinaryOp op, const Operand &x, const Operand &y) {
  return made(ast::Binary{op, x.value.tree(), y.value.tree(), locate(x.where)}, x.where,
              join(x.value.origin(), y.value.origin()));
}
} // namespace

Expr::Expr(ast::ExprPtr tree, OriginPtr origin) : node(std::move(tree)), made(std::move(origin)) {}

Expr Expr::literal(double value, Place where) {
  if (std::isfinite(value))
    return Expr(ast::makeNumber(value, locate(where)), nullptr);
  return Expr(ast::makeNumber(0.0, locate(where)),
              mistake(where, "a number of a model has to be finite, this is " +
                                 std::string(std::isnan(value) ? "nan"
                                             : value > 0       ? "infinity"
                                                               : "-infinity")));
}

std::string Expr::print() const { return lnx::print(*node); }

/// Leaves are shared by all their uses; each use has its own place.
Expr Operand::place(const Expr &value, Place where) {
  const ast::Expr &tree = *value.tree();
  const bool isLeaf = tree.height == 1 || (tree.height == 2 && tree.as<ast::Negate>());
  return isLeaf ? Expr(ast::makeExpr(tree.node, locate(where)), value.origin()) : value;
}

Argument::Argument(const Operand &value) : value(std::make_shared<const Operand>(value)) {}

Argument::Argument(std::string name, const Operand &value)
    : name(std::move(name)), value(std::make_shared<const Operand>(value)) {}

static Expr callOf(const Expr &callee, std::span<const Argument> arguments, Place where) {
  ast::Call call{callee.tree(), {}};
  OriginPtr origin = callee.origin();
  for (const Argument &argument : arguments) {
    if (!argument.value)
      continue;
    const Location at = locate(argument.value->where);
    origin = join(origin, argument.value->value.origin());
    if (!argument.name.empty() && !isName(argument.name))
      origin =
          join(origin, mistake(argument.value->where, "'" + argument.name + "' is not a name"));
    call.args.push_back({{argument.name, at}, argument.value->value.tree()});
  }
  return made(std::move(call), where, std::move(origin));
}

Expr Expr::operator()(Argument a, Argument b, Argument c, Argument d, Argument e, Argument f,
                      Argument g, Argument h, Argument i, Argument j, Argument k, Argument l,
                      Argument m, Argument n, Argument o, Argument p, Place where) const {
  const Argument all[] = {a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p};
  return callOf(Operand(*this, where).value, all, where);
}

Expr call(const std::string &callee, const std::vector<Argument> &arguments, Place where) {
  return callOf(name(callee, where), arguments, where);
}

Expr Expr::operator[](const Operand &index) const {
  return lnx::made(ast::Index{node, index.value.tree()}, index.where,
                   join(made, index.value.origin()));
}

Expr name(const std::string &text, Place where) {
  OriginPtr origin = isPath(text) ? nullptr : mistake(where, "'" + text + "' is not a name");
  return Expr(ast::makeExpr(ast::Name{text}, locate(where)), std::move(origin));
}

Expr operator-(const Operand &x) {
  return made(ast::Negate{x.value.tree()}, x.where, x.value.origin());
}
Expr operator+(const Operand &x, const Operand &y) { return binary(ast::BinaryOp::Add, x, y); }
Expr operator-(const Operand &x, const Operand &y) { return binary(ast::BinaryOp::Sub, x, y); }
Expr operator*(const Operand &x, const Operand &y) { return binary(ast::BinaryOp::Mul, x, y); }
Expr operator/(const Operand &x, const Operand &y) { return binary(ast::BinaryOp::Div, x, y); }
Expr matmul(const Operand &x, const Operand &y) { return binary(ast::BinaryOp::MatMul, x, y); }
Expr pow(const Operand &x, const Operand &y) { return binary(ast::BinaryOp::Pow, x, y); }

} // namespace lnx
