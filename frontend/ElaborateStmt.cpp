// ElaborateStmt: the statements of a body, one after the other.
#include "frontend/Elaborator.h"
#include "frontend/Printer.h"

#include <cmath>
#include <limits>

namespace lnx::spec {

void Elaborator::runBody(const ast::Body &body) {
  for (const ast::StmtPtr &stmt : body.stmts) {
    if (stopped() || frame->returned)
      return;
    runStmt(*stmt);
    if (stmt->as<ast::Return>() && stmt != body.stmts.back())
      error((&stmt)[1]->location, "nothing behind 'return' is ever reached")
          .note(stmt->location, "'return' is here");
  }
}

void Elaborator::runStmt(const ast::Stmt &stmt) {
  std::visit(
      ast::Match{
          [&](const ast::Assign &n) { assign(n); }, [&](const ast::Step &n) { step(stmt, n); },
          [&](const ast::Param &n) { param(stmt, n); },
          [&](const ast::Repeat &n) { repeat(stmt, n); }, [&](const ast::If &n) { choose(n); },
          [&](const ast::Return &n) { giveBack(n); }, [&](const ast::Law &n) { law(stmt, n); },
          [&](const ast::Assume &n) { assume(stmt, n); },
          [&](const ast::Check &n) { check(stmt, n); }},
      stmt.node);
}

void Elaborator::assign(const ast::Assign &node) {
  Value value = evaluate(node.value, {CallScope::Kind::Named, node.target.text});
  // A computed number is explained by its own line.
  if (const Number *number = value.as<Number>(); number && !node.value->name())
    value = Value(*number, node.value->location);
  define(node.target, std::move(value), /*isParam=*/false);
}

void Elaborator::step(const ast::Stmt &stmt, const ast::Step &node) {
  Binding *binding = findStream(node.stream);
  const Value next = evaluate(node.value, {CallScope::Kind::Step});
  // After an error the stream keeps its value: what follows is judged by its shape.
  if (!binding || binding->value.isPoison() || next.isPoison())
    return;
  const std::string name = "'" + node.stream.text + "'";
  const Tensor *previous = binding->value.as<Tensor>(), *tensor = next.as<Tensor>();
  if (!previous || previous->isIds() || binding->isParam) {
    error(node.stream.location, name + " is " +
                                    (binding->isParam ? "a parameter" : describe(binding->value)) +
                                    "; '<-' updates a stream, a tensor named with '='")
        .note(binding->declared, name + " is named here");
    return;
  }
  if (!tensor || tensor->value.getType() != previous->value.getType()) {
    const bool onlyRows = tensor && tensor->features() == previous->features();
    const std::string rows = " for each position";
    error(node.value->location, "stream " + name + " is " + shapeText(previous->features()) +
                                    (onlyRows && previous->hasRows() ? rows : "") +
                                    ", its new value is " + describe(next) +
                                    (onlyRows && tensor->hasRows() ? rows : ""))
        .note(binding->declared, name + " is named here");
    return;
  }
  auto op =
      ir::StepOp::create(builder, place(stmt.location), previous->value.getType(),
                         builder.getStringAttr(node.stream.text), previous->value, tensor->value);
  binding->value = Value(op.getResult(), next.origin());
}

namespace {
// Four arenas of floats in one state block have to stay addressable with room to spare.
constexpr double maxElements = 0x1p50;

/// The number of fan-in and fan-out of a matrix, of its last two dimensions.
double xavierStd(double gain, llvm::ArrayRef<int64_t> shape) {
  const double fans = double(shape[shape.size() - 2]) + double(shape[shape.size() - 1]);
  return gain * std::sqrt(2 / fans);
}
} // namespace

ir::InitAttr Elaborator::initAttr(const Initialiser &init, llvm::ArrayRef<int64_t> shape,
                                  Location at) {
  using Kind = Initialiser::Kind;
  const auto make = [&](llvm::StringRef kind, const Number &a, const Number &b) {
    return ir::InitAttr::get(&context, kind, builder.getDenseF64ArrayAttr(a.values()),
                             builder.getDenseF64ArrayAttr(b.values()), scheduleAttr(a),
                             scheduleAttr(b));
  };
  for (const Number *number : {&init.a, &init.b})
    for (const double v : number->values())
      if (std::abs(v) > std::numeric_limits<float>::max()) {
        error(at, "number " + format(v) + " is beyond " +
                      format(std::numeric_limits<float>::max()) + ", the largest 32-bit float");
        return {};
      }
  const bool isMatrix = shape.size() >= 2;
  const bool isSquare = isMatrix && shape[shape.size() - 1] == shape[shape.size() - 2];
  if (init.kind == Kind::Xavier && !isMatrix) {
    error(at, "xavier needs a matrix, the parameter is " + shapeText(shape));
    return {};
  }
  if (init.kind == Kind::Identity && !isSquare) {
    error(at, "identity needs a square matrix, the parameter is " + shapeText(shape));
    return {};
  }
  switch (init.kind) {
  case Kind::Const:
    return make("const", init.a, Number(0));
  case Kind::Normal:
    return make("normal", init.a, Number(0));
  case Kind::Xavier: {
    const auto toStd = [&](const Scalar &gain) {
      return Scalar::inexact(xavierStd(gain.value(), shape));
    };
    const Schedule unit = Schedule::constant(Scalar::inexact(xavierStd(1, shape)));
    return make("normal", init.a.map(toStd, [&](const Schedule &gain) { return gain * unit; }),
                Number(0));
  }
  case Kind::Uniform:
    return make("uniform", init.a, init.b);
  case Kind::Identity:
    return make("identity", Number(1), Number(0));
  }
  return {};
}

void Elaborator::param(const ast::Stmt &stmt, const ast::Param &node) {
  std::vector<int64_t> shape;
  double elements = activeRun ? double(activeRun->count) : 1;
  std::string product;
  for (const ast::ExprPtr &size : node.shape) {
    const std::optional<int64_t> whole =
        positiveOf({{}, evaluate(size), size, size->location}, "size");
    shape.push_back(whole.value_or(0));
    elements *= double(shape.back());
    product += (product.empty() ? "" : " * ") + std::to_string(shape.back());
  }
  const Value law = evaluate(node.init);
  const bool isSized = llvm::all_of(shape, [](int64_t size) { return size > 0; });
  const std::optional<Initialiser> init =
      isSized ? initialiserOf(law, node.init->location) : std::nullopt;
  if (isSized && elements > maxElements) {
    if (activeRun && activeRun->count > 1)
      product += " * " + std::to_string(activeRun->count) + " layers";
    Diagnostic &diagnostic = error(
        node.shapeLocation, "parameter '" + node.name.text + "' has " + product + " = " +
                                format(elements) + " elements, more than " + format(maxElements));
    for (const ast::ExprPtr &size : node.shape)
      noteNumbers(diagnostic, *size);
    return define(node.name, Value(), /*isParam=*/true);
  }
  const ir::InitAttr attr = init ? initAttr(*init, shape, node.init->location) : ir::InitAttr();
  if (!attr)
    return define(node.name, Value(), /*isParam=*/true);
  const std::string own = uniqueName(node.name.text);
  auto op = ir::ParamOp::create(
      builder, place(stmt.location), typeOf(shape, false),
      builder.getStringAttr(frame->path.empty() ? own : frame->path + "." + own), attr);
  define(node.name, Value(op.getResult(), stmt.location), /*isParam=*/true);
}

void Elaborator::giveBack(const ast::Return &node) {
  const bool isModel = frame->decl->isModel() && modelCall(*node.value);
  if (activeRun && activeRun->owner == frame) {
    error(node.value->location, "'return' stands behind a repeat, not inside one");
    frame->returned = Value();
    return;
  }
  frame->returned = isModel
                        ? callBase(*node.value, std::exchange(pending, {}), /*withForwards=*/false)
                        : evaluate(node.value, {CallScope::Kind::None});
}

/// With l <= depth/4 in rational arithmetic (S5), at this depth and at every large one.
Comparison Elaborator::compareNumbers(const ast::Condition &condition, const Number &a,
                                      const Number &b) {
  using Op = ast::CompareOp;
  Comparison result;
  for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    const int order = Scalar::compare(a.at(i), b.at(i));
    result.truths.push_back(condition.op == Op::Less           ? order < 0
                            : condition.op == Op::LessEqual    ? order <= 0
                            : condition.op == Op::Greater      ? order > 0
                            : condition.op == Op::GreaterEqual ? order >= 0
                            : condition.op == Op::Equal        ? order == 0
                                                               : order != 0);
  }
  if (a.hasSchedule() || b.hasSchedule())
    result.always = truthOf(condition.op, a.schedule(), b.schedule(),
                            activeRun ? activeRun->stretch : Stretch());
  else
    result.always = Truth{result.truths.front(), {}};
  return result;
}

std::optional<Comparison> Elaborator::compare(const ast::Condition &condition) {
  using Op = ast::CompareOp;
  const Value l = evaluate(condition.lhs), r = evaluate(condition.rhs);
  if (l.isPoison() || r.isPoison())
    return std::nullopt;
  const bool isEquality = condition.op == Op::Equal || condition.op == Op::NotEqual;
  if (const Number *a = l.as<Number>(), *b = r.as<Number>(); a && b)
    return compareNumbers(condition, *a, *b);
  if (l.as<Tensor>() || r.as<Tensor>() || !isEquality || l.as<Number>() || r.as<Number>()) {
    const Value &bad = l.as<Tensor>() || !l.as<Number>() ? l : r;
    error((&bad == &l ? condition.lhs : condition.rhs)->location,
          "a condition compares numbers, this is " + describe(bad));
    return std::nullopt;
  }
  const std::optional<Initialiser> a = initialiserOf(l, condition.lhs->location);
  const std::optional<Initialiser> b = initialiserOf(r, condition.rhs->location);
  if (!a || !b)
    return std::nullopt;
  Comparison result;
  // At other depths: laws of different kinds, or with a number that differs there, are never equal.
  bool isOther = a->kind != b->kind, isSame = a->kind == b->kind;
  for (const auto &[x, y] : {std::pair(&a->a, &b->a), std::pair(&a->b, &b->b)}) {
    const bool isOfDepth = x->hasSchedule() || y->hasSchedule();
    const Stretch stretch = activeRun ? activeRun->stretch : Stretch();
    const std::optional<Truth> equal =
        isOfDepth ? truthOf(Op::Equal, x->schedule(), y->schedule(), stretch)
                  : std::optional(Truth{*x == *y, {}});
    isOther |= equal && !equal->first && !equal->until;
    isSame &= equal && equal->first && !equal->until;
  }
  for (size_t i = 0; i < std::max({a->a.size(), a->b.size(), b->a.size(), b->b.size()}); ++i)
    result.truths.push_back((a->kind == b->kind && a->a.at(i) == b->a.at(i) &&
                             a->b.at(i) == b->b.at(i)) == (condition.op == Op::Equal));
  if (isOther || isSame)
    result.always = Truth{isSame == (condition.op == Op::Equal), {}};
  return result;
}

std::optional<bool> Elaborator::decide(const ast::Condition &condition) {
  const std::optional<Comparison> found = compare(condition);
  if (!found)
    return std::nullopt;
  const auto &[truths, always] = *found;
  const auto change = std::find(truths.begin(), truths.end(), !truths.front());
  const bool isSplit = change != truths.end();
  // What every large depth has, this one has to have too.
  const bool isTypical =
      always && always->first == truths.front() && always->until.has_value() == isSplit;
  if (!isTypical)
    keepToDepth();
  if (!isSplit)
    return truths.front();
  activeRun->splitAt = activeRun->first + (change - truths.begin());
  activeRun->cut = isTypical ? *always->until : Border::after(0, *activeRun->splitAt - 1);
  return std::nullopt;
}

void Elaborator::choose(const ast::If &node) {
  const std::optional<bool> truth = decide(node.condition);
  if (!truth)
    return;
  if (*truth)
    runBody(node.then);
  else if (node.otherwise)
    runBody(*node.otherwise);
}

} // namespace lnx::spec
