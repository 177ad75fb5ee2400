// ElaborateMessages: where an error is shown, and the notes that explain its numbers.
#include "frontend/Elaborator.h"
#include "frontend/Printer.h"

namespace lnx::spec {

Diagnostic &Elaborator::error(Location at, std::string message, CallNote callNote) {
  if (isAborted()) {
    silenced.notes.clear();
    return silenced;
  }
  if (!isPrelude(at)) {
    Diagnostic &diagnostic = diagnostics.error(at, std::move(message));
    if (callNote == CallNote::Yes && frame && !frame->decl->isModel() && frame->call &&
        !isPrelude(frame->call))
      diagnostic.note(frame->call, "'" + frame->decl->name.text + "' is called here");
    return diagnostic;
  }
  // Inside the prelude: the user's own line that leads there says more.
  const std::string &where = frame->decl->name.text;
  for (const Frame *f = frame; f; f = f->caller)
    if (f->call && !isPrelude(f->call))
      return diagnostics.error(f->call, std::move(message))
          .note(at, "in '" + where + "' of the prelude");
  return diagnostics.error(at, std::move(message));
}

void Elaborator::suggest(Diagnostic &diagnostic, const std::string &word,
                         const std::vector<std::string> &candidates) {
  if (const std::optional<std::string> meant = nearest(word, candidates))
    diagnostic.help("did you mean '" + *meant + "'?");
}

namespace {
/// The names and the dim(...) calls of an expression.
void visitNames(const ast::Expr &expr, const std::function<void(const ast::Expr &)> &visit) {
  std::visit(ast::Match{[](const ast::Number &) {}, [&](const ast::Name &) { visit(expr); },
                        [&](const ast::Negate &n) { visitNames(*n.operand, visit); },
                        [&](const ast::Binary &n) {
                          visitNames(*n.lhs, visit);
                          visitNames(*n.rhs, visit);
                        },
                        [&](const ast::Call &n) {
                          visit(expr);
                          for (const ast::Arg &arg : n.args)
                            visitNames(*arg.value, visit);
                        },
                        [&](const ast::Index &n) {
                          visitNames(*n.base, visit);
                          visitNames(*n.index, visit);
                        }},
             expr.node);
}

const std::string *dimOf(const ast::Expr &expr) {
  const ast::Call *call = expr.as<ast::Call>();
  if (!call || !call->callee->name() || *call->callee->name() != "dim" || call->args.size() != 1)
    return nullptr;
  return call->args.front().value->name();
}
} // namespace

void Elaborator::noteNumbers(Diagnostic &diagnostic, const ast::Expr &expr) {
  std::set<std::string> seen;
  visitNames(expr, [&](const ast::Expr &part) {
    const std::string *name = dimOf(part);
    const std::string text = name ? "dim(" + *name + ")" : part.name() ? *part.name() : "";
    const Binding *binding = text.empty() ? nullptr : findBinding(name ? *name : text);
    if (!binding || !seen.insert(text).second)
      return;
    const Number *number = binding->value.as<Number>();
    const Tensor *tensor = name ? binding->value.as<Tensor>() : nullptr;
    if (tensor && !tensor->features().empty() && frame->call) {
      // Says more than that the def is called there.
      if (!diagnostic.notes.empty() && diagnostic.notes.back().location == frame->call)
        diagnostic.notes.pop_back();
      diagnostic.note(frame->call,
                      "'" + text + "' is " + std::to_string(tensor->features().back()) + " here");
    } else if (number && binding->value.origin())
      diagnostic.note(binding->value.origin(), "'" + text + "' is " + format(*number) + " here");
  });
}

} // namespace lnx::spec
