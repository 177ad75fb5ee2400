// ElaborateModel: which model, with which numbers; presets derive from models by calls.
#include "frontend/Elaborator.h"
#include "frontend/Parser.h"
#include "frontend/Prelude.h"
#include "frontend/Printer.h"

#include "mlir/IR/Verifier.h"

namespace lnx::spec {

Elaborator::Elaborator(const ast::File &file, const ElaborateOptions &options,
                       mlir::MLIRContext &context, Diagnostics &diagnostics)
    : file(file), options(options), context(context), diagnostics(diagnostics), builder(&context) {
  context.loadDialect<ir::LnxDialect>();
}

mlir::OwningOpRef<mlir::ModuleOp> Elaborator::run() {
  if (file.source)
    diagnostics.retain(file.source);
  prelude = parsePrelude(diagnostics);
  for (const ast::FilePtr &part : prelude)
    collect(*part, /*isUsers=*/false);
  collect(file, /*isUsers=*/true);
  if (diagnostics.hasErrors())
    return {};
  const ast::Decl *decl = chooseModel();
  if (!decl)
    return {};
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::ModuleOp::create(place(decl->name.location), decl->name.text);
  builder.setInsertionPointToEnd(module->getBody());
  auto op = ir::ModelOp::create(builder, place(decl->name.location), decl->name.text, 0, {});
  module->setSymName(std::nullopt);
  modelBlock =
      op.getBodyRegion().empty() ? &op.getBodyRegion().emplaceBlock() : &op.getBodyRegion().front();
  builder.setInsertionPointToEnd(modelBlock);
  const Value logits = model(*decl, settings(), Location());
  if (diagnostics.hasErrors() || logits.isPoison())
    return {};
  const Tensor *tensor = logits.as<Tensor>();
  if (!tensor || tensor->isIds() || !tensor->hasRows() || tensor->features().size() != 1) {
    diagnostics.error(
        decl->name.location,
        "a model returns logits, one row of the vocabulary's size for each position; '" +
            decl->name.text + "' returns " + describe(logits));
    return {};
  }
  checkVocabulary(logits, tensor->features()[0]);
  checkLookups(logits, tensor->features()[0]);
  ir::ReturnOp::create(builder, place(logits.origin()), tensor->value);
  op.setContext(contextLength.value_or(0));
  llvm::SmallVector<mlir::NamedAttribute> attrs;
  for (const auto &[name, attr] : settingAttrs)
    attrs.push_back(builder.getNamedAttr(name, attr));
  op.setSettingsAttr(builder.getDictionaryAttr(attrs));
  checkPaths(op);
  if (diagnostics.hasErrors())
    return {};
  assert(mlir::succeeded(mlir::verify(*module)) && "the elaborator builds valid IR");
  return module;
}

const ast::Decl *Elaborator::chooseModel() {
  const ast::Decl *last = nullptr;
  for (const ast::DeclPtr &decl : file.decls)
    if (decl->isModel())
      last = decl.get();
  if (options.model.empty()) {
    if (!last)
      diagnostics.error("'" + (file.source ? file.source->name() : std::string("the file")) +
                        "' has no model");
    return last;
  }
  if (const ast::Decl *named = findDecl(options.model, ast::DeclKind::Model))
    return named;
  std::vector<std::string> names;
  for (const auto *table : {&usersModels, &preludeModels})
    for (const auto &[name, decl] : *table)
      names.push_back(name);
  suggest(diagnostics.error("there is no model '" + options.model + "'"), options.model, names);
  return nullptr;
}

std::vector<ModelArgument> Elaborator::settings() {
  std::vector<ModelArgument> args;
  for (const auto &[name, text] : options.settings) {
    const auto source = std::make_shared<const Source>("--set " + name, text);
    diagnostics.retain(source);
    const Location all(source.get(), source->begin(), uint32_t(text.size()));
    if (ast::ExprPtr expr = parseExpr(source, diagnostics))
      args.push_back({{name, all}, std::nullopt, std::move(expr)});
  }
  return args;
}

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
      passToBlocks(callee, std::move(args));
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
    callee.scopes.front().emplace(formal.name.text, Binding{value, formal.name.location});
  }
  return !diagnostics.hasErrors();
}

namespace {
/// A def of (x, l, ...), as against a norm or a layer of x alone.
bool isBlock(const Function &function) {
  return function.decl &&
         llvm::count_if(function.decl->sig->formals,
                        [](const ast::Formal &formal) { return !formal.init; }) >= 2;
}

/// Whether a block takes `name` as a further, defaulted argument.
bool takes(const Function &function, const std::string &name) {
  return isBlock(function) &&
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
  if (!callee || findBinding(*callee) || findDecl(*callee, ast::DeclKind::Def))
    return nullptr;
  return findDecl(*callee, ast::DeclKind::Model);
}

/// What a model does not declare goes to each of its blocks that does, else to the model it
/// returns.
void Elaborator::passToBlocks(Frame &callee, std::vector<ModelArgument> args) {
  std::vector<std::string> names, blocks;
  for (const auto &[name, binding] : callee.scopes.front()) {
    names.push_back(name);
    if (const Function *function = binding.value.as<Function>(); function && isBlock(*function)) {
      blocks.push_back(function->name);
      for (const ast::Formal &formal : function->decl->sig->formals)
        if (formal.init)
          names.push_back(formal.name.text);
    }
  }
  for (ModelArgument &arg : args) {
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
    if (isTaken)
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
    at = findDecl(*at->value->as<ast::Call>()->callee->name(), ast::DeclKind::Model);
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
  const ast::Decl *base = findDecl(name, ast::DeclKind::Model);
  if (!base) {
    Diagnostic &diagnostic = error(call.callee->location, "there is no model '" + name + "'");
    std::vector<std::string> names;
    for (const auto *table : {&usersModels, &preludeModels})
      for (const auto &[text, decl] : *table)
        names.push_back(text);
    suggest(diagnostic, name, names);
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

/// `vocab` is the number of logits, or fewer when those are padded.
void Elaborator::checkVocabulary(const Value &logits, int64_t count) {
  const auto found = settingAttrs.find("vocab");
  const auto vocab = found == settingAttrs.end() ? mlir::IntegerAttr()
                                                 : mlir::dyn_cast<mlir::IntegerAttr>(found->second);
  if (vocab && count < vocab.getInt())
    diagnostics.error(logits.origin(), "logits are [" + std::to_string(count) +
                                           "], fewer than 'vocab', which is " +
                                           std::to_string(vocab.getInt()));
}

/// Each id has its row; a model that does not name its context has that of its shortest table.
void Elaborator::checkLookups(const Value &logits, int64_t vocabulary) {
  std::set<std::pair<const Source *, uint32_t>> seen; // runs of layers share a body
  if (!contextLength)
    for (const Lookup &lookup : lookups)
      if (lookup.isByPosition)
        contextLength = std::min(contextLength.value_or(lookup.rows), lookup.rows);
  for (const Lookup &lookup : lookups) {
    const int64_t needed = lookup.isByPosition ? *contextLength : vocabulary;
    if (lookup.rows >= needed || !seen.insert({lookup.index.source(), lookup.index.begin()}).second)
      continue;
    const std::string rows =
        "'" + lookup.table + "' has " + std::to_string(lookup.rows) + " rows, ";
    if (lookup.isByPosition)
      diagnostics
          .error(lookup.index,
                 rows + "a context of " + std::to_string(needed) + " positions needs one for each")
          .note(contextSet, "'context' is " + std::to_string(needed) + " here");
    else
      diagnostics
          .error(lookup.index,
                 rows + "a vocabulary of " + std::to_string(needed) + " tokens needs one for each")
          .note(logits.origin(), "the logits are [" + std::to_string(needed) + "]");
  }
}

} // namespace lnx::spec

namespace lnx {
mlir::OwningOpRef<mlir::ModuleOp> elaborate(const ast::File &file, const ElaborateOptions &options,
                                            mlir::MLIRContext &context, Diagnostics &diagnostics) {
  return spec::Elaborator(file, options, context, diagnostics).run();
}
} // namespace lnx
