// ElaborateExpr: what an expression is: numbers are computed, tensors become operations.
#include "frontend/Elaborator.h"
#include "frontend/Printer.h"

#include <cmath>

namespace lnx::spec {
namespace {
// Evaluations inside each other; a call of a definition costs about 2 KiB of stack for each.
constexpr uint32_t maxDepth = 1500;

struct Deeper {
  explicit Deeper(uint32_t &depth) : depth(++depth) {}
  ~Deeper() { --depth; }
  uint32_t &depth;
};

bool isIds(const Value &value) {
  const Tensor *tensor = value.as<Tensor>();
  return tensor && tensor->isIds();
}

bool isArithmetic(const Value &value) {
  return value.as<Number>() || (value.as<Tensor>() && !isIds(value));
}
} // namespace

Value Elaborator::evaluate(const ast::ExprPtr &expr, const CallScope &scope) {
  Deeper deeper(depth);
  if (stopped())
    return {};
  if (depth > maxDepth) {
    error(expr->location, "definitions are nested too deeply here");
    isExhausted = true;
    return {};
  }
  return std::visit(ast::Match{[&](const ast::Number &n) {
                                 const Scalar value =
                                     n.exact ? Scalar::decimal(n.exact->digits, n.exact->exponent)
                                             : Scalar::inexact(n.value);
                                 return Value(Number(value), expr->location);
                               },
                               [&](const ast::Name &n) { return lookUp(n.text, expr->location); },
                               [&](const ast::Negate &n) { return negate(*expr, n); },
                               [&](const ast::Binary &n) { return binary(*expr, n); },
                               [&](const ast::Call &n) { return call(*expr, n, scope); },
                               [&](const ast::Index &n) { return index(*expr, n); }},
                    expr->node);
}

Value Elaborator::negate(const ast::Expr &expr, const ast::Negate &node) {
  const Value value = evaluate(node.operand);
  if (value.isPoison())
    return {};
  if (const Number *number = value.as<Number>())
    return Value(
        number->map([](const Scalar &a) { return -a; }, [](const Schedule &a) { return -a; }),
        expr.location);
  if (!isArithmetic(value)) {
    error(node.operand->location, "'-' takes numbers and tensors, this is " + describe(value));
    return {};
  }
  return Value(ir::NegOp::create(builder, place(expr.location), value.as<Tensor>()->value),
               expr.location);
}

Value Elaborator::binary(const ast::Expr &expr, const ast::Binary &node) {
  const Value l = evaluate(node.lhs), r = evaluate(node.rhs);
  if (l.isPoison() || r.isPoison())
    return {};
  for (const auto &[value, operand] : {std::pair(&l, &node.lhs), std::pair(&r, &node.rhs)})
    if (!isArithmetic(*value)) {
      error((*operand)->location, "'" + std::string(ast::spelling(node.op)) +
                                      "' takes numbers and tensors, this is " + describe(*value));
      return {};
    }
  switch (node.op) {
  case ast::BinaryOp::MatMul:
    return matmul(expr, node, l, r);
  case ast::BinaryOp::Pow:
    return powerOf(expr, node, l, r);
  default:
    return arithmetic(expr, node, l, r);
  }
}

Value Elaborator::finite(Number number, const ast::Expr &expr) {
  for (size_t i = 0; i < number.size(); ++i)
    if (!number.at(i).isFinite()) {
      const double value = number.at(i).value();
      Diagnostic &diagnostic = error(
          expr.location,
          "'" + print(expr) + "' is " + (std::isnan(value) ? "not a real number" : "infinite") +
              (number.isUniform() ? ""
                                  : " in layer " + std::to_string(activeRun->first + int64_t(i))));
      noteNumbers(diagnostic, expr);
      return {};
    }
  return Value(std::move(number), expr.location);
}

/// A tensor over 0 is infinite or not a number, whatever its values are.
bool Elaborator::mayDivideBy(const Number &divisor, const ast::Expr &expr) {
  for (size_t i = 0; i < divisor.size(); ++i)
    if (divisor.at(i).isZero()) {
      Diagnostic &diagnostic = error(
          expr.location,
          "'" + print(expr) + "' divides by 0" +
              (divisor.isUniform() ? ""
                                   : " in layer " + std::to_string(activeRun->first + int64_t(i))));
      noteNumbers(diagnostic, *expr.as<ast::Binary>()->rhs);
      return false;
    }
  return true;
}

Value Elaborator::arithmetic(const ast::Expr &expr, const ast::Binary &node, const Value &l,
                             const Value &r) {
  using Op = ast::BinaryOp;
  if (const Number *a = l.as<Number>(), *b = r.as<Number>(); a && b) {
    const auto apply = [&](const auto &x, const auto &y) {
      return node.op == Op::Add   ? x + y
             : node.op == Op::Sub ? x - y
             : node.op == Op::Mul ? x * y
                                  : x / y;
    };
    return finite(Number::map(*a, *b, apply, apply), expr);
  }
  const Number *divisor = node.op == Op::Div ? r.as<Number>() : nullptr;
  if (divisor && !mayDivideBy(*divisor, expr))
    return {};
  const mlir::Value a = tensorOf(l, node.lhs->location), b = tensorOf(r, node.rhs->location);
  if (!a || !b)
    return {};
  if (mlir::failed(ir::broadcastTypes({a.getType(), b.getType()}))) {
    const std::string left = shapeText(Tensor{a}.features()),
                      right = shapeText(Tensor{b}.features());
    error(node.opLocation,
          "shapes " + left + " and " + right + " do not fit in '" + ast::spelling(node.op) + "'")
        .note(node.lhs->location, "this is " + left)
        .note(node.rhs->location, "this is " + right);
    return {};
  }
  const mlir::Location at = place(expr.location);
  switch (node.op) {
  case Op::Add:
    return Value(ir::AddOp::create(builder, at, a, b), expr.location);
  case Op::Sub:
    return Value(ir::SubOp::create(builder, at, a, b), expr.location);
  case Op::Mul:
    return Value(ir::MulOp::create(builder, at, a, b), expr.location);
  default:
    return Value(ir::DivOp::create(builder, at, a, b), expr.location);
  }
}

Value Elaborator::powerOf(const ast::Expr &expr, const ast::Binary &node, const Value &l,
                          const Value &r) {
  const Number *exponent = r.as<Number>();
  if (!exponent) {
    error(node.rhs->location, "an exponent is a number, this is " + describe(r));
    return {};
  }
  if (const Number *base = l.as<Number>()) {
    const auto apply = [](const auto &b, const auto &e) { return power(b, e); };
    return finite(Number::map(*base, *exponent, apply, apply), expr);
  }
  const mlir::Value x = l.as<Tensor>()->value;
  const mlir::Location at = place(expr.location);
  keepToDepth(*exponent);
  if (exponent->isUniform())
    return Value(
        ir::PowOp::create(builder, at, x, builder.getF64FloatAttr(exponent->front().value())),
        expr.location);
  error(node.rhs->location, "an exponent of a tensor is the same in every layer, this is " +
                                format(exponent->at(0)) + " and then " +
                                format(exponent->at(exponent->size() - 1)));
  return {};
}

Value Elaborator::matmul(const ast::Expr &expr, const ast::Binary &node, const Value &l,
                         const Value &r) {
  const Tensor *a = l.as<Tensor>(), *b = r.as<Tensor>();
  if (!a || !b) {
    error((a ? node.rhs : node.lhs)->location, "'@' takes tensors, this is a number");
    return {};
  }
  const size_t leftRank = a->hasRows() ? 1 : 2;
  if (b->hasRows() || b->features().size() != 2) {
    error(node.rhs->location, "the right side of '@' is a matrix of parameters, this is " +
                                  describe(r) + (b->hasRows() ? " for each position" : ""));
    return {};
  }
  if (a->features().size() != leftRank) {
    error(node.lhs->location, "the left side of '@' has one row for each position, this is " +
                                  describe(l) + (a->hasRows() ? " for each position" : ""));
    return {};
  }
  if (a->features().back() != b->features()[0]) {
    const std::string left = shapeText(a->features()), right = shapeText(b->features());
    error(node.opLocation, "shapes " + left + " and " + right + " do not fit in '@'")
        .note(node.lhs->location, "this is " + left)
        .note(node.rhs->location, "this is " + right);
    return {};
  }
  return Value(ir::MatmulOp::create(builder, place(expr.location), a->value, b->value,
                                    /*transpose_lhs=*/false, /*transpose_rhs=*/false),
               expr.location);
}

Value Elaborator::index(const ast::Expr &expr, const ast::Index &node) {
  const Value base = evaluate(node.base), index = evaluate(node.index);
  if (base.isPoison() || index.isPoison())
    return {};
  const Tensor *table = base.as<Tensor>();
  if (!table || table->isIds() || table->hasRows() || table->features().empty()) {
    error(node.base->location, "only parameters with a first dimension can be indexed, this is " +
                                   describe(base) +
                                   (table && table->hasRows() ? " for each position" : ""));
    return {};
  }
  const mlir::Location at = place(expr.location);
  if (const Tensor *ids = index.as<Tensor>()) {
    if (!ids->isIds() || table->features().size() != 2) {
      error((ids->isIds() ? node.base : node.index)->location,
            ids->isIds() ? "token ids choose rows of a matrix, this is " + describe(base)
                         : "an index is a number or token ids, this is " + describe(index));
      return {};
    }
    lookups.push_back({print(*node.base), table->features()[0], node.index->location,
                       bool(ids->value.getDefiningOp<ir::PositionsOp>())});
    return Value(ir::GatherOp::create(builder, at, table->value, ids->value), expr.location);
  }
  const std::optional<int64_t> part =
      wholeOf(index, node.index.get(), node.index->location, "index");
  if (!part)
    return {};
  const int64_t count = table->features()[0];
  if (*part < 0 || *part >= count) {
    Diagnostic &diagnostic =
        error(node.index->location, "index " + std::to_string(*part) + " is outside 0.." +
                                        std::to_string(count - 1) + ", the parts of '" +
                                        print(*node.base) + "'");
    noteNumbers(diagnostic, *node.index);
    return {};
  }
  return Value(ir::SliceOp::create(builder, at, table->value, builder.getI64IntegerAttr(*part)),
               expr.location);
}

} // namespace lnx::spec
