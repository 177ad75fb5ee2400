// Model: the parser, the elaborator, the verifier and the compiler behind one value.
// Every call has a context of its own, so that models may be used from several threads.
#include "lnx/model.h"
#include "frontend/Deep.h"
#include "frontend/Elaborated.h"
#include "frontend/Embed.h"
#include "frontend/Printer.h"
#include "frontend/Repair.h"
#include "frontend/Report.h"
#include "frontend/ReportJson.h"
#include "frontend/Verify.h"

#include "dialect/LnxDialect.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>

namespace lnx {

struct Model::State {
  ast::FilePtr file;
  ElaborateOptions options;
  std::string name;
};

namespace {
namespace ir = ::mlir::lnx;

Error failure(std::string text, Exit exit) {
  // A tool writes "error: " in front and ends the line.
  constexpr std::string_view severity = "error: ";
  if (text.starts_with(severity))
    text.erase(0, severity.size());
  while (text.ends_with('\n'))
    text.pop_back();
  return {std::move(text), exit};
}

Result<Model> elaborated(ast::FilePtr file, ElaborateOptions options, Diagnostics &diagnostics) {
  if (!file)
    return failure(diagnostics.render(), Exit::input);
  Elaborated here(*file, options, diagnostics);
  if (!here)
    return failure(diagnostics.render(), Exit::input);
  const auto models = here.module->getOps<ir::ModelOp>();
  return Model(std::make_shared<const Model::State>(
      Model::State{std::move(file), std::move(options), (*models.begin()).getSymName().str()}));
}

/// Declarations made in C++ begin with an empty line, also the first.
std::string textOf(const ast::File &file) {
  std::string text = print(file);
  return text.starts_with('\n') ? text.substr(1) : text;
}

template <typename Work> auto deep(Work work) {
  std::optional<decltype(work())> result;
  onDeepStack([&] { result = work(); });
  return std::move(*result);
}
} // namespace

Result<Model> Model::load(const std::string &path, const Settings &settings,
                          const std::string &name) {
  return deep([&] {
    Diagnostics diagnostics;
    return elaborated(parseFile(path, diagnostics), {name, settings}, diagnostics);
  });
}

Result<Model> Model::parse(const std::string &text, const Settings &settings,
                           const std::string &fileName, const std::string &name) {
  return deep([&] {
    Diagnostics diagnostics;
    const auto source = std::make_shared<const Source>(fileName, text);
    return elaborated(lnx::parse(source, diagnostics), {name, settings}, diagnostics);
  });
}

Result<Model> Model::with(const Settings &settings) const {
  return deep([&] {
    ElaborateOptions options = state->options;
    for (const auto &setting : settings) {
      std::erase_if(options.settings, [&](const auto &old) { return old.first == setting.first; });
      options.settings.push_back(setting);
    }
    Diagnostics diagnostics;
    return elaborated(state->file, std::move(options), diagnostics);
  });
}

const std::string &Model::name() const { return state->name; }
std::string Model::print() const { return textOf(*state->file); }

Result<Program> Model::compile(const std::string &device, const std::string &precision) const {
  ir::CompileOptions options;
  options.target = device == "cuda" ? "cuda" : "cpu"; // a session refuses other devices
  const mlir::FailureOr<ir::Precision> rows = ir::findPrecision(precision, options.target);
  if (mlir::failed(rows))
    return failure("rows are kept in f32 or bf16, not in '" + precision + "'", Exit::usage);
  options.precision = *rows;
  return deep([&]() -> Result<Program> {
    Diagnostics diagnostics;
    Elaborated here(*state->file, state->options, diagnostics);
    if (!here)
      return failure(diagnostics.render(), Exit::internal); // it was elaborated before
    std::string messages;
    mlir::ScopedDiagnosticHandler handler(&here.context, [&](mlir::Diagnostic &diagnostic) {
      messages += diagnostic.str() + '\n';
      return mlir::success();
    });
    llvm::raw_string_ostream(options.spec) << *here.module;
    mlir::FailureOr<ir::MemoryProgram> program = ir::compileToMemory(*here.module, options);
    if (mlir::failed(program))
      return failure(state->name + ": " + messages, Exit::internal);
    return Program::fromMemory(program->program, program->owner);
  });
}

//===-- verdicts -------------------------------------------------------------===//

const Verdict *Report::find(const std::string &property) const {
  const Verdict *best = nullptr;
  for (const Verdict &verdict : verdicts)
    if (ir::stability::isNamed(verdict.property, {property}) &&
        (!best || (best->word != "PROVED" && verdict.word == "PROVED")))
      best = &verdict;
  return best;
}

/// "m.lnx:3: the line as it should be"; empty where none is known.
static std::string fixText(const std::optional<ir::stability::Fix> &fix) {
  return fix ? fix->file + ":" + std::to_string(fix->line) + ": " + fix->after : std::string();
}

static Verdict plain(const ir::stability::Verdict &verdict) {
  return {verdict.property,
          spelling(verdict.word).str(),
          spelling(verdict.basis).str(),
          verdict.growth,
          verdict.formula,
          verdict.number,
          verdict.assumptions,
          verdict.missing,
          fixText(verdict.fix),
          verdict.claim};
}

/// What a fix changes: the file's text, or what print() gives of a model that was made in C++.
static ast::FilePtr written(const ast::FilePtr &file, const std::string &name) {
  if (file->source)
    return file;
  Diagnostics silent;
  ast::FilePtr printed =
      parse(std::make_shared<const Source>(name + ".lnx", textOf(*file)), silent);
  return printed ? printed : file;
}

Result<Report> verify(const Model &model) {
  return deep([&]() -> Result<Report> {
    Diagnostics diagnostics;
    const auto &[file, options, name] = *model;
    const Elaborated here(*file, options, diagnostics);
    const Places places(*file);
    auto found = here ? verify(*here.module, *file, options, places, diagnostics) : std::nullopt;
    if (!found)
      return failure(diagnostics.render(), Exit::input);
    repair(*found, *written(file, name), options, {});
    Report report;
    for (const ir::stability::Verdict &verdict : found->verdicts)
      report.verdicts.push_back(plain(verdict));
    report.exit = exitOf(*found);
    report.text = reportText(*found, places);
    report.json = reportJson(*found);
    return report;
  });
}

//===-- models made in C++ ---------------------------------------------------===//

namespace {
/// Definitions before those that call them, each once.
void collect(const Origin &origin, std::vector<const Definition *> &seen, ast::File &file,
             Diagnostics &diagnostics) {
  for (const Mistake &mistake : origin.mistakes)
    diagnostics.error(mistake.location, mistake.message);
  for (const auto &definition : origin.definitions) {
    if (std::ranges::find(seen, definition.get()) != seen.end())
      continue;
    seen.push_back(definition.get());
    if (definition->origin)
      collect(*definition->origin, seen, file, diagnostics);
    file.decls.push_back(definition->decl);
  }
}

ast::FilePtr fileOf(const OriginPtr &origin, Diagnostics &diagnostics) {
  const auto file = std::make_shared<ast::File>();
  std::vector<const Definition *> seen;
  if (origin)
    collect(*origin, seen, *file, diagnostics);
  return file;
}

OriginPtr holding(Definition definition) {
  const auto origin = std::make_shared<Origin>();
  if (definition.decl)
    origin->definitions.push_back(std::make_shared<const Definition>(std::move(definition)));
  else
    origin->add(definition.origin);
  return origin;
}
} // namespace

ModelBuilder &ModelBuilder::add(const std::string &name, const std::vector<Formal> &formals,
                                const detail::Body &body, Place where) {
  origin = join(origin, holding(declare(ast::DeclKind::Model, name, formals, body, where)));
  return *this;
}

ModelBuilder &ModelBuilder::model(const std::string &name, const Operand &call, Place where) {
  ast::Decl decl;
  decl.kind = ast::DeclKind::Model;
  decl.name = {name, locate(where)};
  decl.location = locate(where);
  decl.value = call.value.tree();
  OriginPtr made = call.value.origin();
  if (!isName(name))
    made = join(made, mistake(where, "'" + name + "' is not a name"));
  const ast::Call *base = decl.value->as<ast::Call>();
  if (!base || !base->callee->name())
    made = join(made, mistake(call.where, "a model is a call of another model, not '" +
                                              lnx::print(*decl.value) + "'"));
  origin = join(origin, holding({std::make_shared<const ast::Decl>(std::move(decl)), made}));
  return *this;
}

ModelBuilder &ModelBuilder::add(const Def &def) {
  origin = join(origin, Expr(def).origin());
  return *this;
}

Result<Model> ModelBuilder::build(const Settings &settings, const std::string &name) const {
  return deep([&]() -> Result<Model> {
    Diagnostics diagnostics;
    ast::FilePtr file = fileOf(origin, diagnostics);
    if (diagnostics.hasErrors())
      return failure(diagnostics.render(), Exit::input);
    return elaborated(std::move(file), {name, settings}, diagnostics);
  });
}

std::string ModelBuilder::print() const {
  Diagnostics silent;
  return textOf(*fileOf(origin, silent));
}

} // namespace lnx
