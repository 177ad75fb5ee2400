// ElaborateNames: what a name means at a place.
// The order: names of the def or model, formals of the model, definitions, builtins.
#include "frontend/Builtins.h"
#include "frontend/Elaborator.h"

namespace lnx::spec {

void Elaborator::collect(const ast::File &from, bool isUsers) {
  for (const ast::DeclPtr &decl : from.decls) {
    auto &table = decl->isModel() ? (isUsers ? usersModels : preludeModels)
                                  : (isUsers ? usersDefs : preludeDefs);
    const auto [at, isNew] = table.emplace(decl->name.text, decl.get());
    if (!isNew)
      diagnostics.error(decl->name.location, "'" + decl->name.text + "' is defined twice")
          .note(at->second->name.location, "first defined here");
  }
}

bool Elaborator::isPrelude(const Location &location) const {
  return location.source() && llvm::any_of(prelude, [&](const ast::FilePtr &part) {
           return part->source.get() == location.source();
         });
}

const ast::Decl *Elaborator::findDecl(std::string_view name, ast::DeclKind kind,
                                      const Location &at) const {
  const bool isModel = kind == ast::DeclKind::Model;
  const auto &users = isModel ? usersModels : usersDefs;
  const auto &ours = isModel ? preludeModels : preludeDefs;
  // The prelude means its own definitions, whatever the user's file calls the same.
  if (!isPrelude(at))
    if (const auto it = users.find(name); it != users.end())
      return it->second;
  const auto it = ours.find(name);
  return it == ours.end() ? nullptr : it->second;
}

const Binding *Elaborator::findBinding(std::string_view name) const {
  if (!frame)
    return nullptr;
  for (auto scope = frame->scopes.rbegin(); scope != frame->scopes.rend(); ++scope)
    if (const auto it = scope->find(name); it != scope->end())
      return &it->second;
  if (!modelFrame || modelFrame == frame || frame->decl->isModel())
    return nullptr;
  const auto it = modelFrame->scopes.front().find(name);
  return it == modelFrame->scopes.front().end() ? nullptr : &it->second;
}

Binding *Elaborator::findStream(const ast::Ident &name) {
  for (auto scope = frame->scopes.rbegin(); scope != frame->scopes.rend(); ++scope)
    if (const auto it = scope->find(name.text); it != scope->end())
      return &it->second;
  Diagnostic &diagnostic =
      error(name.location, "unknown stream '" + name.text + "': '<-' updates a value named before");
  std::vector<std::string> tensors;
  for (const Scope &scope : frame->scopes)
    for (const auto &[text, binding] : scope)
      if (binding.value.as<Tensor>() && !binding.isParam)
        tensors.push_back(text);
  suggest(diagnostic, name.text, tensors);
  return nullptr;
}

Value Elaborator::lookUp(const std::string &name, Location at) {
  if (const Binding *binding = findBinding(name))
    return binding->value;
  if (const ast::Decl *decl = findDecl(name, ast::DeclKind::Def, at))
    return Value(Function{name, decl, nullptr, nullptr}, at);
  if (const Builtin *builtin = findBuiltin(name))
    return Value(Function{name, nullptr, builtin, nullptr}, at);
  if (name == "zeros" || name == "ones")
    return Value(Initialiser{Initialiser::Kind::Const, Scalar(name == "ones"), {}}, at);
  if (name == "identity")
    return Value(Initialiser{Initialiser::Kind::Identity, {}, {}}, at);
  if (name == "tokens" || name == "source" || name == "positions")
    return Value(input(name, at), at);
  return unknownName(name, at);
}

Value Elaborator::unknownName(const std::string &name, Location at) {
  if (name == "targets") {
    error(at, "'targets' is kept for the loss; a model sees 'tokens', 'positions' and 'source'");
    return {};
  }
  if (findDecl(name, ast::DeclKind::Model, at)) {
    error(at,
          "'" + name + "' is a model; a model can only be given back: 'return " + name + "(...)'");
    return {};
  }
  for (const Frame *f = frame; f; f = f->caller)
    if (const auto it = f->gone.find(name); f == frame && it != f->gone.end()) {
      error(at, "'" + name + "' is " +
                    (it->second.isParam ? "a parameter of each layer" : "a value of each layer") +
                    " and cannot be used outside its repeat")
          .note(it->second.declared, "'" + name + "' is declared here");
      return {};
    }
  suggest(error(at, "unknown name '" + name + "'"), name, visibleNames());
  return {};
}

std::vector<std::string> Elaborator::visibleNames() const {
  std::vector<std::string> names;
  if (frame)
    for (const Scope &scope : frame->scopes)
      for (const auto &[name, binding] : scope)
        names.push_back(name);
  if (frame && modelFrame && modelFrame != frame)
    for (const auto &[name, binding] : modelFrame->scopes.front())
      names.push_back(name);
  for (const auto *table : {&usersDefs, &preludeDefs})
    for (const auto &[name, decl] : *table)
      names.push_back(name);
  for (const Builtin &builtin : builtins())
    names.push_back(builtin.name);
  for (const char *name : {"zeros", "ones", "identity", "tokens", "source", "positions"})
    names.push_back(name);
  return names;
}

void Elaborator::define(const ast::Ident &name, Value value, bool isParam) {
  for (const Scope &scope : frame->scopes)
    if (const auto it = scope.find(name.text); it != scope.end()) {
      Diagnostic &diagnostic =
          error(name.location, "'" + name.text + "' has a value already; '=' names a value once");
      diagnostic.note(it->second.declared, "'" + name.text + "' is named here");
      if (it->second.value.as<Tensor>() && value.as<Tensor>() && !it->second.isParam && !isParam)
        diagnostic.help("to update a stream write '" + name.text + " <- ...'");
      return;
    }
  frame->scopes.back().emplace(name.text, Binding{std::move(value), name.location, isParam});
}

std::string Elaborator::uniqueName(const std::string &base) {
  std::string name = base;
  for (int64_t i = 2; !frame->taken->insert(name).second; ++i)
    name = base + std::to_string(i);
  return name;
}

} // namespace lnx::spec
