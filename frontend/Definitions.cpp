// Definitions: walks over declarations, and which definitions can stand for one another.
#include "frontend/Definitions.h"

#include "frontend/Prelude.h"

#include <algorithm>
#include <map>

namespace lnx {

using namespace ast;

//===-- walks ----------------------------------------------------------------===//

namespace {
using VisitExpr = std::function<void(const Expr &)>;

void walk(const ExprPtr &expr, const VisitExpr &visit) {
  if (!expr)
    return;
  visit(*expr);
  std::visit(Match{
                 [](const Number &) {},
                 [](const Name &) {},
                 [&](const Negate &n) { walk(n.operand, visit); },
                 [&](const Binary &b) { walk(b.lhs, visit), walk(b.rhs, visit); },
                 [&](const Call &c) {
                   walk(c.callee, visit);
                   for (const Arg &arg : c.args)
                     walk(arg.value, visit);
                 },
                 [&](const Index &i) { walk(i.base, visit), walk(i.index, visit); },
             },
             expr->node);
}

/// The expressions of a statement without those of its bodies.
void walk(const Stmt &stmt, const VisitExpr &visit) {
  std::visit(Match{
                 [&](const Assign &s) { walk(s.value, visit); },
                 [&](const Step &s) { walk(s.value, visit); },
                 [&](const Param &s) {
                   for (const ExprPtr &size : s.shape)
                     walk(size, visit);
                   walk(s.init, visit);
                 },
                 [&](const Repeat &s) { walk(s.first, visit), walk(s.last, visit); },
                 [&](const If &s) { walk(s.condition.lhs, visit), walk(s.condition.rhs, visit); },
                 [&](const Return &s) { walk(s.value, visit); },
                 [](const auto &) {},
             },
             stmt.node);
}
} // namespace

void forEachStmt(const Body &body, const std::function<void(const Stmt &)> &visit) {
  for (const StmtPtr &stmt : body.stmts) {
    visit(*stmt);
    if (const Repeat *repeat = stmt->as<Repeat>())
      forEachStmt(repeat->body, visit);
    if (const If *choice = stmt->as<If>()) {
      forEachStmt(choice->then, visit);
      if (choice->otherwise)
        forEachStmt(*choice->otherwise, visit);
    }
  }
}

void forEachExpr(const Decl &decl, const VisitExpr &visit) {
  if (decl.sig)
    for (const Formal &formal : decl.sig->formals)
      walk(formal.init, visit);
  walk(decl.value, visit);
  if (decl.body)
    forEachStmt(*decl.body, [&](const Stmt &stmt) { walk(stmt, visit); });
}

//===-- names ----------------------------------------------------------------===//

Definitions::Definitions(const File &file) : file(file) {
  Diagnostics silent;
  prelude = parsePrelude(silent);
}

const Decl *Definitions::find(const std::string &name, DeclKind kind) const {
  const auto in = [&](const File &from) -> const Decl * {
    for (const DeclPtr &decl : from.decls)
      if (decl->kind == kind && decl->name.text == name)
        return decl.get();
    return nullptr;
  };
  if (const Decl *own = in(file))
    return own;
  for (const FilePtr &part : prelude)
    if (const Decl *decl = in(*part))
      return decl;
  return nullptr;
}

const Decl *Definitions::function(const Decl &in, const std::string &name) const {
  if (in.sig)
    for (const Formal &formal : in.sig->formals)
      if (formal.name.text == name)
        return formal.init && formal.init->name() ? def(*formal.init->name()) : nullptr;
  return def(name);
}

std::vector<const Decl *> Definitions::reachable(const Decl &model) const {
  std::vector<const Decl *> found = {&model};
  for (size_t i = 0; i < found.size(); ++i)
    forEachExpr(*found[i], [&](const Expr &expr) {
      const std::string *name = expr.name();
      if (!name)
        return;
      for (const DeclPtr &decl : file.decls)
        if (decl->name.text == *name && std::ranges::find(found, decl.get()) == found.end())
          found.push_back(decl.get());
    });
  return found;
}

//===-- what can stand for what ----------------------------------------------===//

static std::vector<std::string> required(const Decl &def) {
  std::vector<std::string> names;
  for (const Formal &formal : def.sig->formals)
    if (!formal.init)
      names.push_back(formal.name.text);
  return names;
}

Definitions::Kind Definitions::kindOf(const Decl &decl) const {
  const size_t count = required(decl).size();
  if (count != 1)
    return count > 2 ? Kind::Block : Kind::Other;
  bool callsOthers = false, divides = false;
  forEachExpr(decl, [&](const Expr &expr) {
    if (const Call *call = expr.as<Call>(); call && call->callee->name())
      callsOthers |= def(*call->callee->name()) != nullptr;
    const Binary *binary = expr.as<Binary>();
    if (!binary || (binary->op != BinaryOp::Div && binary->op != BinaryOp::Pow))
      return;
    const ExprPtr &size = binary->op == BinaryOp::Div ? binary->rhs : binary->lhs;
    walk(size, [&](const Expr &part) {
      const Call *call = part.as<Call>();
      const std::string *callee = call ? call->callee->name() : nullptr;
      divides |= callee && (*callee == "mean" || *callee == "sum");
    });
  });
  return divides && !callsOthers ? Kind::Norm : Kind::Other;
}

std::vector<const Decl *> Definitions::defs() const {
  std::vector<const Decl *> all;
  const auto add = [&](const File &from) {
    for (const DeclPtr &decl : from.decls)
      if (!decl->isModel())
        all.push_back(decl.get());
  };
  for (const FilePtr &part : prelude)
    add(*part);
  add(file);
  return all;
}

std::vector<std::string> Definitions::norms() const {
  std::vector<std::string> names;
  for (const Decl *decl : defs())
    if (kindOf(*decl) == Kind::Norm)
      names.push_back(decl->name.text);
  return names;
}

std::vector<std::string> Definitions::alike(const Decl &decl) const {
  const Kind kind = kindOf(decl);
  const std::vector<std::string> formals = required(decl);
  std::vector<std::string> names;
  for (const Decl *other : defs()) {
    if (other == &decl || kindOf(*other) != kind || required(*other).size() != formals.size() ||
        formals.empty())
      continue;
    const bool isBlock = kind == Kind::Block;
    if (isBlock ? required(*other) == formals : kind == Kind::Norm || other->source == decl.source)
      names.push_back(other->name.text);
  }
  return names;
}

//===-- arguments ------------------------------------------------------------===//

std::vector<Definitions::Slot> Definitions::slots(const Decl &in, const Decl &callee,
                                                  const Call &call) const {
  std::vector<Slot> slots;
  const auto add = [&](const Formal &formal) {
    if (std::ranges::none_of(slots, [&](const Slot &s) { return s.name == formal.name.text; }))
      slots.push_back({formal.name.text, formal.init.get()});
  };
  std::map<std::string, const Expr *> given;
  const Call *at = &call;
  const Decl *decl = &callee;
  for (int steps = 0; decl && at && steps < 16; ++steps) { // model a = b(...): then those of b
    if (decl->sig)
      for (const Formal &formal : decl->sig->formals)
        add(formal);
    for (const Arg &arg : at->args)
      if (arg.isNamed())
        given.try_emplace(arg.name.text, arg.value.get());
    at = decl->isModel() && decl->value ? decl->value->as<Call>() : nullptr;
    decl = at && at->callee->name() ? model(*at->callee->name()) : nullptr;
  }
  if (!callee.isModel())
    return slots;
  for (size_t i = 0, count = slots.size(); i < count; ++i) {
    const auto found = given.find(slots[i].name);
    const Expr *value = found != given.end() ? found->second : slots[i].init;
    const Decl *block = value && value->name() ? function(in, *value->name()) : nullptr;
    if (block && kindOf(*block) == Kind::Block)
      for (const Formal &formal : block->sig->formals)
        if (formal.init)
          add(formal);
  }
  return slots;
}

} // namespace lnx
