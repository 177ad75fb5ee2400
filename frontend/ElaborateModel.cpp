// ElaborateModel: presets derive from models by calls; arguments find their models and blocks.
#include "frontend/Elaborator.h"

namespace lnx::spec {

Value Elaborator::model(const ast::Decl &decl, std::vector<ModelArgument> args, Location at) {
  if (diagnostics.hasErrors() || !mayEnter(decl, at))
    return {};
  Frame callee(&decl, at);
  if (frame) {
    callee.path = frame->path;
    callee.taken = frame->taken;
  }
  FrameGuard guard(*this, callee);
  Frame *outer = std::exchange(modelFrame, &callee);
  Value result;
  if (bindModel(callee, args, at)) {
    if (!decl.body) {
      keepSettings(callee);
      result = callBase(*decl.value, std::move(args), /*withForwards=*/true);
    } else {
      passRest(callee, std::move(args));
      keepSettings(callee);
      callee.scopes.emplace_back();
      runBody(*decl.body);
      result = callee.returned.value_or(Value());
      if (!callee.returned && !stopped())
        error(decl.name.location, "'" + decl.name.text + "' returns nothing")
            .help("end it with 'return ...'");
    }
  }
  modelFrame = outer;
  return result;
}

/// The formals that say how deep a model is: the first of them is the N of its schedules, the
/// others keep their share of it.
void Elaborator::markDepth(const std::string &formal, Value &value) {
  const Number *number = value.as<Number>();
  if (!number || (formal != "depth" && formal != "N" && formal != "M"))
    return;
  const Scalar here = number->front();
  if (!depthUnit && isPositive(here))
    depthUnit = here;
  if (!number->hasSchedule() && isPositive(here))
    value = Value(number->with(Schedule::depth(here / *depthUnit)), value.origin());
}

/// Gives each formal its value and takes the arguments it used out of `args`.
bool Elaborator::bindModel(Frame &callee, std::vector<ModelArgument> &args, Location at) {
  if (!callee.decl->sig)
    return true;
  for (const ast::Formal &formal : callee.decl->sig->formals) {
    const auto given = std::find_if(args.rbegin(), args.rend(), [&](const ModelArgument &arg) {
      return arg.name.text == formal.name.text;
    });
    Value value;
    if (given != args.rend())
      value = given->value ? *given->value : evaluate(given->expr);
    else if (formal.init)
      value = evaluate(formal.init);
    else
      error(at ? at : callee.decl->name.location,
            "'" + callee.decl->name.text + "' needs an argument for '" + formal.name.text + "'")
          .note(formal.name.location, "'" + formal.name.text + "' is declared here");
    std::erase_if(args,
                  [&](const ModelArgument &arg) { return arg.name.text == formal.name.text; });
    if (value.as<Tensor>()) {
      error(value.origin(),
            "an argument of a model is known when compiling, this is " + describe(value));
      value = Value();
    }
    markDepth(formal.name.text, value);
    callee.scopes.front().emplace(formal.name.text, Binding{value, formal.name.location});
  }
  return !diagnostics.hasErrors();
}

namespace {
/// Whether a block takes `name` as a further, defaulted argument.
bool takes(const Function &function, const std::string &name) {
  return function.isBlock() &&
         llvm::any_of(function.decl->sig->formals, [&](const ast::Formal &formal) {
           return formal.init && formal.name.text == name;
         });
}
} // namespace

/// Whether some `return` of a model gives back a call of another model.
bool Elaborator::returnsModel(const ast::Body &body) const {
  return llvm::any_of(body.stmts, [&](const ast::StmtPtr &stmt) {
    if (const ast::If *choice = stmt->as<ast::If>())
      return returnsModel(choice->then) || (choice->otherwise && returnsModel(*choice->otherwise));
    const ast::Return *node = stmt->as<ast::Return>();
    return node && modelCall(*node->value);
  });
}

/// The model that an expression calls, or null.
const ast::Decl *Elaborator::modelCall(const ast::Expr &expr) const {
  const ast::Call *call = expr.as<ast::Call>();
  const std::string *callee = call ? call->callee->name() : nullptr;
  if (!callee || findBinding(*callee) || findDecl(*callee, ast::DeclKind::Def, expr.location))
    return nullptr;
  return findDecl(*callee, ast::DeclKind::Model, expr.location);
}

/// Hands one argument to every block that declares it; false when none does.
bool Elaborator::passToBlocks(Frame &callee, const ModelArgument &arg) {
  bool isTaken = false;
  for (auto &[name, binding] : callee.scopes.front()) {
    const Function *function = binding.value.as<Function>();
    if (!function || !takes(*function, arg.name.text))
      continue;
    isTaken = true;
    std::vector<NamedValue> extras;
    if (function->extras)
      extras = *function->extras;
    const Value value = arg.value ? *arg.value : evaluate(arg.expr);
    extras.push_back({arg.name, value});
    if (const Number *number = value.as<Number>())
      settingAttrs[arg.name.text] = numberAttr(*number);
    Function block = *function;
    block.extras = std::make_shared<const std::vector<NamedValue>>(std::move(extras));
    binding.value = Value(std::move(block), binding.value.origin());
  }
  return isTaken;
}

/// What a model does not declare goes to its blocks, else to the model it returns.
void Elaborator::passRest(Frame &callee, std::vector<ModelArgument> args) {
  std::vector<std::string> names, blocks;
  for (const auto &[name, binding] : callee.scopes.front()) {
    names.push_back(name);
    if (const Function *function = binding.value.as<Function>(); function && function->isBlock()) {
      blocks.push_back(function->name);
      for (const ast::Formal &formal : function->decl->sig->formals)
        if (formal.init)
          names.push_back(formal.name.text);
    }
  }
  for (ModelArgument &arg : args) {
    if (passToBlocks(callee, arg))
      continue;
    if (returnsModel(*callee.decl->body)) {
      pending.push_back(std::move(arg));
      continue;
    }
    if (arg.isOptional)
      continue;
    std::string who = "model '" + callee.decl->name.text + "'";
    for (const std::string &block : blocks)
      who += " nor '" + block + "'";
    suggest(error(arg.name.location, (blocks.empty() ? "" : "neither ") + who + " has " +
                                         (blocks.empty() ? "no" : "an") + " argument '" +
                                         arg.name.text + "'"),
            arg.name.text, names);
  }
}

const ast::Sig *Elaborator::sigOf(const ast::Decl &decl) const {
  const ast::Decl *at = &decl;
  for (int steps = 0; at && !at->sig && steps < 64; ++steps)
    at = findDecl(*at->value->as<ast::Call>()->callee->name(), ast::DeclKind::Model,
                  at->value->location);
  return at && at->sig ? &*at->sig : nullptr;
}

/// The arguments of a call of a model, positional ones by the names of its formals.
void Elaborator::modelArguments(const ast::Decl &base, const ast::Call &call,
                                std::vector<ModelArgument> &args) {
  const ast::Sig *sig = sigOf(base);
  size_t position = 0;
  for (const ast::Arg &arg : call.args) {
    ast::Ident name = arg.name;
    if (!arg.isNamed()) {
      const size_t limit = sig ? sig->formals.size() : 0;
      if (position >= limit) {
        error(arg.value->location, "'" + base.name.text + "' takes " + std::to_string(limit) +
                                       " arguments, this is number " +
                                       std::to_string(position + 1));
        return;
      }
      name = {sig->formals[position++].name.text, arg.value->location};
    }
    args.push_back({name, evaluate(arg.value), nullptr});
  }
}

Value Elaborator::callBase(const ast::Expr &expr, std::vector<ModelArgument> overriding,
                           bool withForwards) {
  const ast::Call &call = *expr.as<ast::Call>();
  const std::string &name = *call.callee->name();
  const ast::Decl *base = findDecl(name, ast::DeclKind::Model, expr.location);
  if (!base) {
    Diagnostic &diagnostic = error(call.callee->location, "there is no model '" + name + "'");
    suggest(diagnostic, name, modelNames());
    return {};
  }
  std::vector<ModelArgument> args;
  if (withForwards)
    for (const auto &[text, binding] : frame->scopes.front())
      args.push_back({{text, binding.declared}, binding.value, nullptr, /*isOptional=*/true});
  modelArguments(*base, call, args);
  for (ModelArgument &arg : overriding) {
    std::erase_if(args, [&](const ModelArgument &old) { return old.name.text == arg.name.text; });
    args.push_back(std::move(arg));
  }
  return model(*base, std::move(args), expr.location);
}

void Elaborator::keepSettings(const Frame &callee) {
  for (const auto &[name, binding] : callee.scopes.front()) {
    if (const Number *number = binding.value.as<Number>()) {
      settingAttrs[name] = numberAttr(*number);
      if (name == "context")
        keepContext(binding.value);
    } else if (const Function *function = binding.value.as<Function>()) {
      settingAttrs[name] = builder.getStringAttr(function->name);
    }
  }
}

void Elaborator::keepContext(const Value &value) {
  const std::optional<int64_t> length =
      positiveOf({{}, value, nullptr, value.origin()}, "'context'");
  if (!length)
    return;
  contextLength = length;
  contextSet = value.origin();
}

} // namespace lnx::spec
