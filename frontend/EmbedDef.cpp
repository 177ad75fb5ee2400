// EmbedDef: statements and definitions of the public headers, recorded while a body runs.
// One recorder per running body and thread; nothing outlives the body but the tree.
#include "frontend/Embed.h"
#include "frontend/Printer.h"

#include <algorithm>

namespace lnx {
namespace {
thread_local Recorder *running = nullptr;

ast::Ident ident(const std::string &text, Place where) { return {text, locate(where)}; }

/// The running body, or null after `what` was noted in `lost` as standing outside of one.
Recorder *recorderFor(const std::string &what, Place where, OriginPtr &lost) {
  if (!running)
    lost = mistake(where, what + " stands outside of a definition or model");
  return running;
}

/// Notes a name that is none. Its statement is kept: the mistake stops the model anyway.
void checkName(Recorder &recorder, const std::string &text, Place where) {
  if (!isName(text))
    recorder.remember(mistake(where, "'" + text + "' is not a name"));
}

ast::Path pathOf(Recorder &recorder, const std::string &text, Place where) {
  ast::Path path{{}, locate(where)};
  for (size_t from = 0; from <= text.size();) {
    const size_t dot = std::min(text.find('.', from), text.size());
    path.parts.push_back(ident(text.substr(from, dot - from), where));
    checkName(recorder, path.parts.back().text, where);
    from = dot + 1;
  }
  return path;
}

ast::ExprPtr keep(Recorder &recorder, const Operand &operand) {
  recorder.remember(operand.value.origin());
  return operand.value.tree();
}

ast::Bound boundOf(Recorder &recorder, const Limit &limit) {
  const ast::CompareOp op = limit.op == Limit::Op::atMost    ? ast::CompareOp::LessEqual
                            : limit.op == Limit::Op::atLeast ? ast::CompareOp::GreaterEqual
                                                             : ast::CompareOp::Equal;
  return {op, keep(recorder, limit.value)};
}

std::optional<ast::Bound> boundOf(Recorder &recorder, const std::optional<Limit> &limit) {
  return limit ? std::optional(boundOf(recorder, *limit)) : std::nullopt;
}

ast::CompareOp compareOf(Condition::Op op) {
  switch (op) {
  case Condition::Op::less:
    return ast::CompareOp::Less;
  case Condition::Op::lessEqual:
    return ast::CompareOp::LessEqual;
  case Condition::Op::greater:
    return ast::CompareOp::Greater;
  case Condition::Op::greaterEqual:
    return ast::CompareOp::GreaterEqual;
  case Condition::Op::equal:
    return ast::CompareOp::Equal;
  case Condition::Op::notEqual:
    return ast::CompareOp::NotEqual;
  }
  return ast::CompareOp::Equal;
}

/// What `run` writes down, as the body of a statement of the running body.
ast::Body nested(Recorder &outer, const std::function<void()> &run, Place where) {
  Recorder inner;
  run();
  outer.remember(std::make_shared<Origin>(inner.gathered));
  return inner.body(where, /*isNested=*/true);
}
} // namespace

//===-- the recorder ---------------------------------------------------------===//

Recorder::Recorder() : outer(running) { running = this; }
Recorder::~Recorder() { running = outer; }
Recorder *Recorder::current() { return running; }

void Recorder::add(decltype(ast::Stmt::node) node, Place where) {
  stmts.push_back(std::make_shared<ast::Stmt>(ast::Stmt{std::move(node), locate(where), {}}));
}

ast::Body Recorder::body(Place where, bool isNested) {
  ast::Body result;
  result.location = locate(where);
  const bool isPlain =
      stmts.size() == 1 && !stmts[0]->as<ast::If>() && !stmts[0]->as<ast::Repeat>();
  result.onOneLine = isNested && isPlain;
  result.stmts = std::move(stmts);
  return result;
}

//===-- statements -----------------------------------------------------------===//

Expr param(const std::string &name, const std::vector<Operand> &shape, const Operand &init,
           Place where) {
  OriginPtr lost;
  if (Recorder *recorder = recorderFor("parameter '" + name + "'", where, lost)) {
    checkName(*recorder, name, where);
    ast::Param param{ident(name, where), {}, locate(where), keep(*recorder, init)};
    for (const Operand &size : shape)
      param.shape.push_back(keep(*recorder, size));
    recorder->add(std::move(param), where);
  }
  return Expr(ast::makeExpr(ast::Name{name}, locate(where)), lost);
}

Expr let(const std::string &name, const Operand &value, Place where) {
  OriginPtr lost;
  if (Recorder *recorder = recorderFor("'" + name + " = ...'", where, lost)) {
    checkName(*recorder, name, where);
    recorder->add(ast::Assign{ident(name, where), keep(*recorder, value)}, where);
  }
  return Expr(ast::makeExpr(ast::Name{name}, locate(where)), lost);
}

Stream stream(const std::string &name, const Operand &value, Place where) {
  return Stream(let(name, value, where));
}

Stream &Stream::operator<<=(const Operand &value) {
  const std::string *name = self.tree()->name();
  OriginPtr lost;
  Recorder *recorder =
      recorderFor("a step of '" + (name ? *name : self.print()) + "'", value.where, lost);
  if (!recorder)
    self = Expr(self.tree(), join(self.origin(), lost));
  else if (!name)
    recorder->remember(mistake(value.where, "a step updates a name, not '" + self.print() + "'"));
  else
    recorder->add(ast::Step{ident(*name, value.where), keep(*recorder, value)}, value.where);
  return *this;
}

void when(const Condition &condition, const std::function<void()> &then,
          const std::function<void()> &otherwise, Place where) {
  Recorder *recorder = running;
  if (!recorder)
    return; // nothing of its bodies is kept either, and their own statements say so
  ast::Condition test{compareOf(condition.op), keep(*recorder, condition.lhs),
                      keep(*recorder, condition.rhs), locate(condition.lhs.where),
                      locate(condition.lhs.where)};
  ast::If choice{std::move(test), nested(*recorder, then, where), {}};
  if (otherwise) {
    ast::Body other = nested(*recorder, otherwise, where);
    choice.isChained = other.stmts.size() == 1 && other.stmts[0]->as<ast::If>();
    choice.otherwise = std::move(other);
  }
  recorder->add(std::move(choice), where);
}

void repeat(const std::string &index, const Operand &first, const Operand &last,
            const std::function<void(Num)> &body, Place where) {
  Recorder *recorder = running;
  if (!recorder)
    return;
  checkName(*recorder, index, where);
  const Num layer(Expr(ast::makeExpr(ast::Name{index}, locate(where)), nullptr));
  ast::Repeat loop{ident(index, where), keep(*recorder, first), keep(*recorder, last),
                   nested(*recorder, [&] { body(layer); }, where)};
  recorder->add(std::move(loop), where);
}

void give(const Operand &value, Place where) {
  if (running)
    running->add(ast::Return{keep(*running, value)}, where);
}

void law(const std::string &name, const Limit &limit, Place where) {
  if (!running)
    return;
  checkName(*running, name, where);
  running->add(ast::Law{ident(name, where), boundOf(*running, limit)}, where);
}

void assume(const std::string &path, const Limit &limit, Place where) {
  if (running)
    running->add(ast::Assume{pathOf(*running, path, where), {}, boundOf(*running, limit)}, where);
}

void assume(const std::string &path, const std::vector<Argument> &arguments,
            const std::optional<Limit> &limit, Place where) {
  if (!running)
    return;
  const Expr all = call("assume", arguments, where);
  running->remember(all.origin());
  ast::Assume assumption{pathOf(*running, path, where), all.tree()->as<ast::Call>()->args,
                         boundOf(*running, limit)};
  running->add(std::move(assumption), where);
}

void check(const std::string &path, const std::optional<Limit> &limit, Place where) {
  if (running)
    running->add(ast::Check{pathOf(*running, path, where), boundOf(*running, limit)}, where);
}

//===-- definitions ----------------------------------------------------------===//

Num Formals::operator[](const std::string &name) const {
  for (size_t i = 0; i < formals.size(); ++i)
    if (formals[i].name == name)
      return values[i];
  const Place where = formals.empty() ? Place::current() : formals.front().where;
  return Expr(ast::makeExpr(ast::Name{name}, locate(where)),
              mistake(where, "'" + name + "' is not among the arguments that are named here"));
}

ast::Sig signature(std::span<const Formal> formals, Place where, Recorder &recorder) {
  ast::Sig sig{{}, locate(where)};
  for (const Formal &formal : formals) {
    checkName(recorder, formal.name, formal.where);
    sig.formals.push_back(
        {ident(formal.name, formal.where), formal.init ? keep(recorder, *formal.init) : nullptr});
  }
  return sig;
}

Definition declare(ast::DeclKind kind, const std::string &name, std::span<const Formal> formals,
                   const detail::Body &run, Place where) {
  Recorder recorder;
  checkName(recorder, name, where);
  ast::Decl decl;
  decl.kind = kind;
  decl.name = ident(name, where);
  decl.location = locate(where);
  decl.comments.before = {""}; // an empty line, where something stands before it
  decl.sig = signature(formals, where, recorder);
  std::vector<Expr> values;
  for (const Formal &formal : formals)
    values.push_back(Expr(ast::makeExpr(ast::Name{formal.name}, locate(formal.where)), nullptr));
  if (!run) {
    recorder.remember(mistake(where, "'" + name + "' names " + std::to_string(formals.size()) +
                                         " arguments, its body takes another number"));
    return {nullptr, std::make_shared<Origin>(recorder.gathered)};
  }
  const Expr result = run(values, formals);
  recorder.remember(result.origin());
  if (kind == ast::DeclKind::Def && recorder.stmts.empty()) {
    decl.value = result.tree();
  } else {
    recorder.add(ast::Return{result.tree()}, where);
    decl.body = recorder.body(where, /*isNested=*/false);
  }
  return {std::make_shared<const ast::Decl>(std::move(decl)),
          std::make_shared<Origin>(recorder.gathered)};
}

Def::Def(const std::string &name, const std::vector<Formal> &formals, const detail::Body &body,
         Place where)
    : self(lnx::name(name, where)) {
  Definition made = declare(ast::DeclKind::Def, name, formals, body, where);
  const auto origin = std::make_shared<Origin>();
  origin->add(made.decl ? nullptr : made.origin);
  if (made.decl)
    origin->definitions.push_back(std::make_shared<const Definition>(std::move(made)));
  self = Expr(self.tree(), origin);
}

std::vector<Formal> Def::usualFormals(size_t count, Place where) {
  static constexpr const char *names[] = {"x", "y", "z"};
  std::vector<Formal> formals;
  for (size_t i = 0; i < std::min(count, std::size(names)); ++i)
    formals.emplace_back(names[i], where);
  return formals;
}

std::string Def::print() const {
  const OriginPtr &origin = self.origin();
  return origin->definitions.empty() ? std::string()
                                     : lnx::print(*origin->definitions.front()->decl);
}

} // namespace lnx
