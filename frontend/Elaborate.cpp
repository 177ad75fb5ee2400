// Elaborate: which model of a file, with which settings, and what is judged when it is whole.
#include "frontend/Elaborator.h"
#include "frontend/Parser.h"
#include "frontend/Prelude.h"

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
  const ast::Decl *decl = diagnostics.hasErrors() ? nullptr : chooseModel();
  if (!decl)
    return {};
  const mlir::Location at = place(decl->name.location);
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(at);
  builder.setInsertionPointToEnd(module->getBody());
  auto op = ir::ModelOp::create(builder, at, decl->name.text, 0, {});
  modelBlock =
      op.getBodyRegion().empty() ? &op.getBodyRegion().emplaceBlock() : &op.getBodyRegion().front();
  builder.setInsertionPointToEnd(modelBlock);
  const Value logits = model(*decl, settings(), Location());
  if (diagnostics.hasErrors() || logits.isPoison())
    return {};
  finish(op, *decl, logits);
  if (diagnostics.hasErrors())
    return {};
  assert(mlir::succeeded(mlir::verify(*module)) && "the elaborator builds valid IR");
  return module;
}

/// The logits and what is known only when the whole model is built.
void Elaborator::finish(ir::ModelOp op, const ast::Decl &decl, const Value &logits) {
  const Tensor *tensor = logits.as<Tensor>();
  if (!tensor || tensor->isIds() || !tensor->hasRows() || tensor->features().size() != 1) {
    diagnostics.error(
        decl.name.location,
        "a model returns logits, one row of the vocabulary's size for each position; '" +
            decl.name.text + "' returns " + describe(logits));
    return;
  }
  checkVocabulary(logits, tensor->features()[0]);
  checkLookups(logits, tensor->features()[0]);
  checkPaths(op);
  ir::ReturnOp::create(builder, place(logits.origin()), tensor->value);
  op.setContext(contextLength.value_or(0));
  llvm::SmallVector<mlir::NamedAttribute> attrs;
  for (const auto &[name, attr] : settingAttrs)
    attrs.push_back(builder.getNamedAttr(name, attr));
  op.setSettingsAttr(builder.getDictionaryAttr(attrs));
  if (isOfOneDepth)
    op->setAttr("one_depth", builder.getUnitAttr());
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
  if (const ast::Decl *named = findDecl(options.model, ast::DeclKind::Model, {}))
    return named;
  suggest(diagnostics.error("there is no model '" + options.model + "'"), options.model,
          modelNames());
  return nullptr;
}

std::vector<std::string> Elaborator::modelNames() const {
  std::vector<std::string> names;
  for (const auto *table : {&usersModels, &preludeModels})
    for (const auto &[name, decl] : *table)
      names.push_back(name);
  return names;
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
