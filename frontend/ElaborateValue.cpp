// ElaborateValue: from values of the language to values of the IR and to sizes.
#include "frontend/Elaborator.h"
#include "frontend/Printer.h"

#include <cmath>
#include <limits>

namespace lnx::spec {

mlir::Location Elaborator::place(Location at) {
  if (!at)
    return mlir::UnknownLoc::get(&context);
  const Position position = at.position();
  return mlir::FileLineColLoc::get(&context, std::string(at.fileName()), position.line,
                                   position.column);
}

mlir::RankedTensorType Elaborator::typeOf(llvm::ArrayRef<int64_t> features, bool withRows) {
  return ir::getTensorType(&context, features, withRows);
}

mlir::Value Elaborator::tensorOf(const Value &value, Location at) {
  if (const Tensor *tensor = value.as<Tensor>())
    return tensor->value;
  const Number &number = *value.as<Number>();
  for (const double v : number.values())
    if (std::abs(v) > std::numeric_limits<float>::max()) {
      error(at, "number " + format(v) + " is beyond " + format(std::numeric_limits<float>::max()) +
                    ", the largest 32-bit float");
      return {};
    }
  if (number.isUniform() && !number.hasSchedule())
    return ir::ConstantOp::create(builder, place(at),
                                  builder.getF64FloatAttr(number.front().value()));
  return ir::TableOp::create(builder, place(at), typeOf({}, false),
                             number.isUniform() ? mlir::Value() : activeRun->layer,
                             builder.getDenseF64ArrayAttr(number.values()), scheduleAttr(number));
}

mlir::StringAttr Elaborator::scheduleAttr(const Number &number) {
  return number.hasSchedule() ? builder.getStringAttr(number.schedule().print())
                              : mlir::StringAttr();
}

std::optional<Number> Elaborator::numberOf(const Argument &arg, const std::string &what) {
  if (const Number *number = arg.value.as<Number>())
    return *number;
  if (!arg.value.isPoison())
    error(arg.location, what + " is a number, this is " + describe(arg.value));
  return std::nullopt;
}

std::optional<int64_t> Elaborator::wholeOf(const Value &value, const ast::Expr *expr, Location at,
                                           const std::string &what) {
  if (const Number *number = value.as<Number>())
    keepToDepth(*number);
  return wholeAtDepth(value, expr, at, what);
}

std::optional<int64_t> Elaborator::wholeAtDepth(const Value &value, const ast::Expr *expr,
                                                Location at, const std::string &what) {
  if (value.isPoison())
    return std::nullopt;
  const std::string text = expr ? " '" + print(*expr) + "'" : "";
  const Number *number = value.as<Number>();
  if (!number) {
    error(at, what + text + " is " + describe(value) + ", not a number");
    return std::nullopt;
  }
  if (!number->isUniform()) {
    error(at, what + text + " differs between layers: " + format(number->at(0)) + " and then " +
                  format(number->at(number->size() - 1)));
    return std::nullopt;
  }
  if (const std::optional<int64_t> whole = number->front().whole())
    return whole;
  const double real = number->front().value();
  const bool isBig = std::abs(real) >= 4e18;
  Diagnostic &diagnostic = error(at, what + text + " is " + format(real) +
                                         (isBig ? ", too large" : ", not a whole number"));
  if (expr)
    noteNumbers(diagnostic, *expr);
  if (expr && !isBig)
    diagnostic.help("round it: 'ceil(" + print(*expr) + ")'");
  return std::nullopt;
}

std::optional<int64_t> Elaborator::positiveOf(const Argument &arg, const std::string &what) {
  const std::optional<int64_t> whole = wholeOf(arg.value, arg.expr.get(), arg.location, what);
  if (!whole || *whole > 0)
    return whole;
  const std::string text = arg.expr ? " '" + print(*arg.expr) + "'" : "";
  Diagnostic &diagnostic = error(arg.location, what + text + " is " + std::to_string(*whole) +
                                                   ", it has to be positive");
  if (arg.expr)
    noteNumbers(diagnostic, *arg.expr);
  return std::nullopt;
}

std::optional<Initialiser> Elaborator::initialiserOf(const Value &value, Location at) {
  if (const Initialiser *init = value.as<Initialiser>())
    return *init;
  const Function *function = value.as<Function>();
  if (function && function->decl &&
      llvm::all_of(function->decl->sig->formals, [](const ast::Formal &f) { return !!f.init; })) {
    // A def without arguments names an initialiser.
    const Value called = callFunction(*function, {}, at, {CallScope::Kind::None});
    if (called.isPoison() || called.as<Initialiser>())
      return called.isPoison() ? std::nullopt : std::optional(*called.as<Initialiser>());
  }
  if (!value.isPoison())
    error(at, "this is " + describe(value) + ", not an initialiser")
        .help("initialisers are normal(std), xavier(gain), uniform(a, b), zeros, ones, const(v) "
              "and identity");
  return std::nullopt;
}

mlir::Value Elaborator::operandOf(const Argument &arg, const char *builtin) {
  if (arg.value.isPoison())
    return {};
  const Tensor *tensor = arg.value.as<Tensor>();
  if (!arg.value.as<Number>() && (!tensor || tensor->isIds())) {
    error(arg.location, "'" + std::string(builtin) + "' takes numbers and tensors, this is " +
                            describe(arg.value));
    return {};
  }
  return tensorOf(arg.value, arg.location);
}

mlir::Value Elaborator::input(llvm::StringRef name, Location used) {
  mlir::Value &known = inputs[name.str()];
  if (known)
    return known;
  const auto type = mlir::RankedTensorType::get({mlir::ShapedType::kDynamic}, builder.getI32Type());
  const mlir::Value like = name == "positions" ? input("tokens", used) : mlir::Value();
  // At the top of the model, where every use can see it.
  mlir::OpBuilder::InsertionGuard guard(builder);
  if (like)
    builder.setInsertionPointAfterValue(like);
  else
    builder.setInsertionPointToStart(modelBlock);
  const mlir::Location at = place(used);
  if (like)
    known = ir::PositionsOp::create(builder, at, like);
  else
    known = ir::InputOp::create(builder, at, type, builder.getStringAttr(name));
  return known;
}

} // namespace lnx::spec
