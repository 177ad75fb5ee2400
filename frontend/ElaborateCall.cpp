// ElaborateCall: arguments to formals, and definitions expanded in place inside lnx.apply.
#include "frontend/Builtins.h"
#include "frontend/Printer.h"

#include "llvm/ADT/StringExtras.h"

namespace lnx::spec {
namespace {
// A model of the prelude needs about 50; a definition that doubles itself often would never end.
constexpr uint32_t maxExpansions = 100000;

std::string count(size_t n, const char *noun) {
  return std::to_string(n) + " " + noun + (n == 1 ? "" : "s");
}

struct FormalSlot {
  std::string name;
  bool isRequired;
};
} // namespace

Value Elaborator::call(const ast::Expr &expr, const ast::Call &node, const CallScope &scope) {
  const Value callee = evaluate(node.callee);
  std::vector<Argument> args;
  bool isPoisoned = callee.isPoison();
  for (const ast::Arg &arg : node.args) {
    Value value = evaluate(arg.value);
    isPoisoned |= value.isPoison();
    args.push_back({arg.name, std::move(value), arg.value, arg.value->location});
  }
  if (isPoisoned)
    return {};
  const Function *function = callee.as<Function>();
  if (!function) {
    error(node.callee->location,
          "only definitions can be called, '" + print(*node.callee) + "' is " + describe(callee));
    return {};
  }
  CallScope named = scope;
  if (named.kind == CallScope::Kind::Callee || named.kind == CallScope::Kind::Step)
    named.name = node.callee->name() ? *node.callee->name() : function->name;
  return callFunction(*function, std::move(args), expr.location, named);
}

Value Elaborator::callFunction(const Function &function, std::vector<Argument> args, Location at,
                               const CallScope &scope) {
  return function.builtin ? callBuiltin(*function.builtin, std::move(args), at)
                          : callDef(function, std::move(args), at, scope);
}

namespace {
/// Which argument each formal gets; -1 for none. Empty after an error.
template <class Report>
std::optional<std::vector<int>> match(const std::string &callee,
                                      const std::vector<FormalSlot> &slots,
                                      const std::vector<Argument> &args, Report &&report) {
  std::vector<int> chosen(slots.size(), -1);
  bool isGood = true;
  size_t position = 0;
  for (size_t i = 0; i < args.size(); ++i) {
    size_t slot = position;
    if (args[i].name.text.empty()) {
      ++position;
      if (slot >= slots.size()) {
        report(args[i].location,
               "'" + callee + "' takes " + count(slots.size(), "argument") + ", this is number " +
                   std::to_string(position),
               nullptr);
        return std::nullopt;
      }
    } else {
      slot = 0;
      while (slot < slots.size() && slots[slot].name != args[i].name.text)
        ++slot;
      if (slot == slots.size()) {
        report(args[i].name.location,
               "'" + callee + "' has no argument '" + args[i].name.text + "'", &args[i].name.text);
        isGood = false;
        continue;
      }
    }
    if (chosen[slot] >= 0) {
      report(args[i].location, "argument '" + slots[slot].name + "' is given twice", nullptr);
      isGood = false;
    }
    chosen[slot] = int(i);
  }
  for (size_t slot = 0; slot < slots.size(); ++slot)
    if (slots[slot].isRequired && chosen[slot] < 0) {
      report(Location(), "'" + callee + "' needs an argument for '" + slots[slot].name + "'",
             nullptr);
      isGood = false;
    }
  return isGood ? std::optional(chosen) : std::nullopt;
}

std::vector<std::string> namesOf(const std::vector<FormalSlot> &slots) {
  std::vector<std::string> names;
  for (const FormalSlot &slot : slots)
    names.push_back(slot.name);
  return names;
}
} // namespace

Value Elaborator::callBuiltin(const Builtin &builtin, std::vector<Argument> args, Location at) {
  std::vector<FormalSlot> slots;
  for (const llvm::StringRef formal : llvm::split(builtin.formals, ' '))
    if (!formal.empty())
      slots.push_back({formal.rtrim('?').str(), !formal.ends_with("?")});
  const auto chosen = match(
      builtin.name, slots, args, [&](Location where, std::string message, const std::string *word) {
        Diagnostic &diagnostic = error(where ? where : at, std::move(message));
        if (word)
          suggest(diagnostic, *word, namesOf(slots));
      });
  if (!chosen)
    return {};
  BuiltinCall call{builtin, at, {}};
  for (const int i : *chosen)
    call.args.push_back(i < 0 ? std::nullopt : std::optional(std::move(args[size_t(i)])));
  return builtin.apply(*this, call);
}

bool Elaborator::mayEnter(const ast::Decl &decl, Location at) {
  if (++expansions > maxExpansions) {
    error(at, "the model expands to more than " + std::to_string(maxExpansions) +
                  " calls of definitions");
    isExhausted = true;
    return false;
  }
  for (const Frame *f = frame; f; f = f->caller) {
    if (f->decl != &decl)
      continue;
    // Read from the outside: decl calls the frame inside it, and so on down to this call.
    std::vector<const Frame *> chain;
    for (const Frame *g = frame; g != f; g = g->caller)
      chain.insert(chain.begin(), g);
    const char *verb = decl.isModel() ? "' derives from '" : "' calls '";
    Diagnostic &diagnostic = error(
        at, "'" + decl.name.text + (decl.isModel() ? "' derives from itself" : "' calls itself"),
        CallNote::No);
    std::string caller = decl.name.text;
    for (const Frame *g : chain) {
      diagnostic.note(g->call, "'" + caller + verb + g->decl->name.text + "' here");
      caller = g->decl->name.text;
    }
    return false;
  }
  return true;
}

bool Elaborator::bindFormals(Frame &callee, const Function &function, std::vector<Argument> args) {
  const std::vector<ast::Formal> &formals = function.decl->sig->formals;
  std::vector<FormalSlot> slots;
  for (const ast::Formal &formal : formals)
    slots.push_back({formal.name.text, !formal.init});
  const auto chosen = match(function.decl->name.text, slots, args,
                            [&](Location where, std::string message, const std::string *word) {
                              Diagnostic &diagnostic =
                                  error(where ? where : callee.call, std::move(message));
                              if (word)
                                suggest(diagnostic, *word, namesOf(slots));
                              diagnostic.note(function.decl->name.location,
                                              "'" + function.decl->name.text + "' is defined here");
                            });
  if (!chosen)
    return false;
  FrameGuard guard(*this, callee);
  for (size_t i = 0; i < formals.size(); ++i) {
    const std::string &name = formals[i].name.text;
    Value value;
    const NamedValue *extra = nullptr;
    if (function.extras)
      for (const NamedValue &candidate : *function.extras)
        if (candidate.name.text == name)
          extra = &candidate;
    if ((*chosen)[i] >= 0)
      value = args[size_t((*chosen)[i])].value;
    else
      value = extra ? extra->value : evaluate(formals[i].init);
    callee.scopes.front().emplace(name, Binding{std::move(value), formals[i].name.location});
  }
  return !stopped();
}

Value Elaborator::expand(Frame &callee) {
  FrameGuard guard(*this, callee);
  if (callee.decl->value)
    return evaluate(callee.decl->value, {CallScope::Kind::None});
  callee.scopes.emplace_back();
  runBody(*callee.decl->body);
  if (!callee.returned && !stopped()) {
    error(callee.decl->name.location, "'" + callee.decl->name.text + "' returns nothing")
        .help("end it with 'return ...'");
    return {};
  }
  return callee.returned.value_or(Value());
}

Value Elaborator::callDef(const Function &function, std::vector<Argument> args, Location at,
                          const CallScope &scope) {
  if (!mayEnter(*function.decl, at))
    return {};
  Frame callee(function.decl, at);
  std::string scopeName;
  if (scope.kind == CallScope::Kind::None ||
      (scope.kind == CallScope::Kind::Step && function.isBlock())) {
    callee.path = frame->path;
    callee.taken = frame->taken;
  } else {
    scopeName = uniqueName(scope.name);
    scopesUsed.insert(scopeName);
    callee.path = frame->path.empty() ? scopeName : frame->path + "." + scopeName;
  }
  mlir::Region region;
  mlir::Block *block = new mlir::Block;
  region.push_back(block);
  Value result;
  {
    mlir::OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(block);
    if (!bindFormals(callee, function, std::move(args)))
      return {};
    result = expand(callee);
  }
  return wrapApply(callee, scopeName, region, result, at);
}

Value Elaborator::wrapApply(const Frame &callee, const std::string &scope, mlir::Region &region,
                            const Value &result, Location at) {
  if (result.isPoison() || region.front().empty())
    return result;
  llvm::SmallVector<mlir::Value> yielded;
  if (const Tensor *tensor = result.as<Tensor>())
    yielded.push_back(tensor->value);
  auto apply = ir::ApplyOp::create(builder, place(at), mlir::ValueRange(yielded).getTypes(),
                                   builder.getStringAttr(callee.decl->name.text),
                                   builder.getStringAttr(scope));
  apply.getBodyRegion().takeBody(region);
  mlir::OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(&apply.getBodyRegion().front());
  ir::YieldOp::create(builder, place(at), yielded);
  return yielded.empty() ? result : Value(apply->getResult(0), at);
}

} // namespace lnx::spec
